use bayou_core::rpc::{Reply, Request};

use super::text_of;
use crate::failure::Failure;
use crate::output::{Output, clean};
use crate::peer;
use crate::unlock::Home;

/// Show what you began to write in a conversation, or note it for all your devices
#[derive(clap::Args)]
pub(crate) struct Draft {
    /// The conversation
    #[arg(value_name = "CONV")]
    conversation: String,

    /// What you begin; - reads it from stdin
    #[arg(value_name = "TEXT", conflicts_with = "clear")]
    text: Option<String>,

    /// Forget it
    #[arg(long)]
    clear: bool,
}

impl Draft {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let text = match self.text {
            Some(text) => Some(text_of(text).await?),
            None => self.clear.then(String::new),
        };
        let reply = peer::ask(home, Request::Draft { conversation: self.conversation, text }).await?;
        let Reply::Draft { text, .. } = &reply else { return Err(Failure::unexpected()) };
        output.say(&reply, || clean(text))
    }
}
