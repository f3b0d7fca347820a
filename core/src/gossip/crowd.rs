//! One conversation: whom to push to, whom to announce to, and what was announced and did not come.

use std::collections::{BTreeMap, BTreeSet};

use super::lag::Lag;
use super::routes::{Chain, FAR, Routes, Turn};
use super::{BATCH_MS, Effect, SMALL, is_due, named};
use crate::envelope::{News, Told};
use crate::id::{ConversationId, PeerId};
use crate::time::Timestamp;

/// The most peers that a frame names as told; beyond it, copies may be sent twice.
pub(super) const MAX_TOLD: usize = 256;

/// Chains of which something waits to be announced; what is more is left to sync.
const MAX_UNSAID: usize = 1024;

/// Chains of which something was announced and has not come; what is more is left to sync.
const MAX_MISSING: usize = 1024;

/// Those who announced one change and may be asked for it.
const MAX_SOURCES: usize = 8;

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
    pub(super) routes: Routes,
    unsaid: BTreeMap<Chain, Unsaid>,
    unsaid_since: Option<Timestamp>,
    missing: BTreeMap<Chain, Missing>,
    lag: Lag,
}

/// A linked peer.
#[derive(Debug)]
pub(super) struct Near {
    /// Since when it is linked.
    pub(super) since: Timestamp,
    /// When we last asked it to do without us.
    pub(super) spared: Option<Timestamp>,
    /// How often it was told of others.
    pub(super) introduced: usize,
}

/// How far a chain goes, and who is to be told.
#[derive(Debug)]
struct Unsaid {
    seq: u32,
    hops: u8,
    to: BTreeSet<PeerId>,
}

/// What was announced of a chain and has not come.
#[derive(Debug)]
struct Missing {
    /// Who said to have how much, and over how many links it came to them.
    sources: Vec<(PeerId, u32, u8)>,
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

    /// Tells whether chains may come over a peer's link, and how is remembered.
    fn has_route(&self, peer: &PeerId) -> bool {
        self.is_large() && self.near.contains_key(peer)
    }

    pub(super) fn up(&mut self, now: Timestamp, peer: PeerId) {
        self.near.insert(peer, Near { since: now, spared: None, introduced: 0 });
    }

    /// A peer shares the conversation no more, or its link is gone: what came over it is asked of others.
    pub(super) fn down(&mut self, now: Timestamp, id: ConversationId, peer: &PeerId, effects: &mut Vec<Effect>) {
        self.near.remove(peer);
        self.unsaid.retain(|_, unsaid| {
            unsaid.to.remove(peer);
            !unsaid.to.is_empty()
        });
        let asked = self.routes.lost(now, peer);
        effects.extend(asked.into_iter().map(|(peer, chains)| Effect::Graft(id, peer, chains)));
    }

    /// A peer wants chains pushed to it. Those that come from that peer shall come from others.
    pub(super) fn grafted(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        peer: PeerId,
        chains: &[Chain],
        effects: &mut Vec<Effect>,
    ) {
        self.set_eager(now, peer, chains, true);
        let asked = self.routes.circular(now, peer, chains);
        effects.extend(asked.into_iter().map(|(peer, chains)| Effect::Graft(id, peer, chains)));
    }

    /// Notes whether chains are to be pushed to a peer.
    pub(super) fn set_eager(&mut self, now: Timestamp, peer: PeerId, chains: &[Chain], eager: bool) {
        if self.near.contains_key(&peer) {
            chains.iter().for_each(|chain| self.routes.set_eager(now, peer, *chain, eager));
        }
    }

    /// Notes over whose link something of a large conversation came, and by how many hops.
    pub(super) fn came(&mut self, now: Timestamp, news: &[News], from: Option<PeerId>, hops: u8) {
        let from = from.filter(|from| self.near.contains_key(from));
        let news = if self.is_large() { news } else { &[] };
        for news in news {
            self.routes.came(now, (news.segment, news.actor), from, hops);
        }
    }

    /// A peer pushed what we had: one link too many brings these chains. They shall not come over it any more; or over the
    /// one over which they came before, if that is the longer way.
    pub(super) fn stale(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        from: PeerId,
        (chains, hops): (&[Chain], u8),
        effects: &mut Vec<Effect>,
    ) {
        let mut pruned: BTreeMap<PeerId, Vec<Chain>> = BTreeMap::new();
        let chains = if self.has_route(&from) { chains } else { &[] };
        for chain in chains {
            let longer = match self.routes.offered(now, *chain, from, hops) {
                Some(turn) => turn.from,
                None => {
                    self.routes.set_eager(now, from, *chain, false);
                    Some(from)
                }
            };
            longer.into_iter().for_each(|longer| pruned.entry(longer).or_default().push(*chain));
        }
        effects.extend(pruned.into_iter().map(|(peer, chains)| Effect::Prune(id, peer, chains)));
    }

    /// A peer announced what we have: if it is on a shorter way, chains shall come over it from now on.
    pub(super) fn shorten(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        from: PeerId,
        held: &[News],
        effects: &mut Vec<Effect>,
    ) {
        let held = if self.has_route(&from) { held } else { &[] };
        for news in held {
            let chain = (news.segment, news.actor);
            if let Some(Turn { from, to }) = self.routes.offered(now, chain, from, news.hops.saturating_add(1)) {
                effects.push(Effect::Graft(id, to, vec![chain]));
                effects.extend(from.map(|longer| Effect::Prune(id, longer, vec![chain])));
            }
        }
    }

    /// Returns who announced something before it came, the nearest first.
    pub(super) fn announcers(&self, news: &[News]) -> Vec<(PeerId, News)> {
        let mut announcers = Vec::new();
        for news in news {
            let missing = self.missing.get(&(news.segment, news.actor));
            let sources = missing.iter().flat_map(|missing| &missing.sources).filter(|(_, seq, _)| *seq >= news.seq);
            announcers.extend(sources.map(|(peer, _, hops)| (*peer, News { hops: *hops, ..*news })));
        }
        announcers.sort_by_key(|(_, news)| news.hops);
        announcers
    }

    /// Returns whom to push to, and whom the frames shall name as told; the others will be announced to. Of a large
    /// conversation this is about one chain.
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
        let chain = news.first().map(|news| (news.segment, news.actor));
        let near = self.near.keys().copied();
        let eager = match chain {
            Some(chain) if large => self.routes.eager(now, me, &chain, near),
            Some(_) => near.collect(),
            None => BTreeSet::new(),
        };
        let to: Vec<PeerId> = eager.into_iter().filter(|peer| !names.contains(&Told::from(*peer))).collect();
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
        self.came(now, news, None, FAR);
        if self.is_large() {
            let others = self.near.keys().copied().collect();
            self.tell_later(now, news, Some(from), &others);
        }
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
            sources.retain(|(peer, ..)| *peer != from);
            if sources.len() < MAX_SOURCES {
                sources.push((from, news.seq, news.hops));
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
        for ((segment, actor), Unsaid { seq, hops, to }) in std::mem::take(&mut self.unsaid) {
            for peer in to {
                batches.entry(peer).or_default().push(News { segment, actor, seq, hops });
            }
        }
        effects.extend(batches.into_iter().map(|(peer, news)| Effect::Announce(conversation, peer, news)));
    }

    /// Asks for what was announced and did not come in time: one source after the other, the nearest first.
    pub(super) fn graft(&mut self, now: Timestamp, conversation: ConversationId, effects: &mut Vec<Effect>) {
        let (mut wanted, wait) = (BTreeMap::<PeerId, Vec<Chain>>::new(), self.lag.wait());
        for (chain, missing) in self.missing.iter_mut().filter(|(_, missing)| is_due(now, missing.due)) {
            missing.sources.retain(|(peer, ..)| self.near.contains_key(peer));
            let nearest = missing.sources.iter().enumerate().min_by_key(|(_, (_, _, hops))| *hops).map(|(at, _)| at);
            let Some((source, ..)) = nearest.map(|at| missing.sources.remove(at)) else { continue };
            wanted.entry(source).or_default().push(*chain);
            missing.asked += 1;
            missing.since = now;
            missing.due = now.plus(wait.saturating_mul(2));
        }
        // What nobody is left to ask for is left to sync.
        self.missing.retain(|_, missing| !is_due(now, missing.due));
        for (peer, chains) in wanted {
            self.set_eager(now, peer, &chains, true);
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
            missing.sources.retain(|(_, seq, _)| *seq > news.seq);
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
            let hops = self.routes.hops(&chain);
            let unsaid = self.unsaid.entry(chain).or_insert(Unsaid { seq: news.seq, hops, to: BTreeSet::new() });
            (unsaid.seq, unsaid.hops) = (unsaid.seq.max(news.seq), hops);
            unsaid.to.extend(&to);
            self.unsaid_since.get_or_insert(now);
        }
    }
}

#[cfg(test)]
impl Crowd {
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        (self.routes.len(), self.missing.len(), self.known.len())
    }
}
