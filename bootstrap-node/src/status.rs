//! Answers three questions over HTTP, on loopback: `/metrics`, `/healthz` (does it run?) and `/readyz` (should it be
//! sent guests?).
//!
//! One short request and one short answer on a connection, then it is closed: so much of HTTP is a page, and a library for
//! it would be the largest part of this program.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The most bytes of a request that are read.
const MAX_REQUEST: usize = 8 * 1024;

/// How long a request and its answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Requests that are answered at once; others wait in the system's queue.
const MAX_AT_ONCE: usize = 16;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Metrics,
    Healthy,
    Ready,
}

/// An answer: its status, and its text.
pub(crate) type Answer = (&'static str, String);

/// Listens, and then answers for as long as it is polled.
///
/// # Errors
/// When the address cannot be listened at.
pub(crate) async fn listen(
    address: SocketAddr,
    answer: impl Fn(Question) -> Answer + Send + Sync + 'static,
) -> io::Result<(SocketAddr, impl Future<Output = ()>)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let (answer, seats) = (Arc::new(answer), Arc::new(Semaphore::new(MAX_AT_ONCE)));
    let serve = async move {
        loop {
            let Ok(seat) = seats.clone().acquire_owned().await else { return };
            // A connection that failed before it was accepted concerns its maker; too many open files pass.
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let answer = answer.clone();
            tokio::spawn(async move {
                // Who does not read the answer does not get it.
                timeout(PATIENCE, converse(stream, answer.as_ref())).await.ok();
                drop(seat);
            });
        }
    };
    Ok((bound, serve))
}

async fn converse(mut stream: TcpStream, answer: &(impl Fn(Question) -> Answer + Sync)) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        if request.len() >= MAX_REQUEST || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (status, text) = match question(&request) {
        Ok(question) => answer(question),
        Err(status) => (status, "expected GET /metrics, /healthz or /readyz\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

fn question(request: &[u8]) -> Result<Question, &'static str> {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    match (words.next(), words.next()) {
        (Some(b"GET"), Some(path)) => match path.split(|byte| *byte == b'?').next() {
            Some(b"/metrics") => Ok(Question::Metrics),
            Some(b"/healthz") => Ok(Question::Healthy),
            Some(b"/readyz") => Ok(Question::Ready),
            _ => Err("404 Not Found"),
        },
        _ => Err("405 Method Not Allowed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_questions_are_understood_and_no_others() {
        assert_eq!(question(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), Ok(Question::Metrics));
        assert_eq!(question(b"GET /readyz?verbose HTTP/1.1\r\n\r\n"), Ok(Question::Ready));
        assert_eq!(question(b"GET /../etc/passwd HTTP/1.1\r\n\r\n"), Err("404 Not Found"));
        assert_eq!(question(b"POST /metrics HTTP/1.1\r\n\r\n"), Err("405 Method Not Allowed"));
        assert_eq!(question(b"\x16\x03\x01\r\n\r\n"), Err("405 Method Not Allowed"));
    }
}
