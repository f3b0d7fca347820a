//! `bayou-bootstrap`: a meeting place for peers that can read nothing.
//!
//! It has an identity that stays the same over restarts, tells at which addresses it can be reached, and answers
//! identify and ping.

mod identity;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bayou_core::id::Address;
use bayou_core::net::NetError;
use bayou_core::net::meeting::{self, MeetingConfig};
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
    let listen = arguments.listen.into_iter().map(Address).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let shutdown = shutdown()?;
        run(&arguments.home, listen, |address| announce(&address, json), shutdown).await
    })
}

/// Runs a node with the identity in `home` until `shutdown`.
async fn run(
    home: &Path,
    listen: Vec<Address>,
    listening: impl FnMut(Address),
    shutdown: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let secret = identity::load_or_create(home)?;
    Ok(meeting::run(MeetingConfig { secret, listen }, listening, shutdown).await?)
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
