//! The fold: entries in, changed rows out.
//!
//! Who may say what is judged here, by what everyone can see: edits and deletions count only from the author of the
//! message, on whichever of their devices, a reaction only for the one who reacts. An annotation that does not count stays in the document and changes
//! nothing. A message that disappears does so whatever was said about it.

use std::collections::BTreeMap;

use super::row::{Edit, Mark, Row, Text};
use crate::conversation::{Annotation, Entry, EntryId, Record};
use crate::id::{PayloadId, UserId};
use crate::time::Timestamp;

/// How the fold reads what was folded before.
pub trait Rows {
    /// Why reading can fail.
    type Error;

    /// Returns a row.
    fn row(&self, id: &EntryId) -> Result<Option<Row>, Self::Error>;

    /// Returns the annotations that wait for a message.
    fn orphans(&self, message: &EntryId) -> Result<Vec<Entry>, Self::Error>;

    /// Returns a body, if it is here. The segment is the one that the entry with the body is in.
    fn body(&self, segment: u32, body: &PayloadId) -> Option<String>;

    /// Returns who wrote an entry: the user to whom the grant that it was written under was given. Never changes.
    fn author(&self, entry: &Entry) -> UserId;

    /// Tells whether a moderator had a message erased.
    fn is_removed(&self, segment: u32, message: &EntryId) -> bool;

    /// Tells whether a body was erased.
    fn is_erased(&self, segment: u32, body: &PayloadId) -> bool;
}

/// What a fold changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// Rows that are new or different.
    pub rows: BTreeMap<EntryId, Row>,
    /// What waits for messages that are not here; an empty list takes the old one away.
    pub orphans: BTreeMap<EntryId, Vec<Entry>>,
}

/// A fold in progress, over one conversation.
pub struct Fold<'a, R: Rows> {
    read: &'a R,
    now: Timestamp,
    change: Change,
}

impl<'a, R: Rows> Fold<'a, R> {
    /// Begins a fold on top of what `read` gives, as it is `now`.
    pub fn new(read: &'a R, now: Timestamp) -> Self {
        Fold { read, now, change: Change::default() }
    }

    /// Folds one entry in. Folding it again changes nothing.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn add(&mut self, entry: Entry) -> Result<(), R::Error> {
        match &entry.record {
            Record::Text { payload, .. } => {
                let text = self.text(entry.segment, payload);
                self.message(&entry, text, false)
            }
            Record::Unknown if entry.place == crate::conversation::Place::Messages => {
                self.message(&entry, Text::Unknown, false)
            }
            Record::Unknown => Ok(()),
            Record::About(target, _) => {
                let message = target.message;
                match self.row(&message)? {
                    Some(row) => {
                        let mut row = self.annotate(row, entry);
                        row.expire(self.now);
                        self.change.rows.insert(message, row);
                    }
                    None => self.wait(message, entry)?,
                }
                Ok(())
            }
        }
    }

    /// Folds in what a forked chain said on the branch that was put aside. It makes rows of its own and is heard on those
    /// alone, never on what counts.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn dispute(&mut self, entry: Entry) -> Result<(), R::Error> {
        match &entry.record {
            Record::Text { payload, .. } => {
                let text = self.text(entry.segment, payload);
                self.message(&entry, text, true)
            }
            Record::About(target, _) => {
                let message = target.message;
                if let Some(row) = self.row(&message)?.filter(|row| row.disputed) {
                    let mut row = self.annotate(row, entry);
                    row.expire(self.now);
                    self.change.rows.insert(message, row);
                }
                Ok(())
            }
            Record::Unknown => Ok(()),
        }
    }

    /// Looks again for the body that a row lacks; used when a body came later than its message.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn refresh(&mut self, message: &EntryId, original: PayloadId) -> Result<(), R::Error> {
        if let Some(mut row) = self.row(message)? {
            row.text = self.current(&row, original);
            row.expire(self.now);
            self.change.rows.insert(*message, row);
        }
        Ok(())
    }

    /// Looks again whether a message is to be erased.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn moderate(&mut self, message: &EntryId) -> Result<(), R::Error> {
        if let Some(mut row) = self.row(message)?.filter(|row| self.read.is_removed(row.segment, message)) {
            (row.removed, row.text) = (true, Text::Erased);
            self.change.rows.insert(*message, row);
        }
        Ok(())
    }

    /// Lets a message disappear, if its time has come.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn expire(&mut self, message: &EntryId) -> Result<(), R::Error> {
        if let Some(mut row) = self.row(message)? {
            row.expire(self.now);
            self.change.rows.insert(*message, row);
        }
        Ok(())
    }

    /// Ends the fold.
    pub fn finish(self) -> Change {
        self.change
    }

    fn row(&self, id: &EntryId) -> Result<Option<Row>, R::Error> {
        match self.change.rows.get(id) {
            Some(row) => Ok(Some(row.clone())),
            None => self.read.row(id),
        }
    }

    fn message(&mut self, entry: &Entry, text: Text, disputed: bool) -> Result<(), R::Error> {
        if self.row(&entry.id)?.is_some() {
            return Ok(());
        }
        let Entry { segment, seq, device, .. } = *entry;
        let author = self.read.author(entry);
        let expires = entry.expires();
        let answers = match entry.record {
            Record::Text { answers, .. } => answers,
            _ => None,
        };
        let (edits, marks) = (vec![], vec![]);
        let (deleted, gone, removed) = (false, false, self.read.is_removed(segment, &entry.id));
        let text = if removed { Text::Erased } else { text };
        let mut row = Row {
            segment,
            seq,
            author,
            device,
            answers,
            text,
            edits,
            deleted,
            removed,
            marks,
            expires,
            gone,
            disputed,
        };
        let waiting = match self.change.orphans.get(&entry.id) {
            Some(orphans) => orphans.clone(),
            None => self.read.orphans(&entry.id)?,
        };
        if !waiting.is_empty() {
            self.change.orphans.insert(entry.id, Vec::new());
        }
        for orphan in waiting {
            row = self.annotate(row, orphan);
        }
        row.expire(self.now);
        self.change.rows.insert(entry.id, row);
        Ok(())
    }

    fn annotate(&self, mut row: Row, entry: Entry) -> Row {
        let user = self.read.author(&entry);
        let Record::About(_, annotation) = entry.record else { return row };
        let by_author = user == row.author;
        match annotation {
            Annotation::Edit { payload } if by_author => {
                row.edit(Edit { id: entry.id, segment: entry.segment, payload });
                if !row.is_erased() {
                    row.text = self.current(&row, payload);
                }
            }
            Annotation::Delete if by_author => {
                row.deleted = true;
                row.text = Text::Erased;
            }
            Annotation::React { emoji, on } => row.mark(Mark { emoji, user, id: entry.id, on }),
            Annotation::Edit { .. } | Annotation::Delete => {}
        }
        row
    }

    /// Returns the text of the newest version; `original` is the message's own body, used when it has no edits.
    fn current(&self, row: &Row, original: PayloadId) -> Text {
        match row.edits.last() {
            _ if row.is_erased() => Text::Erased,
            Some(edit) => self.text(edit.segment, &edit.payload),
            None => self.text(row.segment, &original),
        }
    }

    fn text(&self, segment: u32, body: &PayloadId) -> Text {
        match self.read.body(segment, body) {
            Some(body) => Text::Held(body),
            None if self.read.is_erased(segment, body) => Text::Erased,
            None => Text::Absent(*body),
        }
    }

    fn wait(&mut self, message: EntryId, entry: Entry) -> Result<(), R::Error> {
        let mut orphans = match self.change.orphans.remove(&message) {
            Some(orphans) => orphans,
            None => self.read.orphans(&message)?,
        };
        if orphans.iter().all(|known| known.id != entry.id) {
            orphans.push(entry);
        }
        self.change.orphans.insert(message, orphans);
        Ok(())
    }
}
