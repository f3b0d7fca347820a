//! Rows as people read them, and what has been shown of them already.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};

use bayou_core::rpc::{Notice, Quote, QuoteState, Reaction, Row};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::notice;
use crate::output::{clean, clean_line, short};

/// Rows whose last shown form is remembered.
const MAX_REMEMBERED: usize = 4096;

/// What is new about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// It was not shown before.
    Row,
    /// Its text or reactions are others than shown.
    Content,
    /// Only its state is another.
    State,
    /// Nothing.
    None,
}

/// What has been shown.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// By id, a hash of content and one of the state. At most [`MAX_REMEMBERED`].
    rows: HashMap<String, (u64, u64)>,
    order: VecDeque<String>,
}

impl Shown {
    /// Returns whether the row was shown, in whatever form.
    pub(crate) fn knows(&self, row: &Row) -> bool {
        self.rows.contains_key(&row.id)
    }

    /// Returns what is new about the row, and remembers it as shown.
    pub(crate) fn note(&mut self, row: &Row) -> News {
        let reactions: Vec<_> = row.reactions.iter().map(|reaction| (&reaction.emoji, &reaction.by)).collect();
        let waiting = row.state == "waiting";
        let now = (
            hash(&(&row.text, row.edited, row.deleted, row.hidden, row.blocked, row.look_alike, reactions, waiting)),
            hash(&row.state),
        );
        match self.rows.insert(row.id.clone(), now) {
            None => {
                self.order.push_back(row.id.clone());
                if self.order.len() > MAX_REMEMBERED
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.rows.remove(&oldest);
                }
                News::Row
            }
            Some(before) if before.0 != now.0 => News::Content,
            Some(before) if before.1 != now.1 => News::State,
            Some(_) => News::None,
        }
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Writes rows one after the other, with a divider where the day changes.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    zone: &'a TimeZone,
    day: Option<Date>,
    /// Whether the words of who is blocked are shown.
    shows_blocked: bool,
}

impl<'a> Page<'a> {
    /// Begins a page.
    pub(crate) fn new(zone: &'a TimeZone) -> Self {
        Page { zone, day: None, shows_blocked: false }
    }

    /// Also shows the words of who is blocked, if so.
    pub(crate) fn with_blocked(self, shows_blocked: bool) -> Self {
        Page { shows_blocked, ..self }
    }

    /// Returns the row as a line (or several, when its text has several), after a divider if its day is another.
    pub(crate) fn row(&mut self, row: &Row, news: News) -> String {
        let (divider, time) = self.time(row.at);
        let mark = if news == News::Content { "~ " } else { "" };
        let (id, author) = (short(&clean_line(&row.id)), clean_line(&row.author));
        let author = if row.look_alike { format!("{author} (not the one you verified)") } else { author };
        format!("{divider}{time}  {id}  {mark}{author}: {}", said(row, self.shows_blocked))
    }

    /// Returns what happened as a line, after a divider if its day is another.
    pub(crate) fn notice(&mut self, notice: &Notice) -> String {
        let (divider, time) = self.time(notice.at);
        format!("{divider}{time}  {}", notice::words(notice))
    }

    /// Returns a divider if the day of a moment is another than the last one's, and its time.
    fn time(&mut self, at: u64) -> (String, String) {
        let at = moment(at, self.zone);
        let day = at.as_ref().map(Zoned::date);
        let divider = match &at {
            Some(at) if day != self.day => format!("── {} ──\n", at.strftime("%a %-d %b %Y")),
            _ => String::new(),
        };
        self.day = day;
        (divider, at.map_or_else(|| "--:--".into(), |at| at.strftime("%H:%M").to_string()))
    }
}

/// Returns the moment in the zone; `None` when it lies beyond the calendar.
fn moment(ms: u64, zone: &TimeZone) -> Option<Zoned> {
    Some(Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()?.to_zoned(zone.clone()))
}

/// Returns the time of a moment for a list: `HH:MM` with its date.
pub(crate) fn date_and_time(ms: u64, zone: &TimeZone) -> String {
    moment(ms, zone).map_or_else(|| "-".into(), |at| at.strftime("%-d %b %Y %H:%M").to_string())
}

/// Returns what a row says: text, marks, reactions, state.
fn said(row: &Row, shows_blocked: bool) -> String {
    if row.blocked && !shows_blocked {
        return "(blocked)".into();
    }
    let text = match (row.deleted, row.state.as_str()) {
        (true, _) => "(deleted)".into(),
        _ if row.hidden => "(hidden by an admin)".into(),
        (false, "waiting") => "(on its way)".into(),
        (false, _) => clean(&row.text).trim_end().replace('\n', "\n        "),
    };
    let mut parts = vec![text];
    parts.extend(row.reply_to.as_ref().map(answers));
    if row.edited && !row.deleted {
        parts.push("(edited)".into());
    }
    parts.extend(reactions(&row.reactions));
    // Of others' messages there is nothing to say once they are here.
    if !matches!(row.state.as_str(), "received" | "waiting") {
        parts.push(format!("· {}", clean_line(&row.state)));
    }
    parts.join("  ")
}

/// Returns what a message answers.
fn answers(quote: &Quote) -> String {
    match (quote.state, &quote.text) {
        (QuoteState::Missing, _) => "(answers a message that is not here)".into(),
        (QuoteState::Deleted, _) => "(answers a message that is gone)".into(),
        (QuoteState::Here, text) => {
            let (author, text) = (clean_line(&quote.author), clean_line(text.as_deref().unwrap_or("…")));
            format!("(answers {author}: {text})")
        }
    }
}

/// Returns one part for each emoji: `👍 alice, bob`.
fn reactions(all: &[Reaction]) -> Vec<String> {
    let same = all.chunk_by(|one, next| one.emoji == next.emoji);
    same.filter_map(|group| {
        let by: Vec<_> = group.iter().map(|reaction| clean_line(&reaction.by)).collect();
        Some(format!("{} {}", clean_line(&group.first()?.emoji), by.join(", ")))
    })
    .collect()
}

#[cfg(test)]
mod tests;
