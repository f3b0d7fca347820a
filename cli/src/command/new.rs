use bayou_core::rpc::{Reply, Request};

use crate::failure::Failure;
use crate::output::{Output, short};
use crate::peer;
use crate::unlock::Home;

/// Begin a conversation
#[derive(clap::Args)]
pub(crate) struct New {
    /// What it is called
    title: String,
}

impl New {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let reply = peer::ask(home, Request::New { title: self.title }).await?;
        let Reply::New { conversation } = &reply else { return Err(Failure::unexpected()) };
        output.say(&reply, || {
            let id = short(conversation);
            format!("conversation {id}\nnext: bayou invite {id}, bayou chat {id}, or bayou send {id} TEXT")
        })
    }
}
