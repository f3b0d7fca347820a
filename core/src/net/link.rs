//! A link: one stream to one peer that carries its frames, from the first hello to the last byte.
//!
//! The dialer of a connection opens the stream (`handler`). Both ends say hello: version, boot nonce, where they listen
//! (`handshake`). Two peers may dial each other at the same time and have two such streams, so **one end chooses: the
//! peer with the smaller id keeps the first that got so far** (`choice`) and says so on it; the other end follows. Since
//! only one end decides, both always keep the same, and no link goes up that must come down again. The other end
//! confirms, both report the link up, and from there on frames flow (`pump`) from the outbox of the peer (`outbox`).
//!
//! ```text
//!   smaller peer                      larger peer
//!        hello  ──────────── ────────────  hello       (`greet`: at once, from both sides)
//!        keep   ────────────────────────▶              (or spare: another one is kept)
//!               ◀────────────────────────  kept        (`confirm`)
//!        frames ◀───────────────────────▶  frames      (`pump`)
//! ```
//!
//! The stream is handed out of the swarm as soon as it is negotiated; each link is a task of its own.

pub(super) mod choice;
pub(super) mod ends;
pub(super) mod greet;
mod handler;
pub(super) mod handshake;
pub(super) mod intake;
pub(super) mod outbox;
pub(super) mod pump;

use std::collections::{BTreeSet, VecDeque};
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandlerInEvent, ToSwarm};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol};

use handler::Handler;

/// The name under which the stream is negotiated; the hello then says which version of the link is spoken.
const PROTOCOL: StreamProtocol = StreamProtocol::new("/bayou/link/1");

/// What became of the link stream of a connection. Comes at most once for each connection.
#[derive(Debug)]
pub(super) struct Event {
    /// The connection that carries it.
    pub(super) connection: ConnectionId,
    /// The stream, or in plain words why there is none.
    pub(super) stream: Result<Stream, String>,
}

/// The part of the swarm that gives each connection its link stream.
#[derive(Default)]
pub(super) struct Behaviour {
    /// At most one for each connection.
    events: VecDeque<Event>,
    /// Connections on their way that are to carry no link; few, as they are few at a time.
    linkless: BTreeSet<ConnectionId>,
}

impl Behaviour {
    /// Opens no link on a connection that we are about to dial.
    pub(super) fn leave_out(&mut self, connection: ConnectionId) {
        self.linkless.insert(connection);
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        admit(&peer).map(|()| Handler::listener())
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        role: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        // A hole punch makes both ends dial; the role says who counts as the dialer.
        let opens = !self.linkless.remove(&connection) && role.is_dialer();
        admit(&peer).map(|()| if opens { Handler::dialer() } else { Handler::listener() })
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        if let FromSwarm::DialFailure(failed) = event {
            self.linkless.remove(&failed.connection_id);
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, connection: ConnectionId, stream: handler::Outcome) {
        self.events.push_back(Event { connection, stream });
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Event, THandlerInEvent<Self>>> {
        self.events.pop_front().map_or(Poll::Pending, |event| Poll::Ready(ToSwarm::GenerateEvent(event)))
    }
}

/// Our peers have Ed25519 keys; whoever has another is of another network.
fn admit(peer: &PeerId) -> Result<(), ConnectionDenied> {
    super::address::ours(peer).map(|_| ()).ok_or_else(|| ConnectionDenied::new("the peer's key is not Ed25519"))
}
