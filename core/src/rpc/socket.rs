//! Answers calls on a Unix socket that only the owner of the home can reach.
//!
//! Each connection is one task that reads lines, begins their calls **in the order in which they came**, and writes the
//! answers as they get ready, as many in one write as there are. So who pipelines `send`s finds them in that order in
//! the conversation, and ten thousand calls cost a few hundred system calls.
//!
//! ```text
//! socket ─► Lines ─► call ─► answers in flight ─┬─► out ─► socket
//!                    follow ─► follower's task ─┘
//! ```
//!
//! When a client does not read, `out` fills; then nothing more is answered, then nothing more is read, and a follower
//! misses events and is told so ([`Event::Lagged`]). Memory stays within the bounds below.

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::BytesMut;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;

use super::wire::{self, CallId, Lines, Refused};
use super::{Event, Reply, Request, RpcError};

/// Connections at a time; further ones wait until one ends.
pub const MAX_CONNECTIONS: usize = 64;

/// Calls of one connection that wait for their answers; further ones are not read before.
pub const MAX_IN_FLIGHT: usize = 1024;

/// Bytes that wait to be written to one connection; above it no further answer is taken. One answer may exceed it.
const MAX_UNWRITTEN: usize = 256 * 1024;

/// How long to wait after the system could not accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Events that wait between a connection's follower and its writer.
const MAX_WAITING_EVENTS: usize = 64;

/// Who answers calls: the peer, or a stand-in in tests.
pub trait Answer: Clone + Send + Sync + 'static {
    /// Answers one call. Its effects must be ordered by when the future was first polled.
    fn answer(&self, request: Request) -> impl Future<Output = Result<Reply, RpcError>> + Send;

    /// Returns the rows of all conversations from now on; bounded, the slow miss some.
    fn follow(&self) -> broadcast::Receiver<Event>;
}

/// A socket that is bound. The file goes when this does.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
}

impl Server {
    /// Binds the socket: mode 0600, in a folder that is made 0700. A socket that nobody listens on is replaced.
    ///
    /// # Errors
    /// `AddrInUse` when somebody listens there already; `InvalidInput` when the path is longer than the system allows
    /// (about 100 bytes).
    pub async fn bind(path: &Path) -> io::Result<Server> {
        match UnixStream::connect(path).await {
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // Between `bind` and the change of its mode the socket is as open as the umask says; the folder is closed before.
        if let Some(folder) = path.parent() {
            fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        }
        let server = Server { listener: UnixListener::bind(path)?, path: path.to_owned() };
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok(server)
    }

    /// Answers calls until `shutdown` is ready.
    pub async fn run(self, answer: impl Answer, shutdown: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                accepted = self.listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(Connection::new(stream, answer.clone()).run())),
                    // No file handles left, most likely: they come back when a connection ends.
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                Some(_ended) = connections.join_next() => {}
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing depends on it: the next start replaces a file that was left behind.
        fs::remove_file(&self.path).ok();
    }
}

/// An answer with the id of its call.
type Answered = (CallId, Result<Reply, RpcError>);

/// One client.
struct Connection<A> {
    stream: UnixStream,
    answer: A,
    lines: Lines,
    /// At most [`MAX_IN_FLIGHT`]. Polled first in the order in which they were pushed.
    in_flight: FuturesUnordered<BoxFuture<'static, Answered>>,
    /// At most [`MAX_UNWRITTEN`] and one line more.
    out: BytesMut,
    /// Given by the first `follow` call.
    follower: Option<Follower>,
}

/// The connection's end of a follower's task; the task ends when this goes.
struct Follower {
    calls: mpsc::Sender<(CallId, Request)>,
    lines: mpsc::Receiver<BytesMut>,
}

impl<A: Answer> Connection<A> {
    fn new(stream: UnixStream, answer: A) -> Self {
        let (lines, out) = (Lines::default(), BytesMut::new());
        Connection { stream, answer, lines, in_flight: FuturesUnordered::new(), out, follower: None }
    }

    /// Serves until the client goes. A client that only closed its sending side still gets the answers it asked for.
    async fn run(mut self) -> io::Result<()> {
        let mut reading = true;
        while reading || !self.in_flight.is_empty() || !self.out.is_empty() {
            let (reader, mut writer) = self.stream.split();
            let mut reader = reader;
            let room = self.out.len() < MAX_UNWRITTEN;
            tokio::select! {
                read = reader.read_buf(self.lines.buffer()), if reading && room && self.in_flight.len() < MAX_IN_FLIGHT => {
                    reading = read? > 0;
                }
                Some(answered) = self.in_flight.next(), if room => self.write_answers(answered),
                Some(line) = next_line(&mut self.follower), if room => self.out.extend_from_slice(&line),
                written = writer.write_buf(&mut self.out), if !self.out.is_empty() => {
                    written?;
                }
            }
            reading &= self.begin_calls();
        }
        Ok(())
    }

    /// Begins the calls that were read, as far as there is room. Returns false when the client must not be read further.
    fn begin_calls(&mut self) -> bool {
        while self.in_flight.len() < MAX_IN_FLIGHT && self.out.len() < MAX_UNWRITTEN {
            match self.lines.take() {
                Ok(Some(line)) => match wire::read_call(&line) {
                    Ok((id, request @ Request::Follow { .. })) => self.begin_following(id, request),
                    Ok((id, request)) => self.begin_call(id, request),
                    Err(refused) => refused.write(&mut self.out),
                },
                Ok(None) => return true,
                Err(wire::TooLong) => {
                    // Where the next line begins is not known, so that nothing more can be understood.
                    Refused::too_long().write(&mut self.out);
                    return false;
                }
            }
        }
        true
    }

    fn begin_call(&mut self, id: CallId, request: Request) {
        let answer = self.answer.clone();
        self.in_flight.push(async move { (id, answer.answer(request).await) }.boxed());
    }

    fn begin_following(&mut self, id: CallId, request: Request) {
        let answer = &self.answer;
        let follower = self.follower.get_or_insert_with(|| Follower::start(answer.clone()));
        if let Err(mpsc::error::TrySendError::Full((id, _)) | mpsc::error::TrySendError::Closed((id, _))) =
            follower.calls.try_send((id, request))
        {
            let busy =
                RpcError::new(super::ErrorCode::Machine, "too many follow calls at once: wait for their answers");
            wire::write_answer(&id, Err(busy), &mut self.out);
        }
    }

    /// Writes an answer, and all others that are ready as well, so that they leave in one write.
    fn write_answers(&mut self, first: Answered) {
        let mut next = Some(first);
        while let Some((id, outcome)) = next {
            wire::write_answer(&id, outcome, &mut self.out);
            let room = self.out.len() < MAX_UNWRITTEN;
            next = if room { self.in_flight.next().now_or_never().flatten() } else { None };
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

impl Follower {
    /// Starts the task that answers `follow` calls and passes on what happens in the followed conversations.
    fn start(answer: impl Answer) -> Follower {
        let (calls, asked) = mpsc::channel(MAX_IN_FLIGHT);
        let (out, lines) = mpsc::channel(MAX_WAITING_EVENTS);
        tokio::spawn(follow(answer, asked, out));
        Follower { calls, lines }
    }
}

/// Answers `follow` calls and passes events on, until the connection goes.
///
/// The events are followed before the first rows are read and rest while a call is being answered, so that between the
/// rows of the answer and the first event nothing is missed.
async fn follow(answer: impl Answer, mut asked: mpsc::Receiver<(CallId, Request)>, out: mpsc::Sender<BytesMut>) {
    let mut events = answer.follow();
    let mut followed = HashSet::new();
    loop {
        let mut line = BytesMut::new();
        tokio::select! {
            call = asked.recv() => {
                let Some((id, request)) = call else { return };
                let outcome = answer.answer(request).await;
                if let Ok(Reply::Log { conversation, .. }) = &outcome {
                    followed.insert(conversation.clone());
                }
                wire::write_answer(&id, outcome, &mut line);
            }
            event = events.recv() => match event {
                Ok(
                    Event::Row { conversation, .. } | Event::Gone { conversation, .. } | Event::Notice { conversation, .. },
                ) if !followed.contains(&conversation) => continue,
                Ok(event) => wire::write_event(&event, &mut line),
                Err(broadcast::error::RecvError::Lagged(_)) => wire::write_event(&Event::Lagged, &mut line),
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
        if out.send(line).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
