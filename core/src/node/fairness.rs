//! Fairness between links: who keeps the loop busy rests while others need it.
//!
//! Each frame costs the loop some time, and whatever it is for, it is spent before the next one's turn. So the loop notes how
//! much each link took lately, its part of the disk's time included. Who sends, waits for the answer and sends again is in
//! nobody's way, and has nothing waiting when its frame was handled. Who sends on regardless has: such a link is left a tenth
//! of the time while anyone else wants something, another link or a front end, and rests nine times as long as its frame took.
//! Any link is left half at most. Alone it may take all there is, and what it may take at once is enough for some ten
//! thousand messages. This only ever delays; it decides nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::id::PeerId;

/// For about how long what a link took is remembered.
const MEMORY: Duration = Duration::from_secs(8);

/// What part of the time a link may take for itself that has more waiting, while others want something.
const SHARE: f64 = 0.1;

/// What part of the time any link may take while others want something, if none takes more.
const MOST: f64 = 0.5;

/// From how many frames on that still wait when one was handled a link counts as one that sends on regardless. One who waits
/// for answers has a message and some acknowledgements on their way.
const MANY: usize = 4;

/// For how long it does.
const LATELY: Duration = Duration::from_secs(1);

/// For how long who wanted something counts as one who may want more. Longer than a busy loop may keep them waiting.
const RECENTLY: Duration = Duration::from_secs(4);

/// What a mebibyte costs before the loop sees it: decrypting and copying, on the same processors.
const MEBIBYTE: Duration = Duration::from_millis(10);

/// The most links that are remembered.
const MAX_LINKS: usize = 1024;

/// What each link took of the loop's time.
#[derive(Default)]
pub(super) struct Fairness {
    links: HashMap<PeerId, Usage>,
    /// When a front end wanted something last.
    called: Option<Instant>,
}

/// The time that a link took, of which the earlier counts ever less.
#[derive(Clone, Copy)]
struct Usage {
    took: Duration,
    at: Instant,
    /// When it had many frames waiting last.
    pressed: Option<Instant>,
}

/// Returns what it cost to carry a frame of so many bytes to the loop.
pub(super) fn carrying(bytes: usize) -> Duration {
    MEBIBYTE.mul_f64(bytes as f64 / (1 << 20) as f64)
}

impl Usage {
    fn at(self, now: Instant) -> Duration {
        self.took.mul_f64((-now.duration_since(self.at).div_duration_f64(MEMORY)).exp())
    }
}

impl Fairness {
    /// Notes that a front end wanted something.
    pub(super) fn called(&mut self, now: Instant) {
        self.called = Some(now);
    }

    /// Notes how many frames of a link wait when one of them was handled.
    pub(super) fn left_waiting(&mut self, peer: PeerId, frames: usize, now: Instant) {
        if frames >= MANY {
            let usage = self.links.entry(peer).or_insert(Usage { took: Duration::ZERO, at: now, pressed: None });
            usage.pressed = Some(now);
        }
    }

    /// Notes that something of a link took so long; returns how long the link is to rest.
    pub(super) fn took(&mut self, peer: PeerId, took: Duration, now: Instant) -> Duration {
        if self.links.len() >= MAX_LINKS {
            self.links.retain(|_, usage| now.duration_since(usage.at) < MEMORY * 4);
        }
        let before = self.links.get(&peer);
        let pressed = before.and_then(|usage| usage.pressed);
        let own = before.map_or(Duration::ZERO, |usage| usage.at(now)) + took;
        self.links.insert(peer, Usage { took: own, at: now, pressed });
        let recent = |at: Instant| now.duration_since(at) < RECENTLY;
        let others = self.links.iter().filter(|(other, usage)| **other != peer && recent(usage.at));
        let most = others.map(|(_, usage)| usage.at(now)).max();
        let wanted = most.is_some() || self.called.is_some_and(recent);
        let is_first = most.is_none_or(|most| own > most);
        let share = match pressed.is_some_and(|at| now.duration_since(at) < LATELY) {
            true => SHARE,
            false if is_first => MOST,
            false => 1.0,
        };
        let rests = wanted && own > MEMORY.mul_f64(share);
        if rests { took.mul_f64(1.0 / share - 1.0) } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Lets time pass in milliseconds: in each the links that do not rest take some, in turns; the first sends on regardless.
    /// Returns what each took.
    fn run(millis: u32, wants: [Duration; 2], called: bool) -> [Duration; 2] {
        #[expect(clippy::disallowed_methods, reason = "any moment will do to begin with")]
        let start = Instant::now();
        let (mut fairness, mut took, mut rests) = (Fairness::default(), [Duration::ZERO; 2], [start; 2]);
        for now in (0..millis).map(|n| start + MS * n) {
            if called {
                fairness.called(now);
            }
            for link in [0, 1] {
                if rests[link] <= now && !wants[link].is_zero() {
                    took[link] += wants[link];
                    fairness.left_waiting(PeerId([link as u8; 32]), if link == 0 { 7 } else { 1 }, now);
                    rests[link] = now + wants[link] + fairness.took(PeerId([link as u8; 32]), wants[link], now);
                }
            }
        }
        took
    }

    #[test]
    fn alone_a_link_takes_what_it_wants() {
        assert_eq!(run(20_000, [MS, Duration::ZERO], false)[0], 20_000 * MS);
    }

    #[test]
    fn who_floods_is_left_a_tenth_and_who_waits_for_answers_all_that_it_wants() {
        let [flooder, modest] = run(60_000, [MS, MS / 2], false);
        assert!((5_000..8_000).contains(&flooder.as_millis()), "{flooder:?}");
        assert_eq!(modest, 60_000 * MS / 2);
        let [flooder, _] = run(60_000, [MS, Duration::ZERO], true);
        assert!((5_000..8_000).contains(&flooder.as_millis()), "{flooder:?}");
    }

    #[test]
    fn nobody_takes_all_while_others_wait() {
        let [_, greedy] = run(60_000, [MS / 50, MS], false);
        assert!((28_000..36_000).contains(&greedy.as_millis()), "{greedy:?}");
    }

    #[test]
    fn what_one_takes_at_once_after_a_while_is_not_held_up() {
        let [burst, _] = run(800, [MS, MS / 10], false);
        assert_eq!(burst, 800 * MS);
    }
}
