//! Token buckets: how often something may happen for one key (a subnet, a peer, a topic).
//!
//! A bucket holds some tokens and gets new ones at an even pace; each happening takes one. A bucket that is full again is
//! forgotten, so what is kept is only who was busy of late, and of those at most [`MAX_BUCKETS`].

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// Keys that are remembered. Over it, all that are not empty are forgotten, and if that is not enough, new keys are refused.
const MAX_BUCKETS: usize = 65_536;

/// Buckets of one kind.
pub(in crate::net) struct Buckets<K> {
    /// Tokens in a full bucket.
    size: u32,
    /// How long one token takes to come.
    pace: Duration,
    /// By key: when the bucket will be full again.
    full_at: HashMap<K, Instant>,
}

impl<K: Eq + Hash> Buckets<K> {
    /// Makes buckets that get so many tokens a minute and hold so many.
    pub(in crate::net) fn new(per_minute: u32, size: u32) -> Buckets<K> {
        let pace = Duration::from_secs(60) / per_minute.max(1);
        Buckets { size: size.max(1), pace, full_at: HashMap::new() }
    }

    /// Takes a token out of a bucket. Returns whether there was one.
    pub(in crate::net) fn take(&mut self, key: K, now: Instant) -> bool {
        self.take_many(key, 1, now)
    }

    /// Takes so many tokens out of a bucket, or none. Returns whether there were so many.
    pub(in crate::net) fn take_many(&mut self, key: K, tokens: u32, now: Instant) -> bool {
        if self.full_at.len() >= MAX_BUCKETS && !self.full_at.contains_key(&key) && !self.make_room(now) {
            return false;
        }
        let full_at = self.full_at.get(&key).copied().unwrap_or(now).max(now) + self.pace * tokens;
        // What lacks to full is so many tokens; over the size there was none to take.
        if full_at - now > self.pace * self.size {
            return false;
        }
        self.full_at.insert(key, full_at);
        true
    }

    fn make_room(&mut self, now: Instant) -> bool {
        self.full_at.retain(|_, full_at| *full_at > now);
        if self.full_at.len() >= MAX_BUCKETS {
            let empty = now + self.pace * (self.size - 1);
            self.full_at.retain(|_, full_at| *full_at > empty);
        }
        self.full_at.len() < MAX_BUCKETS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_at_an_even_pace() {
        let mut buckets = Buckets::new(60, 3);
        let start = Instant::now();
        let taken = |buckets: &mut Buckets<u8>, key, after| buckets.take(key, start + Duration::from_millis(after));
        assert_eq!([0, 0, 0, 0].map(|at| taken(&mut buckets, 1, at)), [true, true, true, false]);
        assert!(taken(&mut buckets, 2, 0), "another key has a bucket of its own");
        assert_eq!([999, 1000, 1001].map(|at| taken(&mut buckets, 1, at)), [false, true, false]);
        assert_eq!([9000, 9000, 9000, 9000].map(|at| taken(&mut buckets, 1, at)), [true, true, true, false]);
    }

    #[test]
    fn keys_without_end_are_not_kept_and_the_busy_ones_stay_refused() {
        let mut buckets = Buckets::new(1, 2);
        let now = Instant::now();
        assert!(buckets.take(u32::MAX, now) && buckets.take(u32::MAX, now));
        for key in 0..200_000 {
            buckets.take(key, now);
            assert!(buckets.full_at.len() <= MAX_BUCKETS);
        }
        assert!(!buckets.take(u32::MAX, now));
        assert!(buckets.take(7, now + Duration::from_secs(600)), "time makes room");
    }
}
