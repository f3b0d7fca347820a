//! Erasing: what was deleted for everyone or has disappeared is on no disk any more, for nobody who has all keys that are
//! left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bayou_core::node::{Keyring, Vault, unlock};
use bayou_core::store::disk::DiskStore;
use bayou_core::store::{KeyId, Seal, Store};
use bayou_tests::process::Peer;
use serde_json::json;

const STAYS: &str = "the heron stays by the water";
const FIRST: &str = "burn this after reading";
const EDITED: &str = "ashes of what was said";

/// What a home holds, opened with all keys that are in it.
struct Opened {
    /// The parts of all frames of the journal, by the key that they are sealed under; `None` if they do not open.
    parts: Vec<(KeyId, Option<Vec<u8>>)>,
    /// What the store gives: streams, rows.
    store: Vec<Vec<u8>>,
    keys: BTreeSet<KeyId>,
}

impl Opened {
    fn home(home: &Path) -> Opened {
        let keyring = Keyring::new(home, Arc::new(Vault::new(&unlock(home, None).unwrap(), [1; 32])));
        keyring.load().unwrap();
        let mut parts = Vec::new();
        for file in fs::read_dir(home.join("journal")).unwrap() {
            parts.extend(frames(&fs::read(file.unwrap().path()).unwrap(), &keyring));
        }
        let keys = keyring.ids().into_iter().chain([KeyId::HOME]).collect();
        Opened { parts, store: stored(home, keyring), keys }
    }

    fn holds(&self, text: &str) -> bool {
        let opened = self.parts.iter().filter_map(|(_, part)| part.as_ref()).chain(&self.store);
        opened.into_iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }

    /// Returns the keys that a text in the journal is sealed under.
    fn sealed_under(&self, text: &str) -> BTreeSet<KeyId> {
        let holds = |part: &[u8]| part.windows(text.len()).any(|window| window == text.as_bytes());
        let found = self.parts.iter().filter(|(_, part)| part.as_deref().is_some_and(holds));
        found.map(|(key, _)| *key).collect()
    }
}

/// Reads all frames of a journal file, as `store/disk/frame.rs` draws them, by the one who has all keys.
fn frames(file: &[u8], seal: &dyn Seal) -> Vec<(KeyId, Option<Vec<u8>>)> {
    const HEADERS: usize = 56;
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let (salt, mut at, mut found) = (&file[12..16], HEADERS, Vec::new());
    while at + 16 < file.len() && number(at) != 0 {
        let (lsn, end) = (&file[at + 8..at + 16], at + 16 + number(at) as usize);
        let (mut sealed, mut part) = (Vec::new(), at + 16);
        while part < end {
            let size = number(part + 4) as usize;
            sealed.push((KeyId(number(part)), &file[part + 8..part + 8 + size]));
            part += 8 + size;
        }
        let of = (sealed.len() as u32).to_le_bytes();
        for (n, (key, bytes)) in sealed.into_iter().enumerate() {
            let place: [&[u8]; 5] = [b"frame", salt, lsn, &(n as u32).to_le_bytes(), &of];
            found.push((key, seal.open(key, &place, bytes)));
        }
        at = end;
    }
    found
}

fn stored(home: &Path, keyring: Keyring) -> Vec<Vec<u8>> {
    let (store, opened) = DiskStore::open(home, Arc::new(keyring)).unwrap();
    assert_eq!(opened.damage, [""; 0]);
    let mut found: Vec<Vec<u8>> =
        store.scan(&[], &[255], usize::MAX, false).unwrap().into_iter().map(|e| e.1).collect();
    for stream in store.streams() {
        let kept = store.read(stream).unwrap();
        found.extend(kept.tail.into_iter().chain(kept.image));
    }
    found
}

/// Waits until a message is no longer shown as it was, and nothing that was erased is on a peer's disk any more.
fn has_erased(peer: &Peer, conversation: &str, message: &str) -> io::Result<()> {
    let mut client = peer.client()?;
    for _ in 0..600 {
        let rows = peer.timeline(conversation)?;
        let is_shown = rows.iter().any(|row| row["id"] == message && row["deleted"] == false && row["hidden"] == false);
        if !is_shown && client.call("status", &json!({}))?["erasing"] == 0 {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(io::Error::other("nothing was erased within 30 s"))
}

/// Asserts that two stopped peers had some texts, and that all that is left of them opens no frame.
fn have_erased(peers: [&Peer; 2], texts: &[&str], before: &BTreeMap<&str, Opened>) {
    for peer in peers {
        let (before, after) = (&before[peer.name()], Opened::home(&peer.home()));
        for text in texts {
            let keys = before.sealed_under(text);
            assert!(before.holds(text) && !keys.is_empty(), "{} never had it", peer.name());
            assert!(!after.holds(text), "{} still has it", peer.name());
            assert_eq!(keys.intersection(&after.keys).count(), 0, "{} keeps the key", peer.name());
        }
        assert!(after.parts.iter().any(|(_, part)| part.is_none()), "{} kept none of the old frames", peer.name());
        assert!(after.holds(STAYS));
    }
}

fn homes(peers: [&Peer; 2]) -> io::Result<BTreeMap<&str, Opened>> {
    peers.into_iter().map(|peer| Ok((peer.name(), Opened::home(&peer.copy()?.home())))).collect()
}

/// Two who talk to each other.
fn two() -> io::Result<(Peer, Peer, String)> {
    let (alice, mut bob) = (Peer::spawn("alice")?, Peer::new("bob")?);
    let conversation = alice.begins("Boats")?;
    bob.serve(&[&alice])?;
    alice.invites(&bob, &conversation)?;
    alice.says(&conversation, STAYS)?;
    Ok((alice, bob, conversation))
}

#[test]
fn what_has_disappeared_is_opened_by_no_key_that_is_left() -> io::Result<()> {
    const SECONDS: u64 = 10;
    let (mut alice, mut bob, conversation) = two()?;
    let set = json!({ "conversation": conversation, "setting": "disappear", "value": SECONDS });
    alice.client()?.call("set", &set)?;
    let message = alice.says(&conversation, FIRST)?;
    bob.sees(&conversation, FIRST)?;
    alice.stop()?;
    bob.stop()?;
    let (at_alice, at_bob) = (alice.copy()?, bob.copy()?);
    let before = homes([&at_alice, &at_bob])?;

    alice.serve(&[])?;
    bob.serve(&[&alice])?;
    for peer in [&mut alice, &mut bob] {
        has_erased(peer, &conversation, &message)?;
        assert_eq!(peer.timeline(&conversation)?.len(), 1);
        peer.stop()?;
    }
    have_erased([&alice, &bob], &[FIRST], &before);
    Ok(())
}

#[test]
fn what_is_deleted_is_opened_by_no_key_that_is_left() -> io::Result<()> {
    let (mut alice, mut bob, conversation) = two()?;
    let message = alice.says(&conversation, FIRST)?;
    bob.sees(&conversation, FIRST)?;
    alice.edits(&message, EDITED)?;
    bob.sees(&conversation, EDITED)?;
    alice.stop()?;
    bob.stop()?;
    let (at_alice, at_bob) = (alice.copy()?, bob.copy()?);
    let before = homes([&at_alice, &at_bob])?;

    alice.serve(&[])?;
    bob.serve(&[&alice])?;
    alice.deletes(&message)?;
    bob.sees_that(&conversation, "the deletion", |row| row["deleted"] == true)?;
    for peer in [&mut alice, &mut bob] {
        has_erased(peer, &conversation, &message)?;
        peer.stop()?;
    }
    have_erased([&alice, &bob], &[FIRST, EDITED], &before);
    // All else is as it was, and goes on.
    alice.serve(&[])?;
    bob.serve(&[&alice])?;
    alice.says(&conversation, "and on")?;
    bob.sees(&conversation, "and on")?;
    let texts =
        |peer: &Peer| Ok::<_, io::Error>(peer.timeline(&conversation)?.iter().map(|row| row["text"].clone()).collect());
    let (at_alice, at_bob): (Vec<_>, Vec<_>) = (texts(&alice)?, texts(&bob)?);
    assert_eq!(at_alice, at_bob);
    assert!(at_alice.contains(&STAYS.into()));
    Ok(())
}

#[test]
fn what_an_admin_has_erased_is_opened_by_no_key_that_is_left() -> io::Result<()> {
    let (mut alice, mut bob, conversation) = two()?;
    let message = bob.says(&conversation, FIRST)?;
    bob.edits(&message, EDITED)?;
    alice.sees(&conversation, EDITED)?;
    alice.stop()?;
    bob.stop()?;
    let (at_alice, at_bob) = (alice.copy()?, bob.copy()?);
    let before = homes([&at_alice, &at_bob])?;

    alice.serve(&[])?;
    alice.command(&["hide", &message, "--erase"])?;
    bob.serve(&[&alice])?;
    bob.sees_that(&conversation, "that it was erased", |row| row["hidden"] == true)?;
    for peer in [&mut alice, &mut bob] {
        has_erased(peer, &conversation, &message)?;
        peer.stop()?;
    }
    have_erased([&alice, &bob], &[FIRST, EDITED], &before);
    Ok(())
}
