use bayou_core::rpc::{Reply, Request};

use crate::failure::Failure;
use crate::output::Output;
use crate::peer;
use crate::unlock::Home;

/// Delete a message of yours for everyone
#[derive(clap::Args)]
pub(crate) struct Delete {
    /// The message
    #[arg(value_name = "MSG")]
    message: String,
}

impl Delete {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let reply = peer::ask(home, Request::Delete { message: self.message }).await?;
        let Reply::Sent { .. } = &reply else { return Err(Failure::unexpected()) };
        output.say(&reply, || "deleted".into())
    }
}
