//! What befalls a running peer from outside: it is killed, its disk fills up, its index is lost, its home is sealed.
//!
//! Real processes, real disks. What was acknowledged must outlive all of it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use bayou_tests::disk::SmallDisk;
use bayou_tests::process::Peer;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::Value;

type Story = io::Result<()>;

/// What is done to the folder of an index.
type Harm = fn(&Path) -> Story;

/// How often alice is killed.
const KILLS: usize = 24;

/// How much she is given to say each time; the kill comes while the rest of it is on its way.
const ROUND: usize = 300;

fn ids(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().filter_map(|row| row["id"].as_str().map(Into::into)).collect()
}

/// Two linked peers who share a conversation.
fn alice_and_bob(alice: Peer) -> io::Result<(Peer, Peer, String)> {
    let (mut alice, mut bob) = (alice, Peer::new("bob")?);
    let conversation = alice.begins("the two of us")?;
    alice.invites(&bob, &conversation)?;
    alice.serve(&[])?;
    bob.serve(&[&alice])?;
    bob.enters(&conversation)?;
    alice.says(&conversation, "hello")?;
    bob.sees(&conversation, "hello")?;
    Ok((alice, bob, conversation))
}

#[test]
fn nothing_acknowledged_is_lost_to_kill_9() -> Story {
    let seed = 20;
    println!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut alice, mut bob, conversation) = alice_and_bob(Peer::new("alice")?)?;
    let mut acknowledged = BTreeSet::new();
    for round in 0..KILLS {
        let texts: Vec<String> = (0..ROUND).map(|number| format!("{round}.{number}")).collect();
        let victim = Pid::from_raw(i32::try_from(alice.pid().unwrap()).unwrap());
        let fatal = 1 + random.next_u32() as usize % (ROUND - 1);
        let strike = |count| {
            if count == fatal {
                kill(victim, Signal::SIGKILL).unwrap();
            }
        };
        let said = alice.client()?.send_while_it_lives(&conversation, &texts, strike)?;
        assert!(said.len() >= fatal, "killed after {fatal} answers, and {} came", said.len());
        acknowledged.extend(said);
        alice.kill9()?;
        // Now and then the one who listens dies, too.
        if round % 4 == 3 {
            bob.kill9()?;
            bob.serve(&[])?;
        }
        alice.serve(&[&bob])?;
        let kept = ids(&alice.timeline_of(&conversation, 1_000_000)?);
        let lost: Vec<_> = acknowledged.difference(&kept).collect();
        assert!(lost.is_empty(), "round {round}: {} acknowledged messages are lost", lost.len());
    }
    let kept = alice.timeline_of(&conversation, 1_000_000)?;
    let mut listening = bob.client()?;
    let rows = listening.follow(&conversation, 1000)?;
    listening.shows_all(&conversation, &rows, kept.len())?;
    assert_eq!(kept, bob.timeline_of(&conversation, 1_000_000)?);
    println!("{KILLS} kills: {} acknowledged, {} kept", acknowledged.len(), kept.len());
    Ok(())
}

#[test]
fn a_lost_or_damaged_index_changes_nothing() -> Story {
    let (mut alice, mut bob, conversation) = alice_and_bob(Peer::new("alice")?)?;
    let texts: Vec<String> = (0..500).map(|number| format!("message {number}")).collect();
    alice.client()?.send_all(&conversation, &texts)?;
    let plan = alice.says(&conversation, "at six")?;
    alice.edits(&plan, "at seven")?;
    let slip = alice.says(&conversation, "oops")?;
    alice.deletes(&slip)?;
    bob.sees_that(&conversation, "the deletion", |row| row["id"] == slip && row["deleted"] == true)?;
    bob.reacts(&plan, "👍")?;
    alice.sees_that(&conversation, "the reaction", |row| row["reactions"][0]["by"] == "bob")?;
    alice.stop()?;

    let before = alice.timeline(&conversation)?;
    assert_eq!(before.len(), 1 + 500 + 2);
    let harm: [(&str, Harm); 4] = [
        ("deleted", |index| fs::remove_dir_all(index)),
        ("emptied", |index| each_file(index, |path| fs::write(path, b""))),
        ("overwritten", |index| each_file(index, |path| fs::write(path, [0x5a; 10_000]))),
        ("bent in the middle", |index| each_file(index, bend)),
    ];
    for (what, harm) in harm {
        harm(&alice.home().join("index"))?;
        assert_eq!(alice.timeline(&conversation)?, before, "the index was {what}");
    }
    // A peer that serves with a new index goes on where it was, and hears again who has what.
    alice.serve(&[&bob])?;
    bob.sees(&conversation, "at seven")?;
    let last = alice.says(&conversation, "and on it goes")?;
    alice.sees_that(&conversation, "that bob has it", |row| row["id"] == last && row["state"] == "with all")?;
    assert_eq!(alice.timeline(&conversation)?, bob.timeline(&conversation)?);
    Ok(())
}

fn each_file(folder: &Path, harm: impl Fn(&Path) -> Story) -> Story {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            harm(&entry.path())?;
        }
    }
    Ok(())
}

/// Overwrites the middle third of a file.
fn bend(path: &Path) -> Story {
    let mut bytes = fs::read(path)?;
    let third = bytes.len() / 3;
    bytes.iter_mut().skip(third).take(third).for_each(|byte| *byte = !*byte);
    fs::write(path, bytes)
}

#[test]
fn a_full_disk_stops_nothing_but_writing() -> Story {
    let Ok(disk) = SmallDisk::mount("24m") else { return Ok(()) };
    let (mut alice, mut bob, conversation) = alice_and_bob(Peer::new_in(disk.path(), "alice")?)?;
    disk.fill()?;
    // The journal's file may have room for a few more; then it is said so.
    let long = "x".repeat(20_000);
    let refused = (0..1000).find_map(|_| alice.says(&conversation, &long).err()).unwrap().to_string();
    assert!(refused.contains("disk is full") && refused.contains("exit status: 5"), "{refused}");
    let kept = alice.timeline_of(&conversation, 2000)?;
    // What others say cannot be kept either; it comes again later.
    bob.says(&conversation, &format!("bob, while alice has no room {long}"))?;
    bob.says(&conversation, "bob, a short one")?;
    let again = alice.says(&conversation, &long).unwrap_err().to_string();
    assert!(again.contains("disk is full"), "{again}");
    let problem = alice.command(&["status"])?.remove(0)["problem"].clone();
    assert!(problem.as_str().is_some_and(|problem| problem.contains("full")), "{problem}");

    disk.free()?;
    alice.says(&conversation, "there is room again")?;
    bob.sees(&conversation, "there is room again")?;
    alice.sees(&conversation, "bob, a short one")?;
    let rows = alice.timeline_of(&conversation, 2000)?;
    assert!(ids(&kept).is_subset(&ids(&rows)) && rows.len() == kept.len() + 3, "{} of {}", rows.len(), kept.len());
    assert_eq!(rows, bob.timeline_of(&conversation, 2000)?);
    alice.stop()?;
    assert_eq!(rows, alice.timeline_of(&conversation, 2000)?, "and after a restart");
    Ok(())
}

#[test]
fn a_home_that_may_not_be_written_is_refused_in_words() -> Story {
    let Ok(disk) = SmallDisk::mount("24m") else { return Ok(()) };
    let alice = Peer::new_in(disk.path(), "alice")?;
    let conversation = alice.begins("sealed")?;
    alice.says(&conversation, "kept")?;
    disk.seal()?;
    for command in [vec!["send", &conversation, "not kept"], vec!["serve", "--no-mdns"]] {
        let refused = alice.command(&command).unwrap_err().to_string();
        assert!(refused.contains("permission") && refused.contains("exit status: 5"), "{refused}");
    }
    Ok(())
}

#[test]
fn a_torn_journal_goes_on_where_it_was_whole() -> Story {
    let alice = Peer::new("alice")?;
    let conversation = alice.begins("damaged")?;
    let said = ["one", "two", "three"].map(|text| alice.says(&conversation, text));
    let said = said.into_iter().collect::<io::Result<BTreeSet<String>>>()?;
    let journal = fs::read_dir(alice.home().join("journal"))?.filter_map(Result::ok).map(|entry| entry.path()).max();
    // The end of a file is what a crash tears; it is cut off and nothing more is said of it.
    let mut file = fs::OpenOptions::new().append(true).open(journal.unwrap())?;
    file.write_all(b"half a frame")?;
    drop(file);
    assert_eq!(ids(&alice.timeline(&conversation)?), said);
    alice.says(&conversation, "four")?;
    assert_eq!(alice.timeline(&conversation)?.len(), 4);
    Ok(())
}
