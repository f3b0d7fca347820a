use bayou_core::rpc::Request;

use crate::failure::Failure;
use crate::output::Output;
use crate::peer;
use crate::unlock::Home;

/// Hide a message from all, as an admin
///
/// Its words stay on all disks, so that it can be shown again. With --erase they are erased, on every peer that hears of it,
/// for good.
#[derive(clap::Args)]
pub(crate) struct Hide {
    /// The message
    #[arg(value_name = "MSG")]
    message: String,

    /// Show it again
    #[arg(long)]
    off: bool,

    /// Have it erased on every peer; this cannot be undone
    #[arg(long, conflicts_with = "off")]
    erase: bool,
}

impl Hide {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let Hide { message, off, erase } = self;
        let reply = peer::ask(home, Request::Hide { message, off, erase }).await?;
        let done = match (off, erase) {
            (true, _) => "shown again",
            (_, true) => "erased here; others erase it when they hear of it",
            _ => "hidden",
        };
        output.say(&reply, || done.into())
    }
}
