//! The one task that owns a meeting place's swarm: it carries out commands and counts what happens.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::request_response::{self, Message, ResponseChannel};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm, autonat, kad, ping, relay};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::behaviour::{Behaviour, BehaviourEvent, Reserved};
use super::counts::Counts;
use super::guard::Shown;
use super::mail::{self, Mail};
use super::rendezvous::{self, Rendezvous};
use super::subnet::ip_of;
use super::{Command, MeetingConfig, MeetingEvent, ways};
use crate::id::Address;
use crate::net::address::{bare, is_loopback};
use crate::net::mailbox::Answer;
use crate::net::tls;
use crate::net::{NetError, peer_of, split_peer, transport, with_peer};

/// How long connections may take to close when we stop.
const FAREWELL: Duration = Duration::from_secs(2);

/// How often connections are looked through for who owes a token.
const SWEEP: Duration = Duration::from_secs(1);

/// The swarm and what we know of its guests.
pub(super) struct Hall {
    me: crate::id::PeerId,
    swarm: Swarm<Behaviour>,
    counts: Arc<Counts>,
    reserved: Reserved,
    shown: Shown,
    rendezvous: Rendezvous,
    mail: Option<Mail>,
    /// Whether the addresses at which we listen are those at which others reach us.
    found_where_it_listens: bool,
    /// Whether loopback addresses mean something to others: we listen nowhere else.
    only_here: bool,
}

impl Hall {
    pub(super) fn new(
        config: MeetingConfig,
        certificate: Option<&Arc<tls::Shown>>,
        counts: Arc<Counts>,
    ) -> Result<Hall, NetError> {
        let me = peer_of(&config.secret);
        let external = config.external.iter().map(multiaddr).collect::<Result<Vec<_>, _>>()?;
        for node in &config.nodes {
            split_peer(node)?.1.ok_or_else(|| NetError::BadAddress(node.0.clone()))?;
        }
        let listens = config.listen.iter().map(multiaddr).collect::<Result<Vec<_>, _>>()?;
        let only_here = !listens.is_empty() && listens.iter().all(is_loopback);
        let reserved = Reserved::default();
        let shown = Shown::default();
        let behaviour = Behaviour::new(&config, &counts, &reserved, &shown);
        let mut swarm = ways::build(&config.secret, certificate, behaviour)?;
        transport::listen(&mut swarm, &config.listen)?;
        let found_where_it_listens = external.is_empty();
        external.into_iter().for_each(|address| swarm.add_external_address(address));
        let rendezvous = Rendezvous::new(&config.bounds);
        let mail = config.mail.map(|sender| Mail::new(me, sender, &config.bounds, config.clock, counts.clone()));
        Ok(Hall { me, swarm, counts, reserved, shown, rendezvous, mail, found_where_it_listens, only_here })
    }

    /// Runs until told to stop, or until nobody is left who could tell.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>, events: mpsc::Sender<MeetingEvent>) {
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = sweep.tick() => self.close_overdue(),
                event = self.swarm.select_next_some() => self.on_event(event, &events),
                Some((channel, answer)) = next_answer(&mut self.mail) => self.answer(channel, answer),
                command = commands.recv() => match command {
                    Some(Command::Lists(lists)) => {
                        for connection in self.swarm.behaviour_mut().guard.set_lists(lists) {
                            self.swarm.close_connection(connection);
                        }
                    }
                    Some(Command::Stop(done)) => return self.stop(Some(done)).await,
                    None => return self.stop(None).await,
                },
            }
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>, events: &mpsc::Sender<MeetingEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour(event),
            SwarmEvent::NewListenAddr { address, .. } => self.on_listening(&address, events),
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => self.release(&peer_id),
            SwarmEvent::ListenerError { listener_id, error } => complain(listener_id, &error),
            SwarmEvent::ListenerClosed { listener_id, reason: Err(error), .. } => complain(listener_id, &error),
            _ => {}
        }
    }

    fn on_listening(&mut self, address: &Multiaddr, events: &mpsc::Sender<MeetingEvent>) {
        let address = bare(address);
        let Ok(parsed) = address.0.parse::<Multiaddr>() else { return };
        if self.found_where_it_listens && (self.only_here || !is_loopback(&parsed)) {
            self.swarm.add_external_address(parsed);
        }
        // Who does not read them does not miss them.
        events.try_send(MeetingEvent::Listening(with_peer(&address, self.me))).ok();
    }

    fn on_behaviour(&mut self, event: BehaviourEvent) {
        match event {
            // Who knows no ping is no peer of ours, and harms nobody.
            BehaviourEvent::Ping(ping::Event { result: Err(ping::Failure::Unsupported), .. }) => {}
            BehaviourEvent::Ping(ping::Event { connection, result: Err(_), .. }) => {
                self.counts.dead_total.up();
                self.swarm.close_connection(connection);
            }
            BehaviourEvent::Relay(event) => self.on_relay(event),
            BehaviourEvent::Rendezvous(request_response::Event::Message {
                peer,
                message: Message::Request { request, channel, .. },
                ..
            }) => self.on_rendezvous(peer, request, channel),
            BehaviourEvent::Autonat(autonat::v2::server::Event { .. }) => self.counts.dial_backs_total.up(),
            BehaviourEvent::Mailbox(event) => self.on_mail(event),
            BehaviourEvent::Token(request_response::Event::Message {
                peer,
                message: Message::Request { request, channel, .. },
                ..
            }) => self.on_token(peer, &request, channel),
            BehaviourEvent::Kademlia(kad::Event::InboundRequest { .. }) => self.counts.kademlia_total.up(),
            _ => {}
        }
    }

    fn on_relay(&mut self, event: relay::Event) {
        use relay::Event;
        match event {
            Event::ReservationReqAccepted { src_peer_id, renewed } => {
                let count =
                    if renewed { &self.counts.reservations_renewed_total } else { &self.counts.reservations_total };
                count.up();
                self.reserve(src_peer_id);
            }
            Event::ReservationReqDenied { .. } => self.counts.reservations_refused_total.up(),
            Event::ReservationTimedOut { src_peer_id } => self.release(&src_peer_id),
            Event::CircuitReqAccepted { .. } => {
                self.counts.circuits.up();
                self.counts.circuits_total.up();
            }
            Event::CircuitReqDenied { .. } => self.counts.circuits_refused_total.up(),
            Event::CircuitClosed { .. } => self.counts.circuits.down(),
            _ => {}
        }
    }

    fn on_rendezvous(&mut self, peer: PeerId, request: Option<rendezvous::Request>, channel: ResponseChannel<Vec<u8>>) {
        let served = self.shown.serves(&peer);
        let answer = self.rendezvous.answer(Instant::now(), peer, request, served, &self.counts);
        if let Some(behaviour) = self.swarm.behaviour_mut().rendezvous.as_mut() {
            // Who asked may have hung up.
            behaviour.send_response(channel, answer).ok();
        }
    }

    fn on_token(&mut self, peer: PeerId, token: &[u8], channel: ResponseChannel<bool>) {
        let behaviour = self.swarm.behaviour_mut();
        let welcome = behaviour.guard.show(peer, token);
        // Who shows nothing only asks whether one is needed.
        if !welcome && !token.is_empty() {
            self.counts.tokens_refused_total.up();
        }
        // Who asked may have hung up.
        behaviour.token.send_response(channel, welcome).ok();
    }

    /// Closes the connections of who should have shown a token by now.
    fn close_overdue(&mut self) {
        for connection in self.swarm.behaviour().guard.overdue(Instant::now()) {
            self.counts.tokens_refused_total.up();
            self.swarm.close_connection(connection);
        }
    }

    fn on_mail(&mut self, event: mail::Event) {
        let Some(mail) = &mut self.mail else { return };
        let shown = &self.shown;
        let guard = &self.swarm.behaviour().guard;
        if let Some((channel, refusal)) =
            mail.on_event(event, |peer| shown.serves(peer), |connection| guard.subnet_of(connection))
        {
            self.answer(channel, Answer::Refused(refusal));
        }
    }

    fn answer(&mut self, channel: mail::Channel, answer: Answer) {
        if let Some(mailbox) = self.swarm.behaviour_mut().mailbox.as_mut() {
            // Who asked may have hung up.
            mailbox.send_response(channel, answer).ok();
        }
    }

    fn reserve(&self, peer: PeerId) {
        let mut reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        reserved.insert(peer);
        self.counts.reservations.set(reserved.len());
    }

    fn release(&self, peer: &PeerId) {
        let mut reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        reserved.remove(peer);
        self.counts.reservations.set(reserved.len());
    }

    async fn stop(mut self, done: Option<oneshot::Sender<()>>) {
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error only says that it is gone already.
            self.swarm.disconnect_peer_id(peer).ok();
        }
        let closing = async {
            while self.swarm.network_info().num_peers() > 0 {
                self.swarm.select_next_some().await;
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

/// Waits for whoever keeps envelopes; without a mailbox, forever.
async fn next_answer(mail: &mut Option<Mail>) -> Option<(mail::Channel, Answer)> {
    match mail {
        Some(mail) => mail.next_answer().await,
        None => std::future::pending().await,
    }
}

/// Says that a listener has trouble. Its address is the operator's own and would be no secret, but who caused the
/// trouble is in the error's text, so only its kind is told.
fn complain(listener: ListenerId, error: &std::io::Error) {
    tracing::warn!(?listener, kind = ?error.kind(), "a listener failed");
}

fn multiaddr(address: &Address) -> Result<Multiaddr, NetError> {
    let parsed: Multiaddr = address.0.parse().map_err(|_| NetError::BadAddress(address.0.clone()))?;
    let mut parts = parsed.iter();
    if ip_of(&parsed).is_none()
        && !parts.any(|part| matches!(part, Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)))
    {
        return Err(NetError::BadAddress(address.0.clone()));
    }
    Ok(parsed)
}
