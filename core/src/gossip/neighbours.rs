//! Which links are wanted, and which are not.
//!
//! Small conversations want a link to everyone. A large one wants [`WANTED`] at least and [`MOST`] at most. Links are dialled
//! by chance, because a random graph holds together when many leave at once, and who is needed in several large
//! conversations goes first. (HyParView, of Plumtree's authors, is the model; it tells who shall look elsewhere and cuts the
//! link, where we ask. A peer whom nobody else can reach keeps it.)

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::crowd::{Crowd, Near};
use super::{Effect, Gossip};
use crate::id::{ConversationId, PeerId};
use crate::time::Timestamp;

/// How many links of a large conversation each peer dials, if it can.
pub const WANTED: usize = 8;

/// Above how many it gives one up when it is asked to, and above how many it asks others to.
const ENOUGH: usize = 6;
const MOST: usize = 12;

/// Peers that are dialled at a time, so that a long absence does not end in a storm; and how many of them may be for large
/// conversations.
const MAX_DIALS: usize = 16;
const MAX_DIALS_OF_LARGE: usize = 8;

/// Peers that are known of a conversation: as many as the address book holds.
const MAX_KNOWN: usize = 4096;

/// Peers of which one is told at a time.
pub(super) const MAX_INTRODUCED: usize = 16;

/// How long after a link came up its other end is told of others: more than once, because it may not know us as a member
/// yet, and then does not listen.
const INTRODUCE_AFTER_MS: [u64; 3] = [0, 3_000, 15_000];

/// How often others are told of others.
const INTRODUCE_EVERY_MS: u64 = 60_000;

/// How long a link is left in peace: what is missing comes first.
const GRACE_MS: u64 = 10_000;

/// How long whoever was asked to do without us is not asked again, and whom we did without is not dialled again.
const SPARED_MS: u64 = 60_000;
const AVOIDED_MS: u64 = 300_000;

/// Peers that are avoided at a time.
const MAX_AVOIDED: usize = 1024;

impl Gossip {
    pub(super) fn up(&mut self, now: Timestamp, id: ConversationId, peer: PeerId, effects: &mut Vec<Effect>) {
        self.crowd(id).up(now, peer);
        self.known(id, vec![peer]);
        self.avoided.remove(&peer);
        self.introduce(id, peer, effects);
    }

    pub(super) fn known(&mut self, id: ConversationId, peers: Vec<PeerId>) {
        let me = self.me;
        let known = &mut self.crowd(id).known;
        for peer in peers.into_iter().filter(|peer| *peer != me) {
            if known.len() < MAX_KNOWN {
                known.insert(peer);
            }
        }
    }

    /// Tells a peer of others.
    fn introduce(&mut self, id: ConversationId, peer: PeerId, effects: &mut Vec<Effect>) {
        if let Some(near) = self.crowd(id).near.get_mut(&peer) {
            near.introduced = near.introduced.saturating_add(1);
        }
        let others: Vec<PeerId> = self.crowd(id).known.iter().filter(|other| **other != peer).copied().collect();
        let others = self.draw_some(others, MAX_INTRODUCED);
        if !others.is_empty() {
            effects.push(Effect::Introduce(id, peer, others));
        }
    }

    /// Dials, does without links that are too many, and tells others of others.
    pub(super) fn look_after_links(&mut self, now: Timestamp, ready: &[PeerId], effects: &mut Vec<Effect>) {
        self.avoided.retain(|_, until| now < *until && until.since(now) <= AVOIDED_MS);
        let chosen = self.choose(ready);
        effects.extend(chosen.into_iter().map(Effect::Dial));
        let ids: Vec<ConversationId> = self.crowds.keys().copied().collect();
        for id in ids {
            self.spare_some(now, id, effects);
            self.introduce_again(now, id, effects);
        }
    }

    /// Chooses whom to dial of those who might be; of small conversations in the order in which they come.
    fn choose(&mut self, ready: &[PeerId]) -> Vec<PeerId> {
        let (mut chosen, mut rest) = (Vec::new(), Vec::<(PeerId, usize)>::new());
        for peer in ready {
            let mut of = self.crowds.values().filter(|crowd| crowd.known.contains(peer)).peekable();
            // Who is in no conversation, as far as we know, was named by a person, or announced itself.
            let unknown = of.peek().is_none();
            let needed =
                of.try_fold(0, |needed, crowd| crowd.is_large().then(|| needed + usize::from(crowd.lacks() > 0)));
            match needed {
                Some(needed) if !unknown => rest.extend((needed > 0).then_some((*peer, needed))),
                _ => chosen.push(*peer),
            }
        }
        let mut lacking: Vec<(ConversationId, usize)> =
            self.crowds.iter().filter(|(_, c)| c.is_large() && c.lacks() > 0).map(|(id, c)| (*id, c.lacks())).collect();
        let count = rest.len();
        let mut drawn = self.draw_some(rest, count);
        drawn.sort_by_key(|(peer, needed)| (self.avoided.contains_key(peer), Reverse(*needed)));
        let mut few = Vec::new();
        for (peer, _) in drawn {
            let mut needed = false;
            for (id, lacks) in lacking.iter_mut().filter(|(_, lacks)| *lacks > 0) {
                if self.crowds.get(id).is_some_and(|crowd| crowd.known.contains(&peer)) {
                    (*lacks, needed) = (*lacks - 1, true);
                }
            }
            few.extend(needed.then_some(peer));
        }
        few.into_iter().take(MAX_DIALS_OF_LARGE).chain(chosen).take(MAX_DIALS).collect()
    }

    /// Asks some to do without us, if too many are linked.
    fn spare_some(&mut self, now: Timestamp, id: ConversationId, effects: &mut Vec<Effect>) {
        let surplus = match self.crowds.get(&id) {
            Some(crowd) if crowd.is_large() => crowd.near.len().saturating_sub(MOST),
            _ => 0,
        };
        if surplus == 0 {
            return;
        }
        let needed = self.needed(MOST);
        let Some(crowd) = self.crowds.get(&id) else { return };
        let asked = |spared: Option<Timestamp>| spared.is_some_and(|at| at <= now && now.since(at) < SPARED_MS);
        let waiting = crowd.near.values().filter(|near| asked(near.spared)).count();
        let spare = crowd.near.iter().filter(|(peer, near)| {
            !needed.contains(peer) && !asked(near.spared) && (now < near.since || now.since(near.since) >= GRACE_MS)
        });
        let spare: Vec<PeerId> = spare.map(|(peer, _)| *peer).collect();
        for peer in self.draw_some(spare, surplus.saturating_sub(waiting)) {
            let crowds = self.crowds.values_mut().filter_map(|crowd| crowd.near.get_mut(&peer));
            crowds.for_each(|near| near.spared = Some(now));
            effects.push(Effect::Enough(peer));
        }
    }

    /// A peer could do without us. So can we, if we have enough other links in all that we share.
    pub(super) fn asked_to_part(&mut self, now: Timestamp, peer: PeerId, effects: &mut Vec<Effect>) {
        if self.needed(ENOUGH).contains(&peer) {
            return;
        }
        if self.avoided.len() < MAX_AVOIDED {
            self.avoided.insert(peer, now.plus(AVOIDED_MS));
        }
        effects.push(Effect::Close(peer));
    }

    /// Returns the linked peers that a conversation cannot do without: a small one, or one without more links than so many.
    fn needed(&self, links: usize) -> BTreeSet<PeerId> {
        let short = self.crowds.values().filter(|crowd| !crowd.is_large() || crowd.near.len() <= links);
        short.flat_map(|crowd| crowd.near.keys().copied()).collect()
    }

    fn introduce_again(&mut self, now: Timestamp, id: ConversationId, effects: &mut Vec<Effect>) {
        let crowd = self.crowd(id);
        let unsure =
            |near: &Near| INTRODUCE_AFTER_MS.get(near.introduced).is_some_and(|ms| now.since(near.since) >= *ms);
        let unsure: Vec<PeerId> = crowd.near.iter().filter(|(_, near)| unsure(near)).map(|(peer, _)| *peer).collect();
        for peer in unsure {
            self.introduce(id, peer, effects);
        }
        let crowd = self.crowd(id);
        if now >= crowd.introduced && now.since(crowd.introduced) < INTRODUCE_EVERY_MS {
            return;
        }
        crowd.introduced = now;
        let near: Vec<PeerId> = crowd.near.keys().copied().collect();
        let drawn = self.draw_some(near, 1);
        drawn.into_iter().for_each(|peer| self.introduce(id, peer, effects));
    }
}

impl Crowd {
    /// Returns how many links it lacks.
    fn lacks(&self) -> usize {
        WANTED.saturating_sub(self.near.len())
    }
}
