//! The way between the page and the peer: calls, answers and events of JSON-RPC as text.
//!
//! The peer begins with the app and goes on whatever happens to the page. Each page that is loaded calls [`listen`] and has
//! a session of its own from then on, as it would by opening a socket; the session of the page before it ends.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bayou_core::node::{Network, Node, NodeConfig, Porch, unlock};
use bayou_core::rpc::session::Session;
use bayou_core::rpc::socket::{FILE, Server};
use bayou_core::rpc::wire::MAX_LINE;
use bytes::BytesMut;
use futures::FutureExt as _;
use serde_json::Value;
use tauri::ipc::Channel;
use tauri::{AppHandle, Manager, State, async_runtime};
use tokio::sync::{Notify, mpsc};

use crate::links;

/// Calls of the page that wait to begin; one more is refused.
const MAX_WAITING: usize = 1024;

/// The peer, and the page that is loaded.
pub(crate) struct Pipe {
    home: PathBuf,
    network: Network,
    porch: Porch,
    page: Mutex<Option<Page>>,
    /// The app ends: commands are answered no more.
    ending: Arc<Notify>,
}

/// A page that listens.
struct Page {
    /// Its session ends when this goes.
    calls: mpsc::Sender<String>,
    channel: Channel<String>,
}

impl Pipe {
    /// Stands before a home. Touches nothing: this may be a second start, which ends in the first.
    pub(crate) fn new(home: PathBuf) -> Self {
        let network = Network { mdns: true, upnp: true, ..Network::default() };
        let porch = Porch::new(home.clone(), Some(network.clone()));
        Pipe { home, network, porch, page: Mutex::new(None), ending: Arc::default() }
    }

    /// Opens the home, if it opens by itself; else the page asks its person.
    pub(crate) fn start(&self) {
        let ending = self.ending.clone();
        async_runtime::spawn(host(self.porch.clone(), self.home.clone(), self.network.clone(), ending));
    }

    /// Runs `with` on the page that listens, if there is one.
    fn page<T>(&self, with: impl FnOnce(&Page) -> T) -> Option<T> {
        self.page.lock().ok().and_then(|page| page.as_ref().map(with))
    }
}

/// Opens the home, or has the page ask its person to; then lets commands (`bayou …`) reach its peer as well.
async fn host(porch: Porch, home: PathBuf, network: Network, ending: Arc<Notify>) {
    match open(home.clone(), network).await {
        Some(node) => porch.enter(node),
        None => porch.wait(),
    }
    let node = porch.opened().await;
    match Server::bind(&home.join(FILE)).await {
        Ok(server) => server.run(node, ending.notified()).await,
        Err(error) => eprintln!("commands cannot reach this peer: {error}"),
    }
}

/// Starts the peer of a home that needs no passphrase. What is wrong with any other is said to who tries to open it.
async fn open(home: PathBuf, network: Network) -> Option<Node> {
    let folder = home.clone();
    let key = async_runtime::spawn_blocking(move || unlock(&folder, None)).await.ok()?.ok()?;
    match Node::start(NodeConfig { home, key, network: Some(network) }).await {
        Ok(node) => Some(node),
        Err(error) => {
            eprintln!("{error}");
            None
        }
    }
}

/// Begins a session for the page that calls.
#[tauri::command]
pub(crate) fn listen(app: AppHandle, pipe: State<'_, Pipe>, channel: Channel<String>) -> Result<(), String> {
    let (calls, asked) = mpsc::channel(MAX_WAITING);
    let page = Page { calls, channel: channel.clone() };
    let mut listening = pipe.page.lock().map_err(|_| "the app is ending")?;
    *listening = Some(page);
    drop(listening);
    async_runtime::spawn(serve(pipe.porch.clone(), asked, channel));
    links::hand_over_first(&app);
    Ok(())
}

/// Takes one call. Not `async`: such commands may overtake each other, and messages are sent in order.
#[tauri::command]
pub(crate) fn rpc(pipe: State<'_, Pipe>, message: String) -> Result<(), String> {
    if message.len() > MAX_LINE {
        return Err(format!("a call has at most {MAX_LINE} bytes"));
    }
    let taken = pipe.page(|page| page.calls.try_send(message)).ok_or("listen first")?;
    taken.map_err(|_| "too many calls at once: wait for their answers".to_owned())
}

/// Tells the page something that only the window knows.
pub(crate) fn tell(app: &AppHandle, method: &str, params: &Value) {
    let message = serde_json::json!({ "jsonrpc": "2.0", "method": method, "params": params });
    // A page that is going hears nothing any more, and the next one begins anew.
    app.state::<Pipe>().page(|page| page.channel.send(message.to_string()).ok());
}

/// Ends the peer in order.
pub(crate) fn stop(app: &AppHandle) {
    let pipe = app.state::<Pipe>();
    pipe.ending.notify_waiters();
    let porch = pipe.porch.clone();
    async_runtime::block_on(async {
        if let Some(node) = porch.opened().now_or_never() {
            node.stop().await;
        }
    });
}

/// Answers a page until it goes.
async fn serve(porch: Porch, mut asked: mpsc::Receiver<String>, channel: Channel<String>) {
    let (mut session, mut out) = (Session::new(porch), BytesMut::new());
    loop {
        tokio::select! {
            call = asked.recv(), if session.has_room() => match call {
                Some(call) => session.begin(call.as_bytes(), &mut out),
                None => return,
            },
            ready = session.next() => ready.write(&mut out),
        }
        let lines = out.split().freeze();
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            // JSON is text.
            let sent = std::str::from_utf8(line).map(|line| channel.send(line.to_owned()));
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    }
}
