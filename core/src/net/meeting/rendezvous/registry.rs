//! Who left word under which name, until when.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use libp2p::PeerId;
use tokio::time::Instant;

use super::proto::{Found, Status};

/// The longest name, in bytes.
const MAX_NAME: usize = 255;

/// The largest record, in bytes: a key, a signature, and some addresses.
const MAX_RECORD: usize = 4 * 1024;

/// Bytes of all records.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Registrations in one answer.
const MAX_FOUND: u64 = 100;

/// How long a registration holds, in seconds, where nothing is said; at least; at most (names change daily).
const USUAL: u64 = 2 * 3600;
const SHORTEST: u64 = 60;
const LONGEST: u64 = 48 * 3600;

type Name = Vec<u8>;

struct Entry {
    peer: PeerId,
    record: Vec<u8>,
    until: Instant,
}

/// All registrations. Each has a number; numbers rise.
pub(super) struct Registry {
    most: u32,
    most_each: u32,
    by_name: HashMap<Name, BTreeMap<u64, Entry>>,
    by_peer: HashMap<PeerId, HashMap<Name, u64>>,
    by_end: BTreeMap<(Instant, u64), (PeerId, Name)>,
    bytes: usize,
    last: u64,
}

impl Registry {
    /// Makes a registry for so many registrations in all, and so many of one peer.
    pub(super) fn new(most: u32, most_each: u32) -> Registry {
        let (by_name, by_peer, by_end) = (HashMap::new(), HashMap::new(), BTreeMap::new());
        Registry { most, most_each, by_name, by_peer, by_end, bytes: 0, last: 0 }
    }

    /// Lets a peer be found under a name; replaces what it had there. Returns for how many seconds.
    pub(super) fn register(
        &mut self,
        now: Instant,
        peer: PeerId,
        name: Name,
        record: Vec<u8>,
        ttl: Option<u64>,
    ) -> Result<u64, Status> {
        self.expire(now);
        let ttl = ttl.unwrap_or(USUAL);
        if !(1..=MAX_NAME).contains(&name.len()) {
            return Err(Status::InvalidName);
        }
        if !(SHORTEST..=LONGEST).contains(&ttl) {
            return Err(Status::InvalidTtl);
        }
        self.unregister(peer, &name);
        let own = self.by_peer.get(&peer).map_or(0, HashMap::len);
        let full = self.by_end.len() >= self.most as usize
            || own >= self.most_each as usize
            || record.len() > MAX_RECORD
            || self.bytes + record.len() > MAX_BYTES;
        if full {
            return Err(Status::Unavailable);
        }
        self.last += 1;
        let (number, until) = (self.last, now + Duration::from_secs(ttl));
        self.bytes += record.len();
        self.by_peer.entry(peer).or_default().insert(name.clone(), number);
        self.by_end.insert((until, number), (peer, name.clone()));
        self.by_name.entry(name).or_default().insert(number, Entry { peer, record, until });
        Ok(ttl)
    }

    /// Lets a peer be found under a name no more.
    pub(super) fn unregister(&mut self, peer: PeerId, name: &[u8]) {
        let Some(names) = self.by_peer.get_mut(&peer) else { return };
        let Some(number) = names.remove(name) else { return };
        if names.is_empty() {
            self.by_peer.remove(&peer);
        }
        let Some(entries) = self.by_name.get_mut(name) else { return };
        if let Some(entry) = entries.remove(&number) {
            debug_assert_eq!(entry.peer, peer, "a peer's number is its own");
            self.by_end.remove(&(entry.until, number));
            self.bytes -= entry.record.len();
        }
        if entries.is_empty() {
            self.by_name.remove(name);
        }
    }

    /// Returns who is to be found under a name, beginning after a cookie.
    pub(super) fn discover(
        &mut self,
        now: Instant,
        name: &[u8],
        limit: Option<u64>,
        cookie: Option<&[u8]>,
    ) -> Result<Found, Status> {
        self.expire(now);
        let after = match cookie.map(|cookie| cookie.split_first_chunk::<8>()) {
            None => 0,
            Some(Some((number, of))) if of == name => u64::from_be_bytes(*number),
            Some(_) => return Err(Status::InvalidCookie),
        };
        let mut found = Found { records: Vec::new(), last: after };
        let entries = self.by_name.get(name).zip(after.checked_add(1));
        let entries = entries.into_iter().flat_map(|(entries, from)| entries.range(from..));
        let limit = limit.unwrap_or(MAX_FOUND).min(MAX_FOUND);
        for (number, entry) in entries.take(usize::try_from(limit).unwrap_or(usize::MAX)) {
            found.records.push((entry.record.clone(), (entry.until - now).as_secs()));
            found.last = *number;
        }
        Ok(found)
    }

    fn expire(&mut self, now: Instant) {
        while let Some(((until, _), (peer, name))) = self.by_end.first_key_value()
            && *until <= now
        {
            let (peer, name) = (*peer, name.clone());
            self.unregister(peer, &name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(registry: &mut Registry, now: Instant, name: &[u8]) -> usize {
        registry.discover(now, name, None, None).unwrap().records.len()
    }

    #[test]
    fn who_left_word_is_found_under_that_name_until_it_is_over() {
        let (mut registry, now) = (Registry::new(10, 5), Instant::now());
        let (alice, bob) = (PeerId::random(), PeerId::random());
        assert_eq!(registry.register(now, alice, b"a".to_vec(), vec![1], Some(60)), Ok(60));
        assert_eq!(registry.register(now, bob, b"a".to_vec(), vec![2], None), Ok(USUAL));
        assert_eq!((found(&mut registry, now, b"a"), found(&mut registry, now, b"b")), (2, 0));
        assert_eq!(registry.register(now, bob, b"a".to_vec(), vec![3], None), Ok(USUAL), "again is once");
        assert_eq!(found(&mut registry, now, b"a"), 2);
        let later = now + Duration::from_secs(60);
        assert_eq!(found(&mut registry, later, b"a"), 1);
        registry.unregister(bob, b"a");
        assert_eq!(found(&mut registry, later, b"a"), 0);
        assert!(registry.by_name.is_empty() && registry.by_peer.is_empty() && registry.by_end.is_empty());
        assert_eq!(registry.bytes, 0);
    }

    #[test]
    fn a_cookie_goes_on_where_the_last_answer_ended_and_only_under_its_name() {
        let (mut registry, now) = (Registry::new(10, 10), Instant::now());
        for _ in 0..5 {
            registry.register(now, PeerId::random(), b"a".to_vec(), vec![1], None).unwrap();
        }
        let first = registry.discover(now, b"a", Some(3), None).unwrap();
        let cookie = [first.last.to_be_bytes().as_slice(), b"a"].concat();
        let second = registry.discover(now, b"a", None, Some(&cookie)).unwrap();
        assert_eq!((first.records.len(), second.records.len()), (3, 2));
        assert_eq!(registry.discover(now, b"b", None, Some(&cookie)), Err(Status::InvalidCookie));
        assert_eq!(registry.discover(now, b"a", None, Some(b"short")), Err(Status::InvalidCookie));
    }

    #[test]
    fn one_peer_and_all_of_them_have_a_bound() {
        let (mut registry, now) = (Registry::new(3, 2), Instant::now());
        let (alice, mut register) = (PeerId::random(), 0);
        let mut by = |peer| {
            register += 1;
            registry.register(now, peer, vec![register], vec![1], None).err()
        };
        assert_eq!([by(alice), by(alice), by(alice)], [None, None, Some(Status::Unavailable)]);
        assert_eq!([by(PeerId::random()), by(PeerId::random())], [None, Some(Status::Unavailable)]);
        let wrong =
            |name: Vec<u8>, record, ttl| Registry::new(9, 9).register(now, alice, name, record, Some(ttl)).err();
        assert_eq!(wrong(vec![], vec![], 60), Some(Status::InvalidName));
        assert_eq!(wrong(vec![1; 256], vec![], 60), Some(Status::InvalidName));
        assert_eq!(wrong(vec![1], vec![], 59), Some(Status::InvalidTtl));
        assert_eq!(wrong(vec![1], vec![0; MAX_RECORD + 1], 60), Some(Status::Unavailable));
    }
}
