//! What a command prints: words for people, or one JSON object a line.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::failure::Failure;

/// Where a command's words go.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    zone: TimeZone,
}

impl Output {
    /// Makes the output of this process; times are shown in the machine's time zone.
    pub(crate) fn new(json: bool) -> Self {
        Output { json, zone: TimeZone::system() }
    }

    /// Tells whether a program reads it.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Returns the time zone for people.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Prints an answer: the object as one line of JSON, or else the words. No words, no line.
    pub(crate) fn say(&self, object: &impl Serialize, words: impl FnOnce() -> String) -> Result<(), Failure> {
        let line = if self.json { serde_json::to_string(object).map_err(io::Error::from)? } else { words() };
        let mut stdout = io::stdout().lock();
        if !line.is_empty() {
            writeln!(stdout, "{line}")?;
        }
        Ok(stdout.flush()?)
    }

    /// Tells a person something beside the answer.
    pub(crate) fn remark(&self, words: &str) {
        if !self.json {
            // Nobody may be reading.
            writeln!(io::stderr(), "{words}").ok();
        }
    }

    /// Tells why something failed, on stderr.
    pub(crate) fn failure(&self, failure: &Failure) {
        let Failure::Told(error) = failure else { return };
        let line = if self.json {
            serde_json::json!({ "error": error }).to_string()
        } else {
            format!("error: {}", clean(&error.message))
        };
        // Nobody may be reading.
        writeln!(io::stderr(), "{line}").ok();
    }
}

/// Returns text as it may reach a terminal: without control characters, which could move the cursor or rewrite the
/// screen, and without marks that reverse the direction of what follows. Line feeds stay.
pub(crate) fn clean(text: &str) -> String {
    let harmless = |c: &char| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let spaced = |c: char| if matches!(c, '\t' | '\u{2028}' | '\u{2029}') { ' ' } else { c };
    text.chars().filter(harmless).map(spaced).filter(|c| *c == '\n' || !c.is_control()).collect()
}

/// Returns text as [`clean`] does, on one line.
pub(crate) fn clean_line(text: &str) -> String {
    clean(&text.replace('\n', " "))
}

/// Returns the beginning of an id by which people name it.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_drives_a_terminal_gets_through() {
        assert_eq!(clean("a\x1b[2Jb\x07\u{9b}31m\r\x7fc\td\ne"), "a[2Jb31mc d\ne");
        assert_eq!(clean("pay \u{202e}eve\u{2066}"), "pay eve");
        assert_eq!(clean_line("Boats\nat night"), "Boats at night");
        let all: String = ('\0'..=char::MAX).collect();
        assert!(clean_line(&all).chars().all(|c| !c.is_control()));
    }

    #[test]
    fn what_people_write_stays() {
        let text = "Größe 漢字 👩‍👩‍👧 e\u{301} עברית \u{200f}";
        assert_eq!(clean(text), text);
    }
}
