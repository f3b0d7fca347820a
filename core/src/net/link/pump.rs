//! Frames between a link and the rest of us. One task a link: a slow peer holds up nobody else.
//!
//! Reading stops while enough of the peer's frames wait to be handled, and while the link rests, which in time stops the
//! peer's writing: backpressure reaches to the other end. Writing puts all that waits into one write, and flushes as soon as nothing waits.
//!
//! ```text
//!  0                4                  4 + length
//!  +----------------+------------------+
//!  | length (u32,   | frame, opaque    |   length ≤ MAX_FRAME, checked before a byte is made room for
//!  | big-endian)    |                  |   length 0: no frame follows; the link goes on over another stream
//!  +----------------+------------------+
//! ```
//!
//! A link moves from one stream to another (from a relayed connection to a direct one) without losing a frame: each end
//! says so as the last thing on the old stream, and reads the old one to where the other end said it.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
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

/// How long the old stream of a link that moves may take to be read to its end.
const MOVING: Duration = Duration::from_secs(10);

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) enum Outcome {
    /// The link is over, and `LinkDown` was said.
    Over,
    /// The link goes on over another stream.
    Moved,
}

/// Carries frames until the stream breaks, the outbox is closed or the link has moved. Says `up` first.
pub(in crate::net) async fn run<S>(
    stream: S,
    peer: PeerId,
    up: NetEvent,
    End { outbox, intake }: End,
    events: mpsc::Sender<NetEvent>,
) -> Outcome
where
    S: AsyncRead + AsyncWrite,
{
    if events.send(up).await.is_err() {
        return Outcome::Over;
    }
    let (from_peer, to_peer) = tokio::io::split(stream);
    let end = tokio::select! {
        both = async { tokio::try_join!(read(from_peer, peer, (&outbox, &intake), &events), write(to_peer, &outbox)) } => {
            both.map(|_| Outcome::Moved)
        }
        end = report(peer, &outbox, &events) => end.map(|()| Outcome::Over),
        () = overdue(&outbox) => Err(io::ErrorKind::TimedOut.into()),
        () = outbox.until(Flow::Closed) => Ok(Outcome::Over),
    };
    match end {
        Ok(Outcome::Moved) => {
            tracing::debug!(peer = peer.fmt_short(), "link moved");
            return Outcome::Moved;
        }
        Ok(Outcome::Over) => tracing::debug!(peer = peer.fmt_short(), "link closed"),
        Err(reason) => tracing::debug!(peer = peer.fmt_short(), %reason, "link broke"),
    }
    // When nobody listens for events any more there is nobody to tell.
    events.send(NetEvent::LinkDown(peer)).await.ok();
    Outcome::Over
}

/// Reads frames up to where the peer says that the link moves.
async fn read<S: AsyncRead + Unpin>(
    stream: S,
    peer: PeerId,
    (outbox, intake): (&Outbox, &Intake),
    events: &mpsc::Sender<NetEvent>,
) -> io::Result<()> {
    let codec = LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME).new_codec();
    let mut frames = FramedRead::with_capacity(stream, codec, READ);
    while let Some(frame) = frames.next().await {
        let frame = frame?;
        if frame.is_empty() {
            // The other stream is agreed on by both ends, so we hear of it, too.
            return Ok(timeout(MOVING, outbox.until_moving()).await?);
        }
        intake.admit().await;
        events.send(NetEvent::Frame(peer, frame.freeze())).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

async fn overdue(outbox: &Outbox) {
    outbox.until_moving().await;
    sleep(MOVING).await;
}

async fn write<S: AsyncWrite + Unpin>(mut stream: S, outbox: &Outbox) -> io::Result<()> {
    let mut batch = BytesMut::with_capacity(BATCH);
    while !outbox.is_moving() {
        tokio::select! {
            () = outbox.take(&mut batch, BATCH) => {}
            () = outbox.until_moving() => {}
        }
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
    let moves = async {
        stream.write_all(&0_u32.to_be_bytes()).await?;
        stream.flush().await
    };
    timeout(STALL, moves).await?
}

/// Tells of a congestion and of its end, in turns.
async fn report(peer: PeerId, outbox: &Outbox, events: &mpsc::Sender<NetEvent>) -> io::Result<()> {
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    let complained = outbox.complained();
    loop {
        // The link may have moved in between.
        if !complained.load(Ordering::Relaxed) {
            outbox.until(Flow::Congested).await;
            events.send(NetEvent::Congested(peer)).await.map_err(gone)?;
            complained.store(true, Ordering::Relaxed);
        }
        outbox.until(Flow::Open).await;
        events.send(NetEvent::Drained(peer)).await.map_err(gone)?;
        complained.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::{BufMut, Bytes};
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    const PEER: PeerId = PeerId([7; 32]);

    /// Returns the frames that were read before the stream ended, and whether it ended well.
    async fn frames(bytes: &[u8]) -> (Vec<Bytes>, bool) {
        let (events, mut happened) = mpsc::channel(64);
        let outbox = Outbox::new();
        outbox.set_moving(true);
        let well = read(bytes, PEER, (&outbox, &Intake::new(64)), &events).await.is_ok();
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
                let mut frame = vec![0; 1 + random.next_u32() as usize % 40];
                random.fill_bytes(&mut frame);
                bytes.put_u32(frame.len() as u32);
                bytes.put_slice(&frame);
                sent.push(Bytes::from(frame));
            }
            bytes.put_u32(0);
            let whole = bytes.len();
            let cut = random.next_u32() as usize % (whole + 1);
            let (got, well) = frames(&bytes[..cut]).await;
            assert!(sent.starts_with(&got), "a prefix of what was sent");
            assert!(well == (cut == whole) && (!well || got == sent));

            // Noise behind whole frames takes none of them back.
            let mut noise = [0; 24];
            random.fill_bytes(&mut noise);
            bytes.put_slice(&noise);
            assert!(frames(&bytes).await.0.starts_with(&sent));
        }
    }

    #[tokio::test]
    async fn a_link_that_moves_loses_no_frame_and_keeps_their_order() {
        let end = || End { outbox: Arc::new(Outbox::new()), intake: Arc::new(Intake::new(4096)) };
        let (one, other) = (end(), end());
        let (to_one, mut at_one) = mpsc::channel(4096);
        let (to_other, mut at_other) = mpsc::channel(4096);
        let mut sent = 0_u32;
        let mut say = |outbox: &Outbox, count: u32| {
            for _ in 0..count {
                outbox.push(Bytes::from(sent.to_be_bytes().to_vec()));
                sent += 1;
            }
        };
        for round in 0..5 {
            let (left, right) = tokio::io::duplex(64);
            one.outbox.set_moving(false);
            other.outbox.set_moving(false);
            let up = NetEvent::LinkDown(PEER);
            let left = tokio::spawn(run(left, PEER, up.clone(), one.clone(), to_one.clone()));
            let right = tokio::spawn(run(right, PEER, up, other.clone(), to_other.clone()));
            say(&one.outbox, 100);
            // One end hears earlier than the other that the link moves.
            one.outbox.set_moving(true);
            say(&one.outbox, 100);
            tokio::task::yield_now().await;
            other.outbox.set_moving(true);
            assert_eq!((left.await.unwrap(), right.await.unwrap()), (Outcome::Moved, Outcome::Moved), "round {round}");
        }
        let (left, right) = tokio::io::duplex(64);
        one.outbox.set_moving(false);
        other.outbox.set_moving(false);
        let up = NetEvent::LinkDown(PEER);
        tokio::spawn(run(left, PEER, up.clone(), one.clone(), to_one));
        tokio::spawn(run(right, PEER, up, other, to_other));
        let mut expected = 0;
        while expected < sent {
            if let Some(NetEvent::Frame(_, frame)) = at_other.recv().await {
                assert_eq!(frame, expected.to_be_bytes().as_slice());
                expected += 1;
            }
        }
        one.outbox.close();
        while at_one.recv().await.is_some() {}
    }
}
