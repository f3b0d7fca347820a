//! Prekeys: the short-lived keys to which others seal what only this device may open.
//!
//! A new one is made each week; an old one opens what is still on its way for 30 days, then it is dropped, and what was
//! sealed to it is closed for ever, even to whom takes the device afterwards. So each is random: one that could be derived
//! from the device key would come back.
//!
//! ```text
//!  n = 1 ├── newest: 7 days ──┤── replaced: 30 days ──────────┤ dropped
//!  n = 2                      ├── newest: 7 days ──┤── …
//! ```
//!
//! Dates are of this machine's clock. If that was ahead and was set right, stamps from its future are taken as now, so
//! that rotation is late by one turn at most.

use serde::{Deserialize, Serialize};

use crate::crypto::{BoxAddress, BoxKey, Entropy, Secret};
use crate::time::Timestamp;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How long a prekey is the newest, in milliseconds: a week.
pub const PREKEY_TURN_MS: u64 = 7 * DAY_MS;

/// How long a prekey is kept after it was replaced, in milliseconds: 30 days.
pub const PREKEY_KEPT_MS: u64 = 30 * DAY_MS;

/// The most prekeys at a time. Weekly turns need six; the rest is for a clock that jumps.
pub const MAX_PREKEYS: usize = 8;

/// One prekey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Prekey {
    /// Counts from 1 and never returns.
    number: u32,
    seed: Secret,
    made: Timestamp,
    replaced: Option<Timestamp>,
}

/// The prekeys of a device, oldest first. Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prekeys(Vec<Prekey>);

/// What a turn changed; when it changed anything, the keys are to be kept anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrekeyTurn {
    /// The new prekey, to be announced.
    pub made: Option<(u32, BoxAddress)>,
    /// The numbers of those that are gone.
    pub dropped: Vec<u32>,
}

impl Prekeys {
    /// Makes the first prekey.
    pub fn new(now: Timestamp, entropy: &mut Entropy) -> Self {
        Prekeys(vec![Prekey { number: 1, seed: Secret::new(entropy.bytes()), made: now, replaced: None }])
    }

    /// Returns none: for a file that is read when others are kept elsewhere.
    pub fn none() -> Self {
        Prekeys(vec![])
    }

    /// Returns number and address of the newest: what others are to seal to.
    pub fn newest(&self) -> Option<(u32, BoxAddress)> {
        self.0.last().map(|prekey| (prekey.number, BoxKey::from_seed(&prekey.seed).address()))
    }

    /// Returns the key with a number, unless it was dropped.
    pub fn key(&self, number: u32) -> Option<BoxKey> {
        self.0.iter().find(|prekey| prekey.number == number).map(|prekey| BoxKey::from_seed(&prekey.seed))
    }

    /// Makes a new prekey if the newest had its turn, and drops those that were kept long enough.
    pub fn turn(&mut self, now: Timestamp, entropy: &mut Entropy) -> PrekeyTurn {
        for prekey in &mut self.0 {
            prekey.made = prekey.made.min(now);
            prekey.replaced = prekey.replaced.map(|replaced| replaced.min(now));
        }
        let mut turn = PrekeyTurn::default();
        let next = match self.0.last() {
            None => Some(1),
            Some(newest) if now.since(newest.made) >= PREKEY_TURN_MS => newest.number.checked_add(1),
            Some(_) => None,
        };
        if let Some(number) = next {
            if let Some(newest) = self.0.last_mut() {
                newest.replaced = Some(now);
            }
            self.0.push(Prekey { number, seed: Secret::new(entropy.bytes()), made: now, replaced: None });
            turn.made = self.newest();
        }
        let surplus = self.0.len().saturating_sub(MAX_PREKEYS);
        let mut at = 0;
        self.0.retain(|prekey| {
            at += 1;
            let over = prekey.replaced.is_some_and(|replaced| now.since(replaced) >= PREKEY_KEPT_MS);
            if over || at <= surplus {
                turn.dropped.push(prekey.number);
            }
            !over && at > surplus
        });
        turn
    }

    /// Tells whether these can have been kept: none, or as [`turn`](Self::turn) leaves them: few, numbers rising, all but the
    /// last replaced.
    pub(super) fn are_sound(&self) -> bool {
        let rising = self.0.windows(2).all(|pair| matches!(pair, [a, b] if a.number < b.number));
        let replaced = self.0.iter().rev().skip(1).all(|prekey| prekey.replaced.is_some());
        let newest = self.0.last().is_none_or(|newest| newest.replaced.is_none());
        self.0.len() <= MAX_PREKEYS && rising && replaced && newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn a_prekey_turns_weekly_and_is_dropped_thirty_days_after() {
        let mut entropy = Entropy::from_seed([1; 32]);
        let mut prekeys = Prekeys::new(START, &mut entropy);
        let first = prekeys.newest().unwrap();
        assert_eq!(prekeys.turn(START.plus(PREKEY_TURN_MS - 1), &mut entropy), PrekeyTurn::default());
        let turn = prekeys.turn(START.plus(PREKEY_TURN_MS), &mut entropy);
        assert_eq!((turn.made, turn.dropped), (prekeys.newest(), vec![]));
        assert_eq!(prekeys.newest().unwrap().0, 2);
        assert_ne!(prekeys.newest().unwrap().1, first.1);
        assert_eq!(prekeys.key(1).unwrap().address(), first.1);
        for day in 8..37 {
            assert!(prekeys.turn(START.plus(day * DAY_MS), &mut entropy).dropped.is_empty(), "day {day}");
        }
        assert_eq!(prekeys.turn(START.plus(37 * DAY_MS), &mut entropy).dropped, [1]);
        assert!(prekeys.key(1).is_none() && prekeys.key(2).is_some() && prekeys.key(0).is_none());
    }

    #[test]
    fn a_year_of_turns_keeps_few_and_never_repeats_a_number_or_key() {
        let mut entropy = Entropy::from_seed([2; 32]);
        let mut prekeys = Prekeys::new(START, &mut entropy);
        let mut seen = vec![prekeys.newest().unwrap()];
        for day in 1..=365 {
            seen.extend(prekeys.turn(START.plus(day * DAY_MS), &mut entropy).made);
            assert!(prekeys.0.len() <= 6 && prekeys.are_sound(), "day {day}: {prekeys:?}");
        }
        assert_eq!(seen.len(), 53);
        assert!(seen.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0 && pair[0].1 != pair[1].1));
    }

    #[test]
    fn a_clock_that_jumps_neither_stops_the_turns_nor_piles_up_keys() {
        let mut entropy = Entropy::from_seed([3; 32]);
        let mut prekeys = Prekeys::new(START.plus(3650 * DAY_MS), &mut entropy);
        assert_eq!(prekeys.turn(START, &mut entropy), PrekeyTurn::default());
        assert_eq!(prekeys.turn(START.plus(PREKEY_TURN_MS), &mut entropy).made.unwrap().0, 2);
        for turn in 0..100 {
            let now = if turn % 2 == 0 { START } else { START.plus(PREKEY_TURN_MS) };
            prekeys.turn(now, &mut entropy);
            assert!(prekeys.0.len() <= MAX_PREKEYS && prekeys.are_sound());
        }
        assert!(!format!("{prekeys:?}").contains("Secret([") && format!("{prekeys:?}").contains("redacted"));
    }
}
