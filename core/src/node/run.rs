//! The loop: the only place that reads the clock and draws entropy. It gives inputs to the engine, one at a time, and
//! executes the effects in order.
//!
//! It goes in rounds: wait for an input, handle it and whatever else has come meanwhile, then keep all that these asked
//! to be kept with **one** fdatasync, then go on with what waited for that. While the disk works, the next round's inputs
//! gather; so one message waits for nothing but its own fdatasync, and a thousand at once share a few. (A thread of its
//! own for the disk cost two wake-ups a message, about a quarter of a millisecond on each side.)

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{self, MissedTickBehavior};

use super::baton::{self, Baton};
use super::fairness::{self, Fairness};
use super::nodes::Nodes;
use super::{Keyring, NodeConfig, NodeError, Vault, compactor, home, listen, mail};
use crate::engine::{CallId, Config, Effect, Engine, Input, MailAnswer, MailTicket, Newborn, Report, Ticket};
use crate::id::{Address, DeviceId, PeerId};
use crate::net::{Circle, Net, NetEvent, NetEvents};
use crate::rpc::{ErrorCode, Event, Reply, Request, RpcError};
use crate::store::disk::DiskStore;
use crate::store::{Batch, Lsn, Store};
use crate::time::Timestamp;

/// How often the engine is told that time has passed.
const TICK: Duration = Duration::from_secs(1);

/// Inputs of one round; so long may the first of them wait for the others.
const MAX_ROUND: usize = 128;

/// After so long a round takes nothing more in.
const ROUND: Duration = Duration::from_millis(5);

/// What a holder of the node asks of the loop.
pub(super) enum Asked {
    Call(Request, oneshot::Sender<Result<Reply, RpcError>>),
    Stop(oneshot::Sender<()>),
}

/// Whom the loop tells.
pub(super) struct Told {
    pub(super) events: broadcast::Sender<Event>,
    pub(super) reports: broadcast::Sender<Report>,
}

type Started = oneshot::Sender<Result<(DeviceId, PeerId), NodeError>>;

/// Runs a peer until it is told to stop or every handle is dropped.
pub(super) async fn run(config: NodeConfig, asked: mpsc::Receiver<Asked>, told: Told, started: Started) {
    match Shell::open(config, told) {
        Ok((shell, inputs)) => {
            // Who started us may be gone already; then the loop ends with its first look at `asked`.
            started.send(Ok((shell.engine.device(), shell.peer))).ok();
            shell.serve(asked, inputs).await;
        }
        Err(error) => {
            started.send(Err(error)).ok();
        }
    }
}

/// Where inputs come from.
struct Inputs {
    /// The compactor's answers.
    disk: mpsc::Receiver<Input>,
    net: Option<NetEvents>,
}

/// The engine with its arms and legs.
struct Shell {
    home: PathBuf,
    vault: Arc<Vault>,
    baton: Baton,
    peer: PeerId,
    engine: Engine,
    store: Arc<DiskStore>,
    snapshots: SyncSender<compactor::Job>,
    compactor: JoinHandle<()>,
    net: Option<Net>,
    nodes: Nodes,
    told: Told,
    listening: Vec<Address>,
    circle: Circle,
    calls: HashMap<CallId, oneshot::Sender<Result<Reply, RpcError>>>,
    next_call: u64,
    /// When the engine wants to be woken.
    alarm: Option<time::Instant>,
    /// What this round's inputs asked to be kept.
    unwritten: Vec<(Ticket, Batch)>,
    fairness: Fairness,
    /// Whose frames were handled in this round, and how long that took: what is kept at its end is kept for them.
    heard: BTreeMap<PeerId, Duration>,
    /// Who sent what is judged at the end of the round.
    gathering: BTreeSet<PeerId>,
}

impl Shell {
    fn open(config: NodeConfig, told: Told) -> Result<(Self, Inputs), NodeError> {
        let NodeConfig { home, key, network } = config;
        let vault = Arc::new(Vault::new(&key, home::random()?));
        let born = home::load(&home, &vault)?;
        let (peer, device) = (home::identified(&born.profile).peer, born.profile.device_key().device());
        let (store, baton) = open_store(&home, &vault, device)?;
        let (answers, disk) = mpsc::channel(2 * compactor::MAX_JOBS);
        let (snapshots, compactor) = compactor::start(store.clone(), answers).map_err(io)?;
        let nodes = Nodes::open(&home, &vault, network.as_ref().map_or(&[], |network| &network.nodes))?;
        let start = |network| listen::start(&home, &vault, &born.profile, network, &nodes);
        let (net, events) = network.as_ref().map(start).transpose()?.unzip();
        let Newborn { profile, log, is_back } = born;
        let first = profile.prekeys.clone();
        let config = Config { profile, log, is_back, peer, instance: baton.instance(), seed: home::random()? };
        let (engine, effects) = Engine::open(config, now(), &*store)?;
        home::leave_prekeys(&home, &vault, &first, engine.prekeys());
        let circle = network.as_ref().map(|network| network.circle).unwrap_or_default();
        let mut shell = Shell {
            home,
            vault,
            baton,
            peer,
            engine,
            store,
            snapshots,
            compactor,
            net,
            nodes,
            told,
            listening: Vec::new(),
            circle,
            calls: HashMap::new(),
            next_call: 0,
            alarm: None,
            unwritten: Vec::new(),
            fairness: Fairness::default(),
            heard: BTreeMap::new(),
            gathering: BTreeSet::new(),
        };
        shell.execute(effects);
        while let Some(effects) = shell.engine.rebuild(now(), &*shell.store) {
            shell.execute(effects);
        }
        shell.tell_nodes();
        for address in network.into_iter().flat_map(|network| network.peers) {
            let (address, peer) = crate::net::split_peer(&address)?;
            shell.handle(Input::Known(peer, address));
        }
        shell.keep();
        Ok((shell, Inputs { disk, net: events }))
    }

    async fn serve(mut self, mut asked: mpsc::Receiver<Asked>, mut inputs: Inputs) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let done = loop {
            tokio::select! {
                biased;
                Some(answer) = inputs.disk.recv() => self.handle(answer),
                _ = ticks.tick() => self.handle(Input::Tick),
                () = due(self.alarm) => {
                    self.alarm = None;
                    self.handle(Input::Alarm);
                }
                Some(event) = next(&mut inputs.net) => self.net_event(event),
                call = asked.recv() => match call {
                    Some(Asked::Call(request, reply)) => self.call(request, reply),
                    Some(Asked::Stop(done)) => break Some(done),
                    None => break None,
                },
            }
            if let Some(done) = self.rest_of_round(&mut asked, &mut inputs) {
                break Some(done);
            }
            self.keep();
        };
        self.stop().await;
        if let Some(done) = done {
            done.send(()).ok();
        }
    }

    /// Handles what has come meanwhile; returns whom to tell when the loop has stopped, if it is asked to.
    fn rest_of_round(&mut self, asked: &mut mpsc::Receiver<Asked>, inputs: &mut Inputs) -> Option<oneshot::Sender<()>> {
        let began = instant();
        for _ in 0..MAX_ROUND {
            if began.elapsed() > ROUND {
                break;
            }
            let event = inputs.net.as_mut().and_then(NetEvents::try_recv);
            let call = asked.try_recv().ok();
            if event.is_none() && call.is_none() {
                break;
            }
            if let Some(event) = event {
                self.net_event(event);
            }
            match call {
                Some(Asked::Call(request, reply)) => self.call(request, reply),
                Some(Asked::Stop(done)) => return Some(done),
                None => {}
            }
        }
        None
    }

    /// Judges what was gathered in the round.
    fn gathered(&mut self) {
        let gathering = std::mem::take(&mut self.gathering);
        if !gathering.is_empty() {
            let began = instant();
            self.handle(Input::Gathered);
            let heard = |peer| (peer, self.heard.get(&peer).copied().unwrap_or_default());
            let gathering = gathering.into_iter().map(heard).collect();
            self.shared_by(&gathering, began);
        }
    }

    /// Keeps what the round asked to be kept, and what follows from that.
    fn keep(&mut self) {
        self.gathered();
        let began = instant();
        let is_idle = self.unwritten.is_empty();
        self.keep_all();
        let heard = std::mem::take(&mut self.heard);
        if !is_idle {
            self.shared_by(&heard, began);
        }
    }

    /// Notes that some links together took the time since a moment, each in proportion to what it took in this round.
    fn shared_by(&mut self, peers: &BTreeMap<PeerId, Duration>, began: Instant) {
        let (took, all) = (began.elapsed(), peers.values().sum::<Duration>());
        for (peer, of_it) in peers.iter().filter(|_| !all.is_zero()) {
            self.took(*peer, took.mul_f64(of_it.div_duration_f64(all)));
        }
    }

    fn keep_all(&mut self) {
        while !self.unwritten.is_empty() {
            let (tickets, batches): (Vec<Ticket>, Vec<Batch>) = std::mem::take(&mut self.unwritten).into_iter().unzip();
            match self.store.append(&batches) {
                Ok(last) => self.handle(Input::Persisted(positions(tickets, last))),
                Err(error) => {
                    for ticket in tickets {
                        self.handle(Input::NotPersisted(ticket, error.to_string()));
                    }
                }
            }
        }
    }

    fn call(&mut self, request: Request, reply: oneshot::Sender<Result<Reply, RpcError>>) {
        let done = match &request {
            Request::Dial { address } => self.dial(address),
            Request::AddNode { address, token } => {
                self.nodes.add(&self.vault, address, token.clone(), self.peer).map(|()| self.use_nodes())
            }
            Request::RemoveNode { node } => self.nodes.remove(&self.vault, node).map(|()| self.use_nodes()),
            Request::Nodes => Ok(Reply::Nodes { nodes: self.nodes.list(&self.listening) }),
            Request::Storage => Ok(Reply::Storage { storage: home::storage(&self.home) }),
            _ => return self.ask_engine(request, reply),
        };
        // Who asked may be gone.
        reply.send(done).ok();
    }

    fn dial(&mut self, address: &str) -> Result<Reply, RpcError> {
        let split = crate::net::split_peer(&Address(address.to_owned()));
        let (address, peer) = split.map_err(|error| RpcError::new(ErrorCode::Invalid, error.to_string()))?;
        self.handle(Input::Known(peer, address));
        Ok(Reply::Done { done: true })
    }

    fn use_nodes(&mut self) -> Reply {
        self.with_net(|net| net.use_nodes(self.nodes.all()));
        self.tell_nodes();
        Reply::Done { done: true }
    }

    /// Tells the engine what nodes there are.
    fn tell_nodes(&mut self) {
        if self.circle != Circle::Lan {
            self.handle(Input::Relayed(self.nodes.ways()));
            self.handle(Input::Mailboxes(self.nodes.mailboxes()));
        }
    }

    fn ask_engine(&mut self, request: Request, reply: oneshot::Sender<Result<Reply, RpcError>>) {
        self.fairness.called(instant());
        let call = CallId(self.next_call);
        self.next_call += 1;
        self.calls.insert(call, reply);
        self.handle(Input::Call(call, request));
    }

    fn net_event(&mut self, event: NetEvent) {
        let input = match event {
            NetEvent::Listening(address) => {
                if !self.listening.contains(&address) {
                    self.listening.push(address.clone());
                }
                listen::note(&self.home, &self.vault, &self.listening);
                Input::Listening { dialable: crate::net::with_peer(&address, self.peer), address }
            }
            NetEvent::Silent(address) => {
                self.listening.retain(|listening| *listening != address);
                Input::Silent(address)
            }
            NetEvent::LinkUp { peer, binding, address, listens, relayed } => {
                Input::LinkUp { peer, binding, address, listens, relayed }
            }
            NetEvent::Moved { peer, address, relayed } => Input::Moved { peer, address, relayed },
            NetEvent::LinkDown(peer) => Input::LinkDown(peer),
            NetEvent::Frame(peer, bytes) => {
                let (began, weight) = (instant(), bytes.len());
                self.handle(Input::Frame(peer, bytes));
                *self.heard.entry(peer).or_default() += began.elapsed();
                let waiting = self.net.as_ref().map_or(0, |net| net.waiting(peer));
                self.fairness.left_waiting(peer, waiting, instant());
                return self.took(peer, began.elapsed() + fairness::carrying(weight));
            }
            NetEvent::Congested(peer) => Input::Congested(peer),
            NetEvent::Drained(peer) => Input::Drained(peer),
            NetEvent::Discovered(peer, addresses) => Input::Discovered(peer, addresses),
            NetEvent::Found(peer, addresses) => Input::Found(peer, addresses),
            NetEvent::Mailed(errand, outcome) => Input::Mailed(MailTicket(errand), mail::answer(outcome)),
            NetEvent::Node(node, news) => {
                if !self.nodes.heard(&self.vault, node, news) || self.circle == Circle::Lan {
                    return;
                }
                Input::Mailboxes(self.nodes.mailboxes())
            }
            NetEvent::RoundTrip(peer, ms) => Input::RoundTrip(peer, ms),
            NetEvent::DialFailed(peer, _, why) => {
                tracing::debug!("a dial came to nothing: {why}");
                let Some(peer) = peer else { return };
                Input::DialFailed(peer, why)
            }
        };
        self.handle(input);
    }

    /// Notes what a link took of our time, and lets it rest if that is more than its share.
    fn took(&mut self, peer: PeerId, took: Duration) {
        let rest = self.fairness.took(peer, took, instant());
        if !rest.is_zero() {
            self.with_net(|net| net.rest(peer, rest));
        }
    }

    fn handle(&mut self, input: Input) {
        let effects = self.engine.handle(now(), input, &*self.store);
        self.execute(effects);
    }

    fn execute(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Continue => self.handle(Input::Continue),
                Effect::Gather(peer) => drop(self.gathering.insert(peer)),
                Effect::Alarm(at) => {
                    let at = time::Instant::now() + Duration::from_millis(at.since(now()));
                    self.alarm = Some(self.alarm.map_or(at, |earlier| earlier.min(at)));
                }
                Effect::Persist(ticket, batch) => self.unwritten.push((ticket, batch)),
                Effect::Index(ops, complete) => {
                    if let Err(error) = self.store.index(ops, complete) {
                        tracing::warn!("the index lags behind: {error}");
                    }
                }
                Effect::Snapshot(stream, covers, image, erased) => {
                    if let Err(why) = self.compact((stream, covers, image, erased)) {
                        self.handle(Input::Snapshotted(stream, Err(why)));
                    }
                }
                Effect::Send(peer, frame) => self.with_net(|net| net.send(peer, frame)),
                Effect::Close(peer) => self.with_net(|net| net.close(peer)),
                Effect::Mail(ticket, errand) => {
                    let sent = mail::send(self.net.as_ref(), (&self.nodes, self.circle), (ticket, errand), now());
                    if let Err(why) = sent {
                        self.handle(Input::Mailed(ticket, MailAnswer::Unreachable(why.to_owned())));
                    }
                }
                Effect::Dial(peer, addresses) => self.with_net(|net| net.dial(peer, addresses)),
                Effect::Register(namespaces) => self.with_net(|net| net.register(namespaces)),
                Effect::Seek(namespaces) => self.with_net(|net| net.seek(namespaces)),
                Effect::Reply(call, result) => {
                    if let Some(reply) = self.calls.remove(&call) {
                        reply.send(*result).ok();
                    }
                }
                Effect::Emit(event) => drop(self.told.events.send(event)),
                Effect::Report(report) => self.report(report),
            }
        }
    }

    /// Has a snapshot written. If something was erased, what comes from now on is sealed under another key.
    fn compact(&self, job: compactor::Job) -> Result<(), String> {
        let (stream, _, _, erased) = job;
        if erased {
            self.store.renew(stream).map_err(|error| error.to_string())?;
        }
        let full = |_| "too many snapshots wait; the stream is compacted later".to_owned();
        self.snapshots.try_send(job).map_err(full)
    }

    fn with_net(&self, act: impl FnOnce(&Net)) {
        if let Some(net) = &self.net {
            act(net);
        }
    }

    fn report(&mut self, report: Report) {
        match &report {
            Report::Listening(address) => tracing::info!(%address, "listening"),
            Report::Problem(problem) => tracing::warn!("{problem}"),
            Report::Linked { peer, relayed } => tracing::info!(peer = peer.fmt_short(), relayed, "linked"),
            Report::Moved { peer, relayed } => tracing::info!(peer = peer.fmt_short(), relayed, "link moved"),
            Report::Unlinked(peer) => tracing::info!(peer = peer.fmt_short(), "unlinked"),
        }
        // Nobody may be listening.
        self.told.reports.send(report).ok();
    }

    /// Lets go of everything in order: links, what is on its way to disk, the index, the home.
    async fn stop(mut self) {
        self.keep();
        if let Some(net) = self.net.take() {
            net.stop().await;
        }
        drop(self.snapshots);
        if self.compactor.join().is_err() {
            tracing::error!("the compactor's thread ended badly");
        }
        if let Err(error) = self.store.settle() {
            tracing::warn!("the index was not settled and will be mended at the next start: {error}");
        }
        let is_whole = self.store.is_whole();
        drop((self.engine, self.store));
        if is_whole && let Err(error) = self.baton.leave() {
            tracing::debug!(%error, "the next start begins new chains");
        }
    }
}

/// Batches appended together have positions that follow each other.
fn positions(tickets: Vec<Ticket>, last: Lsn) -> Vec<(Ticket, Lsn)> {
    let first = (last.0 + 1).saturating_sub(tickets.len() as u64);
    tickets.into_iter().zip((first..).map(Lsn)).collect()
}

/// Opens the store of a home and takes the home's baton.
fn open_store(home: &Path, vault: &Arc<Vault>, device: DeviceId) -> Result<(Arc<DiskStore>, Baton), NodeError> {
    let found = baton::Found::look(home, device);
    let (store, opened) = DiskStore::open(home, Arc::new(Keyring::new(home, vault.clone())))?;
    for damage in &opened.damage {
        tracing::warn!("{damage}");
    }
    let baton = found.take(opened.damage.is_empty())?;
    Ok((Arc::new(store), baton))
}

async fn next(net: &mut Option<NetEvents>) -> Option<NetEvent> {
    match net {
        Some(net) => net.recv().await,
        None => std::future::pending().await,
    }
}

async fn due(alarm: Option<time::Instant>) {
    match alarm {
        Some(at) => time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn io(error: std::io::Error) -> NodeError {
    NodeError::Io(error.to_string())
}

#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[allow(clippy::disallowed_methods, reason = "how long something took; decides who waits, and nothing else")]
fn instant() -> Instant {
    Instant::now()
}
