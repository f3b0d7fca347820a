use std::path::PathBuf;

use bayou_core::node::{Protection, protect};

use crate::failure::Failure;
use crate::output::Output;
use crate::unlock::{self, Home};

/// Change how the home is locked: a new passphrase, the keyring, or nothing
///
/// The home is opened as always first, with the old passphrase if it has one. What is not named does not open it any more.
/// A peer that runs in the home runs on.
#[derive(clap::Args)]
pub(crate) struct Passphrase {
    /// The file that holds the new passphrase; without any of these three it is asked for, twice
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,

    /// Have the keyring of this system open it
    #[arg(long)]
    keyring: bool,

    /// Do not lock it: whoever can read this disk can then read everything
    #[arg(long, conflicts_with_all = ["new_passphrase_file", "keyring"])]
    none: bool,
}

impl Passphrase {
    pub(crate) fn run(self, home: &Home, output: &Output) -> Result<(), Failure> {
        let key = home.unlock()?;
        let mut by = Vec::new();
        by.extend(self.keyring.then_some(Protection::Keyring));
        by.extend(self.none.then_some(Protection::Nothing));
        if let Some(file) = &self.new_passphrase_file {
            by.push(Protection::Passphrase(unlock::from_file(file)?));
        }
        if by.is_empty() {
            by.push(unlock::new_passphrase()?);
        }
        protect(&home.path, &key, &by)?;
        let names: Vec<&str> = by.iter().map(name).collect();
        output.say(&serde_json::json!({ "opened_by": names }), || match self.none {
            true => "this home opens for everyone who can read this disk now".into(),
            false => format!("this home opens by {} now", names.join(" or ")),
        })
    }
}

fn name(protection: &Protection) -> &'static str {
    match protection {
        Protection::Nothing => "nothing",
        Protection::Passphrase(_) => "passphrase",
        Protection::Keyring => "keyring",
    }
}
