//! The bytes of the local socket: JSON-RPC 2.0, one object a line, at most [`MAX_LINE`] bytes.
//!
//! ```text
//! call     {"jsonrpc":"2.0","id":7,"method":"send","params":{"conversation":"3f9a","text":"hello"}}
//! result   {"jsonrpc":"2.0","id":7,"result":{"id":"77d0…"}}
//! error    {"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"no conversation …"}}
//! event    {"jsonrpc":"2.0","method":"row","params":{"conversation":"3f9a…","row":{…}}}
//! ```
//!
//! A call needs an `id`, a non-negative integer or a short string; its answer carries it back. Answers may come in
//! another order than the calls, so many calls can be in flight: this takes the place of JSON-RPC's batches, which are
//! refused. Nothing here does I/O.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::{ErrorCode, Event, METHODS, Reply, Request, RpcError};

/// The longest line, in bytes, without its line feed.
pub const MAX_LINE: usize = 1024 * 1024;

/// The longest id of a call that is a string, in bytes.
const MAX_CALL_ID: usize = 64;

/// What joins an answer to its call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CallId {
    /// A number.
    Number(u64),
    /// A string of at most 64 bytes.
    Text(String),
}

/// A line that is no call; [`Refused::write`] makes the answer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    id: Option<CallId>,
    code: i32,
    message: String,
}

/// What a client reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// The answer to a call; without an id when the other side could not read which.
    Answer(Option<CallId>, Result<Reply, RpcError>),
    /// An event.
    Event(Event),
}

/// A line was longer than [`MAX_LINE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line is longer than {MAX_LINE} bytes")]
pub struct TooLong;

/// Cuts a stream of bytes into lines. Holds at most one unfinished line and what was just read.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: BytesMut,
    /// Bytes at the start of `buffer` that hold no line feed: a long line is searched only once.
    searched: usize,
}

impl Lines {
    /// Returns the buffer to read more bytes into, with room for many lines in one read.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.buffer.reserve(16 * 1024);
        &mut self.buffer
    }

    /// Takes the next whole line, without its end; `None` when more bytes are needed. Empty lines are skipped.
    ///
    /// # Errors
    /// After [`TooLong`] nothing of the stream can be understood any more: close it.
    pub fn take(&mut self) -> Result<Option<Bytes>, TooLong> {
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.buffer.len();
                return if self.searched > MAX_LINE { self.give_up() } else { Ok(None) };
            };
            let line = self.buffer.split_to(self.searched + at);
            self.buffer.advance(1);
            self.searched = 0;
            if line.len() > MAX_LINE {
                return self.give_up();
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line.freeze()));
            }
        }
    }

    fn give_up(&mut self) -> Result<Option<Bytes>, TooLong> {
        *self = Lines::default();
        Err(TooLong)
    }
}

/// Writes a call as one line.
///
/// # Errors
/// [`TooLong`] when the request does not fit; then nothing is written.
pub fn write_call(id: u64, request: &Request, out: &mut BytesMut) -> Result<(), TooLong> {
    #[derive(Serialize)]
    struct Call<'a> {
        jsonrpc: &'static str,
        id: u64,
        #[serde(flatten)]
        request: &'a Request,
    }
    write_line(&Call { jsonrpc: "2.0", id, request }, out)
}

/// Reads a call.
pub fn read_call(line: &[u8]) -> Result<(CallId, Request), Refused> {
    #[derive(Deserialize)]
    struct Head {
        jsonrpc: Option<String>,
        id: Option<CallId>,
        method: Option<String>,
    }
    // The parser's messages may quote what was sent; a refusal stays short.
    let refuse = |id, code, message: String| Refused { id, code, message: message.chars().take(300).collect() };
    let head: Head = serde_json::from_slice(line).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => refuse(None, -32600, format!("not a call: {error}")),
        _ => refuse(None, -32700, format!("not JSON: {error}")),
    })?;
    let id = match head.id {
        Some(CallId::Text(text)) if text.len() > MAX_CALL_ID => None,
        other => other,
    };
    let Some(id) = id else {
        return Err(refuse(None, -32600, "a call needs an id: a number, or a string of at most 64 bytes".into()));
    };
    if head.jsonrpc.as_deref() != Some("2.0") {
        return Err(refuse(Some(id), -32600, "a call needs \"jsonrpc\":\"2.0\"".into()));
    }
    let names: Vec<&str> = METHODS.iter().map(|(name, _)| *name).collect();
    if !head.method.as_deref().is_some_and(|method| names.contains(&method)) {
        return Err(refuse(Some(id), -32601, format!("no such method: there are {}", names.join(", "))));
    }
    // A call that takes no parameters may come with empty ones.
    let bare = || serde_json::from_value(serde_json::json!({ "method": head.method }));
    match serde_json::from_slice(line).or_else(|error| bare().map_err(|_| error)) {
        Ok(request) => Ok((id, request)),
        Err(error) => Err(refuse(Some(id), -32602, format!("wrong parameters: {error}"))),
    }
}

/// Writes the answer to a call as one line.
///
/// Rows that do not fit are left out, the oldest first: who misses them asks on with `before`. Any other reply that
/// does not fit becomes an error.
pub fn write_answer(id: &CallId, outcome: Result<Reply, RpcError>, out: &mut BytesMut) {
    let mut outcome = outcome;
    while write_outcome(Some(id), outcome.as_ref(), out).is_err() {
        match &mut outcome {
            Ok(Reply::Log { rows, .. }) if rows.len() > 1 => drop(rows.drain(..rows.len().div_ceil(2))),
            _ => outcome = Err(RpcError::new(ErrorCode::Machine, "the answer is too long for one line")),
        }
    }
}

impl Refused {
    /// Makes the refusal of a line that was too long to read.
    pub fn too_long() -> Refused {
        Refused { id: None, code: -32600, message: format!("{TooLong}") }
    }

    /// Writes the refusal as one line.
    pub fn write(&self, out: &mut BytesMut) {
        #[derive(Serialize)]
        struct Fault<'a> {
            code: i32,
            message: &'a str,
        }
        // Both parts are short, so that the line always fits.
        let fault = Fault { code: self.code, message: &self.message };
        write_outcome::<(), _>(self.id.as_ref(), Err(&fault), out).ok();
    }
}

/// Writes an event as one line; an event that does not fit becomes [`Event::Lagged`].
pub fn write_event(event: &Event, out: &mut BytesMut) {
    #[derive(Serialize)]
    struct Notification<'a> {
        jsonrpc: &'static str,
        #[serde(flatten)]
        event: &'a Event,
    }
    if write_line(&Notification { jsonrpc: "2.0", event }, out).is_err() {
        write_event(&Event::Lagged, out);
    }
}

/// Reads an answer or an event.
///
/// # Errors
/// When the line is neither.
pub fn read_incoming(line: &[u8]) -> Result<Incoming, serde_json::Error> {
    #[derive(Deserialize)]
    struct Answer {
        id: Option<CallId>,
        result: Option<Reply>,
        error: Option<RpcError>,
    }
    let answer: Answer = serde_json::from_slice(line)?;
    match (answer.result, answer.error) {
        (Some(reply), None) => Ok(Incoming::Answer(answer.id, Ok(reply))),
        (None, Some(error)) => Ok(Incoming::Answer(answer.id, Err(error))),
        _ => serde_json::from_slice(line).map(Incoming::Event),
    }
}

fn write_outcome<R: Serialize, E: Serialize>(
    id: Option<&CallId>,
    outcome: Result<&R, &E>,
    out: &mut BytesMut,
) -> Result<(), TooLong> {
    #[derive(Serialize)]
    struct Answer<'a, R, E> {
        jsonrpc: &'static str,
        id: Option<&'a CallId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<&'a R>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a E>,
    }
    write_line(&Answer { jsonrpc: "2.0", id, result: outcome.ok(), error: outcome.err() }, out)
}

/// Appends one line, or nothing when it would be too long.
fn write_line(object: &impl Serialize, out: &mut BytesMut) -> Result<(), TooLong> {
    let start = out.len();
    // Our own types always serialise, so that the only possible error is the bound.
    if serde_json::to_writer(Bounded { out: &mut *out, left: MAX_LINE }, object).is_err() {
        out.truncate(start);
        return Err(TooLong);
    }
    out.put_u8(b'\n');
    Ok(())
}

/// Writes into memory until the bound: a thousand long rows are not built up only to be thrown away.
struct Bounded<'a> {
    out: &'a mut BytesMut,
    left: usize,
}

impl io::Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        self.out.put_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
