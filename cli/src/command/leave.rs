use bayou_core::rpc::Request;

use crate::failure::Failure;
use crate::output::Output;
use crate::peer;
use crate::unlock::Home;

/// Leave a conversation; what is here of it stays
#[derive(clap::Args)]
pub(crate) struct Leave {
    /// The conversation
    #[arg(value_name = "CONV")]
    conversation: String,
}

impl Leave {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let reply = peer::ask(home, Request::Leave { conversation: self.conversation }).await?;
        output.say(&reply, || "left; what was here of it stays, and a new link leads back in".into())
    }
}
