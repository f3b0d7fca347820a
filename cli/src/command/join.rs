use bayou_core::rpc::{Reply, Request};

use crate::failure::Failure;
use crate::output::{Output, short};
use crate::peer;
use crate::unlock::Home;

/// Join a conversation by its link
#[derive(clap::Args)]
pub(crate) struct Join {
    /// What `bayou invite` printed
    link: String,
}

impl Join {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let reply = peer::ask(home, Request::Join { link: self.link }).await?;
        let Reply::New { conversation } = &reply else { return Err(Failure::unexpected()) };
        output.say(&reply, || {
            let id = short(conversation);
            format!(
                "joined conversation {id}\nnext: bayou chat {id}; its messages come as soon as this peer meets a member"
            )
        })
    }
}
