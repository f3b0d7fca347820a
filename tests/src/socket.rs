//! A plain client of the local socket: JSON-RPC 2.0, one object a line, as `docs/api.md` describes it.
//!
//! Written from the description and not from the code, so that it also checks that the description is enough. Calls
//! can be pipelined: many are written before the first is answered.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::lines::DEADLINE;

/// The socket's name in a home.
pub const SOCKET: &str = "bayou.sock";

/// Replies that may wait for us before the socket is read no further.
const MAX_REPLIES: usize = 1024;

/// Events that may wait for us. Further ones are dropped, so a story that reads none of its events fails in the end.
const MAX_EVENTS: usize = 1 << 18;

/// How long nothing must happen before a conversation counts as quiet.
const QUIET: Duration = Duration::from_millis(20);

/// A connection to a serving peer.
pub struct Client {
    calls: BufWriter<UnixStream>,
    replies: Receiver<Value>,
    events: Receiver<Value>,
}

impl Client {
    /// Connects to the peer that serves this home.
    ///
    /// # Errors
    /// When none does.
    pub fn connect(home: &Path) -> io::Result<Client> {
        let stream = UnixStream::connect(home.join(SOCKET))?;
        let (reply, replies) = sync_channel(MAX_REPLIES);
        let (event, events) = sync_channel(MAX_EVENTS);
        let reader = BufReader::new(stream.try_clone()?);
        thread::spawn(move || sort(reader, &reply, &event));
        Ok(Client { calls: BufWriter::new(stream), replies, events })
    }

    /// Calls and returns the result.
    ///
    /// # Errors
    /// When the peer answers with an error, or not before the deadline.
    pub fn call(&mut self, method: &str, params: &Value) -> io::Result<Value> {
        write(&mut self.calls, method, params)?;
        self.calls.flush()?;
        result(&self.replies)
    }

    /// Sends all texts without waiting between them; returns when every one is answered, so kept.
    ///
    /// # Errors
    /// When one is refused, or the peer falls silent.
    pub fn send_all(&mut self, conversation: &str, texts: &[String]) -> io::Result<()> {
        let Client { calls, replies, .. } = self;
        thread::scope(|scope| {
            // Written beside the reading: a peer that waits for us to read its replies must not wait for ever.
            let writer = scope.spawn(|| {
                for text in texts {
                    write(calls, "send", &json!({ "conversation": conversation, "text": text }))?;
                }
                calls.flush()
            });
            let answered = texts.iter().try_for_each(|_| result(replies).map(drop));
            answered.and(writer.join().unwrap_or_else(|_| Err(io::Error::other("the writer died"))))
        })
    }

    /// Sends all texts without waiting between them, to a peer that may die of it; `acknowledged` is told how many were
    /// answered so far. Returns the ids of all messages that were acknowledged.
    ///
    /// # Errors
    /// When one is refused.
    pub fn send_while_it_lives(
        &mut self,
        conversation: &str,
        texts: &[String],
        mut acknowledged: impl FnMut(usize),
    ) -> io::Result<Vec<String>> {
        let Client { calls, replies, .. } = self;
        thread::scope(|scope| {
            scope.spawn(|| {
                let say = |text| write(calls, "send", &json!({ "conversation": conversation, "text": text }));
                // A peer that died takes no more calls; that is what the story is about.
                texts.iter().try_for_each(say).and_then(|()| calls.flush()).ok();
            });
            let mut ids = Vec::new();
            while ids.len() < texts.len() {
                let Ok(reply) = replies.recv_timeout(DEADLINE) else { break };
                let id = reply["result"]["id"].as_str().ok_or_else(|| io::Error::other(reply.to_string()))?;
                ids.push(id.to_owned());
                acknowledged(ids.len());
            }
            Ok(ids)
        })
    }

    /// Follows a conversation from now on and returns its newest rows.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub fn follow(&mut self, conversation: &str, limit: u32) -> io::Result<Vec<Value>> {
        rows(&self.call("follow", &json!({ "conversation": conversation, "limit": limit }))?)
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// When none comes before the deadline.
    pub fn event(&mut self) -> io::Result<Value> {
        self.events.recv_timeout(DEADLINE).map_err(|e| io::Error::other(format!("waiting for an event: {e}")))
    }

    /// Waits until `count` different messages were shown with their text; `rows` are those that [`Client::follow`] gave.
    ///
    /// When events were missed, reads the conversation once it has become quiet: reading it at each loss would slow down
    /// what is measured.
    ///
    /// # Errors
    /// When for the length of the deadline nothing more is shown.
    pub fn shows(&mut self, conversation: &str, rows: &[Value], count: usize) -> io::Result<()> {
        let mut seen: BTreeSet<String> = rows.iter().filter_map(complete).collect();
        let mut missed = false;
        while seen.len() < count {
            match self.events.recv_timeout(if missed { QUIET } else { DEADLINE }) {
                Ok(event) if event["method"] == "lagged" => missed = true,
                Ok(event) => seen.extend(complete(&event["params"]["row"])),
                Err(RecvTimeoutError::Timeout) if missed => {
                    missed = false;
                    seen.extend(self.read_back(conversation, Value::Null)?.iter().filter_map(complete));
                }
                Err(e) => return Err(io::Error::other(format!("{e}: shown {} of {count}", seen.len()))),
            }
        }
        Ok(())
    }

    /// As [`Client::shows`], when there may be more messages than `rows` holds already.
    ///
    /// # Errors
    /// As [`Client::shows`].
    pub fn shows_all(&mut self, conversation: &str, rows: &[Value], count: usize) -> io::Result<()> {
        let earlier = match rows.first() {
            Some(oldest) => self.read_back(conversation, oldest["id"].clone())?,
            None => Vec::new(),
        };
        self.shows(conversation, &[rows, &earlier].concat(), count)
    }

    /// Reads the conversation in pages, from before a message (or from the newest one) back to its beginning.
    fn read_back(&mut self, conversation: &str, mut before: Value) -> io::Result<Vec<Value>> {
        let mut all = Vec::new();
        loop {
            let page = json!({ "conversation": conversation, "limit": 1000, "before": before });
            let page = rows(&self.call("log", &page)?)?;
            let Some(oldest) = page.first() else { return Ok(all) };
            before = oldest["id"].clone();
            all.extend(page);
        }
    }
}

/// Sorts what the peer says into replies and events.
fn sort(reader: impl BufRead, replies: &SyncSender<Value>, events: &SyncSender<Value>) {
    for line in reader.lines().map_while(Result::ok) {
        let Ok(said) = serde_json::from_str::<Value>(&line) else { return };
        if said.get("id").is_some() {
            if replies.send(said).is_err() {
                return;
            }
        } else {
            events.try_send(said).ok();
        }
    }
}

fn write(calls: &mut impl Write, method: &str, params: &Value) -> io::Result<()> {
    // Replies are counted and never told apart, so one id will do.
    writeln!(calls, "{}", json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }))
}

fn result(replies: &Receiver<Value>) -> io::Result<Value> {
    let mut reply =
        replies.recv_timeout(DEADLINE).map_err(|e| io::Error::other(format!("waiting for a reply: {e}")))?;
    match reply.get("error") {
        Some(error) => Err(io::Error::other(error.to_string())),
        None => Ok(reply["result"].take()),
    }
}

fn rows(reply: &Value) -> io::Result<Vec<Value>> {
    reply["rows"].as_array().cloned().ok_or_else(|| io::Error::other(format!("no rows in {reply}")))
}

/// Returns the id of a row whose text has arrived.
fn complete(row: &Value) -> Option<String> {
    if row["state"] == "waiting" { None } else { row["id"].as_str().map(Into::into) }
}
