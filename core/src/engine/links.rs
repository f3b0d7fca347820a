//! Links: which device is at the other end, and which conversations both have.
//!
//! On each new link both ends sign the link's binding with their device key and tell the keyed tags of their
//! conversations. A tag says nothing to who does not hold the conversation's secret, and is good on this link only.
//!
//! Who knows a conversation's secret is an **acquaintance**: they may show us why they are in. What we have of it we
//! **share** with those alone whose device is a member's.

use std::collections::{BTreeMap, BTreeSet};

use super::conversation::Conversation;
use super::own::Kinship;
use super::requests::Approach;
use super::{Effect, Engine, Report, keys};
use crate::conversation::{SegmentId, Vector};
use crate::crypto::{self, Signature};
use crate::envelope::Frame;
use crate::gossip;
use crate::id::{Address, ConversationId, DeviceId, PeerId, UserId};
use crate::store::IndexOp;
use crate::sync::Pull;
use crate::time::Timestamp;

const CONTEXT: &str = "bayou/1/link";

/// Tags that are taken note of on one link.
const MAX_TAGS: usize = 10_000;

/// The most knocks on one link at a time; each tick forgets one. Each costs a look at all invites.
const MAX_KNOCKS: u32 = 64;

/// A link that is up.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) binding: [u8; 32],
    pub(super) address: Address,
    /// Whether it goes over a relay.
    pub(super) relayed: bool,
    /// Who proved to be at the other end. Nothing is shared before that.
    pub(super) device: Option<DeviceId>,
    tags: BTreeSet<[u8; 16]>,
    /// How far we are if the device at the other end may be our user's.
    pub(super) kin: Kinship,
    /// Conversations of which the other end knows the secret.
    pub(super) acquainted: BTreeSet<ConversationId>,
    /// Conversations in which the other end is a member's device, and we are in too.
    pub(super) shared: BTreeSet<ConversationId>,
    /// Conversations for which we have shown why we are in.
    introduced: BTreeSet<ConversationId>,
    /// How often the other end asked to be let in, less what is forgotten.
    knocks: u32,
    /// What the other end has of conversations in which we do not know it as a member yet.
    pub(super) early: BTreeMap<ConversationId, Vec<(u32, [u8; 8])>>,
    pub(super) pull: Pull,
    /// Frames to it were dropped: nothing new is pushed until it keeps up again.
    pub(super) congested: bool,
    /// Conversations of which something new came over this link while it was being asked.
    pub(super) news: BTreeSet<ConversationId>,
    /// What we told last that we have, by conversation.
    pub(super) told: BTreeMap<ConversationId, Told>,
    /// A digest of what the other end told last, by shared conversation.
    pub(super) heard: BTreeMap<ConversationId, [u8; 8]>,
    /// How long a ping took there and back, in milliseconds.
    pub(super) round_trip: Option<u32>,
    /// How far we are if one of both asks the other to be a contact.
    pub(super) approach: Approach,
    /// In large conversations: what is durable here of chains of the other end that it was not told yet.
    pub(super) unacknowledged: BTreeMap<SegmentId, Vector>,
}

/// What we told last that we have of a conversation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    /// When.
    pub(super) at: Timestamp,
    /// When it was looked at last whether to tell it again.
    pub(super) looked: Timestamp,
    /// What.
    pub(super) digest: [u8; 8],
    /// How often it was told again since the other end said what it has, where that is something else.
    pub(super) unanswered: u8,
}

impl Engine {
    pub(super) fn listening(&mut self, address: Address, dialable: Address) {
        let place = (address, dialable.clone());
        if !self.listening.contains(&place) {
            self.listening.push(place);
            self.mail.hurry();
            self.effects.push(Effect::Report(Report::Listening(dialable)));
        }
    }

    pub(super) fn silent(&mut self, address: &Address) {
        self.listening.retain(|(listening, _)| listening != address);
    }

    pub(super) fn link_up(
        &mut self,
        now: Timestamp,
        peer: PeerId,
        binding: [u8; 32],
        (address, relayed): (Address, bool),
        listens: Vec<Address>,
    ) {
        // An inbound link comes from a port of the moment; only what the peer says it listens on can be dialled.
        let known = self.book.get(&peer).is_some_and(|known| known.addresses.contains(&address));
        let dialled = Some(address.clone()).filter(|_| known || listens.contains(&address));
        self.book.note(peer, dialled.into_iter().chain(listens));
        self.book.linked(peer, &address, now);
        self.remember(peer);
        self.gossip(now, gossip::Input::Gone(peer));
        let link = Link {
            binding,
            address,
            relayed,
            device: None,
            tags: BTreeSet::new(),
            kin: Kinship::default(),
            acquainted: BTreeSet::new(),
            shared: BTreeSet::new(),
            introduced: BTreeSet::new(),
            knocks: 0,
            early: BTreeMap::new(),
            pull: Pull::default(),
            congested: false,
            news: BTreeSet::new(),
            told: BTreeMap::new(),
            heard: BTreeMap::new(),
            round_trip: None,
            approach: Approach::default(),
            unacknowledged: BTreeMap::new(),
        };
        self.links.insert(peer, link);
        let signature = self.key.sign(CONTEXT, &[&binding, self.peer.as_bytes(), peer.as_bytes()]);
        self.send(peer, &Frame::Prove { device: self.key.device(), signature });
        self.share(peer);
        self.greet(peer);
        self.effects.push(Effect::Report(Report::Linked { peer, relayed }));
    }

    /// A link goes on over another connection.
    pub(super) fn moved(&mut self, peer: PeerId, address: Address, relayed: bool) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        link.relayed = relayed;
        link.address = address;
        self.effects.push(Effect::Report(Report::Moved { peer, relayed }));
    }

    /// Writes what is known of a peer into the index.
    pub(super) fn remember(&mut self, peer: PeerId) {
        if let Some(entry) = self.book.get(&peer) {
            let value = postcard::to_stdvec(entry).expect("an address book entry always encodes");
            self.effects.push(Effect::Index(vec![IndexOp::Put(keys::peer(&peer), value)], self.complete));
        }
    }

    pub(super) fn link_down(&mut self, now: Timestamp, peer: PeerId) {
        self.watchdog.forget(peer);
        self.gossip(now, gossip::Input::Gone(peer));
        if let Some(link) = self.links.remove(&peer) {
            self.look_again(now, &link.shared);
            if self.book.seen(peer, now) {
                self.remember(peer);
            }
            self.book.hurry(peer);
            self.effects.push(Effect::Report(Report::Unlinked(peer)));
        }
    }

    /// Drops the link to a peer on which nothing gets on, and has it dialled at once.
    pub(super) fn redial(&mut self, now: Timestamp, peer: PeerId) {
        self.effects.push(Effect::Close(peer));
        self.link_down(now, peer);
    }

    /// Notes how long a ping took.
    pub(super) fn round_trip(&mut self, peer: PeerId, ms: u32) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.round_trip = Some(ms);
        }
    }

    /// Drops the link to a peer that sent what no honest peer sends.
    pub(super) fn misbehaved(&mut self, peer: PeerId, what: &'static str) {
        self.watchdog.forget(peer);
        if self.links.remove(&peer).is_some() {
            self.problem(format!("dropped the link to peer {}: {what}", peer.fmt_short()));
            self.effects.push(Effect::Close(peer));
            self.effects.push(Effect::Report(Report::Unlinked(peer)));
        }
    }

    pub(super) fn proved(&mut self, now: Timestamp, peer: PeerId, device: DeviceId, signature: Signature) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        let parts: [&[u8]; 3] = [&link.binding, peer.as_bytes(), self.peer.as_bytes()];
        if crypto::verify(&device, CONTEXT, &parts, &signature).is_err() {
            return self.misbehaved(peer, "it could not prove its device");
        }
        link.device = Some(device);
        if self.book.proved(peer, device) {
            self.remember(peer);
        }
        self.meet(now, peer);
        self.knock(now, peer);
        self.ask_after_us(peer);
    }

    pub(super) fn shared(&mut self, now: Timestamp, peer: PeerId, tags: Vec<[u8; 16]>) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        link.tags.extend(tags.into_iter().take(MAX_TAGS.saturating_sub(link.tags.len())));
        self.meet(now, peer);
    }

    /// Tells the tags of all conversations; again after each new one.
    pub(super) fn share(&mut self, peer: PeerId) {
        let Some(link) = self.links.get(&peer) else { return };
        let ours = self.conversations.values().filter(|c| c.listens());
        let tags = ours.map(|c| tag(c, &link.binding, self.peer));
        let tags = tags.chain([self.devices_tag(&link.binding, self.peer)]).collect();
        self.send(peer, &Frame::Share { tags });
    }

    /// Begins to exchange the conversations that both are known to have by now, and ends it where one of both is out.
    pub(super) fn meet(&mut self, now: Timestamp, peer: PeerId) {
        self.regard_kin(peer);
        let ids: Vec<ConversationId> = self.conversations.keys().copied().collect();
        ids.into_iter().for_each(|id| self.regard(now, peer, id));
    }

    /// Looks again at what the other end of each link is in a conversation: its ruling changed.
    pub(super) fn regard_all(&mut self, now: Timestamp, id: ConversationId) {
        self.count(now, id);
        let peers: Vec<PeerId> = self.links.keys().copied().collect();
        peers.into_iter().for_each(|peer| self.regard(now, peer, id));
    }

    /// Looks at what the other end of a link is in a conversation.
    fn regard(&mut self, now: Timestamp, peer: PeerId, id: ConversationId) {
        let user = self.profile.user;
        let (Some(conversation), Some(link)) = (self.conversations.get(&id), self.links.get_mut(&peer)) else { return };
        let Some(device) = link.device else { return };
        if !conversation.listens() || !link.tags.contains(&tag(conversation, &link.binding, peer)) {
            link.acquainted.remove(&id);
            if link.shared.remove(&id) {
                self.gossip(now, gossip::Input::Down(id, peer));
            }
            return;
        }
        link.acquainted.insert(id);
        if conversation.devices.contains_key(&device) && conversation.member(&user).is_some() {
            link.introduced.remove(&id);
            if link.shared.insert(id) {
                let early = link.early.remove(&id).unwrap_or_default();
                self.shared_now(now, peer, id);
                self.want(peer, id, &early);
                self.look_soon(id, now);
                self.tell_heads(now, peer, id);
            }
        } else {
            let shared = link.shared.remove(&id);
            // Who is out is shown why, from records of the time when they were in.
            let whose = conversation.outsider(&device).unwrap_or(user);
            if link.introduced.insert(id) {
                self.introduce(peer, id, whose);
            }
            if shared {
                self.gossip(now, gossip::Input::Down(id, peer));
            }
        }
    }

    /// Looks again at all links after a conversation was added.
    pub(super) fn share_everywhere(&mut self, now: Timestamp) {
        let peers: Vec<PeerId> = self.links.keys().copied().collect();
        for peer in peers {
            self.share(peer);
            self.meet(now, peer);
        }
    }

    /// Tells whether a linked peer shares a conversation: nobody else is told of it.
    pub(super) fn is_shared(&self, peer: &PeerId, conversation: &ConversationId) -> bool {
        self.links.get(peer).is_some_and(|link| link.shared.contains(conversation))
    }

    /// Returns the linked peers that share a conversation.
    pub(super) fn sharing(&self, conversation: ConversationId) -> Vec<PeerId> {
        self.links.iter().filter(|(_, link)| link.shared.contains(&conversation)).map(|(peer, _)| *peer).collect()
    }

    pub(super) fn congested(&mut self, peer: PeerId) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.congested = true;
        }
    }

    pub(super) fn drained(&mut self, now: Timestamp, peer: PeerId) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        link.congested = false;
        let shared: Vec<ConversationId> = link.shared.iter().copied().collect();
        shared.into_iter().for_each(|conversation| self.tell_heads(now, peer, conversation));
    }

    pub(super) fn known(&mut self, peer: Option<PeerId>, address: Address) {
        match peer {
            Some(peer) => self.known_at(peer, vec![address]),
            None => {
                self.book.note_nameless(address.clone());
                self.effects.push(Effect::Dial(None, vec![address]));
            }
        }
    }

    /// Dials a peer at all the addresses that somebody named, at once: one that leads nowhere must not hold up the others.
    pub(super) fn known_at(&mut self, peer: PeerId, addresses: Vec<Address>) {
        if peer != self.peer && !addresses.is_empty() {
            self.book.note(peer, addresses.iter().cloned());
            self.book.hurry(peer);
            self.effects.push(Effect::Dial(Some(peer), addresses));
        }
    }

    /// Notes a peer nearby. Dialling it is the network's: it settles which of the two dials.
    pub(super) fn discovered(&mut self, peer: PeerId, addresses: Vec<Address>) {
        if peer != self.peer {
            self.book.note(peer, addresses);
        }
    }
}

impl Link {
    pub(super) fn has_tag(&self, tag: &[u8; 16]) -> bool {
        self.tags.contains(tag)
    }

    /// Counts a knock; tells whether it is to be answered.
    pub(super) fn hears_knock(&mut self) -> bool {
        let heard = self.knocks < MAX_KNOCKS;
        self.knocks += u32::from(heard);
        heard
    }

    /// Forgets one: whoever knocks no faster than a tick is heard for as long as they like.
    pub(super) fn forget_knock(&mut self) {
        self.knocks = self.knocks.saturating_sub(1);
    }
}

impl Conversation {
    /// Tells whether we listen: we were let in, now or once. Who was removed or has left goes on to listen, for somebody
    /// may have let them in again without knowing of it. Of two, one of whom is
    /// blocked, neither hears anything.
    pub(super) fn listens(&self) -> bool {
        !self.is_blocked && self.joining.as_ref().is_none_or(|joining| joining.is_welcome)
    }

    /// Returns whose device it is, if it is known as one of someone who is not in.
    fn outsider(&self, device: &DeviceId) -> Option<UserId> {
        let ruling = self.authority.last_ruling();
        let has = |user: &&UserId| ruling.devices(user).is_some_and(|devices| devices.status(device).is_some());
        self.authority.users().filter(|user| self.member(user).is_none()).find(has).copied()
    }
}

/// Returns the tag by which `teller` tells a conversation on the link with this binding.
fn tag(conversation: &Conversation, binding: &[u8; 32], teller: PeerId) -> [u8; 16] {
    let [tag @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
        crypto::keyed_hash(&conversation.secret, &[binding, teller.as_bytes()]);
    tag
}
