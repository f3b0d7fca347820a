use std::path::PathBuf;

use bayou_core::rpc::{Invite as Given, InviteOptions, Reply, Request};

use super::role::Role;
use crate::duration::Duration;
use crate::failure::Failure;
use crate::output::{Output, clean_line, short};
use crate::peer;
use crate::qr::{self, Qr};
use crate::row::date_and_time;
use crate::unlock::Home;

/// Print a link by which others can join a conversation, in a terminal with a QR code below
///
/// Whoever has the link first comes in by it: send it to the one it is for.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Invite {
    #[command(subcommand)]
    what: Option<What>,

    /// The conversation; one that is called list or revoke is named by its id
    #[arg(value_name = "CONV", required = true)]
    conversation: Option<String>,

    /// How many people it lets in
    #[arg(long, default_value_t = 1, value_name = "N")]
    uses: u32,

    /// How long it is good, for example 90m, 72h, 3d or 2w
    #[arg(long, default_value = "72h", value_name = "TIME")]
    expires: Duration,

    /// An admin has to say yes to each
    #[arg(long)]
    approve: bool,

    /// What they may do
    #[arg(long, value_enum, default_value_t = Role::Member)]
    role: Role,

    /// Make a web link with this host, which can be opened in a browser
    #[arg(long, value_name = "HOST")]
    web: Option<String>,

    /// Also write the QR code as a PNG picture, to a new file
    #[arg(long, value_name = "FILE.png")]
    qr: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum What {
    /// List the invites that are still good
    List {
        /// The conversation
        #[arg(value_name = "CONV")]
        conversation: String,
    },
    /// Withdraw an invite: its link lets nobody in any more
    Revoke {
        /// The conversation
        #[arg(value_name = "CONV")]
        conversation: String,
        /// The invite, as `bayou invite list` shows it
        #[arg(value_name = "INVITE")]
        invite: String,
    },
}

impl Invite {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        match self.what {
            Some(What::List { conversation }) => list(home, output, conversation).await,
            Some(What::Revoke { conversation, invite }) => {
                let reply = peer::ask(home, Request::RevokeInvite { conversation, invite }).await?;
                output.say(&reply, || "withdrawn: its link lets nobody in any more".into())
            }
            None => self.make(home, output).await,
        }
    }

    async fn make(self, home: &Home, output: &Output) -> Result<(), Failure> {
        if let Some(path) = self.qr.as_ref().filter(|path| path.exists()) {
            return Err(Failure::invalid(format!("{} exists already: name another file", path.display())));
        }
        let options = InviteOptions {
            uses: self.uses,
            hours: self.expires.hours(),
            approve: self.approve,
            role: Some(self.role.name().into()),
            host: self.web,
        };
        let conversation = self.conversation.unwrap_or_default();
        let reply = peer::ask(home, Request::Invite { conversation, options }).await?;
        let Reply::Invite { link, addresses, .. } = &reply else { return Err(Failure::unexpected()) };
        // The link comes first: it is the answer, even if no code or file can be made of it.
        output.say(&reply, || qr::with_code(link))?;
        if *addresses == 0 {
            output.remark(
                "no peer runs in this home, so this link leads here on the same local network only: for people elsewhere \
                 run `bayou serve` and make another",
            );
        }
        match self.qr {
            Some(path) => Qr::new(link)?.write_png(&path),
            None => Ok(()),
        }
    }
}

async fn list(home: &Home, output: &Output, conversation: String) -> Result<(), Failure> {
    let reply = peer::ask(home, Request::Invites { conversation }).await?;
    let Reply::Invites { invites } = &reply else { return Err(Failure::unexpected()) };
    let line = |given: &Given| {
        let approve = if given.approve { ", an admin says yes" } else { "" };
        let until = date_and_time(given.expires, output.zone());
        let (id, by) = (short(&given.invite), clean_line(&given.by));
        format!("{id}  {} more, as {}, until {until}, by {by}{approve}", given.left, given.role)
    };
    output.say(&reply, || match &invites[..] {
        [] => "no invites: bayou invite CONV makes one".into(),
        some => some.iter().map(line).collect::<Vec<_>>().join("\n"),
    })
}
