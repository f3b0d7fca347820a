//! Answers calls on a Unix socket that only the owner of the home can reach.
//!
//! Each connection is one task with a [`Session`]: it reads lines, and writes answers and events as they get ready, as many
//! in one write as there are. So ten thousand calls cost a few hundred system calls.
//!
//! ```text
//! socket ─► Lines ─► session ─► out ─► socket
//! ```
//!
//! When a client does not read, `out` fills; then the session is not asked for more, and nothing more is read.

use std::fs::{self, Permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::BytesMut;
use futures::future::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::session::{Answer, Ready, Session};
use super::wire::{Lines, Refused, TooLong};

/// Connections at a time; further ones wait until one ends.
pub const MAX_CONNECTIONS: usize = 64;

/// Bytes that wait to be written to one connection; above it no further answer is taken. One answer may exceed it.
const MAX_UNWRITTEN: usize = 256 * 1024;

/// How long to wait after the system could not accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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

/// One client.
struct Connection<A> {
    stream: UnixStream,
    lines: Lines,
    session: Session<A>,
    /// At most [`MAX_UNWRITTEN`] and one line more.
    out: BytesMut,
}

impl<A: Answer> Connection<A> {
    fn new(stream: UnixStream, answer: A) -> Self {
        Connection { stream, lines: Lines::default(), session: Session::new(answer), out: BytesMut::new() }
    }

    /// Serves until the client goes. A client that only closed its sending side still gets the answers it asked for.
    async fn run(mut self) -> io::Result<()> {
        let mut reading = true;
        while reading || self.session.is_busy() || !self.out.is_empty() {
            let (reader, mut writer) = self.stream.split();
            let mut reader = reader;
            let room = self.out.len() < MAX_UNWRITTEN;
            tokio::select! {
                read = reader.read_buf(self.lines.buffer()), if reading && room && self.session.has_room() => {
                    reading = read? > 0;
                }
                ready = self.session.next(), if room => self.write(ready),
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
        while self.session.has_room() && self.out.len() < MAX_UNWRITTEN {
            match self.lines.take() {
                Ok(Some(line)) => self.session.begin(&line, &mut self.out),
                Ok(None) => return true,
                Err(TooLong) => {
                    // Where the next line begins is not known, so that nothing more can be understood.
                    Refused::too_long().write(&mut self.out);
                    return false;
                }
            }
        }
        true
    }

    /// Writes what is ready, and all else that is, so that it leaves in one write.
    fn write(&mut self, first: Ready) {
        let mut next = Some(first);
        while let Some(ready) = next {
            ready.write(&mut self.out);
            let room = self.out.len() < MAX_UNWRITTEN;
            next = if room { self.session.next().now_or_never() } else { None };
        }
    }
}

#[cfg(test)]
mod tests;
