//! How fast it is, beside a bare TCP echo of the same run. Run by hand:
//! `cargo test --release -p bayou-tests --test it -- --ignored --nocapture measure`

use std::time::Duration;

use bayou_core::net::NetEvent;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::end::{End, QUIC, TCP, link};

const FRAME: usize = 300;
const SAMPLES: usize = 500;

fn p50(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Half a round trip of one frame, with the pauses of a chat in between.
async fn one_way(listen: &str) -> Duration {
    let (mut alice, mut bob) = (End::start(1, listen).await, End::start(2, listen).await);
    link(&mut alice, &mut bob).await;
    let (a, b) = (alice.peer(), bob.peer());
    let echo = tokio::spawn(async move {
        while let Some(event) = bob.events.recv().await {
            if let NetEvent::Frame(peer, frame) = event {
                bob.net.send(peer, frame);
            }
        }
    });
    let frame = Bytes::from(vec![1; FRAME]);
    let mut times = Vec::new();
    for _ in 0..SAMPLES {
        let sent = Instant::now();
        alice.net.send(b, frame.clone());
        alice.frame(b).await;
        times.push(sent.elapsed() / 2);
        sleep(Duration::from_millis(5)).await;
    }
    echo.abort();
    assert_ne!(a, b);
    p50(times)
}

async fn bare_tcp() -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut frame = [0; FRAME];
        while stream.read_exact(&mut frame).await.is_ok() {
            stream.write_all(&frame).await.unwrap();
        }
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut frame = [1; FRAME];
    let mut times = Vec::new();
    for _ in 0..SAMPLES {
        let sent = Instant::now();
        stream.write_all(&frame).await.unwrap();
        stream.read_exact(&mut frame).await.unwrap();
        times.push(sent.elapsed() / 2);
        sleep(Duration::from_millis(5)).await;
    }
    p50(times)
}

/// Frames a second, with never more than half the queue under way.
async fn sustained(listen: &str) -> f64 {
    const TOTAL: usize = 200_000;
    let (mut alice, mut bob) = (End::start(1, listen).await, End::start(2, listen).await);
    link(&mut alice, &mut bob).await;
    let (to, from) = (bob.peer(), alice.peer());
    let under_way = std::sync::Arc::new(tokio::sync::Semaphore::new(512));
    let (sending, room) = (alice.net.clone(), under_way.clone());
    let start = Instant::now();
    tokio::spawn(async move {
        let frame = Bytes::from(vec![1; FRAME]);
        for _ in 0..TOTAL {
            room.acquire().await.unwrap().forget();
            sending.send(to, frame.clone());
        }
    });
    for _ in 0..TOTAL {
        bob.frame(from).await;
        under_way.add_permits(1);
    }
    TOTAL as f64 / start.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
async fn measure() {
    println!(
        "one way, p50: bare tcp {:?}, quic {:?}, tcp {:?}",
        bare_tcp().await,
        one_way(QUIC).await,
        one_way(TCP).await
    );
    println!("sustained: quic {:.0}/s, tcp {:.0}/s", sustained(QUIC).await, sustained(TCP).await);
}
