//! A timeline as plain text: for golden tests, and wherever two peers are compared by eye.

use std::fmt::Write as _;

use super::row::{Row, Text};
use crate::conversation::EntryId;
use crate::id::UserId;

/// A row with its id, ready to be printed.
pub type Printed<'a> = (EntryId, &'a Row);

/// Prints rows, one a line: author, text, and what was said about it. Says nothing that two peers with the same history
/// could differ in.
///
/// ```text
/// alice: hello (edited) · 👍 bob
/// bob: (deleted)
/// ```
pub fn print<'a>(rows: impl IntoIterator<Item = Printed<'a>>, name: impl Fn(UserId) -> String) -> String {
    let mut out = String::new();
    for (_, row) in rows {
        let text = match &row.text {
            _ if row.deleted => "(deleted)",
            Text::Held(text) => text,
            Text::Absent(_) => "(not here yet)",
            Text::Erased => "(erased)",
            Text::Unknown => "(written by a newer version)",
        };
        let edited = if row.edits.is_empty() || row.deleted { "" } else { " (edited)" };
        let mut reactions: Vec<String> =
            row.reactions().map(|(emoji, user)| format!("{emoji} {}", name(user))).collect();
        reactions.sort();
        let dot = if reactions.is_empty() { "" } else { " · " };
        writeln!(out, "{}: {text}{edited}{dot}{}", name(row.author), reactions.join(", "))
            .expect("writing to a string");
    }
    out
}
