//! The handshake on a stream: the hellos, the choice, its confirmation. Every wait has an end.

use std::io;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::handshake::{HandshakeError, Hello, MAX_HELLO, Verdict};

/// How long each part of the handshake may take; also how long the other end may think about its choice.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long we wait for the other end to hang up on a spare link.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a stream did not become a link.
#[derive(Debug, thiserror::Error)]
pub(in crate::net) enum GreetError {
    #[error("another link to this peer is kept")]
    Spare,
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    #[error("it did not finish the handshake in time")]
    TimedOut,
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
}

/// A stream on which both ends have said hello, and which waits for our word. At the chooser that is the choice, at
/// the other end it is the confirmation.
pub(in crate::net) struct Greeted<S> {
    stream: S,
    chooser: bool,
    /// What the other end said.
    pub(in crate::net) hello: Hello,
}

/// Says hello and hears it; the end that does not choose also hears the choice.
pub(in crate::net) async fn greet<S>(mut stream: S, me: Hello, chooser: bool) -> Result<Greeted<S>, GreetError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let greeting = async {
        write(&mut stream, &me.encode()).await?;
        let hello = Hello::decode(&read(&mut stream).await?)?;
        if !chooser {
            expect(&mut stream, Verdict::Keep).await?;
        }
        Ok(hello)
    };
    let hello = in_time(greeting).await?;
    Ok(Greeted { stream, chooser, hello })
}

impl<S: AsyncRead + AsyncWrite + Unpin> Greeted<S> {
    /// Makes the stream the link. Returns it when both ends have agreed.
    pub(in crate::net) async fn confirm(mut self) -> Result<S, GreetError> {
        let agreeing = async {
            if self.chooser {
                write(&mut self.stream, &Verdict::Keep.encode()).await?;
                expect(&mut self.stream, Verdict::Kept).await
            } else {
                write(&mut self.stream, &Verdict::Kept.encode()).await
            }
        };
        in_time(agreeing).await?;
        Ok(self.stream)
    }

    /// Tells the other end that another link is kept, and waits for it to hang up: it would take a connection that
    /// closes under a word it has not read for a failure.
    pub(in crate::net) async fn spare(mut self) -> GreetError {
        let parting = async {
            write(&mut self.stream, &Verdict::Spare.encode()).await?;
            read(&mut self.stream).await
        };
        // Whether the other end heard it or not, we are done with this stream.
        timeout(FAREWELL, parting).await.ok();
        GreetError::Spare
    }
}

async fn in_time<T>(part: impl Future<Output = Result<T, GreetError>>) -> Result<T, GreetError> {
    timeout(PATIENCE, part).await.unwrap_or(Err(GreetError::TimedOut))
}

async fn expect<S: AsyncRead + Unpin>(stream: &mut S, wanted: Verdict) -> Result<(), GreetError> {
    match Verdict::decode(&read(stream).await?)? {
        heard if heard == wanted => Ok(()),
        Verdict::Spare => Err(GreetError::Spare),
        _ => Err(HandshakeError::Malformed.into()),
    }
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, part: &[u8]) -> Result<(), GreetError> {
    let mut bytes = BytesMut::with_capacity(4 + part.len());
    bytes.put_u32(part.len() as u32);
    bytes.put_slice(part);
    stream.write_all(&bytes).await?;
    Ok(stream.flush().await?)
}

/// Reads one part and not a byte beyond it: what follows belongs to the frames.
async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, GreetError> {
    let length = stream.read_u32().await? as usize;
    if length > MAX_HELLO {
        return Err(HandshakeError::Malformed.into());
    }
    let mut part = vec![0; length];
    stream.read_exact(&mut part).await?;
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(boot: u64) -> Hello {
        Hello { boot, listens: Vec::new() }
    }

    #[tokio::test]
    async fn both_ends_agree_and_hear_each_other() {
        let (small, large) = tokio::io::duplex(64);
        let chooser = async { greet(small, hello(1), true).await.unwrap() };
        let other = async { greet(large, hello(2), false).await.unwrap().confirm().await.unwrap() };
        let chooser = async {
            let greeted = chooser.await;
            assert_eq!(greeted.hello, hello(2));
            greeted.confirm().await.unwrap()
        };
        let (mut small, mut large) = tokio::join!(chooser, other);
        small.write_all(b"frame").await.unwrap();
        let mut read = [0; 5];
        large.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"frame", "not a byte of the frames was swallowed");
    }

    #[tokio::test]
    async fn a_spare_link_is_no_failure() {
        let (small, large) = tokio::io::duplex(64);
        let chooser = async { greet(small, hello(1), true).await.unwrap().spare().await };
        let (_, other) = tokio::join!(chooser, greet(large, hello(2), false));
        assert!(matches!(other, Err(GreetError::Spare)));
    }

    #[tokio::test]
    async fn an_oversized_hello_is_refused_before_it_is_read() {
        let (mine, mut hostile) = tokio::io::duplex(64);
        hostile.write_u32(u32::MAX).await.unwrap();
        let refused = greet(mine, hello(1), true).await;
        assert!(matches!(refused, Err(GreetError::Handshake(HandshakeError::Malformed))));
    }
}
