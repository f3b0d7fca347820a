//! `bayou-bootstrap`: a meeting place for peers that can read nothing.
//!
//! It has an identity that stays the same over restarts, tells at which addresses it can be reached, lets peers find each
//! other, dials those who ask whether they can be dialled, and carries what passes between those who cannot reach each other.

mod identity;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use bayou_core::id::Address;
use bayou_core::net::NetError;
use bayou_core::net::meeting::{Bounds, Lists, Meeting, MeetingConfig, MeetingEvent, Roles};
use clap::Parser;
use identity::IdentityError;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A meeting place for Bayou peers. It can read nothing of what they say.
#[derive(Parser)]
#[command(name = "bayou-bootstrap", version)]
struct Arguments {
    /// The folder that keeps the node's identity; created if missing
    #[arg(long, env = "BAYOU_BOOTSTRAP_HOME")]
    home: PathBuf,
    /// Where to listen, as a multiaddr; repeatable
    #[arg(long, default_values = ["/ip4/0.0.0.0/udp/4001/quic-v1", "/ip4/0.0.0.0/tcp/4001"])]
    listen: Vec<String>,
    /// At which address others reach it, where that is not where it listens (behind a port forward); repeatable
    #[arg(long)]
    external: Vec<String>,
    /// Print one JSON object a line: {"address": …}
    #[arg(long)]
    json: bool,
}

/// Why the node did not run.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("cannot run: {0}")]
    System(#[from] io::Error),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_env("BAYOU_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    match start(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bayou-bootstrap: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> Result<(), Failure> {
    let json = arguments.json;
    let addresses = |texts: Vec<String>| texts.into_iter().map(Address).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let shutdown = shutdown()?;
        let config = MeetingConfig {
            secret: identity::load_or_create(&arguments.home)?,
            listen: addresses(arguments.listen),
            external: addresses(arguments.external),
            nodes: Vec::new(),
            roles: Roles { rendezvous: true, relay: true, autonat: true },
            bounds: Bounds::default(),
            lists: Lists::default(),
        };
        run(config, |address| announce(&address, json), shutdown).await
    })
}

/// Runs a node until `shutdown`.
async fn run(
    config: MeetingConfig,
    mut listening: impl FnMut(Address),
    shutdown: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let (meeting, mut events) = Meeting::start(config)?;
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            event = events.recv() => match event {
                Some(MeetingEvent::Listening(address)) => listening(address),
                None => break,
            },
        }
    }
    meeting.stop().await;
    Ok(())
}

/// Prints where the node can be reached. Scripts read this line by line, so none may wait in a buffer.
fn announce(address: &Address, json: bool) {
    let mut out = io::stdout().lock();
    let printed = if json {
        writeln!(out, "{}", serde_json::json!({ "address": address.0 }))
    } else {
        writeln!(out, "{address}")
    };
    // Nobody reads on: the node serves all the same.
    printed.and_then(|()| out.flush()).ok();
}

/// Returns what waits for Ctrl-C or a request to terminate. Listens from now on, not from the first wait.
fn shutdown() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
