//! A home as a front end that stays finds it: not made yet, locked, or open.
//!
//! It answers what can be asked while there is no peer: whether there is a home, to make one, to open one, or to make this
//! machine a device of a user who has others. As soon as the peer runs, it answers all that a [`Node`] does.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Mutex, Notify, broadcast, watch};

use super::{
    HomeKey, LetIn, Linking, Network, Node, NodeConfig, NodeError, Passphrase, Phrase, Protection, init, restore,
    unlock,
};
use crate::rpc::session::Answer;
use crate::rpc::{ErrorCode, Event, HomeState, Lock, Reply, Request, RpcError, Words};

/// Where front ends stand before the home is open. Cheap to clone.
#[derive(Clone)]
pub struct Porch(Arc<Inner>);

struct Inner {
    home: PathBuf,
    network: Option<Network>,
    phase: watch::Sender<Phase>,
    /// One call at a time makes the home or opens it.
    making: Mutex<Stage>,
    /// Whoever waits for digits gives up: another offer is made.
    offers: Notify,
}

/// How it is with the home.
#[derive(Clone)]
enum Phase {
    /// Whoever runs this looks whether it opens by itself: front ends wait.
    Opening,
    /// A person has to make it, or to open it.
    Waiting,
    /// Its peer runs.
    Open(Node),
}

/// How far the linking of this machine is.
#[derive(Default)]
enum Stage {
    #[default]
    None,
    Offered(Box<Linking>),
    LetIn(Box<LetIn>),
}

impl Porch {
    /// Stands before a home. How its peer is to reach others: as in [`NodeConfig`].
    pub fn new(home: PathBuf, network: Option<Network>) -> Self {
        let (phase, _) = watch::channel(Phase::Opening);
        Porch(Arc::new(Inner { home, network, phase, making: Mutex::default(), offers: Notify::new() }))
    }

    /// It does not open by itself: a person is to do it.
    pub fn wait(&self) {
        self.0.phase.send_replace(Phase::Waiting);
    }

    /// Opens it with a peer that runs already.
    pub fn enter(&self, node: Node) {
        self.0.phase.send_replace(Phase::Open(node));
    }

    /// Waits until the home is open; returns its peer.
    pub async fn opened(&self) -> Node {
        loop {
            if let Some(node) = self.node_when(|phase| matches!(phase, Phase::Open(_))).await {
                return node;
            }
        }
    }

    /// Returns the peer, if it runs, as soon as this holds of the home.
    async fn node_when(&self, holds: impl FnMut(&Phase) -> bool) -> Option<Node> {
        let mut phase = self.0.phase.subscribe();
        match phase.wait_for(holds).await.as_deref() {
            Ok(Phase::Open(node)) => Some(node.clone()),
            _ => None,
        }
    }

    fn node(&self) -> Option<Node> {
        if let Phase::Open(node) = &*self.0.phase.borrow() { Some(node.clone()) } else { None }
    }

    fn has_home(&self) -> bool {
        self.0.home.join("identity").exists()
    }

    async fn before(&self, request: Request) -> Result<Reply, RpcError> {
        match request {
            Request::Home => {
                let state = if self.has_home() { HomeState::Locked } else { HomeState::None };
                Ok(Reply::Home { state, name: None, version: env!("CARGO_PKG_VERSION").to_owned() })
            }
            Request::Init { name, lock } => {
                let (made, opened) = self.make(lock, move |home, by| init(home, &name, by)).await?;
                if let Err(error) = opened {
                    // The phrase is told this once, whatever else fails.
                    tracing::warn!("the new home cannot be opened: {error}");
                }
                let words: Vec<&str> = made.phrase.words().collect();
                Ok(Reply::Phrase { phrase: Words::new(words.join(" ")) })
            }
            Request::Restore { name, phrase, lock } => {
                let phrase = Phrase::parse(phrase.expose())
                    .map_err(|error| RpcError::new(ErrorCode::Invalid, error.to_string()))?;
                self.make(lock, move |home, by| restore(home, &name, &phrase, by)).await?.1?;
                Ok(Reply::Done { done: true })
            }
            Request::Unlock { passphrase } => {
                let _one = self.0.making.lock().await;
                let passphrase = Passphrase::new(passphrase.expose().to_owned())?;
                self.open(Some(passphrase)).await?;
                Ok(Reply::Done { done: true })
            }
            Request::OfferDevice => self.offer().await,
            Request::AwaitDigits => self.digits().await,
            Request::SettleIn { yes, lock } => self.settle_in(yes, lock).await,
            _ => Err(RpcError::new(ErrorCode::Locked, "there is no open home yet: make one, or open it, first")),
        }
    }

    /// Makes a home and opens it; tells apart whether the latter failed.
    async fn make<T: Send + 'static>(
        &self,
        lock: Lock,
        make: impl FnOnce(&std::path::Path, &[Protection]) -> Result<T, NodeError> + Send + 'static,
    ) -> Result<(T, Result<(), RpcError>), RpcError> {
        let _one = self.0.making.lock().await;
        let (by, passphrase, home) = (protection(&lock)?, passphrase(&lock)?, self.0.home.clone());
        // The slow derivation of a key from a passphrase, and the disk.
        let made = blocking(move || make(&home, &[by])).await?;
        Ok((made, self.open(passphrase).await))
    }

    /// Opens the home, for who holds the lock `making`.
    async fn open(&self, passphrase: Option<Passphrase>) -> Result<(), RpcError> {
        if self.node().is_some() {
            return Ok(());
        }
        let (home, network) = (self.0.home.clone(), self.0.network.clone());
        let key: HomeKey = blocking(move || unlock(&home, passphrase.as_ref())).await?;
        let node = Node::start(NodeConfig { home: self.0.home.clone(), key, network }).await?;
        self.enter(node);
        Ok(())
    }

    async fn offer(&self) -> Result<Reply, RpcError> {
        self.0.offers.notify_waiters();
        let mut stage = self.0.making.lock().await;
        *stage = Stage::None;
        let linking = Linking::begin(&self.0.home, &self.0.network.clone().unwrap_or_default()).await?;
        let offer = linking.offer();
        *stage = Stage::Offered(Box::new(linking));
        Ok(Reply::Offer { offer })
    }

    async fn digits(&self) -> Result<Reply, RpcError> {
        let mut stage = self.0.making.lock().await;
        let Stage::Offered(linking) = &mut *stage else { return Err(nothing_offered()) };
        let digits = tokio::select! {
            digits = linking.digits() => digits,
            () = self.0.offers.notified() => return Err(nothing_offered()),
        };
        match digits {
            Ok(digits) => Ok(Reply::Offered { digits }),
            Err(error) => {
                *stage = Stage::None;
                Err(error.into())
            }
        }
    }

    async fn settle_in(&self, yes: bool, lock: Lock) -> Result<Reply, RpcError> {
        let (by, passphrase) = (protection(&lock)?, passphrase(&lock)?);
        let mut stage = self.0.making.lock().await;
        let let_in = match std::mem::take(&mut *stage) {
            Stage::None => return Err(nothing_offered()),
            _ if !yes => return Ok(Reply::Done { done: true }),
            Stage::Offered(linking) => Box::new(linking.confirm().await?),
            Stage::LetIn(let_in) => let_in,
        };
        let (let_in, made) = blocking(move || {
            let made = let_in.settle_in(&[by]);
            Ok((let_in, made))
        })
        .await?;
        if let Err(error) = made {
            // The other device has let this one in for good: a slip at the passphrase is no reason to give up.
            *stage = Stage::LetIn(let_in);
            return Err(error.into());
        }
        self.open(passphrase).await?;
        Ok(Reply::Done { done: true })
    }
}

impl Answer for Porch {
    async fn answer(&self, request: Request) -> Result<Reply, RpcError> {
        // Calls must reach the peer in the order in which they were made, and who waits may be overtaken.
        let node = match self.node() {
            Some(node) => Some(node),
            None => self.node_when(|phase| !matches!(phase, Phase::Opening)).await,
        };
        match node {
            Some(node) => node.call(request).await,
            None => self.before(request).await,
        }
    }

    fn follow(&self) -> broadcast::Receiver<Event> {
        // Without a peer nothing happens: the channel is closed at once.
        self.node().map_or_else(|| broadcast::channel(1).1, |node| node.events())
    }
}

fn passphrase(lock: &Lock) -> Result<Option<Passphrase>, NodeError> {
    lock.passphrase.as_ref().map(|words| Passphrase::new(words.expose().to_owned())).transpose()
}

fn protection(lock: &Lock) -> Result<Protection, RpcError> {
    match (passphrase(lock)?, lock.no_passphrase) {
        (Some(_), true) => {
            Err(RpcError::new(ErrorCode::Invalid, "either a passphrase or none: one of the two is to be left out"))
        }
        (Some(passphrase), false) => Ok(Protection::Passphrase(passphrase)),
        (None, true) => Ok(Protection::Nothing),
        (None, false) => Ok(Protection::Keyring),
    }
}

fn nothing_offered() -> RpcError {
    RpcError::new(ErrorCode::Invalid, "there is no offer any more: begin again with a new one")
}

/// Does what takes a while beside what must not wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NodeError> + Send + 'static,
) -> Result<T, RpcError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|_| RpcError::new(ErrorCode::Machine, "this could not be done: see the log"))??)
}

impl From<NodeError> for RpcError {
    fn from(error: NodeError) -> Self {
        RpcError::new(error.code(), error.to_string())
    }
}
