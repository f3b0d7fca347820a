use bayou_core::rpc::Request;

use crate::failure::Failure;
use crate::output::Output;
use crate::peer;
use crate::unlock::Home;

/// Let someone in who waits for it
#[derive(clap::Args)]
pub(crate) struct Admit {
    #[command(flatten)]
    guest: Guest,
}

/// Turn someone away who waits to be let in
#[derive(clap::Args)]
pub(crate) struct Refuse {
    #[command(flatten)]
    guest: Guest,
}

#[derive(clap::Args)]
struct Guest {
    /// The conversation
    #[arg(value_name = "CONV")]
    conversation: String,

    /// Who waits, as `bayou members` shows them: the id or the name
    #[arg(value_name = "USER")]
    user: String,
}

impl Admit {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        self.guest.answer(home, output, true, "let in").await
    }
}

impl Refuse {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        self.guest.answer(home, output, false, "turned away").await
    }
}

impl Guest {
    async fn answer(self, home: &Home, output: &Output, yes: bool, done: &str) -> Result<(), Failure> {
        let reply = peer::ask(home, Request::Admit { conversation: self.conversation, user: self.user, yes }).await?;
        output.say(&reply, || done.to_owned())
    }
}
