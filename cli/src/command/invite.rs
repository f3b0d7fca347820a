use bayou_core::rpc::{Reply, Request};

use crate::failure::Failure;
use crate::output::{Output, clean_line};
use crate::peer;
use crate::unlock::Home;

/// Print a link by which others can join a conversation
#[derive(clap::Args)]
pub(crate) struct Invite {
    /// The conversation
    #[arg(value_name = "CONV")]
    conversation: String,
}

impl Invite {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let reply = peer::ask(home, Request::Invite { conversation: self.conversation }).await?;
        let Reply::Invite { link } = &reply else { return Err(Failure::unexpected()) };
        output.say(&reply, || clean_line(link))
    }
}
