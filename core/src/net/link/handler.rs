//! Opens the one link stream of a connection, or accepts it, and hands it out.

use std::convert::Infallible;
use std::task::{Context, Poll};

use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol};
use libp2p::{Stream, StreamProtocol};

use super::PROTOCOL;

/// The link stream, or in plain words why there is none.
pub(super) type Outcome = Result<Stream, String>;

/// One connection's part in making a link.
#[derive(Debug)]
pub(in crate::net) struct Handler {
    dialer: bool,
    state: State,
}

/// How far the stream has come. It can only move forward, so that no peer can make us open or accept a second one.
#[derive(Debug)]
enum State {
    /// The dialer is to open the stream.
    Closed,
    /// The stream is on its way.
    Awaited,
    /// It came, or will not come; this is to be reported.
    Settled(Outcome),
    /// All said.
    Done,
}

impl Handler {
    pub(super) fn dialer() -> Handler {
        Handler { dialer: true, state: State::Closed }
    }

    pub(super) fn listener() -> Handler {
        Handler { dialer: false, state: State::Awaited }
    }

    fn settle(&mut self, outcome: Outcome) {
        if matches!(self.state, State::Awaited) {
            self.state = State::Settled(outcome);
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Outcome;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<ReadyUpgrade<StreamProtocol>> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, (), Outcome>> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Closed => {
                self.state = State::Awaited;
                Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol: self.listen_protocol() })
            }
            State::Settled(outcome) => Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(outcome)),
            unchanged => {
                self.state = unchanged;
                Poll::Pending
            }
        }
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<ReadyUpgrade<StreamProtocol>, ReadyUpgrade<StreamProtocol>>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, .. }) if self.dialer => {
                self.settle(Ok(protocol));
            }
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. }) if !self.dialer => {
                self.settle(Ok(protocol));
            }
            ConnectionEvent::DialUpgradeError(failed) => self.settle(Err(match failed.error {
                StreamUpgradeError::NegotiationFailed => "it is not a Bayou peer".to_owned(),
                StreamUpgradeError::Timeout => "it answered too slowly".to_owned(),
                StreamUpgradeError::Io(error) => format!("the connection broke: {error}"),
                StreamUpgradeError::Apply(never) => match never {},
            })),
            _ => {}
        }
    }
}
