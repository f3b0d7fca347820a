//! Carries requests and answers over libp2p's streams: one of each on a stream, ended by its half-close.
//!
//! At the node, requests that are being read are counted over all connections: their sum has a bound, however many
//! strangers send slowly. What does not parse is handed on as such, to be counted and refused.

use std::io;
use std::sync::Arc;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};
use tokio::sync::Semaphore;

use super::wire::{self, MAX_ANSWER, MAX_REQUEST};
use super::{Answer, Request};

/// Under this name a node that keeps mail is asked.
pub(in crate::net) const PROTOCOL: StreamProtocol = StreamProtocol::new("/bayou/mailbox/1");

/// Requests that may be read at once, over all connections: at most 64 MiB wait here.
const MAX_READ_AT_ONCE: usize = 1024;

/// Reads and writes what the two say.
#[derive(Clone)]
pub(in crate::net) struct Codec {
    reading: Arc<Semaphore>,
}

impl Codec {
    pub(in crate::net) fn new() -> Codec {
        Codec { reading: Arc::new(Semaphore::new(MAX_READ_AT_ONCE)) }
    }
}

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    /// What came, or nothing where it did not parse.
    type Request = Option<Request>;
    type Response = Answer;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Option<Request>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let _reading = self.reading.acquire().await.map_err(io::Error::other)?;
        let bytes = read_at_most(MAX_REQUEST, io).await?;
        Ok(wire::decode_request(&bytes).ok())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Answer>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = read_at_most(MAX_ANSWER, io).await?;
        wire::decode_answer(&bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Option<Request>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let request = request.ok_or(io::ErrorKind::InvalidInput)?;
        io.write_all(&wire::encode_request(&request)).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, answer: Answer) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&wire::encode_answer(&answer)).await
    }
}

/// Reads to the end of the stream. One byte more than allowed is read, so that it does not parse.
async fn read_at_most(most: usize, io: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io.take(most as u64 + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}
