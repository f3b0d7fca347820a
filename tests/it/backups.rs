//! Alice puts a backup of her home back, in all the ways in which people do, or goes on with a clone of her machine. Real
//! processes, real disks.
//!
//! What she wrote since the backup is with others, and she does not know it. If she went on where the backup ends, she would
//! write her chain a second time, and lose her own words for all. So each story ends alike: nothing is disputed, nothing is
//! lost, everyone sees the same.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bayou_tests::disk::DiskImage;
use bayou_tests::machine::Machine;
use bayou_tests::process::Peer;
use serde_json::Value;

type Story = io::Result<()>;

/// Alice and Bob, who talk; then Alice is alone with her backup.
struct Friends {
    alice: Peer,
    bob: Peer,
    conversation: String,
    /// What was said, sorted.
    said: Vec<String>,
}

impl Friends {
    /// They meet and talk, and Alice's peer ends.
    fn meet(alice: Peer) -> io::Result<Friends> {
        let (mut alice, mut bob) = (alice, Peer::new("bob")?);
        let conversation = alice.begins("what was kept")?;
        alice.invites(&bob, &conversation)?;
        alice.serve(&[])?;
        bob.serve(&[&alice])?;
        bob.enters(&conversation)?;
        let mut friends = Friends { alice, bob, conversation, said: Vec::new() };
        friends.alice_says("before")?;
        friends.alice.stop()?;
        Ok(friends)
    }

    fn says(&mut self, clone: Option<&Peer>, when: &str) -> io::Result<String> {
        let mut words = String::new();
        for number in 0..3 {
            words = format!("{when} the backup, {number}");
            clone.unwrap_or(&self.alice).says(&self.conversation, &words)?;
            self.said.push(words.clone());
        }
        Ok(words)
    }

    fn alice_says(&mut self, when: &str) -> Story {
        let last = self.says(None, when)?;
        self.bob.sees(&self.conversation, &last).map(drop)
    }

    /// Alice serves, says more, Bob hears it, and she ends.
    fn talk_on(&mut self) -> Story {
        self.alice.serve(&[&self.bob])?;
        self.alice_says("after")?;
        self.alice.stop()
    }

    /// Alice writes alone, then meets Bob: nothing is lost.
    fn write_apart_and_meet(&mut self) -> Story {
        let last = self.says(None, "in spite of")?;
        self.alice.serve(&[&self.bob])?;
        self.bob.sees(&self.conversation, &last)?;
        self.alice.sees(&self.conversation, &last)?;
        self.alice_says("long since")?;
        self.nothing_is_lost()
    }

    fn nothing_is_lost(&mut self) -> Story {
        self.said.sort();
        let [alices, bobs] = [&self.alice, &self.bob].map(|peer| peer.timeline(&self.conversation));
        let (alices, bobs) = (alices?, bobs?);
        assert_eq!(texts(&alices), self.said);
        assert_eq!(alices, bobs);
        for peer in [&self.alice, &self.bob] {
            assert_eq!(peer.command(&["log", &self.conversation, "--disputed"])?, [Value::Null; 0]);
        }
        Ok(())
    }
}

fn texts(rows: &[Value]) -> Vec<&str> {
    let mut texts: Vec<&str> = rows.iter().filter_map(|row| row["text"].as_str()).collect();
    texts.sort_unstable();
    texts
}

fn copy(from: &Path, to: &Path) -> Story {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("cp ended with {status}"))) }
}

/// Removes what is not in the backup, as `rsync --delete` does.
fn remove_newer(home: &Path, backup: &Path) -> Story {
    for entry in fs::read_dir(home)? {
        let here = entry?.path();
        let there = backup.join(here.file_name().unwrap_or_default());
        match (here.is_dir(), there.exists()) {
            (true, true) => remove_newer(&here, &there)?,
            (true, false) => fs::remove_dir_all(&here)?,
            (false, false) => fs::remove_file(&here)?,
            (false, true) => {}
        }
    }
    Ok(())
}

/// Tells a story with a backup that is taken when Alice's peer has ended, and put back when she has talked on.
fn story(put_back: impl FnOnce(&Path, &Path) -> Story) -> Story {
    let mut friends = Friends::meet(Peer::new("alice")?)?;
    let (home, folder) = (friends.alice.home(), tempfile::tempdir()?);
    let backup = folder.path().join("backup");
    copy(&home, &backup)?;
    friends.talk_on()?;
    put_back(&home, &backup)?;
    friends.write_apart_and_meet()
}

/// Overwrites each file where it is: inodes and names stay.
#[test]
fn put_back_in_place() -> Story {
    story(|home, backup| {
        remove_newer(home, backup)?;
        copy(&backup.join("."), home)
    })
}

/// What was made since then stays, beside what is older.
#[test]
fn put_back_over_what_is_there() -> Story {
    story(|home, backup| copy(&backup.join("."), home))
}

/// Where the folder is removed, the next one may be given its inode.
#[test]
fn put_back_for_a_folder_that_was_removed() -> Story {
    story(|home, backup| {
        fs::remove_dir_all(home)?;
        copy(backup, home)
    })
}

#[test]
fn put_back_for_a_folder_that_was_moved_away() -> Story {
    story(|home, backup| {
        fs::rename(home, home.with_extension("old"))?;
        copy(backup, home)
    })
}

/// The home itself is moved away and another copy of it goes on: only one of the two may be what it was.
#[test]
fn the_home_was_moved_and_both_go_on() -> Story {
    let mut friends = Friends::meet(Peer::new("alice")?)?;
    let home = friends.alice.home();
    let moved = home.with_extension("moved");
    fs::rename(&home, &moved)?;
    copy(&moved, &home)?;
    let mut other = Peer::at_home("alice", &moved, friends.alice.machine())?;
    friends.says(Some(&other), "moved, without")?;
    friends.says(None, "copied, without")?;
    other.serve(&[&friends.bob])?;
    friends.bob.sees(&friends.conversation, "moved, without the backup, 2")?;
    other.stop()?;
    friends.write_apart_and_meet()
}

/// A peer that was killed has told nobody how far it was.
#[test]
fn put_back_after_a_kill() -> Story {
    let mut friends = Friends::meet(Peer::new("alice")?)?;
    let (home, folder) = (friends.alice.home(), tempfile::tempdir()?);
    let backup = folder.path().join("backup");
    friends.alice.serve(&[&friends.bob])?;
    friends.alice_says("while it was made,")?;
    friends.alice.kill9()?;
    copy(&home, &backup)?;
    friends.alice.serve(&[&friends.bob])?;
    friends.alice_says("after")?;
    friends.alice.kill9()?;
    remove_newer(&home, &backup)?;
    copy(&backup.join("."), &home)?;
    friends.write_apart_and_meet()
}

/// As LVM, ZFS and Btrfs do it: all inodes and all times are those of then.
#[test]
fn the_whole_file_system_was_put_back() -> Story {
    let Ok(disk) = DiskImage::mount() else { return Ok(()) };
    let mut friends = Friends::meet(Peer::new_in(&disk.path(), "alice")?)?;
    let snapshot = disk.snapshot()?;
    friends.talk_on()?;
    disk.roll_back(&snapshot)?;
    friends.write_apart_and_meet()
}

/// The disk was copied byte for byte while the machine was off, and both are turned on.
#[test]
fn a_machine_was_cloned_while_it_was_off() -> Story {
    let (Ok(disk), Ok(first), Ok(second)) = (DiskImage::mount(), Machine::booted(1), Machine::booted(2)) else {
        return Ok(());
    };
    let mut friends = Friends::meet(Peer::new_in(&disk.path(), "alice")?)?;
    let other = disk.copy()?;
    let home = friends.alice.home();
    let below = home.strip_prefix(disk.path()).map_err(io::Error::other)?;
    let mut clone = Peer::at_home("alice", &other.path().join(below), second)?;
    friends.alice.moves_to(first);
    friends.says(Some(&clone), "the clone, without")?;
    friends.says(None, "the other, without")?;
    clone.serve(&[&friends.bob])?;
    friends.bob.sees(&friends.conversation, "the clone, without the backup, 2")?;
    clone.stop()?;
    friends.write_apart_and_meet()
}

/// The end of her journal is lost, as with a disk that promises more than it keeps.
#[test]
fn the_end_of_the_journal_was_lost() -> Story {
    let mut friends = Friends::meet(Peer::new("alice")?)?;
    let journal = friends.alice.home().join("journal");
    let length = |entry: io::Result<fs::DirEntry>| entry.and_then(|entry| Ok((entry.path(), entry.metadata()?.len())));
    let lengths = fs::read_dir(&journal)?.map(length).collect::<io::Result<Vec<_>>>()?;
    friends.talk_on()?;
    for (path, length) in lengths {
        fs::OpenOptions::new().write(true).open(path)?.set_len(length)?;
    }
    friends.write_apart_and_meet()
}

/// A snapshot cannot be read any more, though nobody wrote to it: what it held comes back from Bob.
#[test]
fn a_snapshot_has_rotted() -> Story {
    let Ok(disk) = DiskImage::mount() else { return Ok(()) };
    let mut friends = Friends::meet(Peer::new_in(&disk.path(), "alice")?)?;
    let many: Vec<String> = (0..300).map(|number| format!("so many that they are compacted: {number}")).collect();
    friends.alice.serve(&[&friends.bob])?;
    friends.alice_says("after")?;
    friends.alice.client()?.send_all(&friends.conversation, &many)?;
    friends.said.extend(many);
    let largest = compacted(&friends.alice.home().join("snapshots"))?;
    // The journal has some that go on from what is in the snapshot.
    friends.alice_says("long after")?;
    friends.alice.stop()?;
    disk.rot(&largest)?;
    friends.alice.serve(&[])?;
    // Whoever is the first to read it is told so, and that need not be this one.
    match friends.alice.says(&friends.conversation, "told").map_err(|error| error.to_string()) {
        Ok(_) => friends.said.push("told".to_owned()),
        Err(told) => assert!(told.contains("is not what was written"), "{told}"),
    }
    friends.says(None, "while it could not be read, without")?;
    friends.alice.stop()?;
    friends.write_apart_and_meet()
}

/// Waits until a segment was compacted, and returns its snapshot.
fn compacted(folder: &Path) -> io::Result<PathBuf> {
    let is_large = |path: &PathBuf| path.metadata().is_ok_and(|meta| meta.len() > 10_000);
    for _ in 0..600 {
        let files = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        let mut snapshots = files.filter(|path| path.extension().is_some_and(|kind| kind == "snap"));
        if let Some(path) = snapshots.find(is_large) {
            return Ok(path);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(io::Error::other("nothing was compacted within 30 s"))
}
