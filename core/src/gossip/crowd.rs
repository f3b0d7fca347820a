//! One conversation: whom to push to, whom to announce to, and what was announced and did not come.

use std::collections::{BTreeMap, BTreeSet};

use super::lag::Lag;
use super::{BATCH_MS, Effect, SMALL, is_due, named};
use crate::envelope::{News, Told};
use crate::id::{ActorId, ConversationId, PeerId};
use crate::time::Timestamp;

/// The most peers that a frame names as told; beyond it, copies may be sent twice.
pub(super) const MAX_TOLD: usize = 256;

/// Chains of which something waits to be announced; what is more is left to sync.
const MAX_UNSAID: usize = 1024;

/// Chains of which something was announced and has not come; what is more is left to sync.
const MAX_MISSING: usize = 1024;

/// Those who announced one change and may be asked for it.
const MAX_SOURCES: usize = 8;

/// A chain, in its segment.
type Chain = (u32, ActorId);

/// One conversation.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// How many devices besides ours are in.
    pub(super) others: usize,
    /// The linked peers that share it. Bounded by the links that there can be.
    pub(super) near: BTreeMap<PeerId, Near>,
    /// All peers that are known to be in.
    pub(super) known: BTreeSet<PeerId>,
    /// When others were last told of others.
    pub(super) introduced: Timestamp,
    unsaid: BTreeMap<Chain, Unsaid>,
    unsaid_since: Option<Timestamp>,
    missing: BTreeMap<Chain, Missing>,
    lag: Lag,
}

/// A linked peer.
#[derive(Debug)]
pub(super) struct Near {
    /// Pushed to; else announced to.
    pub(super) eager: bool,
    /// Since when it is linked.
    pub(super) since: Timestamp,
    /// When we last asked it to do without us.
    pub(super) spared: Option<Timestamp>,
}

/// How far a chain goes, and who is to be told.
#[derive(Debug)]
struct Unsaid {
    seq: u32,
    to: BTreeSet<PeerId>,
}

/// What was announced of a chain and has not come.
#[derive(Debug)]
struct Missing {
    /// Who said to have how much.
    sources: Vec<(PeerId, u32)>,
    /// When it was announced, or asked for.
    since: Timestamp,
    /// How often it was asked for.
    asked: u32,
    due: Timestamp,
}

impl Crowd {
    pub(super) fn is_large(&self) -> bool {
        self.others > SMALL
    }

    pub(super) fn up(&mut self, now: Timestamp, peer: PeerId) {
        self.near.insert(peer, Near { eager: true, since: now, spared: None });
    }

    pub(super) fn down(&mut self, peer: &PeerId) {
        self.near.remove(peer);
        self.unsaid.retain(|_, unsaid| {
            unsaid.to.remove(peer);
            !unsaid.to.is_empty()
        });
    }

    pub(super) fn set_eager(&mut self, peer: &PeerId, eager: bool) {
        if let Some(near) = self.near.get_mut(peer) {
            near.eager = eager;
        }
    }

    /// Returns whom to push to, and whom the frames shall name as told; the others will be announced to.
    pub(super) fn spread(
        &mut self,
        now: Timestamp,
        me: PeerId,
        news: &[News],
        from: Option<PeerId>,
        told: &[Told],
    ) -> (Vec<PeerId>, Vec<Told>) {
        self.arrived(now, news);
        from.iter().for_each(|from| self.has(from, news));
        let (large, mut names) = (self.is_large(), named(told, from, me));
        let unnamed = |peer: &PeerId| !names.contains(&Told::from(*peer));
        let eager = |(peer, near): &(&PeerId, &Near)| (near.eager || !large) && unnamed(peer);
        let to: Vec<PeerId> = self.near.iter().filter(eager).map(|(peer, _)| *peer).collect();
        if large {
            let lazy: BTreeSet<PeerId> = self.near.keys().filter(|peer| !to.contains(peer)).copied().collect();
            self.tell_later(now, news, from, &lazy);
            // What others pushed to is not worth its bytes here: few of them are linked with those we push to.
            names = named(&[], from, me);
        }
        names.extend(to.iter().copied().map(Told::from));
        (to, names.into_iter().take(MAX_TOLD).collect())
    }

    /// Notes that changes were fetched from a peer. Others may lack them, too.
    pub(super) fn fetched(&mut self, now: Timestamp, from: PeerId, news: &[News]) {
        self.arrived(now, news);
        self.has(&from, news);
        if self.is_large() {
            let others = self.near.keys().copied().collect();
            self.tell_later(now, news, Some(from), &others);
        }
    }

    /// Notes that a peer pushed what we had; tells whether it is to announce only.
    pub(super) fn stale(&mut self, from: PeerId) -> bool {
        let large = self.is_large();
        let Some(near) = self.near.get_mut(&from).filter(|_| large) else { return false };
        near.eager = false;
        true
    }

    pub(super) fn announced(&mut self, now: Timestamp, from: PeerId, lacking: &[News], held: &[News]) {
        self.has(&from, held);
        self.has(&from, lacking);
        let due = now.plus(self.lag.wait());
        for news in lacking {
            let chain = (news.segment, news.actor);
            if !self.missing.contains_key(&chain) && self.missing.len() >= MAX_MISSING {
                continue;
            }
            let fresh = || Missing { sources: Vec::new(), since: now, asked: 0, due };
            let sources = &mut self.missing.entry(chain).or_insert_with(fresh).sources;
            if let Some((_, seq)) = sources.iter_mut().find(|(peer, _)| *peer == from) {
                *seq = news.seq.max(*seq);
            } else if sources.len() < MAX_SOURCES {
                sources.push((from, news.seq));
            }
        }
    }

    /// Announces what waited long enough for more of its kind.
    pub(super) fn announce(&mut self, now: Timestamp, conversation: ConversationId, effects: &mut Vec<Effect>) {
        if self.unsaid_since.is_none_or(|since| !is_due(now, since.plus(BATCH_MS))) {
            return;
        }
        self.unsaid_since = None;
        let mut batches: BTreeMap<PeerId, Vec<News>> = BTreeMap::new();
        for ((segment, actor), Unsaid { seq, to }) in std::mem::take(&mut self.unsaid) {
            for peer in to {
                batches.entry(peer).or_default().push(News { segment, actor, seq });
            }
        }
        effects.extend(batches.into_iter().map(|(peer, news)| Effect::Announce(conversation, peer, news)));
    }

    /// Asks for what was announced and did not come in time: one source after the other.
    pub(super) fn graft(&mut self, now: Timestamp, conversation: ConversationId, effects: &mut Vec<Effect>) {
        let (mut wanted, wait) = (BTreeMap::<PeerId, Vec<Chain>>::new(), self.lag.wait());
        for (chain, missing) in self.missing.iter_mut().filter(|(_, missing)| is_due(now, missing.due)) {
            missing.sources.retain(|(peer, _)| self.near.contains_key(peer));
            if missing.sources.is_empty() {
                continue;
            }
            let (source, _) = missing.sources.remove(0);
            wanted.entry(source).or_default().push(*chain);
            missing.asked += 1;
            missing.since = now;
            missing.due = now.plus(wait.saturating_mul(2));
        }
        // What nobody is left to ask for is left to sync.
        self.missing.retain(|_, missing| !is_due(now, missing.due));
        for (peer, chains) in wanted {
            self.set_eager(&peer, true);
            effects.push(Effect::Graft(conversation, peer, chains));
        }
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let missing = self.missing.values().map(|missing| missing.due);
        missing.chain(self.unsaid_since.map(|since| since.plus(BATCH_MS))).min()
    }

    /// Notes that a peer has something: it need not be told of it.
    fn has(&mut self, peer: &PeerId, news: &[News]) {
        for news in news {
            let chain = (news.segment, news.actor);
            let Some(unsaid) = self.unsaid.get_mut(&chain).filter(|unsaid| unsaid.seq <= news.seq) else { continue };
            unsaid.to.remove(peer);
            if unsaid.to.is_empty() {
                self.unsaid.remove(&chain);
            }
        }
    }

    /// Notes that changes are here now: they are no longer missing.
    fn arrived(&mut self, now: Timestamp, news: &[News]) {
        for news in news {
            let chain = (news.segment, news.actor);
            let Some(missing) = self.missing.get_mut(&chain) else { continue };
            self.lag.note(now.since(missing.since));
            missing.sources.retain(|(_, seq)| *seq > news.seq);
            if missing.sources.is_empty() {
                self.missing.remove(&chain);
            } else if missing.asked == 0 {
                (missing.since, missing.due) = (now, now.plus(self.lag.wait()));
            }
        }
    }

    fn tell_later(&mut self, now: Timestamp, news: &[News], from: Option<PeerId>, to: &BTreeSet<PeerId>) {
        let to: BTreeSet<PeerId> = to.iter().filter(|peer| Some(**peer) != from).copied().collect();
        if to.is_empty() {
            return;
        }
        for news in news {
            let chain = (news.segment, news.actor);
            if !self.unsaid.contains_key(&chain) && self.unsaid.len() >= MAX_UNSAID {
                continue;
            }
            let unsaid = self.unsaid.entry(chain).or_insert(Unsaid { seq: news.seq, to: BTreeSet::new() });
            unsaid.seq = unsaid.seq.max(news.seq);
            unsaid.to.extend(&to);
            self.unsaid_since.get_or_insert(now);
        }
    }
}
