//! How long to wait for what was announced before asking for it.
//!
//! Asked too early, a copy comes twice; asked too late, everyone behind us waits. So it is learned from what happens, as
//! TCP learns when to send again (RFC 6298): a mean and its deviation, of how long it took from an announcement to the push,
//! and from a question to its answer.

/// The least and the most that the wait can be.
const MIN_MS: u64 = 500;
const MAX_MS: u64 = 5_000;

/// What was seen so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lag {
    mean: u64,
    deviation: u64,
    seen: bool,
}

impl Lag {
    /// Takes note of one, in milliseconds.
    pub(super) fn note(&mut self, ms: u64) {
        let ms = ms.min(MAX_MS);
        if self.seen {
            self.deviation = (3 * self.deviation + self.mean.abs_diff(ms)) / 4;
            self.mean = (7 * self.mean + ms) / 8;
        } else {
            (self.mean, self.deviation, self.seen) = (ms, ms / 2, true);
        }
    }

    /// Returns how long to wait, in milliseconds.
    pub(super) fn wait(self) -> u64 {
        (self.mean + 4 * self.deviation).clamp(MIN_MS, MAX_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_where_things_take_longer_and_never_too_short_or_long() {
        let mut lag = Lag::default();
        assert_eq!(lag.wait(), MIN_MS);
        (0..50).for_each(|_| lag.note(20));
        assert_eq!(lag.wait(), MIN_MS);
        (0..50).for_each(|n| lag.note(900 + n));
        assert!((900..1_500).contains(&lag.wait()), "{lag:?}");
        (0..50).for_each(|_| lag.note(1_000_000));
        assert_eq!(lag.wait(), MAX_MS);
    }
}
