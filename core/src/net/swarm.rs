//! The one task that owns the swarm.
//!
//! It turns commands into dials, connections into links and what happens into events. It never waits for anyone but the
//! swarm, the links and the commands together: its own events wait in a bounded list until there is room for them.
//!
//! What it does about whom to dial is in `dials`, what it does about nodes and being reachable in `nodes`; when, is decided
//! by the machines that it asks after each event: `discovery`, `reservation`, `rendezvous`, `punch`.

mod dials;
mod errands;
mod nodes;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use futures::StreamExt;
use libp2p::Swarm;
use libp2p::core::ConnectedPoint;
use libp2p::core::transport::ListenerId;
use libp2p::mdns;
use libp2p::request_response::OutboundRequestId;
use libp2p::swarm::{ConnectionId, SwarmEvent};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use zeroize::Zeroizing;

use super::address::{bare, is_loopback, is_relayed, ours, peer_of};
use super::behaviour::{Behaviour, BehaviourEvent, DEAD_AFTER};
use super::circle::admits;
use super::discovery::Discovery;
use super::links::{Gone, Links, Route};
use super::punch::Punch;
use super::rendezvous::Rendezvous;
use super::reservation::Reservations;
use super::{Circle, Command, NetConfig, NetError, NetEvent, link, transport};
use crate::id::{Address, PeerId};

/// How often connections are looked through for dead ones.
const SWEEP: Duration = Duration::from_secs(1);

/// How often it is told how long a ping took.
const ROUND_TRIPS_EVERY: Duration = Duration::from_secs(15);

/// How long connections may take to close when we stop.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long the old connection of a link that moved is left open: the last word on it may be under way.
const LAST_WORD: Duration = Duration::from_secs(5);

/// Events of the swarm's own that may wait; frames and links wait elsewhere. Over it the newest are dropped: they are
/// addresses and failed dials, which come again.
const MAX_UNSAID: usize = 256;

/// The swarm and what we know of its connections.
pub(super) struct Hub {
    me: PeerId,
    swarm: Swarm<Behaviour>,
    links: Links,
    lines: HashMap<ConnectionId, Line>,
    /// Dials of ours that are to become links; at most as many as connections may be on their way.
    dialling: BTreeSet<ConnectionId>,
    /// Connections that are made for a hole punch alone.
    probes: BTreeSet<ConnectionId>,
    discovery: Discovery,
    circle: Circle,
    /// The nodes that a person chose.
    nodes: BTreeSet<PeerId>,
    /// What is shown to them.
    tokens: BTreeMap<PeerId, Zeroizing<Vec<u8>>>,
    reservations: Reservations,
    /// The listeners that stand for our places at nodes.
    places: HashMap<ListenerId, PeerId>,
    rendezvous: Rendezvous,
    punch: Punch,
    /// What mailboxes were asked, and what it is called by who wants to know.
    errands: HashMap<OutboundRequestId, u64>,
    /// When nodes are dialled for the first time: not before our listeners stand, or a router would learn of another port.
    ready: Option<Instant>,
    unsaid: VecDeque<NetEvent>,
}

/// An established connection.
struct Line {
    route: Route,
    /// Whether both ends are on one machine, where loopback addresses mean something.
    local: bool,
    /// When it last answered a ping.
    heard: Instant,
    /// Whether we dialled it to have a link on it.
    wanted: bool,
    /// When it was told last how long that took.
    told: Option<Instant>,
    /// Whether it is decided what becomes of the dial that made it.
    answered: bool,
    /// When it is closed, if it serves for some time only.
    ends: Option<Instant>,
}

impl Hub {
    pub(super) fn new(config: &NetConfig, links: Links) -> Result<Hub, NetError> {
        let mut swarm =
            transport::build(&config.secret, &config.roots, transport::IDLE, |relay| Behaviour::new(config, relay))?;
        transport::listen(&mut swarm, &config.listen)?;
        let me = peer_of(&config.secret);
        let mut hub = Hub {
            me,
            swarm,
            links,
            lines: HashMap::new(),
            dialling: BTreeSet::new(),
            probes: BTreeSet::new(),
            discovery: Discovery::new(me),
            circle: config.circle,
            nodes: BTreeSet::new(),
            tokens: BTreeMap::new(),
            reservations: Reservations::new(me),
            places: HashMap::new(),
            rendezvous: Rendezvous::default(),
            punch: Punch::default(),
            errands: HashMap::new(),
            ready: None,
            unsaid: VecDeque::new(),
        };
        hub.use_nodes(&config.nodes);
        Ok(hub)
    }

    /// Runs until told to stop, or until nobody is left who could tell.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>, events: mpsc::Sender<NetEvent>) {
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next_due = self.next_due();
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                Some((route, step)) = self.links.next_step() => {
                    let peer = route.peer;
                    self.links.advance(route, step, Instant::now()).into_iter().for_each(|gone| self.on_gone(gone));
                    self.regard_path(peer);
                }
                command = commands.recv() => match command {
                    Some(Command::Dial(peer, addresses)) => self.dial(peer, addresses),
                    Some(Command::Nodes(nodes)) => self.use_nodes(&nodes),
                    Some(Command::Register(namespaces)) => self.rendezvous.want(namespaces),
                    Some(Command::Seek(namespaces)) => self.rendezvous.seek(&namespaces),
                    Some(Command::Mail(errand, node, request)) => self.ask_mailbox(errand, &node, request),
                    // Who no longer waits for the answer does not miss it.
                    Some(Command::Connections(answer)) => drop(answer.send(self.lines.len())),
                    Some(Command::Stop(done)) => return self.stop(Some(done)).await,
                    None => return self.stop(None).await,
                },
                () = due(next_due) => {}
                room = events.reserve(), if !self.unsaid.is_empty() => {
                    match (room, self.unsaid.pop_front()) {
                        (Ok(room), Some(event)) => room.send(event),
                        _ => self.unsaid.clear(),
                    }
                }
                _ = sweep.tick() => self.close_dead(),
            }
            self.go_on(Instant::now());
        }
    }

    /// Returns when to go on if nothing happens.
    fn next_due(&self) -> Option<Instant> {
        let reachability = [self.reservations.next_due(), self.rendezvous.next_due(), self.punch.next_due()];
        let started = self.ready.filter(|ready| *ready > Instant::now());
        let reachability = reachability.into_iter().flatten().min();
        [self.discovery.next_due(), started.or(reachability.filter(|_| self.ready.is_some()))]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what the machines find due.
    fn go_on(&mut self, now: Instant) {
        self.dial_discovered(now);
        if self.ready.is_some_and(|ready| ready <= now) {
            self.look_after_nodes(now);
            self.look_for_better_ways(now);
        }
    }

    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Link(event)) => self.on_stream(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => match event.result {
                Ok(took) => self.on_pong(event.connection, took),
                Err(_) => self.close(event.connection),
            },
            SwarmEvent::Behaviour(BehaviourEvent::Mailbox(event)) => self.on_mailbox(event),
            SwarmEvent::Behaviour(BehaviourEvent::Token(event)) => self.on_token(event),
            SwarmEvent::Behaviour(BehaviourEvent::Mdns(mdns::Event::Discovered(found))) => self.on_discovered(found),
            SwarmEvent::Behaviour(event) => self.on_reachability(event),
            SwarmEvent::NewListenAddr { listener_id, address } => self.on_listening(listener_id, &address),
            SwarmEvent::ExpiredListenAddr { address, .. } => self.on_silent(&address),
            SwarmEvent::ExternalAddrConfirmed { address } => self.on_confirmed(&address),
            SwarmEvent::ExternalAddrExpired { address } => self.on_silent(&address),
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener failed"),
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                self.on_listener_closed(listener_id, &addresses, reason);
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_connected(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, .. } => {
                self.on_disconnected(connection_id);
                if num_established == 0 {
                    self.on_node_lost(&peer_id);
                }
            }
            SwarmEvent::OutgoingConnectionError { peer_id, connection_id, error } => {
                self.on_dial_error(connection_id, peer_id.as_ref(), &error);
            }
            _ => {}
        }
    }

    fn on_connected(&mut self, peer: libp2p::PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let remote = match endpoint {
            // Whoever comes over a relay is known by the relay alone.
            ConnectedPoint::Listener { local_addr, .. } if is_relayed(local_addr) => local_addr,
            _ => endpoint.get_remote_address(),
        };
        let Some(peer) = ours(&peer).filter(|_| admits(self.circle, &self.nodes, remote)) else {
            return self.close(connection);
        };
        let route = Route {
            connection,
            peer,
            address: bare(remote),
            dialed: endpoint.is_dialer(),
            relayed: endpoint.is_relayed(),
        };
        let now = Instant::now();
        let wanted = self.dialling.remove(&connection);
        let probe = self.probes.remove(&connection);
        // A dial that did not know whom it would reach, or that crossed theirs.
        let linked = self.links.linked(peer).is_some_and(|link| route.relayed || !link.relayed);
        let needless = route.dialed && linked && !probe;
        let local = is_loopback(remote);
        let ends = probe.then(|| now + super::punch::PROBE);
        let answered = needless || probe;
        self.lines.insert(connection, Line { route, local, heard: now, told: None, wanted, answered, ends });
        if needless {
            self.close(connection);
        } else {
            self.on_node_connected(peer, now);
        }
    }

    fn on_disconnected(&mut self, connection: ConnectionId) {
        let Some(Line { route, wanted, answered, .. }) = self.lines.remove(&connection) else {
            return;
        };
        if wanted && !answered {
            self.say(NetEvent::DialFailed(Some(route.peer), route.address, "it hung up at once".to_owned()));
        }
    }

    fn on_pong(&mut self, connection: ConnectionId, took: Duration) {
        let now = Instant::now();
        let Some(line) = self.lines.get_mut(&connection) else { return };
        line.heard = now;
        let peer = line.route.peer;
        self.reservations.answered(&peer, took);
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
        let (route, local, wanted) = (line.route.clone(), line.local, line.wanted);
        match event.stream {
            Ok(stream) => {
                let listens = self.reachable_at(local);
                self.links.greet(route, stream, listens);
            }
            Err(reason) if wanted => {
                self.close(route.connection);
                self.say(NetEvent::DialFailed(Some(route.peer), route.address, reason));
            }
            // A node, perhaps one over which a circuit leads: whoever needs the connection keeps it.
            Err(_) => {}
        }
    }

    /// Returns where we say that we are, the most useful addresses first.
    fn reachable_at(&self, local: bool) -> Vec<Address> {
        let told = |address: &&libp2p::Multiaddr| local || !is_loopback(address);
        let (places, own): (Vec<_>, Vec<_>) =
            self.swarm.listeners().filter(told).partition(|address| is_relayed(address));
        let mut listens: Vec<Address> = Vec::new();
        for address in self.swarm.external_addresses().chain(places).chain(own).map(bare) {
            if !listens.contains(&address) {
                listens.push(address);
            }
        }
        listens
    }

    /// Keeps in mind which links go over relays.
    fn regard_path(&mut self, peer: PeerId) {
        match self.links.linked(peer) {
            Some(route) if route.relayed => {
                let way = Some(route.address.clone()).filter(|_| route.dialed);
                let listens = self.links.listens(peer);
                self.punch.linked(peer, way, &listens, Instant::now());
            }
            _ => self.punch.over(&peer),
        }
    }

    fn on_gone(&mut self, Gone { route, failure, moved }: Gone) {
        match self.lines.get_mut(&route.connection) {
            Some(line) if moved => line.ends = Some(Instant::now() + LAST_WORD),
            _ => self.close(route.connection),
        }
        let Some(reason) = failure else {
            return;
        };
        tracing::info!(peer = route.peer.fmt_short(), %reason, "no link");
        if route.dialed {
            self.say(NetEvent::DialFailed(Some(route.peer), route.address, reason.to_string()));
        }
    }

    fn close_dead(&mut self) {
        let now = Instant::now();
        let is_over = |line: &Line| line.ends.is_some_and(|at| at <= now);
        let is_dead = |line: &&Line| now.duration_since(line.heard) > DEAD_AFTER || is_over(line);
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
