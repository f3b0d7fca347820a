use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use bayou_core::rpc::{Alarm, Asked, Asker, Contact, Reply, Request};
use data_encoding::BASE64;

use crate::failure::Failure;
use crate::output::{Output, clean_line, short};
use crate::peer;
use crate::qr::{self, Qr};
use crate::unlock::Home;

/// The people that you know: ask them by a link, list them, name them, make sure of them, block them
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
    /// Print your link: who has it can ask to talk with you, and you say yes or no; in a terminal with a QR code below
    Link {
        /// Make a web link with this host, which can be opened in a browser
        #[arg(long, value_name = "HOST")]
        web: Option<String>,

        /// Also write the QR code as a PNG picture, to a new file
        #[arg(long, value_name = "FILE.png")]
        qr: Option<PathBuf>,

        /// Make another: the one before is of no use any more
        #[arg(long)]
        replace: bool,
    },
    /// Ask somebody to talk with you, by their link
    Add {
        /// Their link, as `bayou contact link` prints it
        #[arg(value_name = "LINK")]
        link: String,

        /// What to say, at most 280 bytes
        #[arg(long, value_name = "TEXT", default_value = "")]
        message: String,
    },
    /// List who asks to talk with you, and whom you asked
    Requests,
    /// Say yes to somebody who asks: begins a conversation of you two
    Accept {
        /// Who: the id or the name
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Say no to somebody who asks
    Refuse {
        /// Who: the id or the name
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Take somebody as they are now, of whom `bayou send` says that they are to be confirmed
    Confirm {
        /// Who: the id or the name
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Hear nothing of somebody any more; they are not told
    Block {
        /// Who: the id or the name
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Hear of somebody again
    Unblock {
        /// Who: the id or the name
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Write somebody's picture to a new file
    Avatar {
        /// Who: the id or the name
        #[arg(value_name = "USER")]
        user: String,

        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
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
            What::Link { web, qr, replace } => link(home, output, web, qr, replace).await,
            What::Add { link, message } => add(home, output, link, message).await,
            What::Requests => requests(home, output).await,
            What::Accept { user } => answer(home, output, user, true).await,
            What::Refuse { user } => answer(home, output, user, false).await,
            What::Confirm { user } => {
                let reply = peer::ask(home, Request::ConfirmContact { user }).await?;
                output.say(&reply, || "confirmed, for all your devices".to_owned())
            }
            What::Block { user } => block(home, output, user, false).await,
            What::Unblock { user } => block(home, output, user, true).await,
            What::Avatar { user, file } => avatar(home, output, user, &file).await,
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
        [] => "nobody yet: bayou contact link makes a link by which others ask you".into(),
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

async fn link(
    home: &Home,
    output: &Output,
    host: Option<String>,
    qr: Option<PathBuf>,
    replace: bool,
) -> Result<(), Failure> {
    if let Some(path) = qr.as_ref().filter(|path| path.exists()) {
        return Err(Failure::invalid(format!("{} exists already: name another file", path.display())));
    }
    let reply = peer::ask(home, Request::ContactLink { host, replace }).await?;
    let Reply::ContactLink { contact_link, addresses } = &reply else { return Err(Failure::unexpected()) };
    // The link comes first: it is the answer, even if no code or file can be made of it.
    output.say(&reply, || qr::with_code(contact_link))?;
    if *addresses == 0 {
        output.remark(
            "no peer runs in this home, so this link leads here on the same local network only: for people elsewhere \
             run `bayou serve` and print it again",
        );
    }
    match qr {
        Some(path) => Qr::new(contact_link)?.write_png(&path),
        None => Ok(()),
    }
}

async fn add(home: &Home, output: &Output, link: String, message: String) -> Result<(), Failure> {
    let reply = peer::ask(home, Request::AddContact { link, message }).await?;
    let Reply::Asked { asked, conversation, state } = &reply else { return Err(Failure::unexpected()) };
    output.say(&reply, || match conversation {
        Some(conversation) => format!("you are contacts: bayou chat {}", short(conversation)),
        None => format!("asked {}: {}", short(asked), clean_line(state)),
    })
}

async fn requests(home: &Home, output: &Output) -> Result<(), Failure> {
    let reply = peer::ask(home, Request::Requests).await?;
    let Reply::Requests { received, sent } = &reply else { return Err(Failure::unexpected()) };
    let said = |message: &str| if message.is_empty() { String::new() } else { format!(": {}", clean_line(message)) };
    let of = |asker: &Asker| {
        let (user, name) = (short(&asker.user), clean_line(&asker.name));
        format!("{user}  {name} asks{} (bayou contact accept {user}, or refuse)", said(&asker.message))
    };
    let to =
        |asked: &Asked| format!("{}  asked{}, {}", short(&asked.user), said(&asked.message), clean_line(&asked.state));
    let lines: Vec<String> = received.iter().map(of).chain(sent.iter().map(to)).collect();
    output.say(&reply, || if lines.is_empty() { "nobody asks".to_owned() } else { lines.join("\n") })
}

async fn answer(home: &Home, output: &Output, user: String, yes: bool) -> Result<(), Failure> {
    let reply = peer::ask(home, Request::AnswerRequest { user, yes }).await?;
    output.say(&reply, || match &reply {
        Reply::New { conversation } => format!("you are contacts: bayou chat {}", short(conversation)),
        _ => "refused: by this link they are not shown again".to_owned(),
    })
}

async fn block(home: &Home, output: &Output, user: String, off: bool) -> Result<(), Failure> {
    let reply = peer::ask(home, Request::Block { user, off }).await?;
    output.say(&reply, || {
        if off { "heard of again" } else { "blocked, on all your devices; they are not told" }.to_owned()
    })
}

async fn avatar(home: &Home, output: &Output, user: String, file: &Path) -> Result<(), Failure> {
    let reply = peer::ask(home, Request::Avatar { user }).await?;
    let Reply::Avatar { avatar } = &reply else { return Err(Failure::unexpected()) };
    let image = BASE64.decode(avatar.image.as_bytes()).map_err(|_| Failure::unexpected())?;
    let mut new = std::fs::File::create_new(file)
        .map_err(|error| Failure::invalid(format!("{}: {error}: name a new file", file.display())))?;
    std::io::Write::write_all(&mut new, &image)?;
    output.say(&serde_json::json!({ "kind": avatar.kind, "file": file }), || {
        format!("wrote {} bytes of {}", image.len(), clean_line(&avatar.kind))
    })
}

fn line(contact: &Contact) -> String {
    let name = match &contact.petname {
        Some(petname) => format!("{} (calls themselves {})", clean_line(petname), clean_line(&contact.name)),
        None => clean_line(&contact.name),
    };
    let status = if contact.status.is_empty() { String::new() } else { format!(" ({})", clean_line(&contact.status)) };
    let verified = match contact {
        Contact { verified: true, .. } => ", verified",
        Contact { by_link: true, .. } => ", known by link",
        _ => "",
    };
    let alarm = alarm(contact.alarm);
    let blocked = if contact.blocked { ", blocked" } else { "" };
    let shared = match contact.shared {
        1 => "1 conversation".to_owned(),
        some => format!("{some} conversations"),
    };
    format!("{}  {name}{status}{verified}{alarm}{blocked}, {shared}", short(&contact.user))
}

/// Says what is to be confirmed of somebody.
pub(super) fn alarm(alarm: Option<Alarm>) -> &'static str {
    match alarm {
        Some(Alarm::LookAlike) => ", NOT THE ONE OF THIS NAME WHOM YOU VERIFIED",
        Some(Alarm::NewDevices) => ", HAS ONLY NEW DEVICES: TO BE CONFIRMED",
        None => "",
    }
}
