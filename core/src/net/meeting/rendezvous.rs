//! Rendezvous: peers leave word under a name, and whoever knows the name learns where they are.
//!
//! This is the server of libp2p's rendezvous protocol (libp2p/specs, `rendezvous/README.md`), written anew for one reason
//! above all: libp2p's own hands out *all* registrations to whoever asks without a name, and so would tell strangers who
//! has something to do with whom. Ours answers only who knows the name. It also finds a peer's registrations without
//! looking through all of them, and counts their bytes.
//!
//! [`proto`] has the bytes, [`registry`] is the machine, and this file carries them over streams.

mod proto;
mod registry;

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::core::{PeerRecord, SignedEnvelope};
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::{PeerId, StreamProtocol};
use tokio::time::Instant;

pub(super) use proto::Request;
use proto::{Status, discovered, refused, registered, said};
use registry::Registry;

use super::{Bounds, Counts, Welcome};

const PROTOCOL: StreamProtocol = StreamProtocol::new("/rendezvous/1.0.0");

/// Requests that may be under way on one connection.
const MAX_AT_ONCE: usize = 8;

/// The most bytes of a request: a record of 4 KiB, a name, and what stands around them.
const MAX_REQUEST: usize = 8 * 1024;

/// What is carried: a request, or nothing where it did not parse; and the bytes of an answer, none for "unregister".
pub(super) type Behaviour = request_response::Behaviour<Codec>;

/// Returns the behaviour.
pub(super) fn behaviour() -> Behaviour {
    let config = request_response::Config::default().with_max_concurrent_streams(MAX_AT_ONCE);
    request_response::Behaviour::with_codec(Codec, [(PROTOCOL, ProtocolSupport::Inbound)], config)
}

/// The registrations, and who may make some.
pub(super) struct Rendezvous {
    registry: Registry,
}

impl Rendezvous {
    pub(super) fn new(bounds: &Bounds) -> Rendezvous {
        Rendezvous { registry: Registry::new(bounds.registrations, bounds.registrations_per_peer) }
    }

    /// Answers a peer. `served` says whether it showed a token, or needs none.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        peer: PeerId,
        request: Option<Request>,
        served: bool,
        counts: &Counts,
    ) -> Vec<u8> {
        match request {
            Some(Request::Register { .. }) if !served || counts.welcome() == Welcome::Draining => {
                counts.registrations_refused_total.up();
                registered(Err(if served { Status::Unavailable } else { Status::NotAuthorized }))
            }
            Some(Request::Register { name, record, ttl }) => {
                let done = if is_of(peer, &record) {
                    self.registry.register(now, peer, name, record, ttl)
                } else {
                    Err(Status::NotAuthorized)
                };
                let count =
                    if done.is_ok() { &counts.registrations_total } else { &counts.registrations_refused_total };
                count.up();
                registered(done)
            }
            Some(Request::Unregister { name }) => {
                self.registry.unregister(peer, &name);
                Vec::new()
            }
            Some(Request::Discover { name: Some(name), limit, cookie }) if served => {
                let found = self.registry.discover(now, &name, limit, cookie.as_deref());
                let count = if found.is_ok() { &counts.discoveries_total } else { &counts.discoveries_refused_total };
                count.up();
                found.map_or_else(refused, |found| discovered(&name, &found))
            }
            // Without a name: that would be all of them.
            Some(Request::Discover { .. }) => {
                counts.discoveries_refused_total.up();
                refused(Status::NotAuthorized)
            }
            None => {
                counts.discoveries_refused_total.up();
                refused(Status::InvalidName)
            }
        }
    }
}

/// Tells whether a peer signed this record about itself.
fn is_of(peer: PeerId, record: &[u8]) -> bool {
    let envelope = SignedEnvelope::from_protobuf_encoding(record).ok();
    let record = envelope.and_then(|envelope| PeerRecord::from_signed_envelope(envelope).ok());
    record.is_some_and(|record| record.peer_id() == peer)
}

/// Reads requests and writes answers, each with its length before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Codec;

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Option<Request>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Option<Request>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let (mut length, mut shift) = (0usize, 0);
        loop {
            let mut byte = [0];
            io.read_exact(&mut byte).await?;
            let [byte] = byte;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
            if shift > 14 {
                return Ok(None);
            }
        }
        if length > MAX_REQUEST {
            return Ok(None);
        }
        let mut message = vec![0; length];
        io.read_exact(&mut message).await?;
        Ok(said(&message))
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, _: &mut T, _: Option<Request>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, answer: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&answer).await
    }
}
