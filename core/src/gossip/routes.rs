//! Over which links each chain comes and goes: its tree, as one peer sees it.
//!
//! Of each chain it is remembered over whose link the newest came and by how many hops in all, and by how many others could
//! bring it, as they said when they announced it. So who loses the link over which a chain comes asks the nearest of the
//! others at once, and does not wait until the next change fails to come; and a way that is shorter takes the place of the one
//! in use.
//!
//! ```text
//!            from, hops 3                      lost: ask 1, who said 3; it is nearer than we were, so not behind us
//!  parent ───────────────► we ───► eager
//!       1 ┄┄ offers 4 ┄┄┄┄► │  ┄┄► lazy        who asks us while we have it from them: a circle, both look elsewhere
//! ```

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{ActorId, PeerId};
use crate::time::Timestamp;

/// Chains of which is remembered whom to push them to. The one that was used least lately goes first; what is then pushed in
/// vain, or not pushed, is found out anew.
const MAX_ROUTES: usize = 1024;

/// To how many a chain is pushed of which nothing is remembered.
const CORE: usize = 5;

/// More hops than any way has: how far we are from a chain's author if nobody is known to bring it.
pub(super) const FAR: u8 = u8::MAX;

/// A chain, in its segment.
pub(super) type Chain = (u32, ActorId);

/// What is remembered, by chain.
#[derive(Debug, Default)]
pub(super) struct Routes(BTreeMap<Chain, Route>);

/// Whom a chain is to be pushed to, or not, as they asked, and how it comes to us. Names linked peers only.
#[derive(Debug)]
struct Route {
    eager: BTreeMap<PeerId, bool>,
    /// Over whose link the newest came, if it was pushed.
    from: Option<PeerId>,
    /// By how many hops it came.
    hops: u8,
    /// By how many hops others would bring it.
    others: BTreeMap<PeerId, u8>,
    used: Timestamp,
}

/// A better way for a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// Over whose link it shall come no more, if it came.
    pub(super) from: Option<PeerId>,
    /// Over whose link it shall come.
    pub(super) to: PeerId,
}

impl Routes {
    /// Returns what is remembered of a chain.
    fn route(&mut self, now: Timestamp, chain: Chain) -> &mut Route {
        if !self.0.contains_key(&chain) && self.0.len() >= MAX_ROUTES {
            let oldest = self.0.iter().min_by_key(|(_, route)| route.used).map(|(chain, _)| *chain);
            oldest.and_then(|oldest| self.0.remove(&oldest));
        }
        let unknown = || Route { eager: BTreeMap::new(), from: None, hops: FAR, others: BTreeMap::new(), used: now };
        let route = self.0.entry(chain).or_insert_with(unknown);
        route.used = now;
        route
    }

    /// Notes whether a chain is to be pushed to a peer.
    pub(super) fn set_eager(&mut self, now: Timestamp, peer: PeerId, chain: Chain, eager: bool) {
        self.route(now, chain).eager.insert(peer, eager);
    }

    /// Notes over whose link a chain came, and by how many hops.
    pub(super) fn came(&mut self, now: Timestamp, chain: Chain, from: Option<PeerId>, hops: u8) {
        let route = self.route(now, chain);
        (route.from, route.hops) = (from, hops);
    }

    /// Returns by how many hops a chain comes to us.
    pub(super) fn hops(&self, chain: &Chain) -> u8 {
        self.0.get(chain).map_or(FAR, |route| route.hops)
    }

    /// Notes that a chain that we have could come over a link, too, by so many hops; says if it shall from now on.
    pub(super) fn offered(&mut self, now: Timestamp, chain: Chain, by: PeerId, hops: u8) -> Option<Turn> {
        let route = self.0.get_mut(&chain)?;
        route.others.insert(by, hops);
        let is_shorter = route.from != Some(by) && hops < route.hops;
        is_shorter.then(|| self.turn(now, chain, by, hops))
    }

    /// Takes another way.
    fn turn(&mut self, now: Timestamp, chain: Chain, to: PeerId, hops: u8) -> Turn {
        let route = self.route(now, chain);
        let from = route.from.replace(to);
        route.others.extend(from.map(|from| (from, route.hops)));
        route.eager.extend(from.map(|from| (from, false)).into_iter().chain([(to, true)]));
        route.hops = hops;
        Turn { from, to }
    }

    /// Forgets a peer; returns by whom chains shall come that came over its link.
    pub(super) fn lost(&mut self, now: Timestamp, peer: &PeerId) -> BTreeMap<PeerId, Vec<Chain>> {
        for route in self.0.values_mut() {
            route.eager.remove(peer);
            route.others.remove(peer);
        }
        let orphaned = self.0.iter().filter(|(_, route)| route.from == Some(*peer)).map(|(chain, _)| *chain);
        self.reroute(now, &orphaned.collect::<Vec<_>>())
    }

    /// A peer is to be pushed chains by us; returns by whom those shall come to us that came from that peer itself.
    pub(super) fn circular(&mut self, now: Timestamp, peer: PeerId, chains: &[Chain]) -> BTreeMap<PeerId, Vec<Chain>> {
        let is_circular = |chain: &&Chain| self.0.get(chain).is_some_and(|route| route.from == Some(peer));
        let circular: Vec<Chain> = chains.iter().filter(is_circular).copied().collect();
        for chain in &circular {
            self.0.get_mut(chain).and_then(|route| route.others.remove(&peer));
        }
        self.reroute(now, &circular)
    }

    /// Has chains come from the nearest of the others.
    fn reroute(&mut self, now: Timestamp, chains: &[Chain]) -> BTreeMap<PeerId, Vec<Chain>> {
        let mut asked: BTreeMap<PeerId, Vec<Chain>> = BTreeMap::new();
        for chain in chains {
            let Some(route) = self.0.get_mut(chain) else { continue };
            (route.from, route.hops) = (None, FAR);
            let nearest = route.others.iter().min_by_key(|(_, hops)| **hops).map(|(peer, hops)| (*peer, *hops));
            if let Some((nearest, hops)) = nearest {
                self.turn(now, *chain, nearest, hops);
                asked.entry(nearest).or_default().push(*chain);
            }
        }
        asked
    }

    /// Returns the linked peers to whom a chain is pushed: those who asked for it, and of those who asked for nothing some,
    /// by lot.
    pub(super) fn eager(
        &mut self,
        now: Timestamp,
        me: PeerId,
        chain: &Chain,
        near: impl Iterator<Item = PeerId>,
    ) -> BTreeSet<PeerId> {
        let mut near: Vec<PeerId> = near.collect();
        near.sort_by_key(|peer| lot(me, *peer));
        let mut eager: BTreeSet<PeerId> = near.into_iter().take(CORE).collect();
        if let Some(route) = self.0.get_mut(chain) {
            route.used = now;
            eager.retain(|peer| route.eager.get(peer) != Some(&false));
            eager.extend(route.eager.iter().filter(|(_, eager)| **eager).map(|(peer, _)| *peer));
        }
        eager
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
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
