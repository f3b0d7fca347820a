//! A visit to a node: connects to it as a peer would, asks what it offers, and tries it.
//!
//! `bayou-bootstrap doctor` and the load generator make visits. A visit has a swarm of its own, which goes on only while
//! one of its methods waits (or [`Visit::stay`] does).

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use libp2p::multiaddr::Protocol;
use libp2p::request_response::{self, Message, OutboundRequestId, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, StreamProtocol, Swarm, identify, ping, relay};
use tokio::time::{Instant, timeout};

use super::address::theirs;
use super::mailbox::{self, Answer, Request, client};
use super::tls::Roots;
use super::{NetError, behaviour, failure, split_peer, token, transport};
use crate::id::{Address, PeerId};

/// How long a node may take for each thing that it is asked.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a visit may last without a word.
const IDLE: Duration = Duration::from_secs(3600);

/// What a node offers, as it says itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offers {
    /// Peers can find each other there.
    pub rendezvous: bool,
    /// It tells where peers are.
    pub kademlia: bool,
    /// Peers can be reached through it.
    pub relay: bool,
    /// It dials who asks for it.
    pub autonat: bool,
    /// It keeps envelopes.
    pub mailbox: bool,
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    relay: relay::client::Behaviour,
    mailbox: client::Behaviour,
    token: token::Behaviour,
}

/// A visit to one node.
pub struct Visit {
    swarm: Swarm<Behaviour>,
    node: PeerId,
    address: Multiaddr,
    offers: Option<Offers>,
    ping: Option<Duration>,
    took: Duration,
    answers: HashMap<OutboundRequestId, Result<Answer, String>>,
}

impl Visit {
    /// Connects to the node at an address (with `/p2p/…`), under the key that a secret makes.
    ///
    /// # Errors
    /// When the address is none, nobody answers there, or somebody else.
    pub async fn begin(secret: &[u8; 32], address: &Address) -> Result<Visit, String> {
        Visit::begin_trusting(secret, address, &Roots::default()).await
    }

    /// As [`Visit::begin`], where others than the public roots may vouch for the node.
    ///
    /// # Errors
    /// As [`Visit::begin`].
    pub async fn begin_trusting(secret: &[u8; 32], address: &Address, roots: &Roots) -> Result<Visit, String> {
        let (_, node) = split_peer(address).map_err(|e| e.to_string())?;
        let node = node.ok_or("the address names no node: it must end with /p2p/12D3Koo…")?;
        let address: Multiaddr = address.0.parse().map_err(|_| format!("`{address}` is not an address"))?;
        let mut swarm = swarm(secret, roots).map_err(|e| e.to_string())?;
        let begun = Instant::now();
        swarm.dial(address.clone()).map_err(|e| e.to_string())?;
        let (answers, took) = (HashMap::new(), Duration::ZERO);
        let mut visit = Visit { swarm, node, address, offers: None, ping: None, took, answers };
        let connected = async {
            while visit.offers.is_none() || visit.ping.is_none() {
                match visit.turn().await {
                    Turn::Connected => visit.took = begun.elapsed(),
                    Turn::NotConnected(reason) => return Err(reason),
                    _ => {}
                }
            }
            Ok(())
        };
        timeout(PATIENCE, connected).await.unwrap_or_else(|_| Err("it did not answer in time".to_owned()))?;
        Ok(visit)
    }

    /// Returns whom we visit.
    pub fn node(&self) -> PeerId {
        self.node
    }

    /// Returns what the node said that it offers.
    pub fn offers(&self) -> Offers {
        self.offers.unwrap_or_default()
    }

    /// Returns how long connecting took, and how long a ping took.
    pub fn times(&self) -> (Duration, Duration) {
        (self.took, self.ping.unwrap_or_default())
    }

    /// Asks for a reservation, as a peer does that can be reached in no other way.
    ///
    /// # Errors
    /// In plain words why there is none.
    pub async fn reserve(&mut self) -> Result<(), String> {
        let through = self.address.clone().with(Protocol::P2pCircuit);
        self.swarm.listen_on(through).map_err(|e| e.to_string())?;
        let reserved = async {
            loop {
                match self.turn().await {
                    Turn::Reserved(answer) => return answer,
                    Turn::NotConnected(reason) => return Err(reason),
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, reserved).await.unwrap_or_else(|_| Err("it did not answer in time".to_owned()))
    }

    /// Shows a token.
    ///
    /// # Errors
    /// When it is not one of the node's, or the node takes none.
    pub async fn show(&mut self, token: &[u8]) -> Result<(), String> {
        self.swarm.behaviour_mut().token.send_request(&theirs(self.node), token.to_vec());
        loop {
            match self.turn().await {
                Turn::Token(true) => return Ok(()),
                Turn::Token(false) => return Err("the node does not know this token".to_owned()),
                Turn::NotConnected(reason) => return Err(reason),
                _ => {}
            }
        }
    }

    /// Asks the node's mailbox.
    ///
    /// # Errors
    /// In plain words why there is no answer.
    pub async fn ask(&mut self, request: Request) -> Result<Answer, String> {
        let node = self.node;
        let asked = client::ask(&mut self.swarm.behaviour_mut().mailbox, node, request);
        loop {
            if let Some(answer) = self.answers.remove(&asked) {
                return answer;
            }
            self.turn().await;
        }
    }

    /// Stays until the node hangs up.
    pub async fn stay(&mut self) {
        while !matches!(self.turn().await, Turn::NotConnected(_)) {}
    }

    /// Goes on by one step.
    async fn turn(&mut self) -> Turn {
        match self.swarm.select_next_some().await {
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { info, .. })) => {
                self.offers = Some(offers(&info.protocols));
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { result: Ok(took), .. })) => self.ping = Some(took),
            SwarmEvent::Behaviour(BehaviourEvent::Mailbox(event)) => {
                if let Some(outcome) = client::outcome(event) {
                    self.answers.insert(outcome.request, outcome.answer);
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Token(request_response::Event::Message {
                message: Message::Response { response, .. },
                ..
            })) => return Turn::Token(response),
            SwarmEvent::Behaviour(BehaviourEvent::Token(request_response::Event::OutboundFailure { .. })) => {
                return Turn::Token(false);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Relay(relay::client::Event::ReservationReqAccepted { .. })) => {
                return Turn::Reserved(Ok(()));
            }
            SwarmEvent::ListenerClosed { reason, .. } => {
                return Turn::Reserved(Err(reason.err().map_or("refused".to_owned(), |error| error.to_string())));
            }
            SwarmEvent::ConnectionEstablished { .. } => return Turn::Connected,
            SwarmEvent::ConnectionClosed { num_established: 0, .. } => {
                return Turn::NotConnected("it hung up".to_owned());
            }
            SwarmEvent::OutgoingConnectionError { error, .. } => {
                let reason = failure::explain(&error).into_iter().next();
                return Turn::NotConnected(reason.map_or("not reached".to_owned(), |(_, reason)| reason));
            }
            _ => {}
        }
        Turn::Other
    }
}

/// What a step brought.
enum Turn {
    Connected,
    NotConnected(String),
    Reserved(Result<(), String>),
    Token(bool),
    Other,
}

fn offers(protocols: &[StreamProtocol]) -> Offers {
    let speaks = |name: &str| protocols.iter().any(|protocol| protocol.as_ref() == name);
    Offers {
        rendezvous: speaks("/rendezvous/1.0.0"),
        kademlia: speaks("/bayou/kad/1"),
        relay: speaks(relay::HOP_PROTOCOL_NAME.as_ref()),
        autonat: speaks("/libp2p/autonat/2/dial-request"),
        mailbox: speaks(mailbox::PROTOCOL.as_ref()),
    }
}

fn swarm(secret: &[u8; 32], roots: &Roots) -> Result<Swarm<Behaviour>, NetError> {
    transport::build(secret, roots, IDLE, |relay| Behaviour {
        identify: behaviour::identify(secret),
        ping: behaviour::ping(),
        relay,
        mailbox: client::behaviour(),
        token: token::behaviour(ProtocolSupport::Outbound),
    })
}
