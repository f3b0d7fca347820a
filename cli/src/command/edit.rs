use bayou_core::rpc::{Reply, Request};

use super::text_of;
use crate::failure::Failure;
use crate::output::Output;
use crate::peer;
use crate::unlock::Home;

/// Replace the text of a message of yours
#[derive(clap::Args)]
pub(crate) struct Edit {
    /// The message
    #[arg(value_name = "MSG")]
    message: String,

    /// The new text; `-` reads it from stdin
    #[arg(allow_hyphen_values = true)]
    text: String,
}

impl Edit {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let (message, text) = (self.message, text_of(self.text).await?);
        let reply = peer::ask(home, Request::Edit { message, text }).await?;
        let Reply::Sent { .. } = &reply else { return Err(Failure::unexpected()) };
        output.say(&reply, || "edited".into())
    }
}
