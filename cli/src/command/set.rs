use bayou_core::rpc::{Request, Setting};

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
}

impl Set {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let setting = match self.setting {
            What::Title { text } => Setting::Title(text),
            What::Topic { text } => Setting::Topic(text),
            What::History { what } => Setting::History(what),
        };
        let reply = peer::ask(home, Request::Set { conversation: self.conversation, setting }).await?;
        output.say(&reply, || "set".into())
    }
}
