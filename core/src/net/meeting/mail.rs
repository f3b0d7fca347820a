//! The way of a request to the mailbox: from the stream to the desk, to whoever keeps envelopes, and back.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use libp2p::request_response::{self, InboundRequestId, Message, ResponseChannel};
use libp2p::swarm::ConnectionId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::counts::Counts;
use super::desk::{Desk, Origin};
use super::{Bounds, Subnet, Welcome};
use crate::id::PeerId;
use crate::net::mailbox::{Answer, Errand, Letter, Refusal, Request};

/// How long whoever keeps envelopes may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Requests that may wait for whoever keeps envelopes, beyond those in their queue.
const MAX_WAITING: usize = 1024;

/// What libp2p tells of requests.
pub(super) type Event = request_response::Event<Option<Request>, Answer>;

/// Where the answer to a request goes.
pub(super) type Channel = ResponseChannel<Answer>;

/// Requests on their way.
pub(super) struct Mail {
    desk: Desk,
    sender: mpsc::Sender<Letter>,
    clock: fn() -> u64,
    counts: Arc<Counts>,
    waiting: FuturesUnordered<BoxFuture<'static, (Channel, Answer)>>,
}

impl Mail {
    pub(super) fn new(
        me: PeerId,
        sender: mpsc::Sender<Letter>,
        bounds: &Bounds,
        clock: fn() -> u64,
        counts: Arc<Counts>,
    ) -> Mail {
        Mail { desk: Desk::new(me, bounds), sender, clock, counts, waiting: FuturesUnordered::new() }
    }

    /// Takes a request in. Returns to whom to say no at once, and why.
    pub(super) fn on_event(
        &mut self,
        event: Event,
        serves: impl Fn(&libp2p::PeerId) -> bool,
        subnet_of: impl Fn(ConnectionId) -> Option<Subnet>,
    ) -> Option<(Channel, Refusal)> {
        match event {
            Event::Message { message: Message::Request { request_id, request, channel }, connection_id, peer } => {
                if !serves(&peer) {
                    self.count(Refusal::Token);
                    return Some((channel, Refusal::Token));
                }
                match self.judge((connection_id, subnet_of(connection_id)), request_id, request) {
                    Ok(answer) => {
                        self.waiting.push(Box::pin(async move { (channel, answered(answer).await) }));
                        None
                    }
                    Err(refusal) => {
                        self.count(refusal);
                        Some((channel, refusal))
                    }
                }
            }
            Event::ResponseSent { request_id, .. } | Event::InboundFailure { request_id, .. } => {
                self.desk.end(request_id);
                None
            }
            _ => None,
        }
    }

    /// Returns the next answer of whoever keeps envelopes; `None` while nobody waits for one.
    pub(super) async fn next_answer(&mut self) -> Option<(Channel, Answer)> {
        self.waiting.next().await
    }

    fn judge(
        &mut self,
        from: Origin,
        id: InboundRequestId,
        request: Option<Request>,
    ) -> Result<oneshot::Receiver<Answer>, Refusal> {
        let draining = self.counts.welcome() == Welcome::Draining;
        let (topic, errand) = self.desk.judge(Instant::now(), (self.clock)(), from, request, draining)?;
        if self.waiting.len() >= MAX_WAITING {
            return Err(Refusal::Busy);
        }
        match &errand {
            Errand::Put(..) => self.counts.mail_puts_total.up(),
            Errand::Get(_) => {
                self.desk.begin(id, from.1)?;
                self.counts.mail_gets_total.up();
            }
        }
        let (answer, answered) = oneshot::channel();
        self.sender.try_send(Letter { topic, errand, answer }).map_err(|_| Refusal::Busy)?;
        Ok(answered)
    }

    fn count(&self, refusal: Refusal) {
        let count = match refusal {
            Refusal::Malformed => &self.counts.mail_malformed_total,
            Refusal::Signature => &self.counts.mail_unsigned_total,
            Refusal::Clock(_) => &self.counts.mail_clock_total,
            _ => &self.counts.mail_refused_total,
        };
        count.up();
    }
}

async fn answered(answer: oneshot::Receiver<Answer>) -> Answer {
    match timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => answer,
        _ => Answer::Refused(Refusal::Busy),
    }
}
