//! All links: which tasks work on them, and which one is kept for each peer.
//!
//! A stream goes through three steps, each a task that ends with a value: it is greeted, it is confirmed, it carries
//! frames. Between the steps it comes back here, where it is ruled on; so that no task has to ask, and a link that
//! replaces another goes up only after the other has said `LinkDown`.
//!
//! A link over a relay gets an **heir** when a direct connection comes: that stream is confirmed while the old one still
//! carries frames, then both ends read the old one to its end, and the link goes on over the new one as if nothing had been.

use std::collections::BTreeMap;
use std::sync::Arc;

use libp2p::Stream;
use libp2p::swarm::ConnectionId;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};

use super::link::choice::{Candidate, Ruling, rule};
use super::link::ends::{End, Ends};
use super::link::greet::{GreetError, Greeted, greet};
use super::link::handshake::{Hello, binding};
use super::link::intake::Intake;
use super::link::outbox::{Flow, Outbox};
use super::link::pump;
use super::{MAX_UNHANDLED, NetEvent};
use crate::id::{Address, PeerId};

type Wire = Compat<Stream>;

/// The connection that a link is on.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) connection: ConnectionId,
    pub(super) peer: PeerId,
    /// Where the peer is.
    pub(super) address: Address,
    /// Whether we dialled it.
    pub(super) dialed: bool,
    /// Whether it goes over a relay.
    pub(super) relayed: bool,
}

/// What a task ended with.
pub(super) enum Step {
    Greeted(Greeted<Wire>),
    Confirmed(Wire),
    Moved,
    Over(Option<GreetError>),
}

/// A connection whose link is over; it serves no purpose any more.
pub(super) struct Gone {
    pub(super) route: Route,
    /// Why it never became a link, if that is a failure.
    pub(super) failure: Option<GreetError>,
    /// The link goes on over another connection: the last word on this one may still be under way.
    pub(super) moved: bool,
}

/// The links of one peer.
#[derive(Default)]
struct Slot {
    /// The one that is up, or on its way up or down.
    kept: Option<Kept>,
    /// Waits for its turn, or as a spare until the kept one is up.
    next: Option<(Route, Greeted<Wire>)>,
    /// The stream over which the kept one is to go on.
    heir: Option<Heir>,
}

struct Heir {
    route: Route,
    hello: Hello,
    /// Once it is confirmed.
    wire: Option<Wire>,
}

struct Kept {
    route: Route,
    candidate: Candidate,
    hello: Hello,
    since: Instant,
    outbox: Arc<Outbox>,
    up: bool,
}

/// All links. At most one task a connection, so bounded by the limit on those.
pub(super) struct Links {
    me: PeerId,
    boot: u64,
    slots: BTreeMap<PeerId, Slot>,
    tasks: JoinSet<(Route, Step)>,
    ends: Ends,
    events: mpsc::Sender<NetEvent>,
}

impl Links {
    pub(super) fn new(me: PeerId, boot: u64, ends: Ends, events: mpsc::Sender<NetEvent>) -> Links {
        Links { me, boot, slots: BTreeMap::new(), tasks: JoinSet::new(), ends, events }
    }

    /// Returns the way over which the peer is linked, if it is.
    pub(super) fn linked(&self, peer: PeerId) -> Option<&Route> {
        let kept = self.slots.get(&peer)?.kept.as_ref()?;
        kept.up.then_some(&kept.route)
    }

    /// Returns where a linked peer says that it listens.
    pub(super) fn listens(&self, peer: PeerId) -> Vec<Address> {
        let kept = self.slots.get(&peer).and_then(|slot| slot.kept.as_ref());
        kept.map(|kept| kept.hello.listens.clone()).unwrap_or_default()
    }

    /// Begins the handshake on a new stream.
    pub(super) fn greet(&mut self, route: Route, stream: Stream, listens: Vec<Address>) {
        let hello = Hello { boot: self.boot, listens };
        let chooser = self.me < route.peer;
        self.tasks.spawn(async move {
            match greet(stream.compat(), hello, chooser).await {
                Ok(greeted) => (route, Step::Greeted(greeted)),
                Err(error) => (route, Step::Over(Some(error))),
            }
        });
    }

    /// Orders the link on this connection down. A connection that closes does not always break its streams: Yamux
    /// leaves them waiting when the other end is frozen.
    pub(super) fn shut(&self, peer: PeerId, connection: ConnectionId) {
        let kept = self.slots.get(&peer).and_then(|slot| slot.kept.as_ref());
        if let Some(kept) = kept.filter(|kept| kept.route.connection == connection) {
            kept.outbox.close();
        }
    }

    /// Waits until a link has come a step further; `None` when there is none.
    pub(super) async fn next_step(&mut self) -> Option<(Route, Step)> {
        loop {
            match self.tasks.join_next().await? {
                Ok(step) => return Some(step),
                Err(error) => tracing::error!(%error, "a link's task failed"),
            }
        }
    }

    /// Takes a link its next step. Returns the connections that serve no purpose after it.
    pub(super) fn advance(&mut self, route: Route, step: Step, now: Instant) -> Vec<Gone> {
        let failure = match step {
            Step::Greeted(greeted) => {
                self.consider(route, greeted, now);
                return Vec::new();
            }
            Step::Confirmed(wire) => match self.bequeath(&route, wire).and_then(|wire| self.raise(&route, wire)) {
                None => return Vec::new(),
                Some(_) => None,
            },
            Step::Moved => match self.inherit(&route, now) {
                true => return vec![Gone { route, failure: None, moved: true }],
                false => None,
            },
            Step::Over(failure) => failure.filter(|error| !matches!(error, GreetError::Spare)),
        };
        let heir = self.release(&route, now).map(|route| Gone { route, failure: None, moved: false });
        [Gone { route, failure, moved: false }].into_iter().chain(heir).collect()
    }

    fn consider(&mut self, route: Route, greeted: Greeted<Wire>, now: Instant) {
        let slot = self.slots.entry(route.peer).or_default();
        let present = slot.kept.as_ref().map(|kept| (kept.candidate, now.duration_since(kept.since)));
        let ruling = rule(present, candidate(&route, &greeted.hello), self.me < route.peer);
        let spared = match (ruling, &slot.kept) {
            (Ruling::Keep, _) | (_, None) => return self.keep(route, greeted, now),
            (Ruling::Move, Some(kept)) if kept.up && !kept.outbox.is_closed() => match slot.heir {
                None => return self.name_heir(route, greeted),
                Some(_) => Some((route, greeted)),
            },
            (Ruling::Spare, Some(kept)) if kept.up => Some((route, greeted)),
            (Ruling::Replace | Ruling::Move, Some(kept)) => {
                kept.outbox.close();
                slot.next.replace((route, greeted))
            }
            // The kept one may still fail to come up.
            (Ruling::Spare, Some(_)) => slot.next.replace((route, greeted)),
        };
        if let Some((route, greeted)) = spared {
            self.spare(route, greeted);
        }
    }

    fn keep(&mut self, route: Route, greeted: Greeted<Wire>, now: Instant) {
        let outbox = Arc::new(Outbox::new());
        let kept = Kept {
            route: route.clone(),
            candidate: candidate(&route, &greeted.hello),
            hello: greeted.hello.clone(),
            since: now,
            outbox: outbox.clone(),
            up: false,
        };
        self.slots.entry(route.peer).or_default().kept = Some(kept);
        self.tasks.spawn(async move {
            let confirmed = tokio::select! {
                confirmed = greeted.confirm() => confirmed,
                () = outbox.until(Flow::Closed) => Err(GreetError::Spare),
            };
            match confirmed {
                Ok(wire) => (route, Step::Confirmed(wire)),
                Err(error) => (route, Step::Over(Some(error))),
            }
        });
    }

    fn name_heir(&mut self, route: Route, greeted: Greeted<Wire>) {
        let heir = Heir { route: route.clone(), hello: greeted.hello.clone(), wire: None };
        self.slots.entry(route.peer).or_default().heir = Some(heir);
        self.tasks.spawn(async move {
            match greeted.confirm().await {
                Ok(wire) => (route, Step::Confirmed(wire)),
                Err(error) => (route, Step::Over(Some(error))),
            }
        });
    }

    /// Has the link go on over a stream that was confirmed for it, or gives the stream back if it is another's.
    fn bequeath(&mut self, route: &Route, wire: Wire) -> Option<Wire> {
        let slot = self.slots.get_mut(&route.peer);
        let heir = slot.and_then(|slot| slot.heir.as_mut().zip(slot.kept.as_ref()));
        match heir.filter(|(heir, _)| heir.route.connection == route.connection) {
            Some((heir, kept)) => {
                heir.wire = Some(wire);
                kept.outbox.set_moving(true);
                None
            }
            None => Some(wire),
        }
    }

    /// Goes on over the heir, now that the old stream is read to its end. Returns whether there is one.
    fn inherit(&mut self, old: &Route, now: Instant) -> bool {
        let Some(slot) = self.slots.get_mut(&old.peer) else { return false };
        let Some(kept) = slot.kept.as_mut().filter(|kept| kept.route.connection == old.connection) else {
            return false;
        };
        let Some(Heir { route, hello, wire: Some(wire) }) = slot.heir.take() else { return false };
        kept.candidate = candidate(&route, &hello);
        (kept.route, kept.hello, kept.since) = (route.clone(), hello, now);
        kept.outbox.set_moving(false);
        let moved = NetEvent::Moved { peer: route.peer, address: route.address.clone(), relayed: route.relayed };
        let Some(end) = self.ends.get(old.peer) else { return false };
        self.pump(route, wire, moved, end);
        true
    }

    fn pump(&mut self, route: Route, wire: Wire, up: NetEvent, end: End) {
        let events = self.events.clone();
        self.tasks.spawn(async move {
            match pump::run(wire, route.peer, up, end, events).await {
                pump::Outcome::Moved => (route, Step::Moved),
                pump::Outcome::Over => (route, Step::Over(None)),
            }
        });
    }

    /// Brings a confirmed link up. Gives the stream back if it is not wanted any more: it may have been replaced.
    fn raise(&mut self, route: &Route, wire: Wire) -> Option<Wire> {
        let Some(slot) = self.slots.get_mut(&route.peer) else {
            return Some(wire);
        };
        let Some(kept) = slot.kept.as_mut().filter(|kept| kept.route.connection == route.connection) else {
            return Some(wire);
        };
        if kept.outbox.is_closed() {
            return Some(wire);
        }
        kept.up = true;
        let up = NetEvent::LinkUp {
            peer: route.peer,
            binding: binding((self.me, self.boot), (route.peer, kept.hello.boot)),
            address: route.address.clone(),
            listens: kept.hello.listens.clone(),
            relayed: route.relayed,
        };
        let end = End { outbox: kept.outbox.clone(), intake: Arc::new(Intake::new(MAX_UNHANDLED)) };
        let spared = slot.next.take();
        self.ends.insert(route.peer, end.clone());
        self.pump(route.clone(), wire, up, end);
        if let Some((route, greeted)) = spared {
            self.spare(route, greeted);
        }
        None
    }

    /// Forgets a link that is over, and gives the place to the one that waits for it. Returns where it was to go on.
    fn release(&mut self, route: &Route, now: Instant) -> Option<Route> {
        let slot = self.slots.get_mut(&route.peer)?;
        let mut heir = None;
        if slot.kept.as_ref().is_some_and(|kept| kept.route.connection == route.connection) {
            slot.kept = None;
            heir = slot.heir.take().map(|heir| heir.route);
            self.ends.remove(route.peer);
            if let Some((route, greeted)) = slot.next.take() {
                self.keep(route, greeted, now);
                return heir;
            }
        }
        slot.heir.take_if(|heir| heir.route.connection == route.connection);
        if slot.kept.is_none() {
            self.slots.remove(&route.peer);
        }
        heir
    }

    fn spare(&mut self, route: Route, greeted: Greeted<Wire>) {
        self.tasks.spawn(async move { (route, Step::Over(Some(greeted.spare().await))) });
    }
}

fn candidate(route: &Route, hello: &Hello) -> Candidate {
    Candidate { boot: hello.boot, relayed: route.relayed, dialed: route.dialed }
}
