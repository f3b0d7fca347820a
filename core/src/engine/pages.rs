//! Pages: a stretch of a timeline, with notices between its messages, in one order.
//!
//! Both have a **place**: that of a message is its id; that of a notice is made of its moment and its name, so that it stands
//! before the messages of that moment. A page is read around a place, so many items below it and so many from it on. Rows
//! are found in the index by their key: what a page costs does not depend on how many messages there are. Notices are told
//! from all control records, as anywhere.

use super::conversation::Conversation;
use super::io::View;
use super::keys::{self, Part};
use super::queries::{cut, not_found};
use super::{Engine, rows};
use crate::conversation::{EntryId, SegmentId};
use crate::id::{ActorId, ConversationId};
use crate::rpc::{self, ErrorCode, Event, Item, PageFrom, Quote, QuoteState, Reply, RpcError};
use crate::store::StoreError;
use crate::time::{Hlc, Timestamp};
use crate::timeline::{Row, Text};

/// The most items of a page.
const MAX_ITEMS: u32 = 200;

/// How many messages are looked at for the first that is unread.
const MAX_LOOKED_AT: usize = 1000;

/// How many of them are read at once.
const AT_ONCE: usize = 32;

/// What stands in a timeline, not yet as front ends see it.
enum Standing {
    Row(Box<Row>),
    Notice(Box<rpc::Notice>),
}

type Placed = (EntryId, Standing);

/// Around what a page is read.
struct Pivot {
    place: EntryId,
    /// Whether what stands in that place is below.
    is_below: bool,
}

impl Pivot {
    fn at(place: EntryId) -> Self {
        Pivot { place, is_below: false }
    }

    fn after(place: EntryId) -> Self {
        Pivot { place, is_below: true }
    }

    fn has_below(&self, place: &EntryId) -> bool {
        *place < self.place || (self.is_below && *place == self.place)
    }

    /// Returns the first key in the index that is not below.
    fn key(&self, conversation: u32) -> Vec<u8> {
        let mut key = keys::row(conversation, &self.place);
        key.extend(self.is_below.then_some(0));
        key
    }
}

impl Engine {
    /// Reads a page.
    pub(super) fn timeline_page(
        &self,
        now: Timestamp,
        conversation: &str,
        from: &PageFrom,
        limit: u32,
        view: &dyn View,
    ) -> Result<Reply, RpcError> {
        if limit == 0 || limit > MAX_ITEMS {
            let why = format!("how many items? a page has 1 to {MAX_ITEMS}");
            return Err(RpcError::new(ErrorCode::Invalid, why));
        }
        let id = self.find_conversation(conversation)?;
        let Some(known) = self.conversations.get(&id) else { return Err(not_found("no such conversation")) };
        let limit = limit as usize;
        let unread = self.first_unread(now, known, view)?;
        let (pivot, most_below) = match from {
            PageFrom::End => (Pivot::after(LAST), limit),
            PageFrom::Unread => unread.map_or((Pivot::after(LAST), limit), |first| (Pivot::at(first), limit / 2)),
            PageFrom::Before(key) => (Pivot::at(place(key)?), limit),
            PageFrom::After(key) => (Pivot::after(place(key)?), 0),
            PageFrom::Around(message) => {
                let message = message.parse().map_err(|_| not_found("`around` takes the whole id of a message"))?;
                (Pivot::at(message), limit / 2)
            }
            PageFrom::At(ms) => (Pivot::at(EntryId { at: Hlc { ms: *ms, counter: 0 }, ..EntryId::MIN }), limit / 2),
        };
        let (mut below, mut above) = self.around(now, known, &pivot, limit, view)?;
        let (newest_first, oldest_first) = (below.len(), above.len());
        // What one side lacks of its half the other may have.
        let keep_below = match from {
            PageFrom::Before(_) | PageFrom::After(_) => most_below.min(below.len()),
            _ => below.len().min(most_below.max(limit.saturating_sub(above.len()))),
        };
        let keep_above = match from {
            PageFrom::Before(_) => 0,
            _ => above.len().min(limit - keep_below),
        };
        below.truncate(keep_below);
        above.truncate(keep_above);
        below.reverse();
        below.append(&mut above);
        Ok(Reply::Page {
            conversation: id.to_string(),
            items: below.into_iter().map(|placed| self.item(now, known, placed, view)).collect(),
            older: newest_first > keep_below,
            newer: oldest_first > keep_above,
            unread: unread.map(|first| first.to_place()),
        })
    }

    /// Returns what stands around a place: below it the newest first, from it on the oldest first; of each one more than
    /// may be asked for, if there is more.
    fn around(
        &self,
        now: Timestamp,
        known: &Conversation,
        pivot: &Pivot,
        limit: usize,
        view: &dyn View,
    ) -> Result<(Vec<Placed>, Vec<Placed>), StoreError> {
        let most = limit + 1;
        let ((from, to), key) = (keys::all(Part::Rows, known.number), pivot.key(known.number));
        let rows = |found: Vec<(EntryId, Row)>| {
            found.into_iter().map(|(message, row)| (message, Standing::Row(Box::new(row)))).collect::<Vec<Placed>>()
        };
        let mut below = rows(stretch(now, &from, &key, most, true, view)?);
        let mut above = rows(stretch(now, &key, &to, most, false, view)?);
        let notices = self.placed_notices(known, view)?;
        let at = notices.partition_point(|(place, _)| pivot.has_below(place));
        let standing = |(place, notice): (EntryId, rpc::Notice)| (place, Standing::Notice(Box::new(notice)));
        let mut later = notices;
        let earlier: Vec<_> = later.drain(..at).collect();
        below.extend(earlier.into_iter().rev().take(most).map(standing));
        above.extend(later.into_iter().take(most).map(standing));
        below.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
        above.sort_by_key(|(place, _)| *place);
        below.truncate(most);
        above.truncate(most);
        Ok((below, above))
    }

    fn item(&self, now: Timestamp, known: &Conversation, (place, what): Placed, view: &dyn View) -> Item {
        let key = place.to_place();
        match what {
            Standing::Row(row) => Item::Row { key, row: self.show(now, known, &place, &row, view) },
            Standing::Notice(notice) => Item::Notice { key, notice: *notice },
        }
    }

    /// Finds the first message that was not read yet, if there is one among the next after the last that was.
    fn first_unread(
        &self,
        now: Timestamp,
        known: &Conversation,
        view: &dyn View,
    ) -> Result<Option<EntryId>, StoreError> {
        let (_, to) = keys::all(Part::Rows, known.number);
        let mut from = Pivot::after(known.read).key(known.number);
        for _ in 0..MAX_LOOKED_AT / AT_ONCE {
            let next = view.scan(&from, &to, AT_ONCE, false)?;
            let rows = next.iter().filter_map(|(key, value)| Some((keys::id(key)?, rows::decode(value)?)));
            if let Some((first, _)) = rows.into_iter().find(|(_, row)| self.is_unread(now, row)) {
                return Ok(Some(first));
            }
            let Some((last, _)) = next.last().filter(|_| next.len() == AT_ONCE) else { return Ok(None) };
            from = [last.as_slice(), &[0]].concat();
        }
        Ok(None)
    }

    /// Tells whether a message that comes after the last that was read waits to be read.
    pub(super) fn is_unread(&self, now: Timestamp, row: &Row) -> bool {
        row.author != self.profile.user && !row.is_erased() && !self.is_blocked(&row.author) && !row.is_over(now)
    }

    /// Marks what is up to a message as read.
    pub(super) fn read(&mut self, conversation: &str, up_to: &str) -> Result<Reply, RpcError> {
        let id = self.find_conversation(conversation)?;
        let up_to = up_to.parse().map_err(|_| not_found("`up_to` takes the whole id of a message"))?;
        self.mark_read(id, up_to);
        Ok(Reply::Done { done: true })
    }

    /// Tells what a message answers, as it stands now.
    pub(super) fn quote(&self, now: Timestamp, known: &Conversation, row: &Row, view: &dyn View) -> Option<Quote> {
        let target = row.answers?;
        let bytes = rows::written_or_kept(&self.written, view, &keys::row(known.number, &target.message));
        let answered = bytes.and_then(|bytes| rows::decode(&bytes));
        let is_shown = |row: &Row| !row.is_erased() && !row.is_over(now) && !known.hides(row.segment, &target.message);
        let text = answered.as_ref().filter(|row| is_shown(row) && !self.is_blocked(&row.author));
        Some(Quote {
            id: target.message.to_string(),
            state: match &answered {
                Some(row) if is_shown(row) => QuoteState::Here,
                Some(_) => QuoteState::Deleted,
                None => QuoteState::Missing,
            },
            author: answered.as_ref().map(|row| self.name_of(known, &row.author)).unwrap_or_default(),
            user: answered.as_ref().map(|row| row.author.to_string()).unwrap_or_default(),
            text: text.and_then(|row| if let Text::Held(text) = &row.text { Some(cut(text)) } else { None }),
        })
    }

    /// Tells what a message said, version by version.
    pub(super) fn history(&mut self, now: Timestamp, message: &str, view: &dyn View) -> Result<Reply, RpcError> {
        let (id, message, row) = self.find_message(now, message, view)?;
        let is_hidden = self.conversations.get(&id).is_some_and(|known| known.hides(row.segment, &message));
        let mut texts = Vec::new();
        if !is_hidden && !row.is_erased() {
            let place = SegmentId { conversation: id, number: row.segment };
            let original = self.shelf.settled(place, view)?.original(&message);
            let edits = row.edits.iter().map(|edit| (edit.id.at.ms, edit.segment, edit.payload));
            let bodies = original.map(|body| (message.at.ms, row.segment, body)).into_iter().chain(edits);
            for (at, segment, body) in bodies {
                let segment = self.shelf.get(SegmentId { conversation: id, number: segment }, view)?;
                let held = segment.payloads().get(&body).map(|held| held.payload.body.clone());
                texts.push((at, held));
            }
        }
        let version = |(at, text)| rpc::Version { at, text, body: Vec::new() };
        Ok(Reply::History { versions: texts.into_iter().map(version).collect() })
    }

    /// Tells front ends up to where our user read.
    pub(super) fn tell_read(&mut self, id: ConversationId, up_to: EntryId) {
        let (conversation, up_to) = (id.to_string(), up_to.to_string());
        self.effects.push(super::Effect::Emit(Event::Read { conversation, up_to }));
    }
}

/// The place after all others.
const LAST: EntryId =
    EntryId { at: Hlc { ms: crate::time::MAX_MS, counter: u16::MAX }, actor: ActorId([0xff; 16]), number: u8::MAX };

fn place(key: &str) -> Result<EntryId, RpcError> {
    EntryId::from_place(key).ok_or_else(|| RpcError::new(ErrorCode::Invalid, "not a key: take one that a page gave"))
}

/// Reads rows between two keys, from the end or from the beginning, without those whose time has come.
pub(super) fn stretch(
    now: Timestamp,
    from: &[u8],
    to: &[u8],
    limit: usize,
    backwards: bool,
    view: &dyn View,
) -> Result<Vec<(EntryId, Row)>, StoreError> {
    let (mut from, mut to, mut found) = (from.to_vec(), to.to_vec(), Vec::new());
    loop {
        let lacking = limit - found.len();
        let page = view.scan(&from, &to, lacking, backwards)?;
        let rows = page.iter().filter_map(|(key, value)| Some((keys::id(key)?, rows::decode(value)?)));
        found.extend(rows.filter(|(_, row)| !row.is_over(now)));
        match page.last() {
            Some((last, _)) if page.len() == lacking && found.len() < limit => match backwards {
                true => to.clone_from(last),
                false => from = [last.as_slice(), &[0]].concat(),
            },
            _ => return Ok(found),
        }
    }
}
