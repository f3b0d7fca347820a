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
        let Reply::Joined { conversation, state } = &reply else { return Err(Failure::unexpected()) };
        output.say(&reply, || {
            let id = short(conversation);
            match state.as_str() {
                "in" => format!("joined conversation {id}\nnext: bayou chat {id}"),
                _ => format!(
                    "conversation {id}: {state}; it goes on by itself while `bayou serve` or `bayou chat {id}` runs"
                ),
            }
        })
    }
}
