//! The recovery phrase at the terminal: shown once, asked back, typed in again.

use std::io::{self, BufRead, IsTerminal as _, Read as _, Write};
use std::path::Path;

use bayou_core::node::Phrase;
use zeroize::Zeroizing;

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

/// Asks for some words of a phrase, until the person has them all or the input ends. Returns whether they have.
pub(crate) fn ask_back(
    phrase: &Phrase,
    positions: &[usize],
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> io::Result<bool> {
    for position in positions {
        loop {
            write!(output, "Word {position}: ")?;
            output.flush()?;
            let mut line = Zeroizing::new(String::with_capacity(MAX_TEXT as usize));
            if input.by_ref().take(MAX_TEXT).read_line(&mut line)? == 0 {
                return Ok(false);
            }
            if phrase.confirms(*position, &line) {
                break;
            }
            writeln!(output, "That is not word {position}: look at what you wrote down.")?;
        }
    }
    Ok(true)
}

/// Has the person show that a new phrase is on paper.
///
/// # Errors
/// When they do not have it.
pub(crate) fn confirm(phrase: &Phrase) -> Result<(), Failure> {
    let (mut input, mut screen) = (io::stdin().lock(), io::stderr());
    write!(
        screen,
        "\nPress Enter when it is written down: the screen is cleared then, and three words are asked for. "
    )?;
    input.read_line(&mut String::new())?;
    // The screen and what was scrolled out of it.
    write!(screen, "\x1b[2J\x1b[3J\x1b[H")?;
    match ask_back(phrase, &bayou_core::node::words_to_ask()?, &mut input, &mut screen)? {
        true => writeln!(screen, "Good: keep it where only you find it.")?,
        false => {
            let lost = "the words were not confirmed: if they are lost, nobody can bring you back; make a new home";
            return Err(Failure::invalid(lost));
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wrote_the_words_down_has_them() {
        let text = format!("{}art", "abandon ".repeat(23));
        let phrase = Phrase::parse(&text).unwrap();
        let ask = |typed: &str| {
            let mut shown = Vec::new();
            let has = ask_back(&phrase, &[3, 24], &mut typed.as_bytes(), &mut shown).unwrap();
            (has, String::from_utf8(shown).unwrap())
        };
        assert_eq!(ask("abandon\n Art \n"), (true, "Word 3: Word 24: ".into()));
        let (has, shown) = ask("art\nabandon\nart\n");
        assert!(has && shown.contains("not word 3"), "{shown}");
        assert!(!ask("abandon\nabandon\n").0, "and asks again until the input ends");
        assert!(!ask("").0);
    }
}
