//! The recovery phrase at the terminal: shown once, asked back, typed in again.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use bayou_core::node::Phrase;

use crate::failure::Failure;

/// The most that is read of a phrase; 24 words take less.
const MAX_TEXT: u64 = 4096;

/// Words in a row when the phrase is shown.
const COLUMNS: usize = 4;

/// Returns the phrase as it is shown: numbered, in columns.
pub(crate) fn shown(phrase: &Phrase) -> String {
    let words: Vec<String> = (1..).zip(phrase.words()).map(|(at, word)| format!("{at:>2} {word:<10}")).collect();
    let rows: Vec<String> = words.chunks(COLUMNS).map(|row| format!("  {}", row.concat().trim_end())).collect();
    rows.join("\n")
}

/// Reads a phrase: from a file, from stdin, or from the person at the terminal.
pub(crate) fn read(file: Option<&Path>) -> Result<Phrase, Failure> {
    let mut text = String::with_capacity(MAX_TEXT as usize);
    match file {
        Some(path) => {
            let file = std::fs::File::open(path)
                .map_err(|error| Failure::invalid(format!("the file {} cannot be read: {error}", path.display())))?;
            file.take(MAX_TEXT).read_to_string(&mut text)?;
        }
        None => {
            if std::io::stdin().is_terminal() {
                write!(std::io::stderr(), "The 24 words of your recovery phrase, on one line: ").ok();
                std::io::stdin().read_line(&mut text)?;
            } else {
                std::io::stdin().take(MAX_TEXT).read_to_string(&mut text)?;
            }
        }
    }
    Phrase::parse(&text).map_err(|error| Failure::invalid(error.to_string()))
}
