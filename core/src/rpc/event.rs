//! What front ends are told unasked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::Request;
use super::markdown;
use super::{Asked, Asker, Conversation, Notice, Row, Status};

/// What a follower is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(tag = "method", content = "params", rename_all = "snake_case")]
pub enum Event {
    /// A row is new or has changed. Rows are told apart by their `id`.
    Row {
        /// The conversation's whole id.
        conversation: String,
        /// Its place in the timeline, as in a page.
        key: String,
        /// The row as it is now.
        row: Row,
    },
    /// A message has disappeared: take its row away.
    Gone {
        /// The conversation's whole id.
        conversation: String,
        /// Its place in the timeline.
        key: String,
        /// The message's whole id.
        id: String,
    },
    /// Something happened in a conversation besides messages.
    Notice {
        /// The conversation's whole id.
        conversation: String,
        /// Its place in the timeline.
        key: String,
        /// What.
        notice: Notice,
    },
    /// Our user read on in a conversation, on whichever device.
    Read {
        /// The conversation's whole id.
        conversation: String,
        /// The whole id of the newest message that was read.
        up_to: String,
    },
    /// A conversation is another in the list, or is new there. Only after [`Request::Watch`].
    Conversation(Box<Conversation>),
    /// This peer is otherwise. Only after [`Request::Watch`].
    Status(Box<Status>),
    /// Somebody waits to be let in.
    Guest {
        /// The conversation's whole id.
        conversation: String,
        /// Who: their whole id.
        user: String,
        /// What they call themselves.
        name: String,
    },
    /// How far we are with getting into a conversation.
    Joining {
        /// The conversation's whole id.
        conversation: String,
        /// In words, as in [`Conversation::joining`]; `"in"`, and `"out"` when we were removed or left.
        state: String,
    },
    /// Our user began to write something else in a conversation, on whichever device.
    Draft {
        /// The conversation's whole id.
        conversation: String,
        /// What is begun; empty: nothing.
        text: String,
    },
    /// Our user changed a setting, on whichever device.
    Settings {
        /// All settings as they are now, by name.
        settings: BTreeMap<String, String>,
    },
    /// Somebody shows themselves in another way.
    Profile {
        /// Their whole id.
        user: String,
        /// What they call themselves.
        name: String,
        /// What they are up to; empty: nothing.
        status: String,
        /// The name of their picture, which can be asked for; absent: there is none, or it is still on its way.
        avatar: Option<String>,
    },
    /// Somebody asks to be a contact.
    Asker(Asker),
    /// How far we are with somebody whom we asked to be a contact.
    Asked(Asked),
    /// The follower was too slow and missed events: read again what you show.
    Lagged,
}

impl Event {
    /// Reads the Markdown of the message in it.
    pub fn with_body(mut self) -> Event {
        if let Event::Row { row, .. } = &mut self {
            row.body = markdown::read(&row.text);
        }
        self
    }
}
