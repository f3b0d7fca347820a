use bayou_core::rpc::Request;

use crate::failure::Failure;
use crate::output::Output;
use crate::peer;
use crate::unlock::Home;

/// Hide a message from all, as an admin; its author keeps it
#[derive(clap::Args)]
pub(crate) struct Hide {
    /// The message
    #[arg(value_name = "MSG")]
    message: String,

    /// Show it again
    #[arg(long)]
    off: bool,
}

impl Hide {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let Hide { message, off } = self;
        let reply = peer::ask(home, Request::Hide { message, off }).await?;
        output.say(&reply, || if off { "shown again" } else { "hidden" }.into())
    }
}
