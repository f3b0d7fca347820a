use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::{broadcast, oneshot};

use super::*;
use crate::rpc::client::Client;
use crate::rpc::session::MAX_IN_FLIGHT;
use crate::rpc::{ErrorCode, Event, HomeState, Reply, Request, Row, RpcError, wire};

/// Keeps what it is told in order; every conversation is called "3f".
#[derive(Clone)]
struct Fake {
    said: Arc<Mutex<Vec<String>>>,
    busy: Arc<AtomicUsize>,
    most_busy: Arc<AtomicUsize>,
    events: broadcast::Sender<Event>,
}

impl Fake {
    fn new() -> Self {
        let (events, _) = broadcast::channel(256);
        Fake { said: Arc::default(), busy: Arc::default(), most_busy: Arc::default(), events }
    }

    fn happens(&self, conversation: &str, text: &str) {
        let row = row(text);
        // Nobody may follow.
        self.events.send(Event::Row { conversation: conversation.into(), key: "0b".into(), row }).ok();
    }
}

fn row(text: &str) -> Row {
    Row {
        id: "77".into(),
        author: "alice".into(),
        user: "ee".repeat(32),
        device: "d0".into(),
        at: 1,
        expires: None,
        text: text.into(),
        body: vec![],
        reply_to: None,
        edited: false,
        deleted: false,
        hidden: false,
        blocked: false,
        look_alike: false,
        reactions: vec![],
        state: "kept".into(),
    }
}

impl Answer for Fake {
    async fn answer(&self, request: Request) -> Result<Reply, RpcError> {
        match request {
            Request::Send { text, .. } => {
                let id = {
                    let mut said = self.said.lock().unwrap();
                    said.push(text);
                    (said.len() - 1).to_string()
                };
                self.most_busy.fetch_max(self.busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Later calls overtake earlier ones here, as they do while a disk is waited for.
                for _ in 0..id.len() % 3 {
                    tokio::task::yield_now().await;
                }
                self.busy.fetch_sub(1, Ordering::SeqCst);
                Ok(Reply::Sent { id })
            }
            Request::Home => Ok(Reply::Home { state: HomeState::Open, name: None, version: String::new() }),
            Request::Follow { .. } => {
                self.happens("3f", "between");
                Ok(Reply::Log { conversation: "3f".into(), rows: vec![row("first")] })
            }
            Request::Status => std::future::pending().await,
            _ => Err(RpcError::new(ErrorCode::NotFound, "no such thing")),
        }
    }

    fn follow(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }
}

/// A server in a folder of its own; stops when dropped.
struct Running {
    folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(fake: &Fake) -> Running {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::bind(&folder.path().join("bayou.sock")).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.run(fake.clone(), async { drop(stopped.await) }));
        Running { folder, stop: Some(stop), task }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("bayou.sock")
    }
}

fn send(text: impl ToString) -> Request {
    Request::send("3f", text.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_share_a_connection_and_keep_their_order() {
    let fake = Fake::new();
    let running = Running::start(&fake).await;
    let client = Client::connect(&running.path()).await.unwrap();
    let mut pending = Vec::new();
    for n in 0..10_000 {
        pending.push(client.submit(send(n)).await.unwrap());
    }
    for (n, answer) in pending.into_iter().enumerate() {
        assert_eq!(answer.await, Ok(Reply::Sent { id: n.to_string() }));
    }
    let said = fake.said.lock().unwrap();
    assert!(said.iter().enumerate().all(|(n, text)| *text == n.to_string()), "begun in the order of the calls");
    let most_busy = fake.most_busy.load(Ordering::SeqCst);
    assert!((2..=MAX_IN_FLIGHT).contains(&most_busy), "{most_busy} at a time");
}

#[tokio::test]
async fn errors_come_back_as_they_are_and_a_stuck_call_holds_nobody_up() {
    let fake = Fake::new();
    let running = Running::start(&fake).await;
    let client = Client::connect(&running.path()).await.unwrap();
    let stuck = client.submit(Request::Status).await.unwrap();
    let error = client.call(Request::Peers).await.unwrap_err();
    assert_eq!(error, RpcError::new(ErrorCode::NotFound, "no such thing"));
    let mut running = running;
    drop(running.stop.take());
    (&mut running.task).await.unwrap();
    assert_eq!(stuck.await.unwrap_err().code, ErrorCode::Machine);
    assert_eq!(client.call(Request::Peers).await.unwrap_err().code, ErrorCode::Machine);
    assert!(!running.path().exists(), "the socket goes with the server");
    assert!(client.events().recv().await.is_err());
}

#[tokio::test]
async fn who_follows_misses_nothing_and_hears_of_nothing_else() {
    let fake = Fake::new();
    let running = Running::start(&fake).await;
    let client = Client::connect(&running.path()).await.unwrap();
    let mut events = client.events();
    let reply = client.call(Request::Follow { conversation: "3".into(), limit: 1 }).await.unwrap();
    assert_eq!(reply, Reply::Log { conversation: "3f".into(), rows: vec![row("first")] });
    fake.happens("4a", "elsewhere");
    fake.happens("3f", "after");
    for expected in ["between", "after"] {
        let Event::Row { row, .. } = events.recv().await.unwrap() else { panic!() };
        assert_eq!(row.text, expected);
    }
}

#[tokio::test]
async fn a_slow_reader_is_told_that_it_lags_and_costs_bounded_memory() {
    let fake = Fake::new();
    let running = Running::start(&fake).await;
    let mut stream = UnixStream::connect(&running.path()).await.unwrap();
    let follow =
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"follow\",\"params\":{\"conversation\":\"3f\",\"limit\":1}}\n";
    stream.write_all(follow).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    assert!(lines.next_line().await.unwrap().unwrap().contains("first"));
    // 20 MB happen while nobody reads; the server goes on for others.
    let text = "x".repeat(10_000);
    for n in 0..2_000 {
        fake.happens("3f", &text);
        if n % 16 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let other = Client::connect(&running.path()).await.unwrap();
    assert!(other.call(send("still there")).await.is_ok());
    let (mut rows, mut lagged) = (0, 0);
    fake.happens("3f", "the last");
    loop {
        let line = lines.next_line().await.unwrap().unwrap();
        lagged += usize::from(line.contains("\"lagged\""));
        rows += usize::from(line.contains("\"row\""));
        if line.contains("the last") {
            break;
        }
    }
    assert!(lagged >= 1 && rows < 1_000, "{rows} rows were kept for it, {lagged} times told");
}

#[tokio::test]
async fn who_asks_without_reading_is_not_read_further() {
    let fake = Fake::new();
    let running = Running::start(&fake).await;
    let mut stream = UnixStream::connect(&running.path()).await.unwrap();
    let rubbish = "x\n".repeat(32 * 1024);
    for _ in 0..128 {
        let written = tokio::time::timeout(Duration::from_millis(500), stream.write_all(rubbish.as_bytes())).await;
        if written.is_err() {
            return;
        }
    }
    panic!("the server read 8 MiB of rubbish whose answers nobody read");
}

#[tokio::test]
async fn plain_lines_work_too_and_rubbish_is_answered() {
    let fake = Fake::new();
    let running = Running::start(&fake).await;
    let mut stream = UnixStream::connect(&running.path()).await.unwrap();
    stream.write_all(b"hello\n\n{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"peers\"}\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    let answers: Vec<serde_json::Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&answers[0]["id"], &answers[0]["error"]["code"]), (&serde_json::Value::Null, &(-32700).into()));
    assert_eq!((&answers[1]["id"], &answers[1]["error"]["code"]), (&"a".into(), &(-32001).into()));
    assert_eq!(answers.len(), 2);

    let mut stream = UnixStream::connect(&running.path()).await.unwrap();
    // The server closes before all is written.
    stream.write_all(&vec![b'x'; wire::MAX_LINE + 64 * 1024]).await.ok();
    let mut answer = Vec::new();
    // Closing with unread bytes may reset the connection after the answer.
    stream.read_to_end(&mut answer).await.ok();
    assert!(String::from_utf8_lossy(&answer).contains("longer than"), "{answer:?}");
}

#[tokio::test]
async fn the_socket_is_the_owners_alone_and_a_stale_one_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bayou.sock");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    // A process that was killed leaves its file behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let server = Server::bind(&path).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(folder.path())), (0o600, 0o700));
    assert_eq!(Server::bind(&path).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    drop(server);
    assert!(!path.exists());

    let too_long = folder.path().join("x".repeat(120));
    assert_eq!(Server::bind(&too_long).await.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}
