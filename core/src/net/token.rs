//! Showing a token: some nodes serve only those to whom their operator gave one.
//!
//! ```text
//!   guest ── token, 16 to 256 bytes ──▶ node            one stream, each half ended by its sender
//!         ◀── 1: come in, 0: no ──────
//! ```
//!
//! Who has none asks with an empty one whether one is needed.
//!
//! A token is a password for a node, not for anything that people say: it travels inside the encrypted connection and is
//! known to the operator. The node remembers only hashes, and who showed one only while they are connected.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response::{self, ProtocolSupport};

/// Under this name a node takes tokens.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/bayou/token/1");

/// The fewest bytes of a token: fewer could be guessed.
pub const MIN_TOKEN: usize = 16;

/// The most.
pub const MAX_TOKEN: usize = 256;

/// Tokens that may be under way on one connection.
const MAX_AT_ONCE: usize = 2;

/// Either half: the guest's sends requests, the node's answers them.
pub(super) type Behaviour = request_response::Behaviour<Codec>;

/// Returns one half.
pub(super) fn behaviour(half: ProtocolSupport) -> Behaviour {
    let config = request_response::Config::default().with_max_concurrent_streams(MAX_AT_ONCE);
    request_response::Behaviour::with_codec(Codec, [(PROTOCOL, half)], config)
}

/// Reads and writes tokens and answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Codec;

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = bool;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut token = Vec::new();
        io.take(MAX_TOKEN as u64 + 1).read_to_end(&mut token).await?;
        Ok(token)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<bool>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut answer = [0];
        io.read_exact(&mut answer).await?;
        Ok(answer == [1])
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, token: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&token).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, welcome: bool) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&[u8::from(welcome)]).await
    }
}
