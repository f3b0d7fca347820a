//! A running peer: the engine, the store and the network joined. This is what front ends hold.
//!
//! ```text
//!   front end ──call──►┐                        ┌──► journal (group commit, once a round)
//!   network ──event──► │  the loop (run.rs):    │──► compactor thread ──► snapshots
//!   compactor ──done──►├─ Engine::handle(now,…) ┼──► index (write-behind)
//!   tick ────────────► │  effects, in order     │──► network
//!                      └────────────────────────┴──► replies, events
//! ```
//!
//! The loop is the only place that reads the clock; everything that waits or blocks stands beside it.

mod baton;
mod compactor;
mod fairness;
mod home;
mod key;
mod keys;
mod linking;
mod listen;
mod mail;
mod nodes;
mod porch;
mod run;
mod system_keys;
mod vault;

use std::path::PathBuf;

use tokio::sync::{broadcast, mpsc, oneshot};

pub use crate::engine::Report;
pub use crate::identity::{BadPhrase, Phrase};
pub use crate::net::Circle;
pub use crate::net::tls::{BadCertificate, Roots};
pub use home::{Identified, Made, identity, init, new_phrase, random, restore, words_to_ask};
pub use key::{HomeKey, Passphrase, Protection, protect, unlock};
pub use keys::Keyring;
pub use linking::{LetIn, Linking};
pub use porch::Porch;
pub use vault::Vault;

use crate::id::{Address, DeviceId, PeerId};
use crate::rpc::session::Answer;
use crate::rpc::{ErrorCode, Event, Reply, Request, RpcError};
use crate::store::StoreError;

/// Calls that wait to be handled.
const MAX_QUEUED_CALLS: usize = 1024;

/// Events and reports that are kept for a slow follower; beyond, it misses the oldest and is told so.
const MAX_QUEUED_EVENTS: usize = 4096;

/// Where a peer lives, and whether it goes online.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// The folder that [`init`] made.
    pub home: PathBuf,
    /// What [`unlock`] returned for it.
    pub key: HomeKey,
    /// How to reach others; `None` only opens the store.
    pub network: Option<Network>,
}

/// How a peer reaches others.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// Where to listen. Empty: where it listened last, or else at any address and port.
    pub listen: Vec<Address>,
    /// Whether to find peers on the local network.
    pub mdns: bool,
    /// Peers to dial.
    pub peers: Vec<Address>,
    /// Nodes to use besides those that the home keeps.
    pub nodes: Vec<Address>,
    /// Who vouches for nodes that are reached in TLS, besides the public roots.
    pub roots: Roots,
    /// How far to go.
    pub circle: Circle,
    /// Whether to ask the local router for a way in, when there are nodes to tell of it.
    pub upnp: bool,
}

/// A running peer. Cheap to clone; call [`Node::stop`] to end it in order.
#[derive(Clone)]
pub struct Node {
    device: DeviceId,
    peer: PeerId,
    calls: mpsc::Sender<run::Asked>,
    events: broadcast::Sender<Event>,
    reports: broadcast::Sender<Report>,
}

/// Why a peer cannot start. The messages say what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// Nobody lives here yet.
    #[error("there is no home in {0}: run `bayou init --name YOU` first, or choose another with --home")]
    NoHome(PathBuf),
    /// Somebody lives here already.
    #[error("{0} is a home already: use it, or choose another with --home")]
    HomeExists(PathBuf),
    /// The name cannot be used.
    #[error("a name has 1 to {max} bytes and no control characters", max = crate::authority::MAX_NAME)]
    BadName,
    /// The home is from before homes were sealed.
    #[error(
        "the home in {0} was made by an earlier version and cannot be opened by this one: move it away and run \
             `bayou init` again"
    )]
    OldHome(PathBuf),
    /// The key file is not what was written.
    #[error(
        "{0} cannot be read, and without it nothing in this home can: restore that file from a backup of this home"
    )]
    BadKey(PathBuf),
    /// A passphrase is needed.
    #[error(
        "this home is locked by a passphrase: give it with --passphrase-file FILE or in BAYOU_PASSPHRASE, or run this \
             in a terminal"
    )]
    Locked,
    /// The passphrase is not the one of this home.
    #[error("wrong passphrase; nothing was changed: try again")]
    WrongPassphrase,
    /// The keyring does not give what the home needs.
    #[error(
        "this home is locked by this system's keyring, and the keyring does not open it ({0}): log in to the desktop, \
             unlock the keyring and try again"
    )]
    KeyringLocked(String),
    /// No keyring can keep a key.
    #[error(
        "no keyring answers here ({0}): choose a passphrase with --passphrase-file FILE or BAYOU_PASSPHRASE, or no \
             protection against who can read this disk with --no-passphrase"
    )]
    NoKeyring(String),
    /// The passphrase cannot be used.
    #[error("a passphrase has 1 to {max} bytes", max = key::MAX_PASSPHRASE)]
    BadPassphrase,
    /// Another process changes the key file.
    #[error("another process is changing how this home is locked: try again when it is done")]
    KeyInUse,
    /// The identity file is not what was written.
    #[error("the identity in {0} cannot be read: restore this file and the file `key` beside it from one backup")]
    BadIdentity(PathBuf),
    /// The text is not the address of a node.
    #[error(
        "`{0}` is not the address of a node; expected something like /ip4/192.0.2.7/udp/4001/quic-v1/p2p/12D3Koo…, as the \
             node prints it when it starts"
    )]
    NoNode(String),
    /// The file of nodes is not what was written.
    #[error("{0} cannot be read: move it away and add the nodes again with `bayou node add`")]
    BadNodes(PathBuf),
    /// A device was not linked.
    #[error("{0}")]
    Linking(crate::identity::linking::LinkingError),
    /// The device that was to let this one in is gone.
    #[error("the other device hung up: were the digits the same there? Begin again with a new code")]
    OldDeviceGone,
    /// The device that let this one in handed over what does not fit.
    #[error("{0}")]
    Handover(#[from] crate::engine::BadHandover),
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The engine cannot start from what is kept.
    #[error("{0}")]
    Engine(#[from] crate::engine::OpenError),
    /// The network failed.
    #[error("{0}")]
    Net(#[from] crate::net::NetError),
    /// The machine failed.
    #[error("{0}")]
    Io(String),
}

impl NodeError {
    /// Tells whether another process holds the home, perhaps only for a moment.
    pub fn is_in_use(&self) -> bool {
        matches!(self, NodeError::Store(StoreError::InUse))
    }

    /// Returns the kind of failure that a front end reports.
    pub fn code(&self) -> ErrorCode {
        match self {
            NodeError::NoHome(_) => ErrorCode::NotFound,
            NodeError::HomeExists(_) | NodeError::BadName | NodeError::BadPassphrase => ErrorCode::Invalid,
            NodeError::NoKeyring(_) => ErrorCode::Invalid,
            NodeError::Locked | NodeError::WrongPassphrase | NodeError::KeyringLocked(_) => ErrorCode::Locked,
            NodeError::Net(crate::net::NetError::BadAddress(_)) | NodeError::NoNode(_) => ErrorCode::Invalid,
            _ => ErrorCode::Machine,
        }
    }
}

impl Node {
    /// Opens a home and starts its peer. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the home does not exist, is in use or damaged, or the network cannot start.
    pub async fn start(config: NodeConfig) -> Result<Node, NodeError> {
        let (calls, asked) = mpsc::channel(MAX_QUEUED_CALLS);
        let (events, _) = broadcast::channel(MAX_QUEUED_EVENTS);
        let (reports, _) = broadcast::channel(MAX_QUEUED_EVENTS);
        let (started, ready) = oneshot::channel();
        let told = run::Told { events: events.clone(), reports: reports.clone() };
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new()
            .name("bayou-loop".into())
            .spawn(move || runtime.block_on(run::run(config, asked, told, started)))
            .map_err(|error| NodeError::Io(error.to_string()))?;
        let (device, peer) = ready.await.map_err(|_| NodeError::Io("the peer ended while starting".into()))??;
        Ok(Node { device, peer, calls, events, reports })
    }

    /// Returns the device.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// Returns the peer's name on the network.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// Carries out a request. What it changes is durable when the reply comes.
    ///
    /// # Errors
    /// What went wrong, in words, with what to do about it.
    pub async fn call(&self, request: Request) -> Result<Reply, RpcError> {
        let gone = || RpcError::new(ErrorCode::Machine, "the peer has stopped");
        let (reply, answer) = oneshot::channel();
        // The loop must see calls in the order in which they were made, and its queue is fair. But a task that has used up
        // its budget would be sent away before it has queued, and those sent away come back in any order.
        let queued = tokio::task::unconstrained(self.calls.send(run::Asked::Call(request, reply)));
        queued.await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Returns the rows of all conversations from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Returns what the person who runs this peer may want to see, from now on.
    pub fn reports(&self) -> broadcast::Receiver<Report> {
        self.reports.subscribe()
    }

    /// Stops the peer: closes its links and waits until everything is written.
    pub async fn stop(self) {
        let (done, stopped) = oneshot::channel();
        if self.calls.send(run::Asked::Stop(done)).await.is_ok() {
            // An error only says that it had stopped already.
            stopped.await.ok();
        }
    }
}

impl Answer for Node {
    async fn answer(&self, request: Request) -> Result<Reply, RpcError> {
        self.call(request).await
    }

    fn follow(&self) -> broadcast::Receiver<Event> {
        self.events()
    }
}
