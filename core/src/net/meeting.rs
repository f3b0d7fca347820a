//! A meeting place: what a bootstrap node runs. Peers find each other there, and pass through it when no direct way
//! leads from one to the other. It can read nothing of what they say.
//!
//! Four **roles** can be switched one by one: *rendezvous* (peers leave word under names that tell strangers nothing;
//! nodes tell each other of peers by a Kademlia of our own), *relay* (a peer behind a router keeps a reservation, and
//! others come through), *autonat* (a peer asks to be dialled, to learn whether it can be) and *mailbox*.
//!
//! ```text
//!   connection ──▶ guard (who, from where, how many) ──▶ roles ──▶ counted
//! ```
//!
//! One task owns the swarm ([`hall`]); whoever started it holds [`Meeting`], a handle. All that may come in is bounded in
//! [`Bounds`]; what comes in, and what is refused, is counted in [`Counts`], in numbers without names.

mod behaviour;
mod bounds;
mod buckets;
mod counts;
mod desk;
mod guard;
mod hall;
mod mail;
mod rendezvous;
mod subnet;
mod ways;
mod wss;

use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) use buckets::Buckets;
use tokio::sync::{mpsc, oneshot};

pub use bounds::Bounds;
pub use counts::{Count, Counts, Kind};
use hall::Hall;
pub use subnet::Subnet;

use super::mailbox::Letter;
use super::tls::{Certificate, Shown};
use super::token::{MAX_TOKEN, MIN_TOKEN};
use super::{NetError, peer_of};
use crate::crypto;
use crate::id::{Address, PeerId};

/// Events that may wait for whoever holds the receiver. Addresses come at the start; over the bound they are dropped.
const MAX_QUEUED_EVENTS: usize = 64;

/// Commands that may wait for the swarm's task.
const MAX_QUEUED_COMMANDS: usize = 16;

/// What a meeting place needs to know to start.
#[derive(Clone)]
pub struct MeetingConfig {
    /// The Ed25519 seed of its transport key. Peers know it by this key, so it must stay the same over restarts.
    pub secret: [u8; 32],
    /// Where to listen; empty: every interface, any port, by QUIC and by TCP.
    pub listen: Vec<Address>,
    /// The certificate for addresses that ask for TLS.
    pub certificate: Option<Certificate>,
    /// At which addresses others reach it; empty: at those where it listens. Behind a port forward they differ.
    pub external: Vec<Address>,
    /// Other nodes of the same operator or network, with `/p2p/…`: Kademlia begins there.
    pub nodes: Vec<Address>,
    /// What it does.
    pub roles: Roles,
    /// How much of it.
    pub bounds: Bounds,
    /// For whom.
    pub lists: Lists,
    /// Who keeps envelopes; the node is a mailbox when there is somebody.
    pub mail: Option<mpsc::Sender<Letter>>,
    /// Tells the time in milliseconds since 1970: requests to a mailbox are signed for now.
    pub clock: fn() -> u64,
}

/// What a meeting place does for peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// Lets peers find each other, and finds other nodes.
    pub rendezvous: bool,
    /// Carries what passes between peers that cannot reach each other.
    pub relay: bool,
    /// Dials peers that ask for it.
    pub autonat: bool,
}

/// Who may come in, and who may not. Can be changed while it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    /// Only these peers may come in; `None`: all that are not blocked.
    pub allowed: Option<BTreeSet<PeerId>>,
    /// These peers may not.
    pub blocked_peers: BTreeSet<PeerId>,
    /// Nobody from these subnets may.
    pub blocked_subnets: Vec<Subnet>,
    /// Only who shows one of these is served; `None`: nobody needs to.
    pub tokens: Option<BTreeSet<Token>>,
}

/// A token's hash: what a node remembers of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token([u8; 32]);

impl Token {
    /// Returns what is remembered of a token; `None` when it is too short or too long to be one.
    pub fn of(token: &[u8]) -> Option<Token> {
        let fits = (MIN_TOKEN..=MAX_TOKEN).contains(&token.len());
        fits.then(|| Token(crypto::hash("bayou/1/node token", &[token])))
    }
}

/// What happens at a meeting place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeetingEvent {
    /// It can be reached here (with `/p2p/…`).
    Listening(Address),
}

/// What the handle asks of the swarm's task.
enum Command {
    Lists(Lists),
    Stop(oneshot::Sender<()>),
}

/// Whether new guests are welcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Welcome {
    /// All that the bounds allow.
    #[default]
    Open,
    /// The machine is at its limit: who has a reservation keeps and renews it, others get none.
    Full,
    /// The node will be switched off: no reservation is made or renewed, so that peers look for another.
    Draining,
}

/// A handle on a running meeting place, which stops when the handle is dropped.
pub struct Meeting {
    me: PeerId,
    counts: Arc<Counts>,
    certificate: Option<Arc<Shown>>,
    commands: mpsc::Sender<Command>,
}

impl Meeting {
    /// Starts it and returns a handle and what happens there. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When an address is none, or cannot be listened at.
    pub fn start(config: MeetingConfig) -> Result<(Meeting, mpsc::Receiver<MeetingEvent>), NetError> {
        let (events, happened) = mpsc::channel(MAX_QUEUED_EVENTS);
        let (commands, asked) = mpsc::channel(MAX_QUEUED_COMMANDS);
        let (me, counts) = (peer_of(&config.secret), Arc::new(Counts::default()));
        let certificate = config.certificate.clone().map(Shown::new);
        let hall = Hall::new(config, certificate.as_ref(), counts.clone())?;
        tokio::spawn(hall.run(asked, events));
        Ok((Meeting { me, counts, certificate, commands }, happened))
    }

    /// Returns under which key peers know it.
    pub fn peer(&self) -> PeerId {
        self.me
    }

    /// Returns what was counted so far.
    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Says from now on who is welcome.
    pub fn welcome(&self, welcome: Welcome) {
        self.counts.set_welcome(welcome);
    }

    /// Shows another certificate from now on, if it shows any.
    pub fn show(&self, certificate: Certificate) {
        self.certificate.iter().for_each(|shown| shown.replace(certificate.clone()));
    }

    /// Replaces the lists. Connections of who is no longer let in are closed.
    pub async fn lists(&self, lists: Lists) {
        // A meeting place that has stopped lets nobody in.
        self.commands.send(Command::Lists(lists)).await.ok();
    }

    /// Closes all connections in order, so that peers look for another node at once, and stops.
    pub async fn stop(self) {
        let (done, stopped) = oneshot::channel();
        if self.commands.send(Command::Stop(done)).await.is_ok() {
            // An error only says that it had stopped already.
            stopped.await.ok();
        }
    }
}
