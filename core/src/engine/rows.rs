//! Rows: how the fold reads them and the bodies, and what follows when they change.
//!
//! Rows come from the index, bodies from open segments.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::conversation::Conversation;
use super::durable::Pending;
use super::io::{Effect, View};
use super::shelf::{OpenError, Shelf};
use super::{Engine, forks, keys, stream};
use crate::authority::{Authority, MessageName};
use crate::conversation::{AuthoredPayload, Entry, EntryId, Segment, SegmentId, Tail};
use crate::id::{ConversationId, PayloadId, StreamId, UserId};
use crate::store::{IndexOp, Record};
use crate::time::Timestamp;
use crate::timeline::{Change, Fold, Row, Rows, Text};

/// Reads one conversation's rows.
pub(super) struct Reader<'a> {
    pub(super) view: &'a dyn View,
    /// What was written since, by earlier folds of the same input.
    pub(super) written: &'a BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    pub(super) conversation: ConversationId,
    pub(super) number: u32,
    /// Messages that annotations wait for: saves asking the index about all others.
    pub(super) orphans: &'a BTreeSet<EntryId>,
    /// Whether messages may be in the index already. Never so for changes that only now became durable.
    pub(super) rebuilding: bool,
    /// Messages among what is folded now; any other row is looked up.
    pub(super) fresh: &'a BTreeSet<EntryId>,
    pub(super) shelf: RefCell<&'a mut Shelf>,
    /// Who holds the grants.
    pub(super) authority: &'a Authority,
}

impl Reader<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, OpenError> {
        match self.written.get(key) {
            Some(written) => Ok(written.clone()),
            None => Ok(self.view.get(key)?),
        }
    }

    fn segment<T>(&self, number: u32, read: impl FnOnce(&Segment) -> T) -> Option<T> {
        let id = SegmentId { conversation: self.conversation, number };
        let mut shelf = self.shelf.borrow_mut();
        shelf.get(id, self.view).ok().map(|segment| read(segment))
    }
}

impl Rows for Reader<'_> {
    type Error = OpenError;

    fn row(&self, id: &EntryId) -> Result<Option<Row>, OpenError> {
        if !self.rebuilding && self.fresh.contains(id) {
            return Ok(None);
        }
        for key in [keys::row, keys::gone, keys::disputed] {
            if let Some(bytes) = self.get(&key(self.number, id))? {
                return Ok(decode(&bytes));
            }
        }
        Ok(None)
    }

    fn orphans(&self, message: &EntryId) -> Result<Vec<Entry>, OpenError> {
        if !self.orphans.contains(message) {
            return Ok(Vec::new());
        }
        let bytes = self.get(&keys::orphans(self.number, message))?;
        Ok(bytes.and_then(|bytes| postcard::from_bytes(&bytes).ok()).unwrap_or_default())
    }

    fn body(&self, segment: u32, body: &PayloadId) -> Option<String> {
        self.segment(segment, |segment| segment.payloads().get(body).map(|found| found.payload.body.clone())).flatten()
    }

    fn author(&self, entry: &Entry) -> UserId {
        // What was let in cites a grant that is known. Were it not, nobody else would be the author either.
        let grant = self.authority.last_ruling().grants().get(&entry.grant);
        grant.map_or(UserId(entry.device.0), |grant| grant.given_to)
    }

    fn is_removed(&self, segment: u32, message: &EntryId) -> bool {
        let EntryId { at, actor, number } = *message;
        self.authority.last_ruling().erases(&MessageName { segment, at, actor, number })
    }

    fn is_erased(&self, segment: u32, body: &PayloadId) -> bool {
        self.segment(segment, |segment| segment.payloads().is_erased(body)).unwrap_or(false)
    }
}

/// Reads what is in the index, or was written since.
pub(super) fn written_or_kept(
    written: &BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    view: &dyn View,
    key: &[u8],
) -> Option<Vec<u8>> {
    match written.get(key) {
        Some(written) => written.clone(),
        None => view.get(key).ok().flatten(),
    }
}

/// Reads a row of the index. One that cannot be read counts as missing: it is derived.
pub(super) fn decode(bytes: &[u8]) -> Option<Row> {
    postcard::from_bytes(bytes).ok()
}

impl Engine {
    /// Folds entries of one conversation into its rows, and does what follows from rows that changed: bodies of deleted
    /// messages are erased, missing ones are wanted, followers are told. Returns what to write into the index.
    pub(super) fn fold(
        &mut self,
        id: ConversationId,
        now: Timestamp,
        entries: Vec<Entry>,
        rebuilding: bool,
        view: &dyn View,
    ) -> Result<Vec<IndexOp>, OpenError> {
        self.fold_with(id, now, rebuilding, view, entries.iter().map(|entry| entry.id).collect(), |fold| {
            entries.into_iter().try_for_each(|entry| fold.add(entry))
        })
    }

    /// Shows bodies that are durable now in the rows that lacked them.
    pub(super) fn bodies_settled(
        &mut self,
        now: Timestamp,
        id: SegmentId,
        payloads: Vec<AuthoredPayload>,
        view: &dyn View,
    ) {
        let Some(conversation) = self.conversations.get(&id.conversation) else { return };
        let mut rows = BTreeSet::new();
        let Ok(segment) = self.shelf.get(id, view) else { return };
        for payload in payloads {
            let body = payload.id();
            rows.extend(conversation.wants.get(&(id.number, body)).map(|row| (*row, body)));
            segment.add_payload(payload);
        }
        let result = self.fold_with(id.conversation, now, false, view, BTreeSet::new(), |fold| {
            rows.into_iter().try_for_each(|(row, body)| fold.refresh(&row, body))
        });
        match result {
            Ok(ops) => self.effects.push(Effect::Index(ops, self.complete)),
            Err(error) => self.problem(error.to_string()),
        }
    }

    pub(super) fn fold_with(
        &mut self,
        id: ConversationId,
        now: Timestamp,
        rebuilding: bool,
        view: &dyn View,
        fresh: BTreeSet<EntryId>,
        add: impl FnOnce(&mut Fold<'_, Reader<'_>>) -> Result<(), OpenError>,
    ) -> Result<Vec<IndexOp>, OpenError> {
        let Some(conversation) = self.conversations.get(&id) else { return Ok(Vec::new()) };
        let reader = Reader {
            view,
            written: &self.written,
            conversation: id,
            number: conversation.number,
            orphans: &conversation.orphans,
            rebuilding,
            fresh: &fresh,
            shelf: RefCell::new(&mut self.shelf),
            authority: &conversation.authority,
        };
        let mut fold = Fold::new(&reader, now);
        add(&mut fold)?;
        let change = fold.finish();
        Ok(self.rows_changed(now, id, change, rebuilding, view))
    }

    fn rows_changed(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        change: Change,
        rebuilding: bool,
        view: &dyn View,
    ) -> Vec<IndexOp> {
        let Some(conversation) = self.conversations.get_mut(&id) else { return Vec::new() };
        let number = conversation.number;
        let mut ops = Vec::with_capacity(change.rows.len());
        for (message, orphans) in change.orphans {
            let key = keys::orphans(number, &message);
            if orphans.is_empty() {
                conversation.orphans.remove(&message);
                ops.push(IndexOp::Remove(key));
            } else {
                conversation.orphans.insert(message);
                ops.push(IndexOp::Put(key, postcard::to_stdvec(&orphans).expect("entries always encode")));
            }
        }
        let (mut erased, mut gone) = (Vec::new(), Vec::new());
        for (message, row) in &change.rows {
            // Whoever follows has the row of a message that goes, unless it came too late to be shown.
            if row.gone && written_or_kept(&self.written, view, &keys::row(number, message)).is_some() {
                gone.push(*message);
            }
            ops.extend(conversation.put_row(id, *message, row));
            ops.extend(conversation.note_want(*message, row));
            if row.is_erased() || row.gone {
                erased.push((*message, row.clone()));
            }
        }
        self.written.extend(ops.iter().map(|op| match op {
            IndexOp::Put(key, value) | IndexOp::PutWords(key, value, _) => (key.clone(), Some(value.clone())),
            IndexOp::Remove(key) => (key.clone(), None),
        }));
        for (message, row) in erased {
            ops.extend(self.erase(id, message, &row, rebuilding, view));
        }
        if !rebuilding {
            for (message, row) in change.rows.iter().filter(|(_, row)| !row.gone && !row.disputed) {
                self.tell_row(now, id, message, row, view);
            }
            gone.iter().for_each(|message| self.tell_gone(id, message));
        }
        ops
    }

    /// Erases the bodies of a message that was deleted, by whomever, or has disappeared, and has that kept; returns what to write into
    /// the index, so that whatever happens in between, they are gone from the disk in the end.
    fn erase(
        &mut self,
        conversation: ConversationId,
        message: EntryId,
        row: &Row,
        rebuilding: bool,
        view: &dyn View,
    ) -> Vec<IndexOp> {
        let mut bodies = vec![];
        let place = SegmentId { conversation, number: row.segment };
        if let Ok(segment) = self.shelf.settled(place, view) {
            bodies.extend(segment.original(&message).map(|body| (row.segment, body)));
        }
        bodies.extend(row.edits.iter().map(|edit| (edit.segment, edit.payload)));
        bodies.extend(self.disputed_edits(conversation, &message, view));
        let mut ops = Vec::new();
        for (number, body) in bodies {
            let id = SegmentId { conversation, number };
            let news = self.shelf.get(id, view).is_ok_and(|segment| segment.erase(body));
            // An index that was lost had perhaps noted that there is something to take off the disk.
            if let Some(known) = self.conversations.get_mut(&conversation).filter(|_| news || rebuilding) {
                ops.push(IndexOp::Put(keys::erasing(known.number, number, &body), Vec::new()));
                known.erasing.insert((number, body), true);
                self.tails.erased(stream(id));
            }
            if news {
                self.keep_erased(id, body);
            }
        }
        ops
    }

    /// Returns the bodies of edits of a message that do not count, as their chain is forked before them.
    fn disputed_edits(&mut self, id: ConversationId, message: &EntryId, view: &dyn View) -> Vec<(u32, PayloadId)> {
        let forked = self.conversations.get(&id).map(|known| Vec::from_iter(known.forked.iter().copied()));
        let mut bodies = Vec::new();
        for number in forked.unwrap_or_default() {
            let Ok(segment) = self.shelf.get(SegmentId { conversation: id, number }, view) else { continue };
            let edits = segment.disputed().into_iter().filter(|entry| forks::about(entry) == Some(*message));
            bodies.extend(edits.filter_map(|edit| Some((number, edit.record.payload()?))));
        }
        bodies
    }

    fn keep_erased(&mut self, id: SegmentId, body: PayloadId) {
        // Opened anew before that is durable, the segment would have the body back.
        self.shelf.hold(id, 1);
        let bytes = postcard::to_stdvec(&Tail::Erased(vec![body])).expect("a record always encodes");
        self.persist(vec![Record { stream: stream(id), bytes }], vec![Pending::Erased(id, body)]);
    }

    /// Notes that a snapshot has taken all erased bodies of a segment off the disk.
    pub(super) fn erased(&mut self, id: SegmentId) {
        let Some(conversation) = self.conversations.get_mut(&id.conversation) else { return };
        let gone = conversation
            .erasing
            .extract_if((id.number, PayloadId([0; 32]))..=(id.number, PayloadId([255; 32])), |_, kept| *kept);
        let ops: Vec<IndexOp> = gone
            .map(|((number, body), _)| IndexOp::Remove(keys::erasing(conversation.number, number, &body)))
            .collect();
        if !ops.is_empty() {
            self.effects.push(Effect::Index(ops, self.complete));
        }
    }

    /// Notes that an erasure was not kept.
    pub(super) fn erase_later(&mut self, id: SegmentId, body: PayloadId) {
        if let Some(conversation) = self.conversations.get_mut(&id.conversation) {
            conversation.erasing.insert((id.number, body), false);
        }
    }

    /// Tries again to erase what was not kept as erased, by a full disk or a crash.
    pub(super) fn erase_again(&mut self, view: &dyn View) {
        let overdue: Vec<(SegmentId, PayloadId)> = self
            .conversations
            .iter()
            .flat_map(|(conversation, known)| known.erasing.iter().map(|(what, kept)| (*conversation, *what, *kept)))
            .filter(|(_, _, kept)| !kept)
            .map(|(conversation, (number, body), _)| (SegmentId { conversation, number }, body))
            .collect();
        for (id, body) in overdue {
            if let Ok(segment) = self.shelf.get(id, view) {
                segment.erase(body);
                self.keep_erased(id, body);
                self.tails.erased(stream(id));
                if let Some(conversation) = self.conversations.get_mut(&id.conversation) {
                    conversation.erasing.insert((id.number, body), true);
                }
            }
        }
    }
}

impl Conversation {
    /// Returns what to write into the index for a row.
    fn put_row(&mut self, id: ConversationId, message: EntryId, row: &Row) -> Vec<IndexOp> {
        let place = if row.disputed { keys::disputed } else { keys::row };
        let (shown, bytes) = (place(self.number, &message), postcard::to_stdvec(row).expect("a row always encodes"));
        let expiry = row.expires.map(|at| keys::expiry(self.number, at, &message));
        if row.gone {
            let mut ops = vec![IndexOp::Remove(shown), IndexOp::Put(keys::gone(self.number, &message), bytes)];
            ops.extend(expiry.map(IndexOp::Remove));
            return ops;
        }
        // Its words are those of the segment where the text comes from, and are forgotten with them.
        let segment = row.edits.last().map_or(row.segment, |edit| edit.segment);
        self.expires = self.expires.into_iter().chain(row.expires).min();
        let mut ops = vec![IndexOp::PutWords(shown, bytes, StreamId::Segment(id, segment))];
        ops.extend(expiry.map(|key| IndexOp::Put(key, Vec::new())));
        ops
    }

    /// Notes which body a row lacks, if it lacks one; returns what to write into the index.
    fn note_want(&mut self, message: EntryId, row: &Row) -> Vec<IndexOp> {
        let wanted = match &row.text {
            Text::Absent(body) if !row.disputed => {
                Some((row.edits.last().map_or(row.segment, |edit| edit.segment), *body))
            }
            _ => None,
        };
        let number = self.number;
        let met: Vec<(u32, PayloadId)> = self
            .wants
            .iter()
            .filter(|(want, row)| **row == message && Some(**want) != wanted)
            .map(|(w, _)| *w)
            .collect();
        let mut ops: Vec<IndexOp> = met
            .into_iter()
            .map(|(segment, body)| {
                self.wants.remove(&(segment, body));
                IndexOp::Remove(keys::want(number, segment, &body))
            })
            .collect();
        if let Some((segment, body)) = wanted {
            self.wants.insert((segment, body), message);
            let value = message.to_sortable().to_vec();
            ops.push(IndexOp::Put(keys::want(number, segment, &body), value));
        }
        ops
    }
}
