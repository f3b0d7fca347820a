use std::path::PathBuf;

use crate::failure::Failure;
use crate::output::{Output, short};
use crate::phrase;
use crate::unlock::{self, Home};

/// Make a home for someone who is back: with the recovery phrase that `bayou init` once showed
///
/// This machine becomes one of your devices; it is you, with the same id. The phrase is read from --phrase-file, or from
/// stdin.
#[derive(clap::Args)]
pub(crate) struct Restore {
    /// How others will see you
    #[arg(long, value_name = "NAME")]
    name: String,

    /// Read the 24 words from this file
    #[arg(long, value_name = "FILE")]
    phrase_file: Option<PathBuf>,

    /// Do not lock it: whoever can read this disk can then read everything
    #[arg(long)]
    no_passphrase: bool,
}

impl Restore {
    pub(crate) fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let phrase = phrase::read(self.phrase_file.as_deref())?;
        let who = unlock::make(home, self.no_passphrase, |by| {
            bayou_core::node::restore(&home.path, &self.name, &phrase, by)
        })?;
        let (user, device, peer) = (who.user.to_string(), who.device.to_string(), who.peer.to_string());
        let object = serde_json::json!({
            "name": who.name, "user": user, "device": device, "peer": peer, "home": home.path,
        });
        output.say(&object, || {
            let path = home.path.display();
            format!(
                "{} ({}) is back, in {path}, on device {}\n\
                 next: bayou serve meets your other devices, or people whom you know: they tell where you were",
                who.name,
                short(&user),
                short(&device)
            )
        })
    }
}
