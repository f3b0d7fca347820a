//! Fairness between links: who keeps the loop busy rests while others need it.
//!
//! Each frame costs the loop some time, and whatever it is for, it is spent before the next one's turn. So the loop notes how
//! much each link took lately. One that took more than a fifth of all time, and more than any other, rests four times as long
//! as its frame took, if anyone else wanted something meanwhile: another link, or a front end. Alone it may take all there is,
//! and what it may take at once is enough for some ten thousand messages. This only ever delays; it decides nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::id::PeerId;

/// For about how long what a link took is remembered.
const MEMORY: Duration = Duration::from_secs(4);

/// What part of the time a link may take for itself while others wait.
const SHARE: f64 = 0.2;

/// For how long who wanted something counts as one who may want more. Longer than a busy loop may keep them waiting.
const RECENTLY: Duration = Duration::from_secs(10);

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

    /// Notes that something of a link took so long; returns how long the link is to rest.
    pub(super) fn took(&mut self, peer: PeerId, took: Duration, now: Instant) -> Duration {
        if self.links.len() >= MAX_LINKS {
            self.links.retain(|_, usage| now.duration_since(usage.at) < MEMORY * 4);
        }
        let before = self.links.get(&peer).map_or(Duration::ZERO, |usage| usage.at(now));
        let own = before + took;
        self.links.insert(peer, Usage { took: own, at: now });
        let recent = |at: Instant| now.duration_since(at) < RECENTLY;
        let others = self.links.iter().filter(|(other, usage)| **other != peer && recent(usage.at));
        let most = others.map(|(_, usage)| usage.at(now)).max();
        let wanted = most.is_some() || self.called.is_some_and(recent);
        let greedy = own > MEMORY.mul_f64(SHARE) && most.is_none_or(|most| own > most);
        if wanted && greedy { took.mul_f64(1.0 / SHARE - 1.0) } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Lets time pass in milliseconds: in each the links that do not rest take some, in turns. Returns what each took.
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
                    rests[link] = now + fairness.took(PeerId([link as u8; 32]), wants[link], now);
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
    fn who_floods_is_left_a_fifth_and_who_is_modest_all_that_it_wants() {
        let [flooder, modest] = run(60_000, [MS, MS / 10], false);
        assert!((10_000..16_000).contains(&flooder.as_millis()), "{flooder:?}");
        assert_eq!(modest, 60_000 * MS / 10);
        let [flooder, _] = run(60_000, [MS, Duration::ZERO], true);
        assert!((10_000..16_000).contains(&flooder.as_millis()), "{flooder:?}");
    }

    #[test]
    fn two_who_want_the_same_get_the_same() {
        let [one, other] = run(60_000, [MS / 2, MS / 2], false);
        assert!(one.abs_diff(other) < one / 10, "{one:?} {other:?}");
    }

    #[test]
    fn what_one_takes_at_once_after_a_while_is_not_held_up() {
        let [burst, _] = run(800, [MS, MS / 10], false);
        assert_eq!(burst, 800 * MS);
    }
}
