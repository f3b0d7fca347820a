//! The one task that owns the swarm.
//!
//! It turns commands into dials, connections into links and what happens into events. It never waits for anyone but the
//! swarm, the links and the commands together: its own events wait in a bounded list until there is room for them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use futures::StreamExt;
use libp2p::core::ConnectedPoint;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError, SwarmEvent};
use libp2p::{Multiaddr, Swarm, mdns};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::address::{bare, is_loopback, is_relayed, ours, peer_of, split_peer, theirs};
use super::behaviour::{Behaviour, BehaviourEvent, DEAD_AFTER};
use super::discovery::Discovery;
use super::links::{Gone, Links, Route};
use super::{Command, NetConfig, NetError, NetEvent, failure, link, transport};
use crate::id::{Address, PeerId};

/// How often connections are looked through for dead ones.
const SWEEP: Duration = Duration::from_secs(1);

/// How often it is told how long a ping took.
const ROUND_TRIPS_EVERY: Duration = Duration::from_secs(15);

/// How long connections may take to close when we stop.
const FAREWELL: Duration = Duration::from_secs(1);

/// Events of the swarm's own that may wait; frames and links wait elsewhere. Over it the newest are dropped: they are
/// addresses and failed dials, which come again.
const MAX_UNSAID: usize = 256;

/// The swarm and what we know of its connections.
pub(super) struct Hub {
    me: PeerId,
    swarm: Swarm<Behaviour>,
    links: Links,
    lines: HashMap<ConnectionId, Line>,
    discovery: Discovery,
    unsaid: VecDeque<NetEvent>,
}

/// An established connection.
struct Line {
    route: Route,
    /// Whether both ends are on one machine, where loopback addresses mean something.
    local: bool,
    /// When it last answered a ping.
    heard: Instant,
    /// When it was told last how long that took.
    told: Option<Instant>,
    /// Whether it is decided what becomes of the dial that made it.
    answered: bool,
}

impl Hub {
    pub(super) fn new(config: &NetConfig, links: Links) -> Result<Hub, NetError> {
        let mut swarm = transport::build(&config.secret, Behaviour::new(config))?;
        transport::listen(&mut swarm, &config.listen)?;
        let me = peer_of(&config.secret);
        let discovery = Discovery::new(me);
        Ok(Hub { me, swarm, links, lines: HashMap::new(), discovery, unsaid: VecDeque::new() })
    }

    /// Runs until told to stop, or until nobody is left who could tell.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>, events: mpsc::Sender<NetEvent>) {
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                Some((route, step)) = self.links.next_step() => {
                    if let Some(gone) = self.links.advance(route, step, Instant::now()) {
                        self.on_gone(gone);
                    }
                }
                command = commands.recv() => match command {
                    Some(Command::Dial(peer, addresses)) => self.dial(peer, addresses),
                    // Who no longer waits for the answer does not miss it.
                    Some(Command::Connections(answer)) => drop(answer.send(self.lines.len())),
                    Some(Command::Stop(done)) => return self.stop(Some(done)).await,
                    None => return self.stop(None).await,
                },
                () = due(self.discovery.next_due()) => self.dial_discovered(),
                room = events.reserve(), if !self.unsaid.is_empty() => {
                    match (room, self.unsaid.pop_front()) {
                        (Ok(room), Some(event)) => room.send(event),
                        _ => self.unsaid.clear(),
                    }
                }
                _ = sweep.tick() => self.close_dead(),
            }
        }
    }

    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Link(event)) => self.on_stream(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => match event.result {
                Ok(took) => self.on_pong(event.connection, took),
                Err(_) => self.close(event.connection),
            },
            SwarmEvent::Behaviour(BehaviourEvent::Mdns(mdns::Event::Discovered(found))) => self.on_discovered(found),
            SwarmEvent::NewListenAddr { address, .. } => self.say(NetEvent::Listening(bare(&address))),
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener failed"),
            SwarmEvent::ListenerClosed { reason: Err(error), .. } => tracing::warn!(%error, "a listener closed"),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_connected(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { connection_id, .. } => self.on_disconnected(connection_id),
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
                self.on_dial_error(peer_id.as_ref().and_then(ours), &error);
            }
            _ => {}
        }
    }

    fn on_connected(&mut self, peer: libp2p::PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let Some(peer) = ours(&peer) else {
            return self.close(connection);
        };
        let remote = endpoint.get_remote_address();
        let route = Route {
            connection,
            peer,
            address: bare(remote),
            dialed: endpoint.is_dialer(),
            relayed: is_relayed(remote),
        };
        // A dial that did not know whom it would reach, or that crossed theirs.
        let needless = route.dialed && self.links.linked(peer).is_some_and(|link| route.relayed || !link.relayed);
        let local = is_loopback(remote);
        self.lines.insert(connection, Line { route, local, heard: Instant::now(), told: None, answered: needless });
        if needless {
            self.close(connection);
        }
    }

    fn on_disconnected(&mut self, connection: ConnectionId) {
        let Some(Line { route, answered, .. }) = self.lines.remove(&connection) else {
            return;
        };
        if route.dialed && !answered {
            self.say(NetEvent::DialFailed(Some(route.peer), route.address, "it hung up at once".to_owned()));
        }
    }

    fn on_pong(&mut self, connection: ConnectionId, took: Duration) {
        let now = Instant::now();
        let Some(line) = self.lines.get_mut(&connection) else { return };
        line.heard = now;
        let peer = line.route.peer;
        let carries_link = self.links.linked(peer).is_some_and(|route| route.connection == connection);
        if carries_link && line.told.is_none_or(|told| now.duration_since(told) >= ROUND_TRIPS_EVERY) {
            line.told = Some(now);
            self.say(NetEvent::RoundTrip(peer, u32::try_from(took.as_millis()).unwrap_or(u32::MAX)));
        }
    }

    fn on_stream(&mut self, event: link::Event) {
        let Some(line) = self.lines.get_mut(&event.connection).filter(|line| !line.answered) else {
            return;
        };
        line.answered = true;
        let (route, local) = (line.route.clone(), line.local);
        match event.stream {
            Ok(stream) => {
                let listens = self.swarm.listeners().filter(|address| local || !is_loopback(address));
                let listens = listens.map(bare).collect();
                self.links.greet(route, stream, listens);
            }
            Err(reason) => {
                self.close(route.connection);
                self.say(NetEvent::DialFailed(Some(route.peer), route.address, reason));
            }
        }
    }

    fn on_gone(&mut self, Gone { route, failure }: Gone) {
        self.close(route.connection);
        let Some(reason) = failure else {
            return;
        };
        tracing::info!(peer = route.peer.fmt_short(), %reason, "no link");
        if route.dialed {
            self.say(NetEvent::DialFailed(Some(route.peer), route.address, reason.to_string()));
        }
    }

    fn on_dial_error(&mut self, peer: Option<PeerId>, error: &DialError) {
        for (address, reason) in failure::explain(error) {
            self.say(NetEvent::DialFailed(peer, address, reason));
        }
    }

    fn on_discovered(&mut self, found: Vec<(libp2p::PeerId, Multiaddr)>) {
        let mut by_peer: BTreeMap<PeerId, Vec<Address>> = BTreeMap::new();
        for (peer, address) in found {
            if let Some(peer) = ours(&peer) {
                by_peer.entry(peer).or_default().push(bare(&address));
            }
        }
        for (peer, addresses) in by_peer {
            self.say(NetEvent::Discovered(peer, addresses.clone()));
            if self.links.linked(peer).is_none() {
                self.discovery.found(peer, addresses, Instant::now());
            }
        }
    }

    fn dial_discovered(&mut self) {
        while let Some((peer, addresses)) = self.discovery.take_due(Instant::now()) {
            self.dial(Some(peer), addresses);
        }
    }

    fn dial(&mut self, peer: Option<PeerId>, addresses: Vec<Address>) {
        let mut known: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
        for address in addresses {
            match target(peer, &address) {
                Ok((_, Some(named))) if named == self.me => {
                    self.say(NetEvent::DialFailed(peer, address, failure::OURSELVES.to_owned()));
                }
                Ok((parsed, Some(named))) => known.entry(named).or_default().push(parsed),
                Ok((parsed, None)) => self.attempt(None, DialOpts::unknown_peer_id().address(parsed).build()),
                Err(reason) => self.say(NetEvent::DialFailed(peer, address, reason)),
            }
        }
        for (peer, addresses) in known {
            let options = DialOpts::peer_id(theirs(peer))
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .addresses(addresses)
                .build();
            self.attempt(Some(peer), options);
        }
    }

    fn attempt(&mut self, peer: Option<PeerId>, options: DialOpts) {
        if let Err(error) = self.swarm.dial(options) {
            self.on_dial_error(peer, &error);
        }
    }

    fn close_dead(&mut self) {
        let now = Instant::now();
        let is_dead = |line: &&Line| now.duration_since(line.heard) > DEAD_AFTER;
        let dead: Vec<_> = self.lines.values().filter(is_dead).map(|line| line.route.connection).collect();
        for connection in dead {
            self.close(connection);
        }
    }

    fn close(&mut self, connection: ConnectionId) {
        if let Some(line) = self.lines.get(&connection) {
            self.links.shut(line.route.peer, connection);
        }
        // False only says that it is closed already.
        self.swarm.close_connection(connection);
    }

    fn say(&mut self, event: NetEvent) {
        if self.unsaid.len() < MAX_UNSAID {
            self.unsaid.push_back(event);
        }
    }

    /// Closes every connection, so that the peers know at once.
    async fn stop(mut self, done: Option<oneshot::Sender<()>>) {
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error only says that it is gone already.
            self.swarm.disconnect_peer_id(peer).ok();
        }
        let closing = async {
            while !self.lines.is_empty() {
                if let SwarmEvent::ConnectionClosed { connection_id, .. } = self.swarm.select_next_some().await {
                    self.lines.remove(&connection_id);
                }
            }
        };
        if timeout(FAREWELL, closing).await.is_err() {
            tracing::debug!("some peers will know only by a timeout that we are gone");
        }
        // Listeners must be closed before `stop` says so: the ports may be wanted again.
        drop(self);
        if let Some(done) = done {
            done.send(()).ok();
        }
    }
}

/// Waits until then; without a time, forever.
async fn due(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Reads where to dial, and whom to expect there.
fn target(peer: Option<PeerId>, address: &Address) -> Result<(Multiaddr, Option<PeerId>), String> {
    let (bare, named) = split_peer(address).map_err(|error| error.to_string())?;
    if peer.is_some() && named.is_some() && peer != named {
        return Err("the address names another peer".to_owned());
    }
    let parsed = bare.0.parse().map_err(|_| "not an address".to_owned())?;
    Ok((parsed, peer.or(named)))
}
