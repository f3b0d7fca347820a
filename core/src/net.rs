//! The network: one link to each peer, over which opaque frames travel in order. libp2p is named only in this folder.
//!
//! One task owns the swarm ([`swarm`]); everyone else holds [`Net`], a cheap handle with bounded queues. A **link** is
//! one long-lived stream to one peer, pinned to the best connection there is (direct before relayed). Links shake hands
//! with protocol version and boot nonce, so that a peer that restarted under the same [`PeerId`] is recognised at once
//! and its dead connection is dropped instead of waited for.
//!
//! The way of a frame: [`Net::send`] puts it into the peer's outbox without asking the swarm; the link's task writes it
//! to the stream; the other end's link task reads it and hands it over as [`NetEvent::Frame`]. Each link is a task of
//! its own, so a slow peer holds up nobody else.
//!
//! This room carries bytes under ids; it knows no message and no conversation. Loss is allowed: when a peer takes frames
//! too slowly its queue fills, further frames for it are dropped, and [`NetEvent::Congested`] says so; sync mends it later.

mod address;
mod behaviour;
mod circle;
mod discovery;
mod failure;
mod link;
mod links;
pub mod mailbox;
pub mod meeting;
mod punch;
mod rendezvous;
mod reservation;
mod swarm;
pub mod tls;
pub mod token;
mod transport;
pub mod visit;

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

pub use address::{peer_of, split_peer, through, with_peer};
use link::ends::Ends;
use links::Links;
use swarm::Hub;

use crate::id::{Address, Namespace, PeerId};

/// Events that may wait for whoever holds the receiver; while they do, no link is read further. One event holds at most
/// one frame, so this times [`MAX_FRAME`] is the most that peers can make us keep.
const MAX_QUEUED_EVENTS: usize = 256;

/// Frames of one peer that may wait to be taken: so many may stand before those of all others.
const MAX_UNHANDLED: usize = 8;

/// Commands that may wait for the swarm's task.
const MAX_QUEUED_COMMANDS: usize = 256;

/// The largest frame, in bytes.
pub const MAX_FRAME: usize = 1024 * 1024;

/// Frames that may wait for one peer before further ones are dropped.
pub const MAX_QUEUED_FRAMES: usize = 1024;

/// Bytes that may wait for one peer before further frames are dropped.
pub const MAX_QUEUED_BYTES: usize = 16 * 1024 * 1024;

/// The most addresses that are taken from one answer of a node about one peer.
const MAX_FOUND: usize = 8;

/// How far a peer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Circle {
    /// Wherever an address leads.
    #[default]
    Anywhere,
    /// Over no relay but the chosen nodes.
    OwnNodes,
    /// Not beyond the local network, and over no node.
    Lan,
}

/// A node that a person chose.
#[derive(Clone)]
pub struct ChosenNode {
    /// Where it is, with its `/p2p/…`.
    pub address: Address,
    /// What is shown there, if the node lets in only who shows a token.
    pub token: Option<Zeroizing<Vec<u8>>>,
}

/// What is heard of a node that a person chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeNews {
    /// Whether it keeps mail.
    KeepsMail(bool),
    /// Whether it serves us: it knows the token that we show, or asks for none.
    Admitted(bool),
    /// It was not reached; why, in plain words.
    Unreached(String),
}

/// What the network needs to know to start.
#[derive(Clone, Default)]
pub struct NetConfig {
    /// The Ed25519 seed of the transport key; gives the [`PeerId`].
    pub secret: [u8; 32],
    /// Where to listen; port 0 lets the system choose. Empty: every interface, any port, by QUIC and by TCP.
    pub listen: Vec<Address>,
    /// Whether to find peers on the local network by mDNS.
    pub mdns: bool,
    /// Random for each start; tells a restarted peer from one that only connected again.
    pub boot: u64,
    /// Nodes that make us reachable and know who else is there.
    pub nodes: Vec<ChosenNode>,
    /// Who vouches for nodes that are reached in TLS, besides the public roots.
    pub roots: tls::Roots,
    /// How far we go.
    pub circle: Circle,
    /// Whether to ask the local router for a way in.
    pub upnp: bool,
}

/// What happens on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetEvent {
    /// We can be reached at this address (without our `/p2p/…`): an interface of ours, a place at a node, or what a node
    /// or the router said.
    Listening(Address),
    /// We cannot be reached there any more.
    Silent(Address),
    /// A link to a peer is up. At most one link a peer at a time; a new one replaces the old after its `LinkDown`.
    LinkUp {
        /// The peer at the other end; the transport proved it.
        peer: PeerId,
        /// A value that only the two ends of this very link know to be theirs: hash of both peer ids and both boot
        /// nonces. A device proves itself by signing it.
        binding: [u8; 32],
        /// Where the peer is.
        address: Address,
        /// Where the peer says it listens; for the address book.
        listens: Vec<Address>,
        /// Whether the link goes over a relay.
        relayed: bool,
    },
    /// A link goes on over another connection; nothing was lost.
    Moved {
        /// The peer at the other end.
        peer: PeerId,
        /// Where it is now.
        address: Address,
        /// Whether the link goes over a relay.
        relayed: bool,
    },
    /// The link to a peer is gone.
    LinkDown(PeerId),
    /// A frame arrived; at most [`MAX_FRAME`] bytes. The peer is not read further while eight of its frames wait to be
    /// taken.
    Frame(PeerId, Bytes),
    /// The queue to this peer was full and a frame was dropped. Said once; nothing more is queued until it is empty.
    Congested(PeerId),
    /// The queue to this peer is empty again.
    Drained(PeerId),
    /// A ping over the link to this peer took so many milliseconds there and back. At most one each quarter of a minute.
    RoundTrip(PeerId, u32),
    /// A peer announced itself on the local network.
    Discovered(PeerId, Vec<Address>),
    /// A node told where a peer is that looks for the same as we.
    Found(PeerId, Vec<Address>),
    /// Something was heard of one of our nodes.
    Node(PeerId, NodeNews),
    /// What a mailbox answered to an errand, or in plain words why it did not.
    Mailed(u64, Result<mailbox::Answer, String>),
    /// A dial came to nothing. The peer is known if the dial named it.
    DialFailed(Option<PeerId>, Address, String),
}

/// Why the network did not start, or did not understand an address.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The text is no multiaddr, or its `/p2p/…` part is not a peer of ours.
    #[error("`{0}` is not an address; expected something like /ip4/192.0.2.7/udp/4001/quic-v1/p2p/12D3Koo…")]
    BadAddress(String),
    /// We cannot listen there.
    #[error("cannot listen on {address}: {reason}; choose another address or port")]
    Listen {
        /// Where.
        address: Address,
        /// What the system said.
        reason: String,
    },
    /// The system did not give us what the transports need.
    #[error("cannot start the network: {0}")]
    Start(String),
}

/// What the handle asks of the swarm's task.
enum Command {
    Dial(Option<PeerId>, Vec<Address>),
    Nodes(Vec<ChosenNode>),
    Register(Vec<Namespace>),
    Seek(Vec<Namespace>),
    Mail(u64, Address, mailbox::Request),
    Connections(oneshot::Sender<usize>),
    Stop(oneshot::Sender<()>),
}

/// A handle on the running network. Cheap to clone; the network stops when the last one is dropped.
#[derive(Clone)]
pub struct Net {
    me: PeerId,
    ends: Ends,
    commands: mpsc::Sender<Command>,
}

/// What happens on the network, in order for each peer.
pub struct NetEvents {
    happened: mpsc::Receiver<NetEvent>,
    ends: Ends,
}

impl NetEvents {
    /// Waits for the next event; `None` when the network has stopped.
    pub async fn recv(&mut self) -> Option<NetEvent> {
        let event = self.happened.recv().await;
        event.inspect(|event| self.taken(event))
    }

    /// Returns the next event if there is one.
    pub fn try_recv(&mut self) -> Option<NetEvent> {
        let event = self.happened.try_recv().ok();
        event.inspect(|event| self.taken(event))
    }

    /// Lets the link of a frame hand over another.
    fn taken(&self, event: &NetEvent) {
        if let NetEvent::Frame(peer, _) = event
            && let Some(end) = self.ends.get(*peer)
        {
            end.intake.handled();
        }
    }
}

impl Net {
    /// Starts the network and returns a handle on it and what happens there. Must be called inside a tokio runtime.
    pub fn start(config: NetConfig) -> Result<(Net, NetEvents), NetError> {
        let (events, happened) = mpsc::channel(MAX_QUEUED_EVENTS);
        let (commands, asked) = mpsc::channel(MAX_QUEUED_COMMANDS);
        let ends = Ends::default();
        let me = peer_of(&config.secret);
        let links = Links::new(me, config.boot, ends.clone(), events.clone());
        let hub = Hub::new(&config, links)?;
        let happened = NetEvents { happened, ends: ends.clone() };
        tokio::spawn(hub.run(asked, events));
        Ok((Net { me, ends, commands }, happened))
    }

    /// Returns who we are on the network.
    pub fn peer(&self) -> PeerId {
        self.me
    }

    /// Sets out to link with a peer at any of these addresses. A peer that is linked already is left alone.
    ///
    /// Without a peer, each address may name its own by `/p2p/…`, and whoever answers is welcome where it does not.
    /// The answer comes as an event: `LinkUp` or `DialFailed`.
    pub fn dial(&self, peer: Option<PeerId>, addresses: Vec<Address>) {
        self.order(Command::Dial(peer, addresses));
    }

    /// Uses these nodes from now on, and no others.
    pub fn use_nodes(&self, nodes: Vec<ChosenNode>) {
        self.order(Command::Nodes(nodes));
    }

    /// Lets others find us at our nodes under these namespaces from now on, and under no others.
    pub fn register(&self, namespaces: Vec<Namespace>) {
        self.order(Command::Register(namespaces));
    }

    /// Asks our nodes who else is there, under namespaces under which we can be found. Answers come as
    /// [`NetEvent::Found`].
    pub fn seek(&self, namespaces: Vec<Namespace>) {
        self.order(Command::Seek(namespaces));
    }

    /// Asks a mailbox, whose address names its node by `/p2p/…`. The answer comes as [`NetEvent::Mailed`], if nothing is in
    /// the way of it; who asks waits for some time only.
    pub fn mail(&self, errand: u64, node: Address, request: mailbox::Request) {
        self.order(Command::Mail(errand, node, request));
    }

    /// What is dropped here is asked for again.
    fn order(&self, command: Command) {
        if self.commands.try_send(command).is_err() {
            tracing::warn!("too many orders wait for the network; one was dropped");
        }
    }

    /// Queues a frame for a linked peer. Never waits; without a link, or over the bounds, the frame is dropped.
    pub fn send(&self, peer: PeerId, frame: Bytes) {
        // On a link, an empty frame means that it moves.
        if frame.is_empty() || frame.len() > MAX_FRAME {
            tracing::error!(bytes = frame.len(), "a frame that is empty or over the limit was not sent");
            return;
        }
        if let Some(end) = self.ends.get(peer) {
            end.outbox.push(frame);
        }
    }

    /// Drops the link to a peer that misbehaved.
    pub fn close(&self, peer: PeerId) {
        if let Some(end) = self.ends.get(peer) {
            end.outbox.close();
        }
    }

    /// Returns how many of a peer's frames wait to be taken; at most eight.
    pub fn waiting(&self, peer: PeerId) -> usize {
        self.ends.get(peer).map_or(0, |end| end.intake.waiting())
    }

    /// Does not read this peer's link for so long. It is held up, and nobody else.
    pub fn rest(&self, peer: PeerId, rest: Duration) {
        if let Some(end) = self.ends.get(peer) {
            end.intake.rest(rest);
        }
    }

    /// Returns how many connections are open, with or without a link on them.
    pub async fn connections(&self) -> usize {
        let (answer, answered) = oneshot::channel();
        // A network that has stopped has none.
        if self.commands.send(Command::Connections(answer)).await.is_err() {
            return 0;
        }
        answered.await.unwrap_or(0)
    }

    /// Closes all connections in order, so that peers need not wait for a timeout to know, and stops the network.
    pub async fn stop(self) {
        let (done, stopped) = oneshot::channel();
        if self.commands.send(Command::Stop(done)).await.is_ok() {
            // An error only says that it had stopped already.
            stopped.await.ok();
        }
    }
}
