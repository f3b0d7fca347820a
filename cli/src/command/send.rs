use bayou_core::rpc::{Reply, Request};

use super::text_of;
use crate::failure::Failure;
use crate::output::{Output, short};
use crate::peer;
use crate::unlock::Home;

/// Write a message; without a running peer it is kept and goes out when one runs
#[derive(clap::Args)]
pub(crate) struct Send {
    /// The conversation
    #[arg(value_name = "CONV")]
    conversation: String,

    /// The text; `-` reads it from stdin
    #[arg(allow_hyphen_values = true)]
    text: String,

    /// Answer this message
    #[arg(long, value_name = "MSG")]
    reply_to: Option<String>,
}

impl Send {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let (conversation, text) = (self.conversation, text_of(self.text).await?);
        let request = Request::Send { conversation, text, reply_to: self.reply_to, id: None };
        let reply = peer::ask(home, request).await?;
        let Reply::Sent { id } = &reply else { return Err(Failure::unexpected()) };
        output.say(&reply, || format!("message {}", short(id)))
    }
}
