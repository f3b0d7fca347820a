use std::io::IsTerminal as _;
use std::path::PathBuf;

use bayou_core::rpc::{InviteOptions, Reply, Request};

use crate::failure::Failure;
use crate::output::{Output, clean_line};
use crate::peer;
use crate::qr::Qr;
use crate::unlock::Home;

/// Print a link by which others can join a conversation, in a terminal with a QR code below
#[derive(clap::Args)]
pub(crate) struct Invite {
    /// The conversation
    #[arg(value_name = "CONV")]
    conversation: String,

    /// How many people it lets in
    #[arg(long, default_value_t = 1, value_name = "N")]
    uses: u32,

    /// For how many hours
    #[arg(long, default_value_t = 72, value_name = "HOURS")]
    hours: u32,

    /// An admin has to say yes to each
    #[arg(long)]
    approve: bool,

    /// Also write the QR code as a PNG picture, to a new file
    #[arg(long, value_name = "FILE.png")]
    qr: Option<PathBuf>,
}

impl Invite {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let options =
            InviteOptions { uses: self.uses, hours: self.hours, approve: self.approve, ..InviteOptions::default() };
        let reply = peer::ask(home, Request::Invite { conversation: self.conversation, options }).await?;
        let Reply::Invite { link, .. } = &reply else { return Err(Failure::unexpected()) };
        // The link comes first: it is the answer, even if no code or file can be made of it.
        output.say(&reply, || match Qr::new(link) {
            Ok(qr) if std::io::stdout().is_terminal() => format!("{}\n{}", clean_line(link), qr.to_text()),
            _ => clean_line(link),
        })?;
        match self.qr {
            Some(path) => Qr::new(link)?.write_png(&path),
            None => Ok(()),
        }
    }
}
