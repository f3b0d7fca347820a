use std::collections::HashSet;

use bayou_core::node::{Porch, Report};
use bayou_core::rpc::{Asked, Asker, Event, Reply, Request};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::asked_to_stop;
use crate::failure::Failure;
use crate::output::{Output, clean_line, short};
use crate::peer::{Host, NetworkArguments};
use crate::unlock::Home;
use crate::web::{self, WebArguments};

/// Run the peer until it is interrupted; other commands then ask it
#[derive(clap::Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    network: NetworkArguments,

    #[command(flatten)]
    web: WebArguments,
}

/// What `serve` prints, one line each.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Happening {
    /// The web UI can be opened at an address, by whoever has it, once.
    Web { address: String },
    /// The peer takes calls.
    Ready { peer: String, device: String },
    /// It listens at an address, ready for another's `--peer`.
    Listening { address: String },
    /// There is a link to a peer.
    Linked { peer: String, path: Path },
    /// The link to a peer goes on over another connection.
    Moved { peer: String, path: Path },
    /// The link to a peer is gone.
    Unlinked { peer: String },
    /// Somebody waits to be let into a conversation.
    Guest { conversation: String, user: String, name: String },
    /// How far this peer is with getting into a conversation.
    Joining { conversation: String, state: String },
    /// Somebody asks to be a contact.
    Asker {
        #[serde(flatten)]
        asker: Asker,
    },
    /// How far this peer is with somebody who was asked to be a contact.
    Asked {
        #[serde(flatten)]
        asked: Asked,
    },
    /// Something went wrong.
    Problem { message: String },
}

/// Over what a link goes.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Path {
    /// From machine to machine.
    Direct,
    /// Over the relay of a node.
    Relayed,
}

impl Path {
    fn new(relayed: bool) -> Path {
        if relayed { Path::Relayed } else { Path::Direct }
    }
}

impl Serve {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        if self.web.web.is_some() {
            return self.run_with_web(home, output).await;
        }
        let host = Host::new(home, &self.network).await?;
        let outcome = tokio::select! {
            outcome = tell(&host, output) => outcome,
            stopped = asked_to_stop() => stopped.map_err(Failure::from),
        };
        host.stop().await;
        outcome
    }

    /// Runs the peer as soon as the home is open, and the web UI from now on: it may be there that it is opened, or made.
    async fn run_with_web(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let server = web::Server::bind(&self.web).await?;
        let porch = Porch::new(home.path.clone(), Some(self.network.network()));
        let mut host = None;
        let outcome = tokio::select! {
            biased;
            outcome = show(server, &porch, output) => outcome,
            outcome = async {
                let host = host.insert(Host::meet(home, &self.network, &porch).await?);
                tell(host, output).await
            } => outcome,
            stopped = asked_to_stop() => stopped.map_err(Failure::from),
        };
        if let Some(host) = host {
            host.stop().await;
        }
        outcome
    }
}

/// Serves the web UI, and prints where the next browser opens it.
async fn show(mut server: web::Server, porch: &Porch, output: &Output) -> Result<(), Failure> {
    let mut connections = JoinSet::new();
    loop {
        print(output, Happening::Web { address: server.address()? })?;
        server.run(porch, &mut connections).await;
    }
}

/// Prints what happens, for as long as the peer runs.
async fn tell(host: &Host, output: &Output) -> Result<(), Failure> {
    let mut reports = host.node.reports();
    let Reply::Status(status) = host.node.call(Request::Status).await? else { return Err(Failure::unexpected()) };
    print(output, Happening::Ready { peer: status.peer, device: status.device })?;
    // What it listened at before we followed its reports.
    let mut told = HashSet::new();
    for address in status.addresses {
        told.insert(address.clone());
        print(output, Happening::Listening { address })?;
    }
    let mut events = host.node.events();
    loop {
        let report = tokio::select! {
            report = reports.recv() => report,
            event = events.recv() => {
                happened(output, event)?;
                continue;
            }
        };
        match report {
            Ok(Report::Listening(address)) if told.contains(&address.0) => {}
            Ok(Report::Listening(address)) => print(output, Happening::Listening { address: address.0 })?,
            Ok(Report::Linked { peer, relayed }) => {
                print(output, Happening::Linked { peer: peer.to_string(), path: Path::new(relayed) })?;
            }
            Ok(Report::Moved { peer, relayed }) => {
                print(output, Happening::Moved { peer: peer.to_string(), path: Path::new(relayed) })?;
            }
            Ok(Report::Unlinked(peer)) => print(output, Happening::Unlinked { peer: peer.to_string() })?,
            Ok(Report::Problem(message)) => print(output, Happening::Problem { message })?,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Err(ended()),
        }
    }
}

/// Prints what concerns who runs the peer. Rows are for who follows them; that some were missed does not matter here.
fn happened(output: &Output, event: Result<Event, RecvError>) -> Result<(), Failure> {
    match event {
        Ok(Event::Guest { conversation, user, name }) => print(output, Happening::Guest { conversation, user, name }),
        Ok(Event::Joining { conversation, state }) => print(output, Happening::Joining { conversation, state }),
        Ok(Event::Asker(asker)) => print(output, Happening::Asker { asker }),
        Ok(Event::Asked(asked)) => print(output, Happening::Asked { asked }),
        Ok(_) | Err(RecvError::Lagged(_)) => Ok(()),
        Err(RecvError::Closed) => Err(ended()),
    }
}

fn ended() -> Failure {
    Failure::machine("the peer stopped by itself: see `bayou status`")
}

/// Prints one event. A peer runs on when nobody reads what it prints.
fn print(output: &Output, happening: Happening) -> Result<(), Failure> {
    match output.say(&happening, || words(&happening)) {
        Err(Failure::OutputClosed) => Ok(()),
        other => other,
    }
}

fn words(happening: &Happening) -> String {
    match happening {
        Happening::Web { address } => format!("open {address} in a browser; it lets in once"),
        Happening::Ready { peer, device } => {
            format!("peer {} on device {} is ready; Ctrl-C stops it", short(peer), short(device))
        }
        Happening::Listening { address } => format!("listening at {}", clean_line(address)),
        Happening::Linked { peer, path: Path::Direct } => format!("linked to {}", short(peer)),
        Happening::Linked { peer, path: Path::Relayed } => format!("linked to {} over a node", short(peer)),
        Happening::Moved { peer, path: Path::Direct } => format!("linked to {} directly now", short(peer)),
        Happening::Moved { peer, path: Path::Relayed } => format!("linked to {} over a node now", short(peer)),
        Happening::Unlinked { peer } => format!("no longer linked to {}", short(peer)),
        Happening::Guest { conversation, user, name } => {
            let (conversation, user) = (short(conversation), short(user));
            format!("{} wants to come into {conversation}: bayou admit {conversation} {user}", clean_line(name))
        }
        Happening::Asker { asker: Asker { user, name, message, .. } } => {
            let (user, said) = (short(user), if message.is_empty() { "" } else { ": " });
            let (name, message) = (clean_line(name), clean_line(message));
            format!("{name} asks to be a contact{said}{message} (bayou contact accept {user}, or refuse)")
        }
        Happening::Asked { asked: Asked { user, state, .. } } => {
            format!("contact {}: {}", short(user), clean_line(state))
        }
        Happening::Joining { conversation, state } => format!("conversation {}: {state}", short(conversation)),
        Happening::Problem { message } => format!("problem: {}", clean_line(message)),
    }
}
