//! A running node: the meeting place, its mailbox, its status, and the operator's signals.
//!
//! ```text
//!   SIGTERM, SIGINT   stop in order: peers hear of it, and look for another node
//!   SIGHUP            read the lists again
//!   SIGUSR1, SIGUSR2  begin and end draining: no reservations, no puts; what is there is handed out
//! ```

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bayou_core::id::Address;
use bayou_core::net::mailbox::Letters;
use bayou_core::net::meeting::{self, Counts, Meeting, MeetingConfig, MeetingEvent, Welcome};
use bayou_core::net::tls::Certificate;
use bayou_core::net::{NetError, with_peer};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::{Config, ConfigError};
use crate::identity::{self, IdentityError};
use crate::lists::{self, ListError};
use crate::load::Load;
use crate::mailbox::{Mailbox, Tally};
use crate::status::{self, Question};
use crate::tls::{self, TlsError};
use crate::{clock, metrics};

/// How often the machine is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Requests that may wait for the mailbox; further ones are told that it is busy.
const MAX_LETTERS: usize = 512;

/// Why the node did not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("cannot open the mailbox in {0}: {1}")]
    Mailbox(std::path::PathBuf, io::Error),
    #[error("cannot answer at {0} (`status`): {1}; choose another port, or \"\" for none")]
    Status(std::net::SocketAddr, io::Error),
    #[error("cannot run: {0}")]
    System(#[from] io::Error),
}

/// What the status tells of.
struct Vitals {
    counts: Arc<Counts>,
    tally: Arc<Tally>,
    load: RwLock<Load>,
    listening: AtomicBool,
    draining: AtomicBool,
}

impl Vitals {
    fn ready(&self) -> Result<(), &'static str> {
        match (self.listening.load(Ordering::Relaxed), self.draining.load(Ordering::Relaxed)) {
            (false, _) => Err("it does not listen yet\n"),
            (true, true) => Err("it is draining\n"),
            (true, false) => Ok(()),
        }
    }

    fn answer(&self, question: Question) -> status::Answer {
        const OK: &str = "200 OK";
        match (question, self.ready()) {
            (Question::Healthy, _) | (Question::Ready, Ok(())) => (OK, "ok\n".to_owned()),
            (Question::Ready, Err(why)) => ("503 Service Unavailable", why.to_owned()),
            (Question::Metrics, ready) => {
                let load = *self.load.read().unwrap_or_else(PoisonError::into_inner);
                (OK, metrics::text(&self.counts, &self.tally, &load, ready.is_ok()))
            }
        }
    }
}

/// What the operator says by signals.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    reload: Signal,
    drain: Signal,
    undrain: Signal,
}

impl Signals {
    /// Listens from now on, not from the first wait.
    fn listen() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            reload: signal(SignalKind::hangup())?,
            drain: signal(SignalKind::user_defined1())?,
            undrain: signal(SignalKind::user_defined2())?,
        })
    }
}

/// Runs a node until it is told to stop.
pub(crate) async fn run(config: Config, json: bool) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let secret = identity::load_or_create(&config.home)?;
    let tally = Arc::new(Tally::default());
    let (mail, keeper) = if config.roles.mailbox { open_mailbox(&config, &tally)? } else { (None, None) };
    let (mut files, certificate) = tls::Files::open(&config.tls)?.unzip();
    let (meeting, mut events) = Meeting::start(meeting_config(&config, secret, certificate, mail)?)?;
    let vitals = Arc::new(Vitals {
        counts: meeting.counts(),
        tally,
        load: RwLock::default(),
        listening: AtomicBool::new(false),
        draining: AtomicBool::new(false),
    });
    if let Some(address) = config.status().map_err(ConfigError::Impossible)? {
        let asked = vitals.clone();
        let answering = status::listen(address, move |question| asked.answer(question)).await;
        let (address, answering) = answering.map_err(|reason| Failure::Status(address, reason))?;
        announce("status", &address.to_string(), json);
        tokio::spawn(answering);
    }
    for external in &config.external {
        announce("address", &with_peer(&Address(external.clone()), meeting.peer()).0, json);
    }
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(MeetingEvent::Listening(Address(address))) => {
                    vitals.listening.store(true, Ordering::Relaxed);
                    announce("address", &address, json);
                }
                None => break,
            },
            _ = look.tick() => {
                examine(&config, &vitals, &meeting);
                show(files.as_mut(), &meeting);
            }
            _ = signals.reload.recv() => reload(&config, &meeting).await,
            _ = signals.drain.recv() => drain(&vitals, &meeting, true),
            _ = signals.undrain.recv() => drain(&vitals, &meeting, false),
            _ = signals.interrupt.recv() => break,
            _ = signals.terminate.recv() => break,
        }
    }
    tracing::info!("stopping");
    meeting.stop().await;
    if let Some(keeper) = keeper {
        // It ends with the last letter; a thread that panicked has said so itself.
        tokio::task::spawn_blocking(|| keeper.join().ok()).await.ok();
    }
    Ok(())
}

type Mail = (Option<mpsc::Sender<bayou_core::net::mailbox::Letter>>, Option<std::thread::JoinHandle<()>>);

fn open_mailbox(config: &Config, tally: &Arc<Tally>) -> Result<Mail, Failure> {
    let folder = config.home.join("mail");
    let (sender, letters): (_, Letters) = mpsc::channel(MAX_LETTERS);
    let opened = Mailbox::open(&folder, clock::now(), config.mailbox(), tally.clone());
    let keeper = opened.and_then(|mailbox| mailbox.start(letters, clock::now));
    let keeper = keeper.map_err(|reason| Failure::Mailbox(folder, reason))?;
    Ok((Some(sender), Some(keeper)))
}

fn meeting_config(
    config: &Config,
    secret: [u8; 32],
    certificate: Option<Certificate>,
    mail: Option<mpsc::Sender<bayou_core::net::mailbox::Letter>>,
) -> Result<MeetingConfig, Failure> {
    let addresses = |texts: &[String]| texts.iter().cloned().map(Address).collect();
    let crate::config::Roles { rendezvous, relay, autonat, .. } = config.roles;
    Ok(MeetingConfig {
        secret,
        listen: addresses(&config.listen),
        certificate,
        external: addresses(&config.external),
        nodes: addresses(&config.nodes),
        roles: meeting::Roles { rendezvous, relay, autonat },
        bounds: config.bounds(),
        lists: lists::read(&config.admission)?,
        mail,
        clock: clock::now,
    })
}

/// Shows another certificate, if its files changed.
fn show(files: Option<&mut tls::Files>, meeting: &Meeting) {
    match files.and_then(tls::Files::changed) {
        Some(Ok(certificate)) => {
            meeting.show(certificate);
            tracing::info!("the certificate was read again");
        }
        Some(Err(reason)) => tracing::error!(%reason, "the certificate stays as it was"),
        None => {}
    }
}

/// Looks at the machine, and says whether new guests are welcome.
fn examine(config: &Config, vitals: &Vitals, meeting: &Meeting) {
    let load = Load::now(config.full);
    let before = std::mem::replace(&mut *vitals.load.write().unwrap_or_else(PoisonError::into_inner), load);
    if load.full != before.full {
        tracing::warn!(full = load.full, memory_mib = load.memory >> 20, "whether new reservations are given changed");
    }
    meeting.welcome(welcome(load.full, vitals.draining.load(Ordering::Relaxed)));
}

fn welcome(full: bool, draining: bool) -> Welcome {
    match (draining, full) {
        (true, _) => Welcome::Draining,
        (false, true) => Welcome::Full,
        (false, false) => Welcome::Open,
    }
}

async fn reload(config: &Config, meeting: &Meeting) {
    match lists::read(&config.admission) {
        Ok(lists) => {
            meeting.lists(lists).await;
            tracing::info!("the lists were read again");
        }
        Err(reason) => tracing::error!(%reason, "the lists stay as they were"),
    }
}

fn drain(vitals: &Vitals, meeting: &Meeting, draining: bool) {
    vitals.draining.store(draining, Ordering::Relaxed);
    let full = vitals.load.read().unwrap_or_else(PoisonError::into_inner).full;
    meeting.welcome(welcome(full, draining));
    tracing::info!(draining, "the operator said so");
}

/// Prints where the node can be reached. Scripts read this line by line, so none may wait in a buffer.
fn announce(what: &str, address: &str, json: bool) {
    let mut out = io::stdout().lock();
    let printed = if json {
        writeln!(out, "{}", serde_json::json!({ what: address }))
    } else if what == "address" {
        writeln!(out, "{address}")
    } else {
        writeln!(out, "# {what}: http://{address}/metrics")
    };
    // Nobody reads on: the node serves all the same.
    printed.and_then(|()| out.flush()).ok();
}
