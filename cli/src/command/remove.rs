use bayou_core::rpc::Request;

use crate::failure::Failure;
use crate::output::Output;
use crate::peer;
use crate::unlock::Home;

/// Put a member out of a conversation
///
/// They keep what they have and get nothing more. What they write from now on does not count, also where nobody has heard
/// of it yet: it goes when the removal arrives.
#[derive(clap::Args)]
pub(crate) struct Remove {
    /// The conversation
    #[arg(value_name = "CONV")]
    conversation: String,

    /// The member, as `bayou members` shows them: the id or the name
    #[arg(value_name = "MEMBER")]
    member: String,
}

impl Remove {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let Remove { conversation, member } = self;
        let reply = peer::ask(home, Request::Remove { conversation, member }).await?;
        output.say(&reply, || "removed".into())
    }
}
