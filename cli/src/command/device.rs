use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use bayou_core::node::{LetIn, Linking, Phrase};
use bayou_core::rpc::{Device, Reply, Request, Words};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::failure::Failure;
use crate::output::{Output, short};
use crate::peer::{self, NetworkArguments, Peer};
use crate::qr;
use crate::row::date_and_time;
use crate::unlock::{self, Home};
use crate::{output, phrase};

/// How often a new passphrase is asked for until both entries are the same: the device is yours by then.
const MAX_TRIES: u32 = 5;

/// Your devices: list them, add one, retire one; go on under a new recovery phrase
///
/// On the new device: `bayou device link`. On one that you have: `bayou device add LINK`. Both show six digits; say yes on
/// both if they are the same.
#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// List your devices
    List,
    /// On a new machine: show a code by which one of your devices can let it in
    Link(Link),
    /// On a device that you have: let another in, by the code that it shows
    Add {
        /// What `bayou device link` shows there
        #[arg(value_name = "LINK")]
        offer: String,

        #[command(flatten)]
        network: NetworkArguments,
    },
    /// Retire a device, for example one that was stolen: from now on nothing that it writes counts
    #[command(visible_alias = "retire")]
    Revoke {
        /// The device, as `bayou device list` shows it
        #[arg(value_name = "DEVICE")]
        device: String,

        /// Read the recovery phrase from this file: it retires any device
        #[arg(long, value_name = "FILE")]
        phrase_file: Option<PathBuf>,
    },
    /// Go on under a new recovery phrase, for example if somebody found the old one
    ///
    /// Shows the new phrase, and from then on none of your devices is yours: restore from it, in another home. You keep
    /// your place in your conversations with all who hear of it from here: let this home serve once more if nobody is
    /// there now.
    Move {
        /// Read the present recovery phrase from this file
        #[arg(long, value_name = "FILE")]
        phrase_file: PathBuf,
    },
}

#[derive(clap::Args)]
struct Link {
    /// Do not lock the new home: whoever can read this disk can then read everything
    #[arg(long)]
    no_passphrase: bool,

    #[command(flatten)]
    network: NetworkArguments,
}

impl Command {
    pub(crate) async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        match self.what {
            What::List => list(home, output).await,
            What::Link(link) => link.run(home, output).await,
            What::Add { offer, network } => {
                let peer = Peer::reach_or_host(home, &network).await?;
                let outcome = add(&peer, output, offer).await;
                peer.leave().await;
                outcome
            }
            What::Revoke { device, phrase_file } => {
                let phrase = phrase_file.map(|path| phrase::read(Some(&path))).transpose()?;
                let phrase = phrase.map(|phrase| words(&phrase));
                let reply = peer::ask(home, Request::RetireDevice { device, phrase }).await?;
                output.say(&reply, || "retired: nothing that it writes from now on counts".to_owned())
            }
            What::Move { phrase_file } => move_on(home, output, &phrase::read(Some(&phrase_file))?).await,
        }
    }
}

fn words(phrase: &Phrase) -> Words {
    Words::new(phrase.words().collect::<Vec<_>>().join(" "))
}

/// Shows new words, and moves to them when the person has them.
async fn move_on(home: &Home, output: &Output, present: &Phrase) -> Result<(), Failure> {
    let next = bayou_core::node::new_phrase()?;
    let object = serde_json::json!({ "phrase": words(&next).expose() });
    output.say(&object, || {
        let shown = phrase::shown(&next);
        format!("Your new recovery phrase. Write it down: it is kept nowhere and never shown again.\n\n{shown}")
    })?;
    if !output.is_json() && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        phrase::confirm(&next)?;
    }
    let reply = peer::ask(home, Request::MoveRoot { phrase: words(present), to: words(&next) }).await?;
    output.say(&reply, || {
        "you go on under the new phrase, and this home does not: `bayou restore` makes another with it".to_owned()
    })
}

async fn list(home: &Home, output: &Output) -> Result<(), Failure> {
    let reply = peer::ask(home, Request::Devices).await?;
    let Reply::Devices { devices } = &reply else { return Err(Failure::unexpected()) };
    let line = |device: &Device| {
        let since = date_and_time(device.since, output.zone());
        let state = match (device.this, device.linked) {
            _ if device.state != "yours" => device.state.as_str(),
            (true, _) => "this one",
            (false, true) => "linked now",
            (false, false) => "yours",
        };
        format!("{}  {state:<10}  since {since}", short(&device.device))
    };
    output.say(&reply, || devices.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// Lets a device in, with a person who compares the digits.
async fn add(peer: &Peer, output: &Output, offer: String) -> Result<(), Failure> {
    let reply = peer.call(Request::LinkDevice { offer }).await?;
    let Reply::Digits { digits, .. } = &reply else { return Err(Failure::unexpected()) };
    output.say(&reply, || {
        format!("{digits}\n\nIf the other device shows the same digits it becomes yours: it will read and write all that you can.")
    })?;
    let yes = says_yes(output).await?;
    let done = peer.call(Request::ConfirmDevice { yes }).await?;
    match yes {
        true => output.say(&done, || "done: the device is yours".to_owned()),
        false => Err(refused()),
    }
}

impl Link {
    async fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let mut linking = Linking::begin(&home.path, &self.network.network()).await?;
        let offer = linking.offer();
        let object = serde_json::json!({ "offer": offer });
        output.say(&object, || qr::with_code(&offer))?;
        output.remark(
            "on a device that you have, run `bayou device add LINK` with this link; it is good for ten minutes",
        );
        let digits = linking.digits().await?;
        let object = serde_json::json!({ "digits": digits });
        output.say(&object, || {
            format!("{digits}\n\nIf your other device shows the same digits, this one becomes yours.")
        })?;
        if !says_yes(output).await? {
            return Err(refused());
        }
        let let_in = linking.confirm().await?;
        let who = self.settle_in(home, output, &let_in)?;
        let (user, device, peer) = (who.user.to_string(), who.device.to_string(), who.peer.to_string());
        let object = serde_json::json!({
            "name": who.name, "user": user, "device": device, "peer": peer, "home": home.path,
        });
        output.say(&object, || {
            let (path, name) = (home.path.display(), output::clean_line(&who.name));
            let device = short(&device);
            format!(
                "{name} lives in {path}, too, on device {device}\n\
                 next: bayou serve meets your other devices and fetches your conversations"
            )
        })
    }

    /// Makes the home. The other device has let this one in for good, so a slip at the passphrase is no reason to give up.
    fn settle_in(&self, home: &Home, output: &Output, let_in: &LetIn) -> Result<bayou_core::node::Identified, Failure> {
        let mut tries = 1;
        loop {
            match unlock::make(home, self.no_passphrase, |by| let_in.settle_in(by)) {
                Err(failure) if tries < MAX_TRIES && std::io::stdin().is_terminal() => output.failure(&failure),
                outcome => return outcome,
            }
            tries += 1;
        }
    }
}

/// Asks the person whether both show the same.
async fn says_yes(output: &Output) -> Result<bool, Failure> {
    if std::io::stdin().is_terminal() {
        write!(std::io::stderr(), "The same on both? [yes/no] ").ok();
    } else {
        output.remark("say yes or no on stdin");
    }
    let line = BufReader::new(tokio::io::stdin()).lines().next_line().await?;
    Ok(line.is_some_and(|line| ["y", "yes"].contains(&line.trim().to_lowercase().as_str())))
}

fn refused() -> Failure {
    Failure::invalid("not linked: if the digits differed, somebody may be in between; begin again with a new code")
}
