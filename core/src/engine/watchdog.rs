//! Linked peers who have something else than we, and who do not get on with it.
//!
//! A peer that tells heads other than ours owes us something: items of an authority, changes of a segment, or the word that
//! this was all. It has ten seconds for each step; then it is asked once more, and after as long again the link is dropped
//! and dialled anew, for whatever is stuck on it (a lost frame, a peer that lost track) ends with it.
//!
//! ```text
//! heads differ ──10 s──▶ ask again ──10 s──▶ redial ──(patience doubles, up to an hour)
//!      ▲ something of use comes: from the start      they agree, or "that is all": forgotten
//! ```
//!
//! Who claims what they never give costs us a few redials, each twice as late as the one before; a redial is forgiven
//! after an hour, and by nothing that the peer can say.

use std::collections::{BTreeMap, BTreeSet};

use crate::conversation::SegmentId;
use crate::id::{ConversationId, PeerId};
use crate::time::Timestamp;

/// How long a peer may take for each step, as long as it was never dialled anew for it.
const PATIENCE_MS: u64 = 10_000;

/// The longest that anyone may take, and how long until a redial is forgiven.
const LONGEST_MS: u64 = 3_600_000;

/// Segments of one conversation and peer that are watched at the same time.
pub(super) const MAX_WATCHED: usize = 1024;

/// Peers of whom it is remembered that they were dialled anew. While there are more, nobody else is.
const MAX_DOUBTED: usize = 1024;

/// What a peer said that it has, in which we have something else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Owed {
    /// A digest of the authority's items.
    pub(super) controls: Option<[u8; 32]>,
    /// Digests of segments.
    pub(super) segments: BTreeMap<u32, [u8; 8]>,
    /// Its word on what it has: it fell silent while it had something else.
    pub(super) heads: bool,
}

impl Owed {
    fn is_nothing(&self) -> bool {
        self.controls.is_none() && self.segments.is_empty() && !self.heads
    }
}

/// What is to be done about a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cure {
    /// Ask once more.
    Ask(PeerId, ConversationId, Owed),
    /// Drop the link, and dial.
    Redial(PeerId),
}

/// How often something was done in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cures {
    pub(super) asked: u32,
    pub(super) redialled: u32,
}

#[derive(Debug)]
struct Lag {
    owed: Owed,
    since: Timestamp,
    asked: bool,
}

#[derive(Debug, Clone, Copy)]
struct Doubt {
    redials: u32,
    since: Timestamp,
}

/// Watches over the heads of linked peers.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    lags: BTreeMap<(PeerId, ConversationId), Lag>,
    doubts: BTreeMap<PeerId, Doubt>,
    cures: BTreeMap<ConversationId, Cures>,
}

impl Watchdog {
    /// Takes note of what a peer has told that it has, as far as we have something else.
    pub(super) fn told(&mut self, now: Timestamp, peer: PeerId, id: ConversationId, owed: Owed) {
        if owed.is_nothing() {
            self.lags.remove(&(peer, id));
        } else {
            let new = || Lag { owed: Owed::default(), since: now, asked: false };
            self.lags.entry((peer, id)).or_insert_with(new).owed = owed;
        }
    }

    /// Notes that a peer does not say any more what it has, though it had something else.
    pub(super) fn silent(&mut self, now: Timestamp, peer: PeerId, id: ConversationId) {
        let new = || Lag { owed: Owed::default(), since: now, asked: false };
        self.lags.entry((peer, id)).or_insert_with(new).owed.heads = true;
    }

    /// Notes that changes of use came: what else is asked of this peer waits in the same queue.
    pub(super) fn gave(&mut self, now: Timestamp, peer: PeerId) {
        for (_, lag) in self.lags.iter_mut().filter(|((from, _), _)| *from == peer) {
            if !lag.owed.segments.is_empty() {
                (lag.since, lag.asked) = (now, false);
            }
        }
    }

    /// Notes that the peer gave all that it has of a segment.
    pub(super) fn gave_all(&mut self, peer: PeerId, id: SegmentId) {
        self.settle(peer, id.conversation, |owed| _ = owed.segments.remove(&id.number));
    }

    /// Notes that the peer gave items of an authority.
    pub(super) fn gave_controls(&mut self, peer: PeerId, id: ConversationId) {
        self.settle(peer, id, |owed| owed.controls = None);
    }

    fn settle(&mut self, peer: PeerId, id: ConversationId, change: impl FnOnce(&mut Owed)) {
        if let Some(lag) = self.lags.get_mut(&(peer, id)) {
            change(&mut lag.owed);
            if lag.owed.is_nothing() {
                self.lags.remove(&(peer, id));
            }
        }
    }

    /// Goes through all that is owed: `review` takes out what we have by now, and tells whether the peer is to be waited
    /// for at all.
    pub(super) fn review(&mut self, mut review: impl FnMut(&PeerId, &ConversationId, &mut Owed) -> bool) {
        self.lags.retain(|(peer, id), lag| review(peer, id, &mut lag.owed) && !lag.owed.is_nothing());
    }

    /// Returns what is to be done now, and counts it.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Cure> {
        self.forgive(now);
        let (mut cures, mut redial) = (Vec::new(), BTreeSet::new());
        for ((peer, id), lag) in &mut self.lags {
            // The clock was set back.
            lag.since = lag.since.min(now);
            let redials = self.doubts.get(peer).map_or(0, |doubt| doubt.redials);
            let patience = PATIENCE_MS.saturating_mul(1 << redials.min(16)).min(LONGEST_MS);
            if now.since(lag.since) < patience {
                continue;
            }
            let counts = self.cures.entry(*id).or_default();
            if !lag.asked {
                (lag.since, lag.asked) = (now, true);
                counts.asked = counts.asked.saturating_add(1);
                cures.push(Cure::Ask(*peer, *id, lag.owed.clone()));
            } else if self.doubts.contains_key(peer) || self.doubts.len() + redial.len() < MAX_DOUBTED {
                counts.redialled = counts.redialled.saturating_add(1);
                redial.insert(*peer);
            }
        }
        for peer in &redial {
            let doubt = self.doubts.entry(*peer).or_insert(Doubt { redials: 0, since: now });
            *doubt = Doubt { redials: doubt.redials.saturating_add(1), since: now };
            self.forget(*peer);
        }
        cures.extend(redial.into_iter().map(Cure::Redial));
        cures
    }

    fn forgive(&mut self, now: Timestamp) {
        self.doubts.retain(|_, doubt| {
            doubt.since = doubt.since.min(now);
            if now.since(doubt.since) >= LONGEST_MS {
                *doubt = Doubt { redials: doubt.redials.saturating_sub(1), since: now };
            }
            doubt.redials > 0
        });
    }

    /// Forgets what a peer owed: its link is down.
    pub(super) fn forget(&mut self, peer: PeerId) {
        self.lags.retain(|(from, _), _| *from != peer);
    }

    /// Returns what a peer is known to have that we lack.
    pub(super) fn owed(&self, peer: PeerId, id: ConversationId) -> Option<&Owed> {
        self.lags.get(&(peer, id)).map(|lag| &lag.owed)
    }

    /// Returns how often something was done in a conversation since the start.
    pub(super) fn cures(&self, id: &ConversationId) -> Cures {
        self.cures.get(id).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PeerId = PeerId([1; 32]);
    const ID: ConversationId = ConversationId([2; 32]);

    fn owed() -> Owed {
        Owed { controls: Some([3; 32]), segments: BTreeMap::from([(0, [4; 8])]), heads: false }
    }

    fn segment() -> SegmentId {
        SegmentId { conversation: ID, number: 0 }
    }

    /// Lets seconds pass; returns when the link was dialled anew.
    fn redials(watchdog: &mut Watchdog, seconds: std::ops::Range<u64>, claims: bool) -> Vec<u64> {
        let mut at = Vec::new();
        for second in seconds {
            let now = Timestamp(second * 1000);
            if claims {
                watchdog.told(now, PEER, ID, owed());
            }
            at.extend(watchdog.due(now).contains(&Cure::Redial(PEER)).then_some(second));
        }
        at
    }

    #[test]
    fn who_gives_nothing_is_asked_again_and_then_dialled_anew() {
        let mut watchdog = Watchdog::default();
        watchdog.told(Timestamp(0), PEER, ID, owed());
        assert_eq!(watchdog.due(Timestamp(9_999)), []);
        assert_eq!(watchdog.due(Timestamp(10_000)), [Cure::Ask(PEER, ID, owed())]);
        assert_eq!(watchdog.due(Timestamp(19_999)), []);
        assert_eq!(watchdog.due(Timestamp(20_000)), [Cure::Redial(PEER)]);
        assert_eq!((watchdog.owed(PEER, ID), watchdog.cures(&ID)), (None, Cures { asked: 1, redialled: 1 }));
    }

    #[test]
    fn who_gives_something_has_time_again_and_who_gave_all_is_not_waited_for() {
        let mut watchdog = Watchdog::default();
        watchdog.told(Timestamp(0), PEER, ID, owed());
        watchdog.due(Timestamp(10_000));
        watchdog.gave(Timestamp(19_000), PEER);
        assert_eq!(watchdog.due(Timestamp(28_999)), []);
        watchdog.gave_all(PEER, segment());
        assert_eq!(watchdog.due(Timestamp(29_000)).len(), 1, "the controls are still owed");
        watchdog.gave_controls(PEER, ID);
        assert_eq!((watchdog.due(Timestamp(99_000)), watchdog.owed(PEER, ID)), (vec![], None));
        watchdog.told(Timestamp(100_000), PEER, ID, owed());
        watchdog.told(Timestamp(101_000), PEER, ID, Owed::default());
        assert_eq!(watchdog.due(Timestamp(200_000)), []);
    }

    #[test]
    fn a_liar_makes_no_loop_and_is_forgiven_in_time() {
        let mut watchdog = Watchdog::default();
        let first = redials(&mut watchdog, 0..3600, true);
        assert_eq!(first.len(), 7, "{first:?}");
        let tenth = redials(&mut watchdog, 3600..36_000, true);
        assert!(tenth.len() <= 10, "{tenth:?}");
        watchdog.forget(PEER);
        redials(&mut watchdog, 36_000..80_000, false);
        assert!(watchdog.doubts.is_empty());
    }

    #[test]
    fn who_falls_silent_is_dialled_anew_and_who_speaks_again_is_not() {
        let mut watchdog = Watchdog::default();
        watchdog.silent(Timestamp(0), PEER, ID);
        assert_eq!(watchdog.due(Timestamp(10_000)).len(), 1);
        watchdog.told(Timestamp(11_000), PEER, ID, Owed::default());
        assert_eq!(watchdog.due(Timestamp(90_000)), []);
        watchdog.silent(Timestamp(100_000), PEER, ID);
        watchdog.due(Timestamp(110_000));
        assert_eq!(watchdog.due(Timestamp(120_000)), [Cure::Redial(PEER)]);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_for_years() {
        let mut watchdog = Watchdog::default();
        watchdog.told(Timestamp(1_000_000_000), PEER, ID, owed());
        assert_eq!(watchdog.due(Timestamp(0)), []);
        assert_eq!(watchdog.due(Timestamp(10_000)).len(), 1);
    }
}
