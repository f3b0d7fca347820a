//! The asking half: a behaviour that a peer's swarm can hold.
//!
//! Requests go to a node by its peer id; to be asked, it must be connected or among the addresses that the swarm knows
//! (libp2p dials it then). Each request gets exactly one outcome.

use std::time::Duration;

use libp2p::request_response::{self, Event, Message, OutboundFailure, OutboundRequestId, ProtocolSupport};

use super::{Answer, Codec, PROTOCOL, Request};
use crate::id::PeerId;
use crate::net::address::theirs;

/// How long a node may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Requests that may be under way on one connection. More fail at once.
const MAX_AT_ONCE: usize = 8;

/// The behaviour: `send_request` begins, and its events go through [`outcome`].
pub(in crate::net) type Behaviour = request_response::Behaviour<Codec>;

/// What became of a request.
#[derive(Debug)]
pub(in crate::net) struct Outcome {
    /// Which one, as [`ask`] named it.
    pub(in crate::net) request: OutboundRequestId,
    /// The node's answer, or in plain words why there is none.
    pub(in crate::net) answer: Result<Answer, String>,
}

/// Returns the asking half.
pub(in crate::net) fn behaviour() -> Behaviour {
    let config =
        request_response::Config::default().with_request_timeout(PATIENCE).with_max_concurrent_streams(MAX_AT_ONCE);
    request_response::Behaviour::with_codec(Codec::new(), [(PROTOCOL, ProtocolSupport::Outbound)], config)
}

/// Asks a node.
pub(in crate::net) fn ask(behaviour: &mut Behaviour, node: PeerId, request: Request) -> OutboundRequestId {
    behaviour.send_request(&theirs(node), Some(request))
}

/// Reads an event of the asking half. Some tell nothing.
pub(in crate::net) fn outcome(event: Event<Option<Request>, Answer>) -> Option<Outcome> {
    match event {
        Event::Message { message: Message::Response { request_id: request, response }, .. } => {
            Some(Outcome { request, answer: Ok(response) })
        }
        Event::OutboundFailure { request_id: request, error, .. } => {
            let reason = match error {
                OutboundFailure::DialFailure => "the node cannot be reached",
                OutboundFailure::Timeout => "the node did not answer in time",
                OutboundFailure::ConnectionClosed => "the node hung up",
                OutboundFailure::UnsupportedProtocols => "the node keeps no mail",
                OutboundFailure::Io(_) => "what the node answered was not understood",
            };
            Some(Outcome { request, answer: Err(reason.to_owned()) })
        }
        _ => None,
    }
}
