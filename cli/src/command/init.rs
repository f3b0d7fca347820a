use std::io::IsTerminal as _;

use crate::failure::Failure;
use crate::output::{Output, short};
use crate::phrase;
use crate::unlock::{self, Home};

/// Make a home: the keys and the empty store of a new peer
///
/// All in it is sealed. It opens by the passphrase in --passphrase-file or BAYOU_PASSPHRASE; without one by the keyring of
/// this system; without that by a passphrase that is asked for.
#[derive(clap::Args)]
pub(crate) struct Init {
    /// How others will see you
    #[arg(long, value_name = "NAME")]
    name: String,

    /// Do not lock it: whoever can read this disk can then read everything
    #[arg(long)]
    no_passphrase: bool,
}

impl Init {
    pub(crate) fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let made = unlock::make(home, self.no_passphrase, |by| bayou_core::node::init(&home.path, &self.name, by))?;
        let (who, words) = (made.who, made.phrase.words().collect::<Vec<_>>().join(" "));
        let (user, device, peer) = (who.user.to_string(), who.device.to_string(), who.peer.to_string());
        let object = serde_json::json!({
            "name": who.name, "user": user, "device": device, "peer": peer, "home": home.path, "phrase": words,
        });
        let asks = !output.is_json() && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        output.say(&object, || {
            let (home, device, phrase) = (home.path.display(), short(&device), phrase::shown(&made.phrase));
            let name = who.name;
            [
                format!("{name} lives in {home} now, on device {device}"),
                String::new(),
                "Your recovery phrase. Write it down: it brings you back when all your devices are lost. It is kept"
                    .into(),
                "nowhere and never shown again, and whoever has it is you.".into(),
                String::new(),
                phrase,
                String::new(),
                "next: bayou new TITLE begins a conversation, bayou join LINK joins one".into(),
            ]
            .join("\n")
        })?;
        if asks { phrase::confirm(&made.phrase) } else { Ok(()) }
    }
}
