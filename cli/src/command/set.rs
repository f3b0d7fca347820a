use bayou_core::rpc::{Request, Setting};

use crate::duration::Duration;
use crate::failure::Failure;
use crate::output::Output;
use crate::peer;
use crate::unlock::Home;

/// Change a setting of a conversation, for all who are in it
#[derive(clap::Args)]
pub(crate) struct Set {
    /// The conversation
    #[arg(value_name = "CONV")]
    conversation: String,

    #[command(subcommand)]
    setting: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// What it is called
    Title {
        /// 1 to 200 bytes
        text: String,
    },
    /// What it is about
    Topic {
        /// At most 1000 bytes
        text: String,
    },
    /// What newcomers may read of what was said before they came
    History {
        /// All of it, or nothing
        #[arg(value_parser = ["all", "since_join"])]
        what: String,
    },
    /// After how long what is written from now on disappears
    Disappear {
        /// For example 1h, 30d or 2w; or off
        #[arg(value_name = "TIME", value_parser = lifetime)]
        after: u32,
    },
    /// Where mail waits for who is away: up to three nodes; none: nowhere
    Mailbox {
        /// A node's address with its /p2p/…
        #[arg(value_name = "ADDR")]
        nodes: Vec<String>,
    },
}

fn lifetime(text: &str) -> Result<u32, &'static str> {
    if text == "off" { Ok(0) } else { text.parse().map(Duration::seconds) }
}

impl Set {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let setting = match self.setting {
            What::Title { text } => Setting::Title(text),
            What::Topic { text } => Setting::Topic(text),
            What::History { what } => Setting::History(what),
            What::Disappear { after } => Setting::Disappear(after),
            What::Mailbox { nodes } => Setting::Mailboxes(nodes),
        };
        let said = match setting {
            Setting::Disappear(0) => "set: what is written from now on stays; what is older is as it was",
            Setting::Disappear(_) => {
                "set: what is written from now on disappears after that time; what is older is as it was"
            }
            _ => "set",
        };
        let reply = peer::ask(home, Request::Set { conversation: self.conversation, setting }).await?;
        output.say(&reply, || said.into())
    }
}
