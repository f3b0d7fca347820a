//! A browser without a page: plain HTTP over a socket, a cookie, and a WebSocket for the calls of `docs/api.md`.
//!
//! Written from the description of the web UI and not from its code.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::client;
use tokio_tungstenite::tungstenite::http::Request;
use tokio_tungstenite::tungstenite::{Message, WebSocket};

use crate::lines::DEADLINE;

/// Somebody at a browser.
pub struct Browser {
    /// Host and port.
    host: String,
    token: String,
    cookie: Option<String>,
}

/// A page that calls.
pub struct Page {
    socket: WebSocket<TcpStream>,
    next: u64,
    events: VecDeque<Value>,
    /// Answers that came before others that were waited for.
    answers: HashMap<u64, Value>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// All headers, one a line, their names in lower case.
    pub headers: String,
    /// The body.
    pub body: String,
}

impl Browser {
    /// Takes the address that `bayou serve --web` printed.
    ///
    /// # Errors
    /// When it is none.
    pub fn at(address: &str) -> io::Result<Browser> {
        let rest = address.strip_prefix("http://").and_then(|rest| rest.split_once("/#token="));
        let (host, token) = rest.ok_or_else(|| io::Error::other(format!("no address: {address}")))?;
        Ok(Browser { host: host.into(), token: token.into(), cookie: None })
    }

    /// Returns host and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Asks, with these headers and no others than are needed.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Answer> {
        let mut stream = self.connect()?;
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if headers.iter().all(|(name, _)| *name != "Host") {
            head += &format!("Host: {}\r\n", self.host);
        }
        headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("no answer"))?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Ok(Answer { status, headers: head.into(), body: body.into() })
    }

    /// Hands the token in, as the page does, and keeps the cookie.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn log_in(&mut self) -> io::Result<Answer> {
        let origin = format!("http://{}", self.host);
        let answer = self.ask("POST", "/login", &[("Origin", &origin)], &self.token)?;
        let set = answer.headers.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        self.cookie = set.and_then(|set| set.split(';').next()).map(str::to_owned).or(self.cookie.take());
        Ok(answer)
    }

    /// Returns the cookie, if there is one.
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// Opens the WebSocket as a page from `origin` would, under a name.
    ///
    /// # Errors
    /// The status in words, when it is refused.
    pub fn opens(&self, origin: &str, host: &str, cookie: Option<&str>) -> io::Result<Page> {
        let stream = self.connect()?;
        let mut request = Request::builder()
            .uri(format!("ws://{}/ws", self.host))
            .header("Host", host)
            .header("Origin", origin)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        if let Some(cookie) = cookie {
            request = request.header("Cookie", cookie);
        }
        let request = request.body(()).map_err(io::Error::other)?;
        let (socket, _) = client(request, stream).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Page { socket, next: 0, events: VecDeque::new(), answers: HashMap::new() })
    }

    /// Opens the page, logged in.
    ///
    /// # Errors
    /// As [`Browser::opens`].
    pub fn page(&self) -> io::Result<Page> {
        self.opens(&format!("http://{}", self.host), &self.host, self.cookie.as_deref())
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(&self.host)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(stream)
    }
}

impl Page {
    /// Sends any text.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, text: &str) -> io::Result<()> {
        self.socket.send(Message::text(text)).map_err(io::Error::other)
    }

    /// Makes a call without waiting for its answer; returns its id.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn asks(&mut self, method: &str, params: &Value) -> io::Result<u64> {
        self.next += 1;
        let call = json!({ "jsonrpc": "2.0", "id": self.next, "method": method, "params": params });
        self.send(&call.to_string())?;
        Ok(self.next)
    }

    /// Calls; returns the whole answer. What happens meanwhile is kept for [`Page::hears`].
    ///
    /// # Errors
    /// When none comes.
    pub fn answer(&mut self, method: &str, params: &Value) -> io::Result<Value> {
        let id = self.asks(method, params)?;
        self.answer_to(id)
    }

    /// Waits for the answer to a call.
    ///
    /// # Errors
    /// When none comes.
    pub fn answer_to(&mut self, id: u64) -> io::Result<Value> {
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return Ok(answer);
            }
            let message = self.reads()?;
            match message["id"].as_u64() {
                Some(id) => drop(self.answers.insert(id, message)),
                None => self.events.push_back(message),
            }
        }
    }

    /// Calls and returns the result.
    ///
    /// # Errors
    /// When the peer answers with an error, or not at all.
    pub fn call(&mut self, method: &str, params: &Value) -> io::Result<Value> {
        let mut answer = self.answer(method, params)?;
        if answer.get("error").is_some() {
            return Err(io::Error::other(format!("{method}: {}", answer["error"])));
        }
        Ok(answer["result"].take())
    }

    /// Waits for an event such that `holds` is true of its name and content; returns the content.
    ///
    /// # Errors
    /// When none comes before the deadline.
    pub fn hears(&mut self, what: &str, holds: impl Fn(&str, &Value) -> bool) -> io::Result<Value> {
        loop {
            let event = match self.events.pop_front() {
                Some(event) => event,
                None => self.reads().map_err(|error| io::Error::new(error.kind(), format!("{what}: {error}")))?,
            };
            if let Some(id) = event["id"].as_u64() {
                self.answers.insert(id, event);
                continue;
            }
            if holds(event["method"].as_str().unwrap_or_default(), &event["params"]) {
                return Ok(event["params"].clone());
            }
        }
    }

    /// Reads the next message.
    ///
    /// # Errors
    /// When the connection is closed, or silent until the deadline.
    pub fn reads(&mut self) -> io::Result<Value> {
        loop {
            match self.socket.read().map_err(io::Error::other)? {
                Message::Text(text) => return serde_json::from_str(&text).map_err(io::Error::other),
                Message::Close(_) => return Err(io::ErrorKind::ConnectionAborted.into()),
                _ => {}
            }
        }
    }
}
