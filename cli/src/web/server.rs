//! Listens, and answers what browsers ask.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bayou_core::rpc::session::Answer;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::guard::Guard;
use super::login::Login;
use super::{ADDRESS, WebArguments, assets, socket, tls};
use crate::failure::Failure;

/// Connections at a time; further ones wait until one ends.
const MAX_CONNECTIONS: usize = 128;

/// Browsers that call at a time; further ones are refused.
const MAX_CALLERS: usize = 32;

/// The longest body of a request: a token.
const MAX_BODY: usize = 4 * 1024;

/// How long a browser may take to say what it wants.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// How long to wait after the system could not accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the page may do: load what is ours, show pictures that it made itself, and be framed by nobody.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
     font-src 'self'; media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; worker-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Answered = Response<Full<Bytes>>;

/// The web UI, bound to its address.
pub(crate) struct Server {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    door: Arc<Door>,
    /// Where a browser that was let in makes way for the next token.
    used: mpsc::Receiver<()>,
}

/// What all connections share.
struct Door {
    guard: Guard,
    login: Login,
    used: mpsc::Sender<()>,
    callers: Arc<Semaphore>,
}

impl Server {
    /// Binds it.
    ///
    /// # Errors
    /// When the address cannot be used, or would be open to the network without TLS.
    pub(crate) async fn bind(arguments: &WebArguments) -> Result<Server, Failure> {
        let listener = listen(arguments.web.as_deref().unwrap_or_default()).await?;
        let address = listener.local_addr()?;
        let tls = match (&arguments.web_cert, &arguments.web_key) {
            (Some(certificate), Some(key)) => Some(tls::acceptor(certificate, key)?),
            _ => None,
        };
        if !address.ip().is_loopback() && tls.is_none() && !arguments.web_without_tls {
            return Err(Failure::invalid(format!(
                "at {address} others on the network could read along: give --web-cert and --web-key, or say \
                 --web-without-tls if a proxy in front encrypts"
            )));
        }
        let (noted, used) = mpsc::channel(1);
        let door = Door {
            guard: Guard::new(address, &arguments.web_host),
            login: Login::new(address.port(), tls.is_some())?,
            used: noted,
            callers: Arc::new(Semaphore::new(MAX_CALLERS)),
        };
        Ok(Server { listener, tls, door: Arc::new(door), used })
    }

    /// Returns the address that the next browser opens. It is a secret: it lets in, once.
    pub(crate) fn address(&self) -> Result<String, Failure> {
        let (scheme, mut address) = (if self.tls.is_some() { "https" } else { "http" }, self.listener.local_addr()?);
        if address.ip().is_unspecified() {
            address.set_ip(ADDRESS.ip());
        }
        Ok(format!("{scheme}://{address}/#token={}", self.door.login.token()))
    }

    /// Answers until this is dropped; returns when a token was used, so that the next address can be told.
    pub(crate) async fn run(&mut self, answer: &impl Answer, connections: &mut JoinSet<()>) -> Used {
        loop {
            tokio::select! {
                _ = self.used.recv() => return Used,
                accepted = self.listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                    Ok((stream, _)) => {
                        let (door, tls, answer) = (self.door.clone(), self.tls.clone(), answer.clone());
                        drop(connections.spawn(connection(door, tls, stream, answer)));
                    }
                    // No file handles left, most likely: they come back when a connection ends.
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                Some(_ended) = connections.join_next() => {}
            }
        }
    }
}

/// A token was used.
pub(crate) struct Used;

async fn listen(address: &str) -> Result<TcpListener, Failure> {
    let bad = |error: std::io::Error| Failure::machine(format!("the web UI cannot be served at {address}: {error}"));
    if address.is_empty() {
        return match TcpListener::bind(ADDRESS).await {
            Ok(listener) => Ok(listener),
            Err(_) => TcpListener::bind(SocketAddr::new(ADDRESS.ip(), 0)).await.map_err(bad),
        };
    }
    let parsed: SocketAddr = address.parse().map_err(|_| {
        Failure::invalid(format!("`{address}` is no address to serve the web UI at: expected one like {ADDRESS}"))
    })?;
    TcpListener::bind(parsed).await.map_err(bad)
}

async fn connection(door: Arc<Door>, tls: Option<TlsAcceptor>, stream: TcpStream, answer: impl Answer) {
    // Answers are short and wanted at once.
    stream.set_nodelay(true).ok();
    match tls {
        None => speak(door, stream, answer).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(MAX_WAIT, tls.accept(stream)).await {
                speak(door, stream, answer).await;
            }
        }
    }
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(door: Arc<Door>, stream: S, answer: impl Answer) {
    let service = service_fn(move |request| {
        let (door, answer) = (door.clone(), answer.clone());
        async move { Ok::<_, Infallible>(door.answer(request, answer).await) }
    });
    let spoken = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(MAX_WAIT)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // A browser may go at any time.
    spoken.await.ok();
}

impl Door {
    async fn answer(&self, request: Request<Incoming>, answer: impl Answer) -> Answered {
        if self.guard.host(request.headers()).is_none() {
            return said(StatusCode::FORBIDDEN, "this name does not lead here: see `bayou serve --web-host`");
        }
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/ws") => self.upgrade(request, answer),
            (&Method::POST, "/login") => self.log_in(request).await,
            (&Method::GET, "/login") if self.knows(&request) => said(StatusCode::NO_CONTENT, ""),
            (&Method::GET, "/login") => said(StatusCode::UNAUTHORIZED, "not logged in"),
            (&Method::GET | &Method::HEAD, path) => page(path),
            _ => said(StatusCode::METHOD_NOT_ALLOWED, "this cannot be done here"),
        }
    }

    async fn log_in(&self, request: Request<Incoming>) -> Answered {
        if !self.guard.is_our_page(request.headers()) {
            return said(StatusCode::FORBIDDEN, "only the page itself logs in");
        }
        let body = tokio::time::timeout(MAX_WAIT, Limited::new(request.into_body(), MAX_BODY).collect()).await;
        let Ok(Ok(token)) = body else { return said(StatusCode::BAD_REQUEST, "a token is short") };
        match self.login.take(&token.to_bytes()) {
            Ok(Some(cookie)) => {
                // Full: it is told already.
                self.used.try_send(()).ok();
                let mut answer = said(StatusCode::NO_CONTENT, "");
                if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                    answer.headers_mut().insert(header::SET_COOKIE, cookie);
                }
                answer
            }
            Ok(None) => said(
                StatusCode::FORBIDDEN,
                "this address was used, or is not from this run: take the newest that `bayou serve` printed",
            ),
            Err(_) => said(StatusCode::INTERNAL_SERVER_ERROR, "this machine failed: try again"),
        }
    }

    /// Begins a WebSocket (RFC 6455, 4.2).
    fn upgrade(&self, mut request: Request<Incoming>, answer: impl Answer) -> Answered {
        if !self.guard.is_our_page(request.headers()) {
            return said(StatusCode::FORBIDDEN, "only the page itself calls");
        }
        if !self.knows(&request) {
            return said(StatusCode::UNAUTHORIZED, "not logged in");
        }
        let headers = request.headers();
        let is = |name, value: &str| {
            headers.get(name).is_some_and(|is: &HeaderValue| is.as_bytes().eq_ignore_ascii_case(value.as_bytes()))
        };
        let key = headers.get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
        let (Some(key), true, true) = (key, is(header::UPGRADE, "websocket"), is(header::SEC_WEBSOCKET_VERSION, "13"))
        else {
            return said(StatusCode::BAD_REQUEST, "this is a WebSocket");
        };
        let Ok(caller) = self.callers.clone().try_acquire_owned() else {
            return said(StatusCode::SERVICE_UNAVAILABLE, "too many windows are open: close one");
        };
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            if let Ok(connection) = upgraded.await {
                socket::serve(connection, answer).await;
            }
            drop(caller);
        });
        let mut answer = said(StatusCode::SWITCHING_PROTOCOLS, "");
        let headers = answer.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        if let Ok(key) = HeaderValue::from_str(&key) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
        }
        answer
    }

    fn knows(&self, request: &Request<Incoming>) -> bool {
        let cookies = request.headers().get_all(header::COOKIE).iter();
        self.login.knows(cookies.filter_map(|cookies| cookies.to_str().ok()))
    }
}

/// Returns a file of the page.
fn page(path: &str) -> Answered {
    let Some(asset) = assets::find(path) else {
        return match path {
            "/" => said(StatusCode::NOT_FOUND, assets::MISSING),
            _ => said(StatusCode::NOT_FOUND, "there is no such thing"),
        };
    };
    let keep = if asset.is_lasting { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut answer = Response::new(Full::new(Bytes::from(asset.bytes)));
    answer.headers_mut().insert(header::CONTENT_TYPE, asset.kind);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    guarded(answer)
}

/// Returns an answer in words.
fn said(status: StatusCode, words: &'static str) -> Answered {
    let mut answer = Response::new(Full::new(Bytes::from_static(words.as_bytes())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    guarded(answer)
}

/// Tells the browser what it must not do with any answer of ours.
fn guarded(mut answer: Answered) -> Answered {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}
