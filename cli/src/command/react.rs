use bayou_core::rpc::{Reply, Request};

use crate::failure::Failure;
use crate::output::Output;
use crate::peer;
use crate::unlock::Home;

/// React to a message with an emoji
#[derive(clap::Args)]
pub(crate) struct React {
    /// The message
    #[arg(value_name = "MSG")]
    message: String,

    /// The emoji
    emoji: String,

    /// Take the reaction back
    #[arg(long)]
    off: bool,
}

impl React {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let React { message, emoji, off } = self;
        let reply = peer::ask(home, Request::React { message, emoji, off }).await?;
        let Reply::Sent { .. } = &reply else { return Err(Failure::unexpected()) };
        output.say(&reply, || if off { "taken back".into() } else { "reacted".into() })
    }
}
