//! Where passphrases come from: a file, the environment, or the person at the terminal.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use bayou_core::node::{self, HomeKey, NodeError, Passphrase, Protection};

use crate::failure::Failure;

/// Where a passphrase is looked for if no file is named.
const VARIABLE: &str = "BAYOU_PASSPHRASE";

/// The most that is read of a passphrase file; the node itself takes less.
const MAX_FILE: u64 = 64 * 1024;

/// Opens the lock of a home, asking at the terminal if need be.
pub(crate) fn unlock(home: &Path, file: Option<&Path>) -> Result<HomeKey, Failure> {
    let given = given(file)?;
    match node::unlock(home, given.as_ref()) {
        Err(NodeError::Locked) if std::io::stdin().is_terminal() => {
            Ok(node::unlock(home, Some(&ask(&format!("Passphrase of {}: ", home.display()))?))?)
        }
        result => Ok(result?),
    }
}

/// Makes a home that opens as was asked for: without protection if that was said, by the passphrase that was given, by the
/// keyring if one answers, or by a passphrase that is asked for now.
pub(crate) fn make<T>(
    home: &Home,
    no_passphrase: bool,
    make: impl Fn(&[Protection]) -> Result<T, NodeError>,
) -> Result<T, Failure> {
    let file = home.passphrase_file.as_deref();
    if no_passphrase && file.is_some() {
        return Err(Failure::invalid("either --passphrase-file or --no-passphrase, not both"));
    }
    if no_passphrase {
        return Ok(make(&[Protection::Nothing])?);
    }
    if let Some(passphrase) = given(file)? {
        return Ok(make(&[Protection::Passphrase(passphrase)])?);
    }
    match make(&[Protection::Keyring]) {
        Err(NodeError::NoKeyring(_)) if std::io::stdin().is_terminal() => {
            Ok(make(&[Protection::Passphrase(ask_twice()?)])?)
        }
        result => Ok(result?),
    }
}

/// Reads the passphrase in a file: all of it but one line feed at its end.
pub(crate) fn from_file(path: &Path) -> Result<Passphrase, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::invalid(format!("the passphrase file {} cannot be read: {error}", path.display()))
    };
    let mut text = String::with_capacity(4096);
    std::fs::File::open(path).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text)).map_err(unreadable)?;
    let kept = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text).len());
    text.truncate(kept.unwrap_or(text.len()));
    Ok(Passphrase::new(text)?)
}

/// Asks for a new passphrase, twice; without a terminal says what else there is.
pub(crate) fn new_passphrase() -> Result<Protection, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::invalid(
            "how shall this home be locked? say --new-passphrase-file FILE, --keyring or --none, or run this in a terminal",
        ));
    }
    Ok(Protection::Passphrase(ask_twice()?))
}

fn given(file: Option<&Path>) -> Result<Option<Passphrase>, Failure> {
    match (file, std::env::var_os(VARIABLE).filter(|text| !text.is_empty())) {
        (Some(path), _) => from_file(path).map(Some),
        (None, Some(text)) => {
            let text = text.into_string().map_err(|_| Failure::invalid(format!("{VARIABLE} is not UTF-8 text")))?;
            Ok(Some(Passphrase::new(text)?))
        }
        (None, None) => Ok(None),
    }
}

fn ask(prompt: &str) -> Result<Passphrase, Failure> {
    Ok(Passphrase::new(rpassword::prompt_password(prompt)?)?)
}

fn ask_twice() -> Result<Passphrase, Failure> {
    let first = ask("New passphrase: ")?;
    if ask("The same again: ")? != first {
        return Err(Failure::invalid("the two passphrases differ; nothing was changed: try again"));
    }
    Ok(first)
}

/// Why a home was not opened.
pub(crate) enum Unopened {
    /// It is still to be made, or waits for its passphrase.
    Waits,
    /// It cannot be.
    Failed(Failure),
}

/// A home, and how to unlock it.
#[derive(Debug)]
pub(crate) struct Home {
    /// The folder.
    pub(crate) path: PathBuf,
    /// The file with its passphrase, if one was named.
    pub(crate) passphrase_file: Option<PathBuf>,
}

impl Home {
    /// Opens its lock. Blocks: for the slow derivation, and perhaps for the person.
    pub(crate) fn unlock(&self) -> Result<HomeKey, Failure> {
        unlock(&self.path, self.passphrase_file.as_deref())
    }

    /// Opens its lock without asking anybody.
    pub(crate) fn unlock_unasked(&self) -> Result<HomeKey, Unopened> {
        let given = given(self.passphrase_file.as_deref()).map_err(Unopened::Failed)?;
        node::unlock(&self.path, given.as_ref()).map_err(|error| match error {
            NodeError::NoHome(_) | NodeError::Locked => Unopened::Waits,
            error => Unopened::Failed(error.into()),
        })
    }
}
