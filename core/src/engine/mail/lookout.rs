//! What of a mailbox was looked at: which topics, how far, and when to look again.
//!
//! A topic is of one epoch and one day. A **look** goes through the topics that may still bring something: from the first
//! day that is not closed to tomorrow (clocks differ), at most 30 days back, oldest first, because a chain's changes can
//! be let in only in their order. A quick look takes the epoch in use and today alone. A day is closed when its topic was
//! read to the end after the day had been over for another day. Into a mailbox that the conversation does not name only
//! full looks are taken, and rarely.
//!
//! What was read stands in the index, so that nothing is fetched twice. But some of what is read comes too early: its
//! chain has a gap, its record or box names what is not known yet. Then the place in the topic is not noted, and the
//! topic is read again when something new came meanwhile, and a few times later; what still fits nowhere is for sync.

use std::collections::{BTreeMap, BTreeSet};

use crate::envelope::day;
use crate::id::RecordHash;
use crate::time::Timestamp;

/// How many days back mail is looked for: so long do mailboxes keep it.
pub(super) const MAX_DAYS: u64 = 30;

/// How long until the next quick look, and the next full one.
const QUICK_MS: u64 = 60_000;
const FULL_MS: u64 = 60 * 60_000;

/// How long until the next look into a mailbox that the conversation does not name.
const UNNAMED_MS: u64 = 6 * FULL_MS;

/// How near to midnight a quick look takes the neighbouring day as well.
const MIDNIGHT_MS: u64 = 10 * 60_000;

/// The most answers that are taken of one topic in one look: what keeps giving gives nonsense.
const MAX_ANSWERS: u32 = 512;

/// How often a topic is read again in which something came too early.
const MAX_TRIES: u8 = 3;

/// Where mail lies: a day, and the epoch under which it was sealed.
pub(super) type Place = (u64, RecordHash);

/// How far a topic was read.
#[derive(Debug, Clone, Copy, Default)]
struct Read {
    at: u64,
    /// Up to here all of it was taken in.
    sure: u64,
    answers: u32,
    tries: u8,
    early: bool,
}

/// What was read up to where, to be noted in the index; `None`: nothing needs to be remembered.
pub(super) type Noted = Vec<(Place, Option<u64>)>;

/// The looks at one conversation's topics in one mailbox.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    topics: BTreeMap<Place, Read>,
    /// By epoch, the first day that is not closed.
    open: BTreeMap<RecordHash, u64>,
    /// What is still to be read in this look.
    queue: BTreeSet<Place>,
    asked: Option<Place>,
    is_full: bool,
    progress: bool,
    /// When to look next; the first look is a full one.
    next_at: Timestamp,
    full_at: Timestamp,
    has_looked: bool,
    /// The conversation does not name the mailbox.
    unnamed: bool,
}

impl Lookout {
    /// Goes on from what the index remembers.
    pub(super) fn remembering(noted: impl IntoIterator<Item = (Place, u64)>, named: bool) -> Self {
        let mut lookout = Lookout { unnamed: !named, ..Lookout::default() };
        for ((day, epoch), read) in noted {
            if day == u64::MAX {
                lookout.open.insert(epoch, read);
            } else {
                lookout.topics.insert((day, epoch), Read { at: read, sure: read, ..Read::default() });
            }
        }
        lookout
    }

    /// Has a full look taken soon.
    pub(super) fn hurry(&mut self) {
        (self.next_at, self.full_at) = (Timestamp(0), Timestamp(0));
    }

    /// Tells whether a full look came to its end since the start.
    pub(super) fn has_looked(&self) -> bool {
        self.has_looked
    }

    /// Begins a look if it is time for one. Quick ones only if `quick`: somebody may send mail whom we do not hear.
    pub(super) fn begin(
        &mut self,
        now: Timestamp,
        held: impl Iterator<Item = RecordHash>,
        current: Option<RecordHash>,
        quick: bool,
    ) {
        // Further ahead than any wait: the clock was set back.
        let waits = |at: Timestamp, longest| now < at && at.since(now) <= longest;
        if self.asked.is_some() || !self.queue.is_empty() {
            return;
        }
        self.is_full = !waits(self.full_at, self.every());
        if self.is_full {
            self.fill(now, held);
        } else if quick && !self.unnamed && !waits(self.next_at, QUICK_MS) {
            let days = day(Timestamp(now.0.saturating_sub(MIDNIGHT_MS)))..=day(now.plus(MIDNIGHT_MS));
            self.queue.extend(current.into_iter().flat_map(|epoch| days.clone().map(move |day| (day, epoch))));
        }
        self.queue.iter().for_each(|place| self.topics.entry(*place).or_default().answers = 0);
    }

    /// Returns how long it is from one full look to the next.
    fn every(&self) -> u64 {
        if self.unnamed { UNNAMED_MS } else { FULL_MS }
    }

    fn fill(&mut self, now: Timestamp, held: impl Iterator<Item = RecordHash>) {
        let held: BTreeSet<RecordHash> = held.collect();
        let (today, first) = (day(now), day(now).saturating_sub(MAX_DAYS));
        // Days that were closed by a clock that was far ahead are open again.
        self.open.retain(|epoch, open| held.contains(epoch) && *open <= today + 1);
        for epoch in held {
            let open = self.open.get(&epoch).copied().unwrap_or(first).max(first);
            self.queue.extend((open..=today + 1).map(|day| (day, epoch)));
        }
        for place in &self.queue {
            if let Some(read) = self.topics.get_mut(place).filter(|read| read.early) {
                read.tries += 1;
                (read.at, read.early) = (read.sure, false);
            }
        }
    }

    /// Returns the next topic to read, and from where.
    pub(super) fn next(&mut self) -> Option<(Place, u64)> {
        if self.asked.is_some() {
            return None;
        }
        let place = self.queue.pop_first()?;
        self.asked = Some(place);
        Some((place, self.topics.get(&place).map_or(0, |read| read.at)))
    }

    /// Notes that a question was not answered; it is asked again.
    pub(super) fn unanswered(&mut self) {
        self.queue.extend(self.asked.take());
    }

    /// Notes an answer: up to where it goes, whether more follows, whether something in it came too early, and whether
    /// anything was new. Returns what to remember.
    pub(super) fn answered(&mut self, now: Timestamp, (next, more): (u64, bool), early: bool, new: bool) -> Noted {
        let Some(place) = self.asked.take() else { return Vec::new() };
        self.progress |= new;
        let read = self.topics.entry(place).or_default();
        read.early |= early;
        read.answers += 1;
        let goes_on = more && next > read.at && read.answers < MAX_ANSWERS;
        read.at = read.at.max(next);
        let mut noted = Vec::new();
        if !read.early || read.tries >= MAX_TRIES {
            (read.sure, read.early) = (read.at, false);
            noted.push((place, Some(read.sure)));
        }
        if goes_on {
            self.queue.insert(place);
        }
        if self.queue.is_empty() {
            noted.extend(self.finish(now));
        }
        noted
    }

    /// Ends a look. If something new came and something had come too early, or another epoch is known now, it begins again.
    fn finish(&mut self, now: Timestamp) -> Noted {
        self.next_at = now.plus(QUICK_MS);
        if std::mem::take(&mut self.progress) {
            let again = self.topics.iter_mut().filter(|(_, read)| read.early);
            for (place, read) in again {
                (read.at, read.early, read.answers) = (read.sure, false, 0);
                self.queue.insert(*place);
            }
            if self.is_full {
                // A new epoch may have come.
                self.full_at = Timestamp(0);
                return Vec::new();
            }
        }
        if !self.is_full {
            return Vec::new();
        }
        let is_unsure = self.topics.values().any(|read| read.early);
        (self.full_at, self.has_looked) = (now.plus(if is_unsure { QUICK_MS } else { self.every() }), true);
        self.close(now)
    }

    /// Closes the days that are over for good.
    fn close(&mut self, now: Timestamp) -> Noted {
        let first_open = day(now).saturating_sub(1);
        let mut noted = Vec::new();
        let epochs: BTreeSet<RecordHash> = self.topics.keys().map(|(_, epoch)| *epoch).collect();
        for epoch in epochs {
            let unsure = self.topics.iter().find(|((_, of), read)| *of == epoch && read.early);
            let until = unsure.map_or(first_open, |((day, _), _)| (*day).min(first_open));
            if self.open.insert(epoch, until) != Some(until) {
                noted.push(((u64::MAX, epoch), Some(until)));
            }
            let closed = self.topics.extract_if(.., |(day, of), _| *of == epoch && *day < until);
            noted.extend(closed.map(|(place, _)| (place, None)));
        }
        noted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    const EPOCH: RecordHash = RecordHash([1; 32]);
    const LATER: RecordHash = RecordHash([2; 32]);

    /// Some noon.
    fn noon(day: u64) -> Timestamp {
        Timestamp(day * DAY_MS + DAY_MS / 2)
    }

    /// Takes a whole look in which every topic is empty but those in `full`; returns what was asked for.
    fn look(lookout: &mut Lookout, now: Timestamp, held: &[RecordHash]) -> Vec<(Place, u64)> {
        lookout.begin(now, held.iter().copied(), held.first().copied(), true);
        let mut asked = Vec::new();
        while let Some((place, after)) = lookout.next() {
            asked.push((place, after));
            lookout.answered(now, (after, false), false, false);
        }
        asked
    }

    #[test]
    fn the_first_look_goes_back_thirty_days_and_later_ones_to_what_is_not_closed() {
        let mut lookout = Lookout::default();
        let first = look(&mut lookout, noon(100), &[EPOCH]);
        assert_eq!(first.first(), Some(&((70, EPOCH), 0)));
        assert_eq!((first.len(), first.last()), (32, Some(&((101, EPOCH), 0))));
        assert_eq!(look(&mut lookout, noon(100), &[EPOCH]), []);
        let quick = look(&mut lookout, noon(100).plus(QUICK_MS), &[EPOCH]);
        assert_eq!(quick, [((100, EPOCH), 0)]);
        let full = look(&mut lookout, noon(100).plus(FULL_MS), &[EPOCH]);
        assert_eq!(full.iter().map(|((day, _), _)| *day).collect::<Vec<_>>(), [99, 100, 101]);
        // A week later, all days of that week; and after half a year no more than thirty.
        assert_eq!(look(&mut lookout, noon(107), &[EPOCH]).len(), 10);
        assert_eq!(look(&mut lookout, noon(300), &[EPOCH]).len(), 32);
    }

    #[test]
    fn near_midnight_a_quick_look_takes_both_days() {
        let mut lookout = Lookout::default();
        look(&mut lookout, noon(100), &[EPOCH]);
        lookout.full_at = Timestamp(101 * DAY_MS).plus(FULL_MS);
        let quick = look(&mut lookout, Timestamp(101 * DAY_MS + 1000), &[EPOCH]);
        assert_eq!(quick, [((100, EPOCH), 0), ((101, EPOCH), 0)]);
    }

    #[test]
    fn what_was_read_is_remembered_unless_it_came_too_early() {
        let (mut lookout, now) = (Lookout::default(), noon(100));
        lookout.begin(now, [EPOCH].into_iter(), Some(EPOCH), true);
        let mut noted = BTreeMap::new();
        while let Some(((day, _), after)) = lookout.next() {
            let (answer, early) = match (day, after) {
                (98, 0) => ((5, true), false),
                (98, _) => ((7, false), true),
                (99, _) => ((4, false), true),
                _ => ((after, false), false),
            };
            noted.extend(lookout.answered(now, answer, early, false));
        }
        assert_eq!((noted[&(98, EPOCH)], noted.get(&(99, EPOCH))), (Some(5), None));
        assert_eq!(noted[&(u64::MAX, EPOCH)], Some(98));
        let kept = noted.into_iter().filter_map(|(place, read)| Some((place, read?)));
        let mut again = Lookout::remembering(kept, true);
        let full = look(&mut again, now, &[EPOCH]);
        assert_eq!(full[0], ((98, EPOCH), 5));
        assert_eq!(full[1], ((99, EPOCH), 0));
    }

    #[test]
    fn what_came_too_early_is_read_again_when_something_new_came_and_not_for_ever() {
        let (mut lookout, now) = (Lookout::default(), noon(100));
        let mut answers = 0;
        for hour in 0..10 {
            let now = now.plus(hour * FULL_MS);
            lookout.begin(now, [EPOCH].into_iter(), Some(EPOCH), true);
            while let Some(((day, _), after)) = lookout.next() {
                answers += u32::from(day == 100 && after == 0);
                let next = if day == 100 { 9 } else { after };
                lookout.answered(now, (next, false), day == 100 && after == 0, hour == 0 && day == 101 && answers < 2);
            }
        }
        // Once, again as something new came behind it, and a few times more.
        assert_eq!(answers, 2 + u32::from(MAX_TRIES));
    }

    #[test]
    fn an_epoch_that_came_with_the_mail_is_looked_at_next_and_endless_answers_end() {
        let (mut lookout, now) = (Lookout::default(), noon(100));
        lookout.begin(now, [EPOCH].into_iter(), Some(EPOCH), true);
        let mut asked = 0;
        while let Some((_, after)) = lookout.next() {
            asked += 1;
            lookout.answered(now, (after + 1, true), false, true);
        }
        assert_eq!(asked, 32 * MAX_ANSWERS);
        let next = look(&mut lookout, now, &[EPOCH, LATER]);
        assert!(next.contains(&((70, LATER), 0)));
    }

    #[test]
    fn a_mailbox_that_is_not_named_is_looked_into_now_and_then() {
        let mut lookout = Lookout::remembering([], false);
        assert_eq!(look(&mut lookout, noon(100), &[EPOCH]).len(), 32);
        assert_eq!(look(&mut lookout, noon(100).plus(UNNAMED_MS - 1), &[EPOCH]), []);
        assert_eq!(look(&mut lookout, noon(100).plus(UNNAMED_MS), &[EPOCH]).len(), 3);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_for_years() {
        let mut lookout = Lookout::default();
        look(&mut lookout, noon(9000), &[EPOCH]);
        assert_eq!(look(&mut lookout, noon(100), &[EPOCH]).len(), 32);
    }
}
