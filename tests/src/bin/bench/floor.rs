//! What this machine needs for the least that a task could cost, measured beside the task.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of a message on its way: text, signature, headers.
pub(crate) const MESSAGE: usize = 400;

/// An echo over a stream on loopback.
pub(crate) struct Echo {
    stream: TcpStream,
}

impl Echo {
    pub(crate) fn start() -> io::Result<Echo> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let stream = TcpStream::connect(listener.local_addr()?)?;
        let (mut other, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        other.set_nodelay(true)?;
        thread::spawn(move || {
            let mut message = [0; MESSAGE];
            while other.read_exact(&mut message).and_then(|()| other.write_all(&message)).is_ok() {}
        });
        Ok(Echo { stream })
    }

    /// Returns the time of one message to the other end and back.
    pub(crate) fn once(&mut self) -> io::Result<Duration> {
        let start = Instant::now();
        let mut message = [7; MESSAGE];
        self.stream.write_all(&message)?;
        self.stream.read_exact(&mut message)?;
        Ok(start.elapsed())
    }
}

/// A file to which messages are appended one by one, each made durable.
pub(crate) struct Log {
    file: File,
}

impl Log {
    pub(crate) fn new(folder: &Path) -> io::Result<Log> {
        let file = OpenOptions::new().create(true).append(true).open(folder.join("floor.log"))?;
        Ok(Log { file })
    }

    /// Returns the time to keep one message.
    pub(crate) fn keep(&mut self) -> io::Result<Duration> {
        self.keep_all(1)
    }

    /// Returns the time to keep so many messages with one write to disk.
    pub(crate) fn keep_all(&mut self, count: usize) -> io::Result<Duration> {
        let messages = vec![7; MESSAGE * count];
        let start = Instant::now();
        self.file.write_all(&messages)?;
        self.file.sync_data()?;
        Ok(start.elapsed())
    }
}

/// Returns the time to send so many messages over loopback and to keep them with one write to disk.
pub(crate) fn transfer(folder: &Path, count: usize) -> io::Result<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut stream = TcpStream::connect(listener.local_addr()?)?;
    let (mut other, _) = listener.accept()?;
    let start = Instant::now();
    let sender = thread::spawn(move || stream.write_all(&vec![7; MESSAGE * count]));
    let mut received = Vec::new();
    other.read_to_end(&mut received)?;
    sender.join().unwrap_or_else(|_| Err(io::Error::other("the sender died")))?;
    let sent = start.elapsed();
    Ok(sent + Log::new(folder)?.keep_all(count)?)
}
