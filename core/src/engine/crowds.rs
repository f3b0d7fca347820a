//! Carries out what `gossip` decides, and tells members where other members' peers may be reached.
//!
//! An announcement names how far chains go. Who lacks something of them, and is not pushed it in time, asks for it
//! (`Graft`), and is answered as by a push: with what is beyond what they have, as sync would hand it over.

use std::collections::BTreeMap;

use super::exchange::{ANSWER_BUDGET, FRAME_BUDGET};
use super::{Effect, Engine, View, queries};
use crate::conversation::SegmentId;
use crate::envelope::{Frame, News, Whereabouts};
use crate::gossip;
use crate::id::{Address, ConversationId, PeerId};
use crate::time::Timestamp;

/// Places in chains that one frame is heard for.
const MAX_NEWS: usize = 1024;

/// Peers of which one frame is heard, and addresses that are told and heard of each.
const MAX_NEARBY: usize = 16;
const MAX_ADDRESSES: usize = 4;

/// The longest address that is heard, in bytes.
const MAX_ADDRESS: usize = 256;

impl Engine {
    /// Tells gossip what happened, and carries out what it wants.
    pub(super) fn gossip(&mut self, now: Timestamp, input: gossip::Input) {
        for effect in self.gossip.handle(now, input) {
            self.fulfil(now, effect);
        }
    }

    pub(super) fn fulfil(&mut self, now: Timestamp, effect: gossip::Effect) {
        use gossip::Effect as Wish;
        let is_own = |engine: &Engine, peer| engine.links.get(peer).is_none_or(|link| link.kin.is_own);
        match effect {
            // Its runs are with whoever told of them.
            Wish::Push(..) => {}
            Wish::Announce(conversation, to, news) => self.tell_member(to, &Frame::Announce { conversation, news }),
            Wish::Graft(conversation, to, chains) => {
                let held =
                    |(segment, actor)| News { segment, actor, seq: self.held(conversation, segment, &actor), hops: 0 };
                let chains = chains.into_iter().map(held).collect();
                self.tell_member(to, &Frame::Graft { conversation, chains });
            }
            Wish::Prune(conversation, to, chains) => self.tell_member(to, &Frame::Prune { conversation, chains }),
            Wish::Introduce(conversation, to, peers) => self.tell_nearby(conversation, to, &peers),
            Wish::Dial(peer) => {
                if let Some(addresses) = self.book.dial(now, &peer) {
                    self.effects.push(Effect::Dial(Some(peer), addresses));
                }
            }
            // A link between devices of one user is for more than their conversations.
            Wish::Enough(peer) if !is_own(self, &peer) => self.send(peer, &Frame::Enough),
            Wish::Close(peer) if !is_own(self, &peer) => self.effects.push(Effect::Close(peer)),
            Wish::Enough(_) | Wish::Close(_) => {}
            Wish::Alarm(at) => self.effects.push(Effect::Alarm(at)),
        }
    }

    /// Sends a frame about a conversation, if the peer shares it still: who may be told is not for gossip to say.
    fn tell_member(&mut self, to: PeerId, frame: &Frame) {
        if frame.conversation().is_some_and(|id| self.is_shared(&to, &id)) {
            self.send(to, frame);
        }
    }

    /// Handles what peers say to each other for gossip's sake.
    pub(super) fn hint(&mut self, now: Timestamp, peer: PeerId, frame: Frame, view: &dyn View) {
        match frame {
            Frame::Announce { conversation, news } => self.announced(now, peer, conversation, &news),
            Frame::Graft { conversation, chains } => self.grafted(now, peer, conversation, &chains, view),
            Frame::Prune { conversation, chains } => {
                let chains = chains.into_iter().take(MAX_NEWS).collect();
                self.gossip(now, gossip::Input::Pruned(conversation, peer, chains));
            }
            Frame::Nearby { conversation, peers } => self.nearby(now, conversation, peers),
            Frame::Enough => self.gossip(now, gossip::Input::Enough(peer)),
            _ => {}
        }
    }

    /// Tells gossip how many are in a conversation, as far as its records tell.
    pub(super) fn count(&mut self, now: Timestamp, id: ConversationId) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        let ours = conversation.devices.contains_key(&self.key.device());
        let input = match conversation.devices.len().checked_sub(1) {
            Some(others) if ours => gossip::Input::Crowd(id, others),
            _ => gossip::Input::Left(id),
        };
        self.gossip(now, input);
    }

    /// Notes that a linked peer shares a conversation.
    pub(super) fn shared_now(&mut self, now: Timestamp, peer: PeerId, id: ConversationId) {
        self.count(now, id);
        if self.book.shares(peer, id) {
            self.remember(peer);
        }
        self.gossip(now, gossip::Input::Up(id, peer));
    }

    /// Notes that a peer is in a conversation, as far as is known.
    pub(super) fn shares(&mut self, now: Timestamp, peer: PeerId, id: ConversationId) {
        self.book.shares(peer, id);
        self.gossip(now, gossip::Input::Known(id, vec![peer]));
    }

    /// A peer has this of some chains, and all before.
    fn announced(&mut self, now: Timestamp, from: PeerId, id: ConversationId, news: &[News]) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        let since = conversation.authority.last_ruling().reads_from(&self.profile.user).unwrap_or(u32::MAX);
        let readable = news.iter().take(MAX_NEWS).filter(|news| news.segment >= since).copied();
        let (held, lacking): (Vec<News>, Vec<News>) =
            readable.partition(|news| self.held(id, news.segment, &news.actor) >= news.seq);
        self.gossip(now, gossip::Input::Announced { conversation: id, from, lacking, held });
    }

    /// A peer wants to be pushed to, and lacks what is beyond these places of chains.
    fn grafted(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        conversation: ConversationId,
        chains: &[News],
        view: &dyn View,
    ) {
        let wanted = chains.iter().take(MAX_NEWS).map(|news| (news.segment, news.actor)).collect();
        self.gossip(now, gossip::Input::Grafted(conversation, peer, wanted));
        let mut segments: BTreeMap<u32, Vec<&News>> = BTreeMap::new();
        for news in chains.iter().take(MAX_NEWS).filter(|n| self.held(conversation, n.segment, &n.actor) > n.seq) {
            segments.entry(news.segment).or_default().push(news);
        }
        for (segment, chains) in segments {
            let id = SegmentId { conversation, number: segment };
            if !self.may_read(peer, id) {
                continue;
            }
            let due = self.due_bodies(id, now, view);
            let runs = match self.shelf.settled(id, view) {
                Ok(ours) => {
                    let mut have = ours.vector().clone();
                    have.extend(chains.iter().map(|news| (news.actor, news.seq)));
                    ours.missing(&have, ANSWER_BUDGET, FRAME_BUDGET).0
                }
                Err(error) => return self.problem(error.to_string()),
            };
            let hops =
                chains.iter().map(|news| self.gossip.hops(&conversation, segment, news.actor)).max().unwrap_or(0);
            for runs in self.fit(id, runs, &due).into_iter().filter(|runs| !runs.is_empty()) {
                let (told, hops) = (Vec::new(), hops.saturating_add(1));
                self.send(peer, &Frame::Push { conversation, segment, told, hops, runs });
            }
        }
    }

    /// Another member told where others may be reached.
    fn nearby(&mut self, now: Timestamp, id: ConversationId, peers: Vec<Whereabouts>) {
        let me = self.peer;
        for Whereabouts { peer, addresses } in peers.into_iter().take(MAX_NEARBY).filter(|found| found.peer != me) {
            let short = addresses.into_iter().take(MAX_ADDRESSES).filter(|address| address.0.len() <= MAX_ADDRESS);
            let heard = self.book.hear(peer, short);
            if self.book.get(&peer).is_none() {
                continue;
            }
            let is_new = self.book.shares(peer, id);
            self.gossip(now, gossip::Input::Known(id, vec![peer]));
            if heard || is_new {
                self.remember(peer);
            }
        }
    }

    /// Tells a member where others may be reached.
    fn tell_nearby(&mut self, conversation: ConversationId, to: PeerId, peers: &[PeerId]) {
        let whereabouts = |peer: &PeerId| {
            let mut addresses: Vec<Address> = self.book.get(peer)?.addresses.clone();
            addresses.sort_by_key(queries::usefulness);
            addresses.truncate(MAX_ADDRESSES);
            (!addresses.is_empty()).then_some(Whereabouts { peer: *peer, addresses })
        };
        let peers: Vec<Whereabouts> = peers.iter().filter_map(whereabouts).collect();
        if !peers.is_empty() {
            self.tell_member(to, &Frame::Nearby { conversation, peers });
        }
    }

    /// Returns how much of a chain is durable here.
    fn held(&self, id: ConversationId, segment: u32, actor: &crate::id::ActorId) -> u32 {
        let heads = self.conversations.get(&id).and_then(|known| known.heads.get(&segment));
        heads.and_then(|heads| heads.vector.get(actor)).copied().unwrap_or(0)
    }
}
