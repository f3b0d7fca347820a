//! A home on disk is killed, cut, flipped, filled up and locked. What was acknowledged is never missing.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bayou_core::id::{ConversationId, StreamId};
use bayou_core::store::disk::{DiskStore, Opened};
use bayou_core::store::{Batch, IndexOp, Lsn, Record, Store, StoreError, Unsealed};
use bayou_tests::disk::SmallDisk;

const STREAM: StreamId = StreamId::Segment(ConversationId([1; 32]), 0);

fn open(home: &Path) -> (DiskStore, Opened) {
    DiskStore::open(home, Arc::new(Unsealed)).unwrap()
}

fn batch(bytes: impl Into<Vec<u8>>) -> Batch {
    vec![Record { stream: STREAM, bytes: bytes.into() }]
}

fn tail(store: &DiskStore) -> Vec<Vec<u8>> {
    store.read(STREAM).unwrap().tail
}

fn journal_file(home: &Path) -> PathBuf {
    home.join("journal/0000000001.log")
}

/// Appends `count` records, one a batch: their numbers as text.
fn write_numbers(home: &Path, count: u32) {
    let (store, _) = open(home);
    for n in 0..count {
        store.append(&[batch(n.to_string())]).unwrap();
    }
}

fn numbers(range: impl Iterator<Item = u32>) -> Vec<Vec<u8>> {
    range.map(|n| n.to_string().into_bytes()).collect()
}

/// Marsaglia's xorshift: enough to choose times and places.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn a_writer_killed_a_hundred_times_loses_nothing_that_it_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let mut seed = 0x6261_796f_7531_3935u64;
    println!("seed {seed:#x}");
    let mut acknowledged = BTreeSet::new();
    let mut rows_behind = 0;
    for round in 0..110 {
        let mut writer =
            Command::new(env!("CARGO_BIN_EXE_store_writer")).arg(home.path()).stdout(Stdio::piped()).spawn().unwrap();
        // The moment of the kill is what varies: also while the store is being opened.
        thread::sleep(Duration::from_micros(random(&mut seed) % 120_000));
        writer.kill().unwrap();
        let mut said = String::new();
        writer.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        writer.wait().unwrap();
        let whole_lines = said.rsplit_once('\n').map_or("", |(lines, _)| lines);
        acknowledged.extend(whole_lines.lines().map(|line| line.parse::<u64>().unwrap()));

        let (store, opened) = open(home.path());
        assert_eq!(opened.damage, Vec::<String>::new(), "round {round}");
        assert!(round == 0 || opened.index_rebuilt.is_none(), "round {round}: {opened:?}");
        let unindexed = store.unindexed();
        rows_behind += usize::from(!unindexed.is_empty());
        let mut kept = BTreeSet::new();
        for stream in store.streams() {
            let found = store.read(stream).unwrap();
            let bytes = [found.image.unwrap_or_default(), found.tail.concat()].concat();
            let here: Vec<u64> = bytes.chunks(8).map(|b| u64::from_le_bytes(b.try_into().unwrap())).collect();
            assert!(here.is_sorted_by(|a, b| a < b), "round {round}: once each, in order");
            let is_indexed = |n: &u64| store.get(&n.to_be_bytes()).unwrap().is_some();
            if unindexed.contains(&stream) {
                let rows = here.iter().map(|n| IndexOp::Put(n.to_be_bytes().to_vec(), b"row".to_vec())).collect();
                store.index(rows, Lsn(0)).unwrap();
            } else {
                assert!(here.iter().all(is_indexed), "round {round}: a row is missing and nothing said so");
            }
            kept.extend(here);
        }
        assert!(acknowledged.is_subset(&kept), "round {round}: lost {:?}", acknowledged.difference(&kept));
        let last = store.append(&[]).unwrap();
        assert_eq!(kept.last().copied().unwrap_or(0), last.0, "round {round}");
        store.index(Vec::new(), last).unwrap();
    }
    println!("{} batches acknowledged; the index was behind in {rows_behind} of 110 openings", acknowledged.len());
    assert!(acknowledged.len() > 1_000 && rows_behind > 0, "the test must have tested something");
}

#[test]
fn a_torn_last_frame_is_cut_off_without_a_word() {
    for torn in [1, 5, 15, 16, 17, 40] {
        let home = tempfile::tempdir().unwrap();
        write_numbers(home.path(), 3);
        let clean = fs::metadata(journal_file(home.path())).unwrap().len();
        open(home.path()).0.append(&[batch(vec![7; 30])]).unwrap();
        let file = OpenOptions::new().write(true).open(journal_file(home.path())).unwrap();
        file.set_len(clean + torn).unwrap();
        file.set_len(clean + 4096).unwrap(); // The zeros that a killed writer leaves behind.
        let (store, opened) = open(home.path());
        assert!(opened.damage.is_empty(), "{opened:?}");
        assert_eq!(tail(&store), numbers(0..3));
        assert_eq!(store.append(&[batch("3")]).unwrap(), Lsn(4));
        drop(store);
        assert_eq!(tail(&open(home.path()).0), numbers(0..4), "torn at {torn}");
    }
}

#[test]
fn a_flipped_byte_is_reported_and_the_rest_is_readable() {
    for place in [0, 70, 100, 150, 200] {
        let home = tempfile::tempdir().unwrap();
        write_numbers(home.path(), 10);
        let mut bytes = fs::read(journal_file(home.path())).unwrap();
        bytes[place] ^= 1;
        fs::write(journal_file(home.path()), bytes).unwrap();
        let (store, opened) = open(home.path());
        let left = tail(&store);
        if place == 0 {
            assert_eq!((opened.damage.len(), left.len()), (0, 10), "the header has a second copy");
        } else {
            assert_eq!((opened.damage.len(), left.len()), (1, 9), "byte {place}: {opened:?}");
            assert!(opened.index_rebuilt.is_some() && store.unindexed() == [STREAM]);
        }
        assert_eq!(store.append(&[batch("10")]).unwrap(), Lsn(11));
        assert_eq!(tail(&store).last(), Some(&b"10".to_vec()));
        drop(store);
        let (store, opened) = open(home.path());
        assert!(opened.damage.is_empty() && opened.index_rebuilt.is_none(), "said once: {opened:?}");
        assert_eq!(tail(&store).len(), left.len() + 1);
    }
}

#[test]
fn a_damaged_snapshot_is_reported_and_set_aside() {
    for (place, at_opening) in [(10, true), (40, false), (70, false)] {
        let home = tempfile::tempdir().unwrap();
        write_numbers(home.path(), 3);
        let (store, _) = open(home.path());
        store.snapshot(STREAM, Lsn(2), b"an image of the first two").unwrap();
        drop(store);
        let folder = home.path().join("snapshots");
        let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        let mut bytes = fs::read(&file).unwrap();
        bytes[place] ^= 1;
        fs::write(&file, bytes).unwrap();

        let (store, opened) = open(home.path());
        assert_eq!(opened.damage.len(), usize::from(at_opening), "{opened:?}");
        if at_opening {
            assert_eq!(tail(&store), numbers(0..3), "the journal still has it all");
        } else {
            assert!(matches!(store.read(STREAM), Err(StoreError::Damaged(_))));
            assert_eq!(tail(&store), numbers(2..3));
        }
        assert!(file.with_extension("damaged").exists());
        drop(store);
        let (store, opened) = open(home.path());
        assert!(opened.damage.is_empty() && opened.index_rebuilt.is_some() != at_opening, "{opened:?}");
        assert_eq!(tail(&store), numbers(0..3));
    }
}

#[test]
fn journal_files_go_when_snapshots_cover_them() {
    let home = tempfile::tempdir().unwrap();
    let (store, _) = open(home.path());
    let other = vec![Record { stream: StreamId::Local, bytes: b"small, in the first file".to_vec() }];
    store.append(&[other]).unwrap();
    let mut last = Lsn(0);
    for n in 0..80u8 {
        last = store.append(&[batch(vec![n; 250_000]), batch(vec![n; 250_000])]).unwrap();
    }
    let files = || fs::read_dir(home.path().join("journal")).unwrap().count();
    assert_eq!(files(), 3);
    store.snapshot(STREAM, last, b"all").unwrap();
    assert_eq!(files(), 2, "the first file still holds a record of another stream");
    store.snapshot(StreamId::Local, last, b"small").unwrap();
    assert_eq!(files(), 1);
    drop(store);
    let (store, opened) = open(home.path());
    assert!(opened.damage.is_empty() && opened.index_rebuilt.is_none(), "{opened:?}");
    assert_eq!(store.read(STREAM).unwrap().image, Some(b"all".to_vec()));
    assert_eq!(store.append(&[batch("next")]).unwrap(), Lsn(last.0 + 1));
}

/// Writes records with their rows, and closes.
fn write_indexed(home: &Path, count: u32) {
    let (store, _) = open(home);
    let batches: Vec<Batch> = (0..count).map(|n| batch(n.to_string())).collect();
    let last = store.append(&batches).unwrap();
    store.index((0..count).map(row).collect(), last).unwrap();
    store.settle().unwrap();
}

fn row(n: u32) -> IndexOp {
    IndexOp::Put(n.to_be_bytes().to_vec(), format!("row {n} {}", "x".repeat(100)).into_bytes())
}

/// Does what the engine does after an opening: derives again what the index lacks.
fn catch_up(store: &DiskStore) {
    for stream in store.unindexed() {
        let texts = store.read(stream).unwrap().tail;
        let rows = texts.iter().map(|text| row(std::str::from_utf8(text).unwrap().parse().unwrap())).collect();
        store.index(rows, Lsn(0)).unwrap();
    }
    store.index(Vec::new(), store.append(&[]).unwrap()).unwrap();
}

fn all_rows(store: &DiskStore, count: u32) -> Result<bool, StoreError> {
    let rows = store.scan(&[0], &[0xff], usize::MAX, false)?;
    let expected = (0..count).map(row);
    Ok(rows.into_iter().map(|(key, value)| IndexOp::Put(key, value)).eq(expected))
}

/// sled 0.34 writes a snapshot of its own each time it opens, under another name first, and takes what a crash left under
/// that name for the newest.
#[test]
fn an_opening_that_was_killed_in_the_middle_leaves_the_index_usable() {
    let home = tempfile::tempdir().unwrap();
    write_indexed(home.path(), 100);
    drop(open(home.path()));
    let is_snapshot = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("snap.");
    let files = fs::read_dir(home.path().join("index")).unwrap().map(|entry| entry.unwrap().path());
    let newest = files.filter(is_snapshot).max().expect("sled writes snapshots");
    let half = fs::read(&newest).unwrap()[..20].to_vec();
    fs::write(format!("{}.generating", newest.display()), half).unwrap();
    let (store, opened) = open(home.path());
    assert!(opened.damage.is_empty() && opened.index_rebuilt.is_none(), "{opened:?}");
    assert!(store.unindexed().is_empty());
}

#[test]
fn an_index_that_was_deleted_or_overwritten_is_rebuilt() {
    for overwrite in [false, true] {
        let home = tempfile::tempdir().unwrap();
        write_indexed(home.path(), 500);
        let index = home.path().join("index");
        if overwrite {
            fs::write(index.join("conf"), b"nonsense, where sled keeps its settings").unwrap();
        } else {
            fs::remove_dir_all(&index).unwrap();
        }
        let (store, opened) = open(home.path());
        assert!(opened.index_rebuilt.is_some() && store.unindexed() == [STREAM], "{opened:?}");
        assert_eq!(home.path().join("index.damaged").exists(), overwrite);
        catch_up(&store);
        store.settle().unwrap();
        assert!(all_rows(&store, 500).unwrap());
        drop(store);
        assert!(!home.path().join("index.damaged").exists(), "removed once it is replaced");
        let (store, opened) = open(home.path());
        assert!(opened.index_rebuilt.is_none() && store.unindexed().is_empty());
        assert!(all_rows(&store, 500).unwrap());
    }
}

#[test]
fn an_index_with_random_blocks_comes_back_whole() {
    let model = tempfile::tempdir().unwrap();
    write_indexed(model.path(), 5_000);
    let mut rebuilt = 0;
    for number in 1..=12u64 {
        let mut seed = number * 0x9e37_79b9;
        let home = tempfile::tempdir().unwrap();
        let copied = Command::new("cp").args(["-a", "--"]).arg(model.path().join(".")).arg(home.path()).status();
        assert!(copied.unwrap().success());
        let db = home.path().join("index/db");
        let mut file = OpenOptions::new().write(true).open(&db).unwrap();
        let blocks = file.metadata().unwrap().len() / 4096;
        for _ in 0..3 {
            file.seek(SeekFrom::Start(random(&mut seed) % blocks * 4096)).unwrap();
            file.write_all(&[random(&mut seed) as u8; 4096]).unwrap();
        }
        let (store, opened) = open(home.path());
        catch_up(&store);
        let whole = all_rows(&store, 5_000);
        rebuilt += usize::from(opened.index_rebuilt.is_some());
        if let Err(error) = &whole {
            println!("seed {number}: {error}");
            drop(store);
            let (store, opened) = open(home.path());
            assert!(
                opened.index_rebuilt.is_some(),
                "seed {number}: damage that a reader met is healed by the next opening"
            );
            catch_up(&store);
            assert!(all_rows(&store, 5_000).unwrap(), "seed {number}");
            rebuilt += 1;
        } else {
            assert!(whole.unwrap(), "seed {number}: rows are missing and nothing said so ({opened:?})");
        }
    }
    println!("{rebuilt} of 12 rebuilt");
}

#[test]
fn an_index_that_knows_more_than_the_journal_is_rebuilt() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_indexed(old.path(), 10);
    write_indexed(new.path(), 20);
    fs::remove_dir_all(old.path().join("index")).unwrap();
    fs::rename(new.path().join("index"), old.path().join("index")).unwrap();
    let (store, opened) = open(old.path());
    assert!(opened.index_rebuilt.is_some() && store.unindexed() == [STREAM]);
    catch_up(&store);
    assert!(all_rows(&store, 10).unwrap());
}

#[test]
fn a_full_disk_is_said_so_and_loses_nothing() {
    let Ok(disk) = SmallDisk::mount("24m") else { return };
    let home = disk.path().join("home");
    let (store, _) = open(&home);
    let mut kept = Vec::new();
    let mut write = |text: String| {
        let last = store.append(&[batch(text.clone())])?;
        kept.push(text.into_bytes());
        store.index(vec![IndexOp::Put(kept.len().to_be_bytes().to_vec(), vec![1; 1_000])], last)
    };
    (0..100).for_each(|n| write(format!("before {n}")).unwrap());
    store.settle().unwrap();

    let ballast = disk.path().join("ballast");
    let mut file = fs::File::create(&ballast).unwrap();
    while file.write_all(&[7; 4096]).is_ok() {}
    drop(file);
    let refused = (0..10_000).find_map(|n| write(format!("last {n} {}", "x".repeat(500))).err());
    assert!(matches!(refused, Some(StoreError::Full)), "{refused:?}");
    assert!(matches!(write("x".repeat(5_000)), Err(StoreError::Full)), "and it stays so");
    // The index has no room either: it says so, serves what it has, and forgets nothing.
    let rows: Vec<IndexOp> = (0..5_000u32).map(row).collect();
    store.index(rows, Lsn(0)).unwrap();
    let settled = store.settle();
    assert!(matches!(settled, Err(StoreError::Full)), "{settled:?}");
    assert!(store.get(&4_999u32.to_be_bytes()).unwrap().is_some());

    fs::remove_file(&ballast).unwrap();
    write("after".to_owned()).unwrap();
    store.settle().unwrap();
    assert_eq!(tail(&store), kept);
    drop(store);
    let (store, opened) = open(&home);
    assert!(opened.damage.is_empty() && opened.index_rebuilt.is_none(), "{opened:?}");
    assert!(store.unindexed().is_empty());
    assert_eq!(tail(&store), kept);
    let read = |n: u32| store.get(&n.to_be_bytes()).unwrap().is_some();
    assert!((0..5_000).all(read) && store.get(&kept.len().to_be_bytes()).unwrap().is_some());
}

#[test]
fn a_home_that_may_not_be_written_says_so() {
    let home = tempfile::tempdir().unwrap();
    write_numbers(home.path(), 1);
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        fs::set_permissions(home.path().join("lock"), fs::Permissions::from_mode(0o400)).unwrap();
        assert!(matches!(DiskStore::open(home.path(), Arc::new(Unsealed)), Err(StoreError::Permission(_))));
        return;
    }
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
    match Command::new("setpriv").args(nobody).arg(env!("CARGO_BIN_EXE_store_writer")).arg(home.path()).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success() && said.contains("Permission"), "{said}");
        }
        Err(reason) => println!("skipped in part: no setpriv to become somebody else: {reason}"),
    }
    let Ok(disk) = SmallDisk::mount("8m") else { return };
    write_numbers(disk.path(), 1);
    disk.seal().unwrap();
    assert!(matches!(DiskStore::open(disk.path(), Arc::new(Unsealed)), Err(StoreError::Permission(_))));
}

#[test]
fn a_second_opener_is_told_that_the_home_is_in_use() {
    let home = tempfile::tempdir().unwrap();
    let first = open(home.path());
    assert!(matches!(DiskStore::open(home.path(), Arc::new(Unsealed)), Err(StoreError::InUse)));
    drop(first);
    let (_store, opened) = open(home.path());
    assert!(opened.damage.is_empty());
    assert_eq!(fs::metadata(home.path().join("journal")).unwrap().mode() & 0o777, 0o700);
}
