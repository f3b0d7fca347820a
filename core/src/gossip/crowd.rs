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

/// Chains of which is remembered whom to push them to. The one that was used least lately goes first; what is then pushed in
/// vain, or not pushed, is found out anew.
const MAX_ROUTES: usize = 1024;

/// To how many a chain is pushed of which nothing is remembered.
const CORE: usize = 5;

/// By how many hops a way must be shorter to be taken instead.
const SHORTER: u8 = 2;

/// A chain, in its segment.
pub(super) type Chain = (u32, ActorId);

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
    routes: BTreeMap<Chain, Route>,
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

/// Whom a chain is to be pushed to, or not, as they asked, and how it comes to us.
#[derive(Debug, Default)]
struct Route {
    eager: BTreeMap<PeerId, bool>,
    /// Over whose link the newest came, if it was pushed, and over how many in all.
    from: Option<PeerId>,
    hops: u8,
    used: Timestamp,
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

    pub(super) fn up(&mut self, now: Timestamp, peer: PeerId) {
        self.near.insert(peer, Near { since: now, spared: None, introduced: 0 });
    }

    pub(super) fn down(&mut self, peer: &PeerId) {
        self.near.remove(peer);
        for route in self.routes.values_mut() {
            route.eager.remove(peer);
            route.from = route.from.filter(|from| from != peer);
        }
        self.unsaid.retain(|_, unsaid| {
            unsaid.to.remove(peer);
            !unsaid.to.is_empty()
        });
    }

    /// Notes whether chains are to be pushed to a peer.
    pub(super) fn set_eager(&mut self, now: Timestamp, peer: PeerId, chains: &[Chain], eager: bool) {
        for chain in chains {
            if self.near.contains_key(&peer) {
                self.route(now, *chain).eager.insert(peer, eager);
            }
        }
    }

    /// Returns what is remembered of a chain.
    fn route(&mut self, now: Timestamp, chain: Chain) -> &mut Route {
        if !self.routes.contains_key(&chain) && self.routes.len() >= MAX_ROUTES {
            let oldest = self.routes.iter().min_by_key(|(_, route)| route.used).map(|(chain, _)| *chain);
            self.routes.retain(|chain, _| Some(*chain) != oldest);
        }
        let route = self.routes.entry(chain).or_default();
        route.used = now;
        route
    }

    /// Notes over whose link something of a large conversation came, and over how many in all.
    pub(super) fn came(&mut self, now: Timestamp, news: &[News], from: Option<PeerId>, hops: u8) {
        if self.is_large() {
            for news in news {
                let route = self.route(now, (news.segment, news.actor));
                (route.from, route.hops) = (from, hops);
            }
        }
    }

    pub(super) fn hops(&self, chain: Chain) -> u8 {
        self.routes.get(&chain).map_or(0, |route| route.hops)
    }

    /// A peer pushed what we had: one link too many brings these chains. Returns over which they shall not come any more:
    /// this one, or the one over which they came before, if that is the longer way.
    pub(super) fn stale(
        &mut self,
        now: Timestamp,
        from: PeerId,
        chains: &[Chain],
        hops: u8,
    ) -> BTreeMap<PeerId, Vec<Chain>> {
        let mut pruned: BTreeMap<PeerId, Vec<Chain>> = BTreeMap::new();
        for chain in chains.iter().filter(|_| self.is_large()).copied().collect::<Vec<_>>() {
            let longer = self.replace(now, chain, from, hops);
            pruned.entry(longer.unwrap_or(from)).or_default().push(chain);
        }
        for (peer, chains) in &pruned {
            self.set_eager(now, *peer, chains, false);
        }
        pruned
    }

    /// A peer announced what we have: if it is on a shorter way, chains shall come over it from now on.
    pub(super) fn shorten(
        &mut self,
        now: Timestamp,
        conversation: ConversationId,
        from: PeerId,
        held: &[News],
        effects: &mut Vec<Effect>,
    ) {
        for news in held.iter().filter(|_| self.is_large()).copied().collect::<Vec<_>>() {
            let chain = (news.segment, news.actor);
            let known = self.routes.contains_key(&chain);
            let longer = known.then(|| self.replace(now, chain, from, news.hops.saturating_add(1))).flatten();
            if let Some(longer) = longer {
                self.set_eager(now, longer, &[chain], false);
                self.set_eager(now, from, &[chain], true);
                effects.push(Effect::Graft(conversation, from, vec![chain]));
                effects.push(Effect::Prune(conversation, longer, vec![chain]));
            }
        }
    }

    /// Returns who announced something before it came: of each chain the one to whom it came over the fewest links.
    pub(super) fn nearest(&self, news: &[News]) -> Vec<(PeerId, News)> {
        let of = |news: &News| {
            let sources = &self.missing.get(&(news.segment, news.actor))?.sources;
            let nearest = sources.iter().filter(|(_, seq, _)| *seq >= news.seq).min_by_key(|(_, _, hops)| *hops);
            nearest.map(|(peer, _, hops)| (*peer, News { hops: *hops, ..*news }))
        };
        news.iter().filter_map(of).collect()
    }

    /// Notes that a chain can come over a link by so many hops; returns over whose link it came, if that took more.
    fn replace(&mut self, now: Timestamp, chain: Chain, by: PeerId, hops: u8) -> Option<PeerId> {
        let route = self.route(now, chain);
        let longer = route.from.filter(|from| *from != by && hops.saturating_add(SHORTER) <= route.hops);
        if longer.is_some() {
            (route.from, route.hops) = (Some(by), hops);
        }
        longer
    }

    /// Returns the linked peers to whom a chain is pushed.
    fn eager(&mut self, now: Timestamp, me: PeerId, chain: &Chain) -> BTreeSet<PeerId> {
        if !self.is_large() {
            return self.near.keys().copied().collect();
        }
        let mut near: Vec<PeerId> = self.near.keys().copied().collect();
        near.sort_by_key(|peer| lot(me, *peer));
        let mut eager: BTreeSet<PeerId> = near.into_iter().take(CORE).collect();
        if let Some(route) = self.routes.get_mut(chain) {
            route.used = now;
            eager.retain(|peer| route.eager.get(peer) != Some(&false));
            eager.extend(route.eager.iter().filter(|(_, eager)| **eager).map(|(peer, _)| *peer));
        }
        eager
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
        let eager = chain.map(|chain| self.eager(now, me, &chain)).unwrap_or_default();
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
        self.came(now, news, None, 0);
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
            let hops = self.hops(chain);
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

/// Returns the lot of a pair of peers: the same on both sides, and like chance.
fn lot(a: PeerId, b: PeerId) -> u64 {
    let first = |peer: PeerId| peer.0.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    // SplitMix64 (Steele, Lea, Flood, 2014).
    let mut lot = (first(a) ^ first(b)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    lot = (lot ^ (lot >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    lot = (lot ^ (lot >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    lot ^ (lot >> 31)
}
