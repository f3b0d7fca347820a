use std::io::{BufRead as _, IsTerminal as _, Write as _};

use bayou_core::node::Phrase;

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
        if asks { confirm(&made.phrase) } else { Ok(()) }
    }
}

/// Has the person show that the phrase is on paper. The home is made in any case.
fn confirm(phrase: &Phrase) -> Result<(), Failure> {
    let (mut input, mut screen) = (std::io::stdin().lock(), std::io::stderr());
    write!(
        screen,
        "\nPress Enter when it is written down: the screen is cleared then, and three words are asked for. "
    )?;
    input.read_line(&mut String::new())?;
    // The screen and what was scrolled out of it.
    write!(screen, "\x1b[2J\x1b[3J\x1b[H")?;
    match phrase::ask_back(phrase, &bayou_core::node::words_to_ask()?, &mut input, &mut screen)? {
        true => writeln!(screen, "Good: keep it where only you find it.")?,
        false => {
            let lost = "the words were not confirmed: if they are lost, nobody can bring you back; make a new home";
            return Err(Failure::invalid(lost));
        }
    }
    Ok(())
}
