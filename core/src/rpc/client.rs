//! Asks a running peer over its socket.
//!
//! [`Client`] is a cheap handle; one task owns the connection, gives each call a number and joins the answers to their
//! calls. Calls are sent in the order in which they were submitted, many in one write, and need not wait for each other.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::session::MAX_IN_FLIGHT;
use super::wire::{self, CallId, Incoming, Lines};
use super::{ErrorCode, Event, Reply, Request, RpcError};

/// Calls that wait to be written.
const MAX_QUEUED_CALLS: usize = 256;

/// Events that wait for someone who follows; the slow miss the oldest.
const MAX_QUEUED_EVENTS: usize = 1024;

/// Bytes that wait to be written before further calls are taken. One call may exceed it.
const MAX_UNWRITTEN: usize = 256 * 1024;

/// A connection to a running peer. Ends when the last handle is dropped and nothing is awaited any more.
#[derive(Debug, Clone)]
pub struct Client {
    calls: mpsc::Sender<Call>,
    /// Weak, so that followers see the end when the connection's task ends.
    events: broadcast::WeakSender<Event>,
}

/// A call on its way to the connection's task.
type Call = (Request, oneshot::Sender<Result<Reply, RpcError>>);

/// An answer that is awaited. When it is dropped, the call is carried out all the same.
#[derive(Debug)]
pub struct Pending(oneshot::Receiver<Result<Reply, RpcError>>);

impl Client {
    /// Connects to the peer that listens on this socket.
    ///
    /// # Errors
    /// `NotFound` or `ConnectionRefused` when no peer runs.
    pub async fn connect(path: &Path) -> io::Result<Client> {
        let stream = UnixStream::connect(path).await?;
        let (calls, queue) = mpsc::channel(MAX_QUEUED_CALLS);
        let (events, _) = broadcast::channel(MAX_QUEUED_EVENTS);
        let client = Client { calls, events: events.downgrade() };
        let connection = Connection {
            stream,
            lines: Lines::default(),
            out: BytesMut::new(),
            waiting: HashMap::new(),
            last_id: 0,
            events,
        };
        // An error ends the connection; every call that waits hears of it by its dropped sender.
        tokio::spawn(async move { drop(connection.run(queue).await) });
        Ok(client)
    }

    /// Asks and waits for the answer.
    pub async fn call(&self, request: Request) -> Result<Reply, RpcError> {
        self.submit(request).await?.await
    }

    /// Asks, and returns what can be awaited for the answer. Waits only while very many calls are in flight.
    pub async fn submit(&self, request: Request) -> Result<Pending, RpcError> {
        let (answer, answered) = oneshot::channel();
        self.calls.send((request, answer)).await.map_err(|_| gone())?;
        Ok(Pending(answered))
    }

    /// Returns what happens from now on in the conversations that were followed by this client or one of its clones.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        match self.events.upgrade() {
            Some(events) => events.subscribe(),
            None => broadcast::channel(1).1,
        }
    }
}

impl Future for Pending {
    type Output = Result<Reply, RpcError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(task).map(|answer| answer.unwrap_or_else(|_| Err(gone())))
    }
}

fn gone() -> RpcError {
    let message = "the running peer went away before it answered: start it again, and look whether the last call was \
                   carried out before you repeat it";
    RpcError::new(ErrorCode::Machine, message)
}

/// The connection, owned by its task.
struct Connection {
    stream: UnixStream,
    lines: Lines,
    /// At most [`MAX_UNWRITTEN`] and one line more.
    out: BytesMut,
    /// At most [`MAX_IN_FLIGHT`].
    waiting: HashMap<u64, oneshot::Sender<Result<Reply, RpcError>>>,
    last_id: u64,
    events: broadcast::Sender<Event>,
}

impl Connection {
    /// Writes calls and reads answers until either end goes.
    async fn run(mut self, mut queue: mpsc::Receiver<Call>) -> io::Result<()> {
        let mut open = true;
        while open || !self.out.is_empty() || !self.waiting.is_empty() {
            let (mut reader, mut writer) = self.stream.split();
            let room = self.out.len() < MAX_UNWRITTEN && self.waiting.len() < MAX_IN_FLIGHT;
            tokio::select! {
                call = queue.recv(), if open && room => {
                    match call {
                        Some(call) => self.write_call(call),
                        None => open = false,
                    }
                    while self.out.len() < MAX_UNWRITTEN && self.waiting.len() < MAX_IN_FLIGHT {
                        let Ok(call) = queue.try_recv() else { break };
                        self.write_call(call);
                    }
                }
                written = writer.write_buf(&mut self.out), if !self.out.is_empty() => {
                    written?;
                }
                read = reader.read_buf(self.lines.buffer()) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    while let Some(line) = self.lines.take().map_err(io::Error::other)? {
                        self.hear(wire::read_incoming(&line)?);
                    }
                }
            }
        }
        Ok(())
    }

    fn write_call(&mut self, (request, answer): Call) {
        self.last_id += 1;
        match wire::write_call(self.last_id, &request, &mut self.out) {
            Ok(()) => drop(self.waiting.insert(self.last_id, answer)),
            // Who asked may have gone meanwhile.
            Err(wire::TooLong) => {
                answer.send(Err(RpcError::new(ErrorCode::Invalid, "too long: a call has at most 1 MiB"))).ok();
            }
        }
    }

    fn hear(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Answer(Some(CallId::Number(id)), outcome) => {
                if let Some(answer) = self.waiting.remove(&id) {
                    // Who asked may have gone meanwhile.
                    answer.send(outcome).ok();
                }
            }
            Incoming::Answer(..) => {}
            // Nobody may be listening.
            Incoming::Event(event) => drop(self.events.send(event)),
        }
    }
}
