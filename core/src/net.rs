//! The network: one link to each peer, over which opaque frames travel in order. libp2p is named only in this folder.
//!
//! One task owns the swarm; everyone else holds [`Net`], a cheap handle with bounded queues. A **link** is one
//! long-lived stream to one peer, pinned to the best connection there is (direct before relayed). Links shake hands with
//! protocol version and boot nonce, so that a peer that restarted under the same [`PeerId`] is recognised at once and
//! its dead connection is dropped instead of waited for.
//!
//! This room carries bytes under ids; it knows no message and no conversation. Loss is allowed: when a peer takes frames
//! too slowly its queue fills, further frames for it are dropped, and [`NetEvent::Congested`] says so; sync mends it later.

use bytes::Bytes;

use crate::id::{Address, PeerId};

/// The largest frame, in bytes.
pub const MAX_FRAME: usize = 1024 * 1024;

/// Frames that may wait for one peer before further ones are dropped.
pub const MAX_QUEUED_FRAMES: usize = 1024;

/// Bytes that may wait for one peer before further frames are dropped.
pub const MAX_QUEUED_BYTES: usize = 16 * 1024 * 1024;

/// What the network needs to know to start.
#[derive(Clone)]
pub struct NetConfig {
    /// The Ed25519 seed of the transport key; gives the [`PeerId`].
    pub secret: [u8; 32],
    /// Where to listen; port 0 lets the system choose.
    pub listen: Vec<Address>,
    /// Whether to find peers on the local network by mDNS.
    pub mdns: bool,
    /// Random for each start; tells a restarted peer from one that only connected again.
    pub boot: u64,
}

/// What happens on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetEvent {
    /// We listen at this address (without `/p2p/…`).
    Listening(Address),
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
    },
    /// The link to a peer is gone.
    LinkDown(PeerId),
    /// A frame arrived; at most [`MAX_FRAME`] bytes. The peer is not read further while the event queue is full.
    Frame(PeerId, Bytes),
    /// The queue to this peer was full and a frame was dropped. Said once; nothing more is queued until `Drained`.
    Congested(PeerId),
    /// The queue to this peer is empty again.
    Drained(PeerId),
    /// A peer announced itself on the local network.
    Discovered(PeerId, Vec<Address>),
    /// A dial came to nothing. The peer is known if the dial named it.
    DialFailed(Option<PeerId>, Address, String),
}
