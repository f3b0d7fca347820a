//! The commands, one file each: its arguments, what it asks, what it prints.

mod admit;
mod bundle;
mod chat;
mod contact;
mod conversations;
mod delete;
mod device;
mod draft;
mod edit;
mod hide;
mod init;
mod invite;
mod join;
mod leave;
mod log;
mod members;
mod new;
mod node;
mod passphrase;
mod peers;
mod profile;
mod react;
mod remove;
mod restore;
mod role;
mod send;
mod serve;
mod set;
mod settings;
mod status;

use tokio::io::AsyncReadExt;

use crate::failure::Failure;
use crate::output::Output;
use crate::unlock::Home;

/// What `bayou` can do. Each command's own documentation is its help text.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Init(init::Init),
    Restore(restore::Restore),
    Passphrase(passphrase::Passphrase),
    Serve(serve::Serve),
    New(new::New),
    Invite(invite::Invite),
    Join(join::Join),
    Members(members::Members),
    Admit(admit::Admit),
    Refuse(admit::Refuse),
    #[command(visible_alias = "grant")]
    Role(role::Change),
    Remove(remove::Remove),
    Leave(leave::Leave),
    Set(set::Set),
    Hide(hide::Hide),
    Send(send::Send),
    Draft(draft::Draft),
    Edit(edit::Edit),
    Delete(delete::Delete),
    React(react::React),
    Log(log::Log),
    Conversations(conversations::Conversations),
    Peers(peers::Peers),
    Node(node::Command),
    Status(status::Status),
    Device(device::Command),
    Contact(contact::Command),
    Profile(profile::Profile),
    Settings(settings::Settings),
    Chat(chat::Chat),
    Bundle(bundle::Command),
}

impl Command {
    /// Runs the command in a home.
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        match self {
            Command::Init(command) => command.run(home, output),
            Command::Restore(command) => command.run(home, output),
            Command::Passphrase(command) => command.run(home, output),
            Command::Serve(command) => command.run(home, output).await,
            Command::New(command) => command.run(home, output).await,
            Command::Invite(command) => command.run(home, output).await,
            Command::Join(command) => command.run(home, output).await,
            Command::Members(command) => command.run(home, output).await,
            Command::Admit(command) => command.run(home, output).await,
            Command::Refuse(command) => command.run(home, output).await,
            Command::Role(command) => command.run(home, output).await,
            Command::Remove(command) => command.run(home, output).await,
            Command::Leave(command) => command.run(home, output).await,
            Command::Set(command) => command.run(home, output).await,
            Command::Hide(command) => command.run(home, output).await,
            Command::Draft(command) => command.run(home, output).await,
            Command::Profile(command) => command.run(home, output).await,
            Command::Settings(command) => command.run(home, output).await,
            Command::Send(command) => command.run(home, output).await,
            Command::Edit(command) => command.run(home, output).await,
            Command::Delete(command) => command.run(home, output).await,
            Command::React(command) => command.run(home, output).await,
            Command::Log(command) => command.run(home, output).await,
            Command::Conversations(command) => command.run(home, output).await,
            Command::Node(command) => command.run(home, output).await,
            Command::Peers(command) => command.run(home, output).await,
            Command::Status(command) => command.run(home, output).await,
            Command::Device(command) => command.run(home, output).await,
            Command::Contact(command) => command.run(home, output).await,
            Command::Chat(command) => command.run(home, output).await,
            Command::Bundle(command) => command.run(home, output).await,
        }
    }
}

/// The longest text that is read from stdin, in bytes; the peer itself takes less.
const MAX_STDIN: u64 = 64 * 1024;

/// Returns the text of an argument; `-` stands for all of stdin, without the line feed at its end.
async fn text_of(argument: String) -> Result<String, Failure> {
    if argument != "-" {
        return Ok(argument);
    }
    let mut bytes = Vec::new();
    tokio::io::stdin().take(MAX_STDIN).read_to_end(&mut bytes).await?;
    let mut text = String::from_utf8(bytes).map_err(|_| Failure::invalid("stdin is not UTF-8 text"))?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// Waits until the person or the system asks this process to end.
async fn asked_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
