//! One front end's calls and events, whatever they travel over: a socket, the web, a window.
//!
//! Calls begin **in the order in which they came**, so that who pipelines `send`s finds them in that order in the
//! conversation; answers are written as they get ready. Who follows or watches has a task that waits for what happens.
//!
//! ```text
//! text ─► begin ─► call ─► answers in flight ─┬─► next ─► text
//!                  follow, watch ─► follower ─┘
//! ```
//!
//! Who holds a session must not ask it to write while what was written waits to leave, and must not let calls begin without
//! room. Then a client that does not read is not answered, and not read any more, and a follower misses events and is
//! told so ([`Event::Lagged`]). Memory stays within the bounds below.

mod follower;

use std::future::Future;

use bytes::BytesMut;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{broadcast, mpsc};

use super::wire::{self, CallId};
use super::{ErrorCode, Event, Reply, Request, RpcError};
use follower::Follower;

/// Calls of one session that wait for their answers.
pub const MAX_IN_FLIGHT: usize = 1024;

/// Who answers calls: the peer, or a stand-in in tests.
pub trait Answer: Clone + Send + Sync + 'static {
    /// Answers one call. Its effects must be ordered by when the future was first polled.
    fn answer(&self, request: Request) -> impl Future<Output = Result<Reply, RpcError>> + Send;

    /// Returns what happens from now on, in all conversations; bounded, the slow miss some.
    fn follow(&self) -> broadcast::Receiver<Event>;
}

/// An answer with the id of its call.
type Answered = (CallId, Result<Reply, RpcError>);

/// Something to be told to the front end.
pub enum Ready {
    /// An answer.
    Answer(CallId, Box<Result<Reply, RpcError>>),
    /// An answer or event that is written already.
    Line(BytesMut),
}

impl Ready {
    /// Writes it as one line.
    pub fn write(self, out: &mut BytesMut) {
        match self {
            Ready::Answer(id, outcome) => wire::write_answer(&id, *outcome, out),
            Ready::Line(line) => out.extend_from_slice(&line),
        }
    }
}

/// One front end.
pub struct Session<A> {
    answer: A,
    /// At most [`MAX_IN_FLIGHT`]. Polled first in the order in which they were pushed.
    in_flight: FuturesUnordered<BoxFuture<'static, Answered>>,
    /// Given by the first `follow` or `watch`.
    follower: Option<Follower>,
}

impl<A: Answer> Session<A> {
    /// Begins a session.
    pub fn new(answer: A) -> Self {
        Session { answer, in_flight: FuturesUnordered::new(), follower: None }
    }

    /// Tells whether one more call may begin.
    pub fn has_room(&self) -> bool {
        self.in_flight.len() < MAX_IN_FLIGHT
    }

    /// Tells whether calls wait for their answers.
    pub fn is_busy(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Begins the call that a text is. What is none is refused at once, as one line.
    pub fn begin(&mut self, text: &[u8], out: &mut BytesMut) {
        match wire::read_call(text) {
            Ok((id, request @ (Request::Follow { .. } | Request::Watch))) => self.begin_following(id, request, out),
            Ok((id, request)) => {
                let answer = self.answer.clone();
                let answered = async move { (id, answer.answer(request).await.map(Reply::with_bodies)) };
                self.in_flight.push(answered.boxed());
            }
            Err(refused) => refused.write(out),
        }
    }

    /// Waits for the next answer or event; for ever when there is nothing to come. Nothing is lost when the wait is given up.
    pub async fn next(&mut self) -> Ready {
        tokio::select! {
            Some((id, outcome)) = self.in_flight.next() => Ready::Answer(id, Box::new(outcome)),
            Some(line) = next_line(&mut self.follower) => Ready::Line(line),
            else => std::future::pending().await,
        }
    }

    fn begin_following(&mut self, id: CallId, request: Request, out: &mut BytesMut) {
        let follower = self.follower.get_or_insert_with(|| Follower::start(self.answer.clone()));
        if let Err(mpsc::error::TrySendError::Full((id, _)) | mpsc::error::TrySendError::Closed((id, _))) =
            follower.calls.try_send((id, request))
        {
            let busy = RpcError::new(ErrorCode::Machine, "too many follow calls at once: wait for their answers");
            wire::write_answer(&id, Err(busy), out);
        }
    }
}

/// Waits for the follower's next lines; forever when there is no follower.
async fn next_line(follower: &mut Option<Follower>) -> Option<BytesMut> {
    match follower {
        Some(follower) => follower.lines.recv().await,
        None => std::future::pending().await,
    }
}
