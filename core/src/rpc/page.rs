//! A timeline, page by page.
//!
//! Messages and notices stand in one order, each under a **key**: an opaque text. Keys are compared as texts, byte by byte; the
//! key of an item never changes, so that a front end can keep a window of the timeline and put what comes late in its place.

use serde::{Deserialize, Serialize};

use super::{Block, Notice, Row};
#[cfg(doc)]
use super::{Reply, Request};

/// Which page of a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum PageFrom {
    /// The newest.
    End,
    /// That around what was read last; the newest, if there is nothing unread.
    Unread,
    /// That before a key.
    Before(String),
    /// That after a key.
    After(String),
    /// That around a message: its whole id.
    Around(String),
    /// That around a moment: milliseconds since the Unix epoch.
    At(u64),
}

/// One item of a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(untagged)]
pub enum Item {
    /// A message.
    Row {
        /// Its place.
        key: String,
        /// The message.
        row: Row,
    },
    /// Something that happened besides messages.
    Notice {
        /// Its place.
        key: String,
        /// What happened.
        notice: Notice,
    },
}

/// What a message answers, as it stands now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Quote {
    /// The whole id of the message that is answered.
    pub id: String,
    /// Whether it is here.
    pub state: QuoteState,
    /// The name of its author; empty while it is missing.
    pub author: String,
    /// Their id; empty while it is missing.
    pub user: String,
    /// What it says, cut to one line; absent if it says nothing or is missing.
    pub text: Option<String>,
}

/// Whether a message that is answered is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum QuoteState {
    /// It is.
    Here,
    /// It was deleted, hidden or erased, or has disappeared.
    Deleted,
    /// It has not arrived, or we may not read it.
    Missing,
}

/// What a message said at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Version {
    /// Since when: milliseconds since the Unix epoch, by its author's clock.
    pub at: u64,
    /// What it said; absent if that is erased, or has not arrived.
    pub text: Option<String>,
    /// The same to be shown.
    pub body: Vec<Block>,
}
