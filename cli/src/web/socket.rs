//! A browser's connection for calls: a WebSocket, one call, answer or event a message.
//!
//! What waits to leave is one batch: while it leaves nothing more is read or answered, so that who does not read costs no
//! more than that, and events are dropped for them as for any slow follower.

use std::time::Duration;

use bayou_core::rpc::session::{Answer, Session};
use bayou_core::rpc::wire::MAX_LINE;
use bytes::BytesMut;
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::{interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

/// Bytes that are gathered before they leave. One message may exceed it.
const MAX_UNWRITTEN: usize = 256 * 1024;

/// How long a batch may take to leave before the browser is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a silent browser is asked whether it is there.
const PING: Duration = Duration::from_secs(30);

/// Answers calls until the browser goes.
pub(super) async fn serve(connection: Upgraded, answer: impl Answer) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_LINE))
        .max_frame_size(Some(MAX_LINE))
        .max_write_buffer_size(4 * MAX_LINE);
    let io = TokioIo::new(connection);
    let mut browser = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let (mut session, mut out) = (Session::new(answer), BytesMut::new());
    let mut pings = interval(PING);
    // Whether something came since it was asked last.
    let mut is_there = true;
    loop {
        tokio::select! {
            message = browser.next(), if session.has_room() => {
                is_there = true;
                match message {
                    Some(Ok(Message::Text(text))) => session.begin(text.as_bytes(), &mut out),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    // Nothing that we speak comes in bytes.
                    Some(Ok(_)) | Some(Err(_)) | None => break,
                }
            }
            ready = session.next() => {
                ready.write(&mut out);
                while out.len() < MAX_UNWRITTEN && let Some(ready) = session.next().now_or_never() {
                    ready.write(&mut out);
                }
            }
            _ = pings.tick() => {
                if !std::mem::take(&mut is_there) || browser.feed(Message::Ping(Default::default())).await.is_err() {
                    break;
                }
            }
        }
        if !matches!(timeout(PATIENCE, write(&mut browser, &mut out)).await, Ok(Ok(()))) {
            break;
        }
    }
    // It may be gone already.
    browser.close(None).now_or_never();
}

/// Sends lines, a message each.
async fn write(
    browser: &mut WebSocketStream<TokioIo<Upgraded>>,
    out: &mut BytesMut,
) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    let lines = out.split().freeze();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        // JSON is text.
        if let Ok(text) = std::str::from_utf8(line) {
            browser.feed(Message::text(text)).await?;
        }
    }
    browser.flush().await
}
