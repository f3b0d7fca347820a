use std::io::IsTerminal as _;

use bayou_core::rpc::{Contact, Reply, Request};

use crate::failure::Failure;
use crate::output::{Output, clean_line, short};
use crate::peer;
use crate::qr::Qr;
use crate::unlock::Home;

/// The people that you know: list them, name them, make sure of them
///
/// To make sure of somebody, meet or call: `bayou contact show NAME` on both sides shows the same 60 digits, or nobody is
/// who they seem. Then `bayou contact note NAME --verified`.
#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// List everyone who is in a conversation with you
    List,
    /// Show the safety number that you and somebody have in common, in a terminal with a QR code below
    Show {
        /// Who: the id or the name
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Compare the code that somebody shows: scanned, it is a link
    Verify {
        /// The link in the QR code on their screen
        #[arg(value_name = "LINK")]
        code: String,
    },
    /// Give somebody a name of your own, or note that you compared numbers with them
    Note {
        /// Who: the id or the name
        #[arg(value_name = "USER")]
        user: String,

        /// What you call them; empty: what they call themselves
        #[arg(long, value_name = "NAME")]
        name: Option<String>,

        /// The numbers were the same
        #[arg(long, conflicts_with = "unverified")]
        verified: bool,

        /// Take that back
        #[arg(long)]
        unverified: bool,
    },
    /// Show eight words that are the same for all who see the same members of a conversation
    Words {
        /// The conversation
        #[arg(value_name = "CONV")]
        conversation: String,
    },
}

impl Command {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        match self.what {
            What::List => list(home, output).await,
            What::Show { user } => show(home, output, user).await,
            What::Verify { code } => {
                let reply = peer::ask(home, Request::VerifyContact { code }).await?;
                output.say(&reply, || "verified: both of you have the same keys".to_owned())
            }
            What::Note { user, name, verified, unverified } => {
                if name.is_none() && !verified && !unverified {
                    return Err(Failure::invalid("what is to be noted? say --name NAME, --verified or --unverified"));
                }
                let verified = (verified || unverified).then_some(verified);
                let reply = peer::ask(home, Request::NoteContact { user, petname: name, verified }).await?;
                output.say(&reply, || "noted, for all your devices".to_owned())
            }
            What::Words { conversation } => {
                let reply = peer::ask(home, Request::Words { conversation }).await?;
                let Reply::Words { words } = &reply else { return Err(Failure::unexpected()) };
                output.say(&reply, || words.join(" "))
            }
        }
    }
}

async fn list(home: &Home, output: &Output) -> Result<(), Failure> {
    let reply = peer::ask(home, Request::Contacts).await?;
    let Reply::Contacts { contacts } = &reply else { return Err(Failure::unexpected()) };
    output.say(&reply, || match &contacts[..] {
        [] => "nobody yet: bayou invite CONV makes a link for others".into(),
        some => some.iter().map(line).collect::<Vec<_>>().join("\n"),
    })
}

async fn show(home: &Home, output: &Output, user: String) -> Result<(), Failure> {
    let reply = peer::ask(home, Request::Contact { user }).await?;
    let Reply::Contact { contact, number, code } = &reply else { return Err(Failure::unexpected()) };
    output.say(&reply, || {
        let rows: Vec<&str> = number.split(' ').collect();
        let rows: Vec<String> = rows.chunks(4).map(|row| format!("  {}", row.join(" "))).collect();
        let mut text = format!("{}\n\n{}\n\n{code}", line(contact), rows.join("\n"));
        if let (Ok(qr), true) = (Qr::new(code), std::io::stdout().is_terminal()) {
            text.push('\n');
            text.push_str(&qr.to_text());
        }
        text
    })
}

fn line(contact: &Contact) -> String {
    let name = match &contact.petname {
        Some(petname) => format!("{} (calls themselves {})", clean_line(petname), clean_line(&contact.name)),
        None => clean_line(&contact.name),
    };
    let verified = if contact.verified { ", verified" } else { "" };
    let shared = match contact.shared {
        1 => "1 conversation".to_owned(),
        some => format!("{some} conversations"),
    };
    format!("{}  {name}{verified}, {shared}", short(&contact.user))
}
