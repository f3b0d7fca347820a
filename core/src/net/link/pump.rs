//! Frames between a link and the rest of us. One task a link: a slow peer holds up nobody else.
//!
//! Reading stops while enough of the peer's frames wait to be handled, and while the link rests, which in time stops the
//! peer's writing: backpressure reaches to the other end. Writing puts all that waits into one write, and flushes as soon as nothing waits.
//!
//! ```text
//!  0                4                  4 + length
//!  +----------------+------------------+
//!  | length (u32,   | frame, opaque    |   length ≤ MAX_FRAME, checked before a byte is made room for
//!  | big-endian)    |                  |
//!  +----------------+------------------+
//! ```

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};

use super::ends::End;
use super::intake::Intake;
use super::outbox::{Flow, Outbox};
use crate::id::PeerId;
use crate::net::{MAX_FRAME, NetEvent};

/// Bytes that are gathered for one write.
const BATCH: usize = 64 * 1024;

/// Bytes that are read at once.
const READ: usize = 16 * 1024;

/// A peer that takes not one byte for so long is given up.
const STALL: Duration = Duration::from_secs(20);

/// Carries frames until the stream breaks or the outbox is closed. Says `up` first, and `LinkDown` at the end.
pub(in crate::net) async fn run<S>(
    stream: S,
    peer: PeerId,
    up: NetEvent,
    End { outbox, intake }: End,
    events: mpsc::Sender<NetEvent>,
) where
    S: AsyncRead + AsyncWrite,
{
    if events.send(up).await.is_err() {
        return;
    }
    let (from_peer, to_peer) = tokio::io::split(stream);
    let end = tokio::select! {
        end = read(from_peer, peer, &events, &intake) => end,
        end = write(to_peer, &outbox) => end,
        end = report(peer, &outbox, &events) => end,
        () = outbox.until(Flow::Closed) => Ok(()),
    };
    match end {
        Ok(()) => tracing::debug!(peer = peer.fmt_short(), "link closed"),
        Err(reason) => tracing::debug!(peer = peer.fmt_short(), %reason, "link broke"),
    }
    // When nobody listens for events any more there is nobody to tell.
    events.send(NetEvent::LinkDown(peer)).await.ok();
}

async fn read<S: AsyncRead + Unpin>(
    stream: S,
    peer: PeerId,
    events: &mpsc::Sender<NetEvent>,
    intake: &Intake,
) -> io::Result<()> {
    let codec = LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME).new_codec();
    let mut frames = FramedRead::with_capacity(stream, codec, READ);
    while let Some(frame) = frames.next().await {
        let frame = frame?.freeze();
        intake.admit().await;
        if events.send(NetEvent::Frame(peer, frame)).await.is_err() {
            break;
        }
    }
    Ok(())
}

async fn write<S: AsyncWrite + Unpin>(mut stream: S, outbox: &Outbox) -> io::Result<()> {
    let mut batch = BytesMut::with_capacity(BATCH);
    loop {
        outbox.take(&mut batch, BATCH).await;
        let mut rest = batch.as_ref();
        while rest.has_remaining() {
            match timeout(STALL, stream.write(rest)).await?? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => rest.advance(written),
            }
        }
        batch.clear();
        if outbox.is_drained() {
            timeout(STALL, stream.flush()).await??;
        }
        if batch.capacity() > 2 * BATCH {
            // One large frame must not hold its room for the life of the link.
            batch = BytesMut::with_capacity(BATCH);
        }
    }
}

/// Tells of a congestion and of its end, in turns.
async fn report(peer: PeerId, outbox: &Outbox, events: &mpsc::Sender<NetEvent>) -> io::Result<()> {
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    loop {
        outbox.until(Flow::Congested).await;
        events.send(NetEvent::Congested(peer)).await.map_err(gone)?;
        outbox.until(Flow::Open).await;
        events.send(NetEvent::Drained(peer)).await.map_err(gone)?;
    }
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, Bytes};
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    const PEER: PeerId = PeerId([7; 32]);

    /// Returns the frames that were read before the stream ended, and whether it ended well.
    async fn frames(bytes: &[u8]) -> (Vec<Bytes>, bool) {
        let (events, mut happened) = mpsc::channel(64);
        let well = read(bytes, PEER, &events, &Intake::new(64)).await.is_ok();
        drop(events);
        let mut frames = Vec::new();
        while let Some(NetEvent::Frame(_, frame)) = happened.recv().await {
            frames.push(frame);
        }
        (frames, well)
    }

    #[tokio::test]
    async fn a_frame_over_the_limit_is_refused_by_its_length_alone() {
        assert_eq!(frames(&(MAX_FRAME as u32 + 1).to_be_bytes()).await, (Vec::new(), false));
        assert_eq!(frames(&u32::MAX.to_be_bytes()).await, (Vec::new(), false));
    }

    #[tokio::test]
    async fn ten_thousand_damaged_streams_give_only_whole_frames() {
        let seed = 11;
        println!("seed {seed}");
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..10_000 {
            let (mut bytes, mut sent) = (Vec::new(), Vec::new());
            for _ in 0..random.next_u32() % 4 {
                let mut frame = vec![0; random.next_u32() as usize % 40];
                random.fill_bytes(&mut frame);
                bytes.put_u32(frame.len() as u32);
                bytes.put_slice(&frame);
                sent.push(Bytes::from(frame));
            }
            let whole = bytes.len();
            let cut = random.next_u32() as usize % (whole + 1);
            let (got, well) = frames(&bytes[..cut]).await;
            assert!(sent.starts_with(&got), "a prefix of what was sent");
            assert!(cut < whole || (well && got == sent));

            // Noise behind whole frames takes none of them back.
            let mut noise = [0; 24];
            random.fill_bytes(&mut noise);
            bytes.put_slice(&noise);
            assert!(frames(&bytes).await.0.starts_with(&sent));
        }
    }
}
