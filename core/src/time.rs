//! Time as values: a wall clock reading, and the hybrid logical clock that orders a conversation.
//!
//! Nothing here reads a clock; `now` always comes in as an argument.
//!
//! The hybrid logical clock (Kulkarni et al., 2014) is wall time in milliseconds with a counter for what happens in the
//! same millisecond. A peer that hears a later stamp moves its own clock up to it, so that an answer never sorts before
//! the question. A stamp far ahead of wall time is believed for the message that carries it, but does not move our
//! clock: one wrong clock must not drag everyone along.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, as some machine's wall clock told them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Returns the moment `ms` milliseconds later.
    pub fn plus(self, ms: u64) -> Self {
        Timestamp(self.0.saturating_add(ms))
    }

    /// Returns how many milliseconds have passed since `earlier`; zero when it is not earlier.
    pub fn since(self, earlier: Timestamp) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The largest millisecond that a stamp can hold: 48 bits, the year 10889.
pub const MAX_MS: u64 = (1 << 48) - 1;

/// How far ahead of wall time a stamp may be and still move our own clock.
pub const MAX_DRAG_MS: u64 = 10 * 60 * 1000;

/// A stamp of the hybrid logical clock. Ordered by time, then by counter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Hlc {
    /// Milliseconds since the Unix epoch; at most [`MAX_MS`].
    pub ms: u64,
    /// Tells apart what happened in one millisecond.
    pub counter: u16,
}

impl Hlc {
    /// Returns the smallest stamp that is larger than this one, or `None` at the end of time.
    pub fn next(self) -> Option<Hlc> {
        match self.counter.checked_add(1) {
            Some(counter) => Some(Hlc { ms: self.ms, counter }),
            None if self.ms < MAX_MS => Some(Hlc { ms: self.ms + 1, counter: 0 }),
            None => None,
        }
    }
}

impl fmt::Debug for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.ms, self.counter)
    }
}

/// This peer's hybrid logical clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    last: Hlc,
}

impl Clock {
    /// Takes note of a stamp that was heard, unless it is too far ahead of `now`.
    pub fn observe(&mut self, heard: Hlc, now: Timestamp) {
        if heard.ms <= now.0.saturating_add(MAX_DRAG_MS) {
            self.last = self.last.max(heard);
        }
    }

    /// Returns a new stamp, larger than all that were heard or given before and larger than `floor`.
    ///
    /// `floor` is the last stamp of the chain that the new one goes to: a chain's stamps must rise even if the wall
    /// clock was set back. Returns `None` only at the end of time.
    pub fn tick(&mut self, now: Timestamp, floor: Hlc) -> Option<Hlc> {
        let wall = Hlc { ms: now.0.min(MAX_MS), counter: 0 };
        self.last = if wall > self.last { wall } else { self.last.next()? };
        if self.last > floor { Some(self.last) } else { floor.next() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_rise_when_the_wall_clock_stands_still_or_goes_back() {
        let mut clock = Clock::default();
        let first = clock.tick(Timestamp(1000), Hlc::default()).unwrap();
        let second = clock.tick(Timestamp(1000), Hlc::default()).unwrap();
        let third = clock.tick(Timestamp(10), Hlc::default()).unwrap();
        assert!(first < second && second < third);
    }

    #[test]
    fn a_stamp_from_the_far_future_does_not_drag_the_clock() {
        let mut clock = Clock::default();
        clock.observe(Hlc { ms: 1_000_000_000, counter: 0 }, Timestamp(1000));
        assert_eq!(clock.tick(Timestamp(1000), Hlc::default()), Some(Hlc { ms: 1000, counter: 0 }));
        clock.observe(Hlc { ms: 5000, counter: 7 }, Timestamp(1000));
        assert_eq!(clock.tick(Timestamp(1001), Hlc::default()), Some(Hlc { ms: 5000, counter: 8 }));
    }

    #[test]
    fn a_chain_that_once_ran_ahead_still_rises_but_the_clock_stays() {
        let mut clock = Clock::default();
        let floor = Hlc { ms: 9_000_000, counter: 3 };
        assert_eq!(clock.tick(Timestamp(1000), floor), Some(Hlc { ms: 9_000_000, counter: 4 }));
        assert_eq!(clock.tick(Timestamp(1001), Hlc::default()), Some(Hlc { ms: 1001, counter: 0 }));
    }
}
