//! Who answers: the peer that runs in the home, or else this process.
//!
//! A running peer holds the home's store, so that everybody else asks it over its socket. Without one, a command opens
//! the store for as long as it takes, offline. What stays ([`Host`]: `serve`, `chat`, `log --follow`) runs the peer
//! itself, network and socket included.

use std::time::Duration;

use bayou_core::id::Address;
use bayou_core::node::{Circle, HomeKey, Network, Node, NodeConfig, Porch, Roots};
use bayou_core::rpc::client::Client;
use bayou_core::rpc::socket::Server;
use bayou_core::rpc::{Event, Reply, Request, RpcError};
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;

use crate::failure::Failure;
use crate::unlock::{Home, Unopened};

/// The socket's name within a home.
const SOCKET: &str = "bayou.sock";

/// How often a home that another process holds for a moment is tried again.
const MAX_TRIES: u32 = 40;

/// How long to wait before trying again.
const PAUSE: Duration = Duration::from_millis(50);

/// How the network of a peer is set up.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct NetworkArguments {
    /// Listen at this multiaddr; can be repeated [default: QUIC and TCP, any address, any port]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,

    /// Do not look for peers on the local network
    #[arg(long)]
    no_mdns: bool,

    /// Dial this peer, for example /ip4/192.0.2.7/udp/4001/quic-v1/p2p/12D3…; can be repeated
    #[arg(long, value_name = "MULTIADDR")]
    peer: Vec<String>,

    /// Be reachable over this node, for example /ip4/192.0.2.7/udp/4001/quic-v1/p2p/12D3…; can be repeated [default: the
    /// nodes of `bayou node list`, which are used too]
    #[arg(long, value_name = "MULTIADDR")]
    node: Vec<String>,

    /// When a node is reached by wss, also believe who is vouched for by a certificate in this PEM file
    #[arg(long, value_name = "FILE", value_parser = read_roots)]
    tls_roots: Option<Roots>,

    /// Go nowhere beyond the local network, and use no node
    #[arg(long, conflicts_with = "own_nodes_only")]
    lan_only: bool,

    /// Reach nobody over a node that is not one of yours
    #[arg(long)]
    own_nodes_only: bool,

    /// Do not ask the local router for a way in
    #[arg(long)]
    no_upnp: bool,
}

impl NetworkArguments {
    pub(crate) fn network(&self) -> Network {
        let addresses = |texts: &[String]| texts.iter().cloned().map(Address).collect();
        Network {
            listen: addresses(&self.listen),
            mdns: !self.no_mdns,
            peers: addresses(&self.peer),
            nodes: addresses(&self.node),
            roots: self.tls_roots.clone().unwrap_or_default(),
            circle: match (self.lan_only, self.own_nodes_only) {
                (true, _) => Circle::Lan,
                (_, true) => Circle::OwnNodes,
                _ => Circle::Anywhere,
            },
            upnp: !self.no_upnp,
        }
    }
}

fn read_roots(path: &str) -> Result<Roots, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read it: {error}"))?;
    Roots::from_pem(&bytes).map_err(|error| error.to_string())
}

/// The peer of a home, as a command sees it.
pub(crate) enum Peer {
    /// It runs in another process.
    Running(Client),
    /// It is this process, offline, for one command.
    Offline(Node),
    /// It is this process, until it ends.
    Hosted(Host),
}

impl Peer {
    /// Reaches the running peer, or opens the home offline.
    pub(crate) async fn reach(home: &Home) -> Result<Peer, Failure> {
        Ok(match find(home, None, None).await? {
            Found::Running(client) => Peer::Running(client),
            Found::Free(node) => Peer::Offline(node),
        })
    }

    /// Reaches the running peer, or becomes it.
    pub(crate) async fn reach_or_host(home: &Home, network: &NetworkArguments) -> Result<Peer, Failure> {
        Ok(match find(home, Some(network), None).await? {
            Found::Running(client) => Peer::Running(client),
            Found::Free(node) => Peer::Hosted(Host::start(home, node).await?),
        })
    }

    /// Asks.
    pub(crate) async fn call(&self, request: Request) -> Result<Reply, RpcError> {
        match self {
            Peer::Running(client) => client.call(request).await,
            Peer::Offline(node) => node.call(request).await,
            Peer::Hosted(host) => host.node.call(request).await,
        }
    }

    /// Returns what happens from now on: in conversations that were followed, perhaps in others too.
    pub(crate) fn events(&self) -> broadcast::Receiver<Event> {
        match self {
            Peer::Running(client) => client.events(),
            Peer::Offline(node) => node.events(),
            Peer::Hosted(host) => host.node.events(),
        }
    }

    /// Leaves the peer, or ends it if it is ours.
    pub(crate) async fn leave(self) {
        match self {
            Peer::Running(_) => {}
            Peer::Offline(node) => node.stop().await,
            Peer::Hosted(host) => host.stop().await,
        }
    }
}

/// Asks the peer of a home one thing.
pub(crate) async fn ask(home: &Home, request: Request) -> Result<Reply, Failure> {
    let peer = Peer::reach(home).await?;
    let answer = peer.call(request).await;
    peer.leave().await;
    Ok(answer?)
}

/// A peer that this process runs, with its socket.
pub(crate) struct Host {
    /// The peer.
    pub(crate) node: Node,
    stop: oneshot::Sender<()>,
    socket: JoinHandle<()>,
}

impl Host {
    /// Starts the peer of a home in which none runs.
    pub(crate) async fn new(home: &Home, network: &NetworkArguments) -> Result<Host, Failure> {
        match find(home, Some(network), None).await? {
            Found::Free(node) => Host::start(home, node).await,
            Found::Running(_) => Err(runs_already()),
        }
    }

    /// Starts the peer of a home as soon as it can be opened, by who stands on its porch if need be.
    pub(crate) async fn meet(home: &Home, network: &NetworkArguments, porch: &Porch) -> Result<Host, Failure> {
        if Client::connect(&home.path.join(SOCKET)).await.is_ok() {
            return Err(runs_already());
        }
        let node = match home.unlock_unasked() {
            Ok(key) => match find(home, Some(network), Some(key)).await? {
                Found::Free(node) => node,
                Found::Running(_) => return Err(runs_already()),
            },
            Err(Unopened::Waits) => {
                porch.wait();
                porch.opened().await
            }
            Err(Unopened::Failed(failure)) => return Err(failure),
        };
        let host = Host::start(home, node).await?;
        porch.enter(host.node.clone());
        Ok(host)
    }

    async fn start(home: &Home, node: Node) -> Result<Host, Failure> {
        let path = home.path.join(SOCKET);
        let server = match Server::bind(&path).await {
            Ok(server) => server,
            Err(error) => {
                node.stop().await;
                let path = path.display();
                let hint = match error.kind() {
                    std::io::ErrorKind::InvalidInput => ": its path is too long for a socket, choose a shorter --home",
                    _ => "",
                };
                return Err(Failure::machine(format!("cannot listen at {path}: {error}{hint}")));
            }
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let socket = tokio::spawn(server.run(node.clone(), async { drop(stopped.await) }));
        Ok(Host { node, stop, socket })
    }

    /// Ends the socket first, so that nobody is answered by a peer that stops.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        // It has nothing to say, and ends before it could be aborted.
        self.socket.await.ok();
        self.node.stop().await;
    }
}

fn runs_already() -> Failure {
    Failure::machine("a peer is already running in this home: use it, or choose another --home")
}

enum Found {
    Running(Client),
    Free(Node),
}

/// Finds the running peer, or opens the home.
///
/// Between the two lies a moment in which a peer holds the home and does not listen yet, and short commands hold it one
/// after the other: so both are tried for a while.
async fn find(home: &Home, network: Option<&NetworkArguments>, key: Option<HomeKey>) -> Result<Found, Failure> {
    let (mut tries, mut key) = (0, key);
    loop {
        if let Ok(client) = Client::connect(&home.path.join(SOCKET)).await {
            return Ok(Found::Running(client));
        }
        let key = match &key {
            Some(key) => HomeKey::clone(key),
            None => key.insert(home.unlock()?).clone(),
        };
        let network = network.map(NetworkArguments::network);
        match Node::start(NodeConfig { home: home.path.clone(), key, network }).await {
            Ok(node) => return Ok(Found::Free(node)),
            Err(error) if error.is_in_use() && tries < MAX_TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
