//! What can happen in the simulation, and what travels over its links.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use bayou_core::envelope::{Frame, News, Told, Whereabouts};
use bayou_core::id::{ActorId, Address, ConversationId, PeerId};

/// A peer, by its number.
pub type Who = usize;

/// Something that will happen.
#[derive(Debug)]
pub enum Event {
    /// A peer looks around, once a second.
    Tick(Who),
    /// A peer's alarm rings.
    Alarm(Who),
    /// Something arrives over a link, if the link it was sent over is still there.
    Arrive {
        /// To whom.
        to: Who,
        /// From whom.
        from: Who,
        /// Which of the links that the two had.
        link: u64,
        /// What.
        what: Wire,
    },
    /// What a peer received is on its disk.
    Kept(Who, Who, Vec<Piece>, Option<(Vec<Told>, u8)>),
    /// A dial reaches whom it was for.
    Dialled(Who, Who),
    /// A peer writes a message.
    Write(Who),
    /// A peer comes (back).
    Start(Who),
    /// A peer notices that another is gone who was at the other end of a link.
    Notice(Who, Who, u64),
    /// Something befalls peers or links, once a second.
    Harm,
}

/// What travels.
#[derive(Debug, Clone)]
pub enum Wire {
    /// Changes, unasked; who was told, and over how many links they came.
    Push(Vec<Piece>, Vec<Told>, u8),
    /// Changes that were asked for by sync.
    Changes(Vec<Piece>),
    /// A digest of what the sender has, here the thing itself.
    Heads(BTreeMap<Who, u32>),
    /// What the sender has: asks for what is beyond.
    Have(BTreeMap<Who, u32>),
    /// Frames of gossip.
    Announce(Vec<News>),
    /// See [`Frame::Graft`].
    Graft(Vec<(Who, u32)>),
    /// See [`Frame::Prune`].
    Prune(Vec<(u32, ActorId)>),
    /// See [`Frame::Nearby`].
    Nearby(Vec<Who>),
    /// See [`Frame::Enough`].
    Enough,
}

/// A change.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    /// Who wrote it.
    pub author: Who,
    /// Where in the author's chain.
    pub seq: u32,
    /// Over how many links it came.
    pub hops: u32,
}

/// The one conversation of the simulation.
pub const CONVERSATION: ConversationId = ConversationId([1; 32]);

/// Returns a peer's name on the network. Numbers are spread, so that neighbours by number are none by name.
pub fn peer_id(who: Who) -> PeerId {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&(who as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    id[8..16].copy_from_slice(&(who as u64).to_be_bytes());
    PeerId(id)
}

/// Returns whose name on the network it is.
pub fn who(peer: &PeerId) -> Who {
    let mut number = [0; 8];
    number.copy_from_slice(&peer.0[8..16]);
    usize::try_from(u64::from_be_bytes(number)).expect("one of ours")
}

/// Returns the chain that somebody writes.
pub fn actor(who: Who) -> ActorId {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&(who as u64).to_be_bytes());
    ActorId(id)
}

/// Returns who writes a chain.
pub fn author(actor: &ActorId) -> Who {
    let mut number = [0; 8];
    number.copy_from_slice(&actor.0[8..]);
    usize::try_from(u64::from_be_bytes(number)).expect("one of ours")
}

impl Wire {
    /// Returns how many bytes it takes, if it carries no changes: as the real frame does.
    pub fn control_bytes(&self) -> u64 {
        let news = |(who, seq): &(Who, u32)| News { segment: 0, actor: actor(*who), seq: *seq, hops: 0 };
        let conversation = CONVERSATION;
        let frame = match self {
            Wire::Push(..) | Wire::Changes(_) => return 0,
            Wire::Heads(_) => Frame::Heads { conversation, controls: [0; 32], segments: vec![(0, [0; 8])] },
            Wire::Have(held) => {
                let tips = held.iter().map(|(who, seq)| (actor(*who), (*seq, [0; 8]))).collect();
                Frame::Have { conversation, segment: 0, tips }
            }
            Wire::Announce(news) => Frame::Announce { conversation, news: news.clone() },
            Wire::Graft(chains) => Frame::Graft { conversation, chains: chains.iter().map(news).collect() },
            Wire::Prune(chains) => Frame::Prune { conversation, chains: chains.clone() },
            Wire::Nearby(peers) => {
                let places = ["/ip4/203.0.113.77/udp/40001/quic-v1", "/ip4/192.168.178.30/udp/40001/quic-v1"];
                let addresses = places.map(|place| Address(place.into())).to_vec();
                let nearby = |who: &Who| Whereabouts { peer: peer_id(*who), addresses: addresses.clone() };
                Frame::Nearby { conversation, peers: peers.iter().map(nearby).collect() }
            }
            Wire::Enough => Frame::Enough,
        };
        frame.encode().len() as u64
    }
}

/// An event in the queue: the earliest is the greatest; of one time, the one that was put in first.
pub struct Due {
    /// When.
    pub at: u64,
    /// Which.
    pub number: u64,
    /// What.
    pub event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}
