//! What a front end can ask of a peer, as one typed table: the same for the command line, the window and the web.
//!
//! A [`Request`] goes in, one [`Reply`] or [`RpcError`] comes out; who follows a conversation gets [`Event`]s. On the
//! local socket they travel as JSON-RPC 2.0, one object a line. `docs/api.md` shows each with an example.
//!
//! [`wire`] knows the bytes, [`socket`] answers, [`client`] asks.

#[cfg(feature = "net")]
pub mod client;
#[cfg(feature = "net")]
pub mod socket;
pub mod wire;

use serde::{Deserialize, Serialize};

/// A call: JSON-RPC's `method` and `params`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", content = "params", rename_all = "snake_case")]
pub enum Request {
    /// Begins a conversation. → [`Reply::New`]
    New {
        /// What it is called; 1 to 200 bytes.
        title: String,
    },
    /// Makes a link by which others can join. → [`Reply::Invite`]
    Invite {
        /// The conversation: its id, an unambiguous beginning of it, or its exact title.
        conversation: String,
    },
    /// Joins a conversation by its link. → [`Reply::New`]
    Join {
        /// A link that [`Request::Invite`] gave.
        link: String,
    },
    /// Writes a message. → [`Reply::Sent`]
    Send {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// The text; 1 byte to 32 KiB less 16 bytes.
        text: String,
    },
    /// Replaces the text of one's own message. → [`Reply::Sent`]
    Edit {
        /// The message: its id, or an unambiguous beginning of it.
        message: String,
        /// The new text.
        text: String,
    },
    /// Deletes one's own message for everyone. → [`Reply::Sent`]
    Delete {
        /// The message, as in [`Request::Edit`].
        message: String,
    },
    /// Adds one's reaction to a message, or takes it back. → [`Reply::Sent`]
    React {
        /// The message, as in [`Request::Edit`].
        message: String,
        /// The emoji; 1 to 32 bytes.
        emoji: String,
        /// Whether to take it back.
        #[serde(default)]
        off: bool,
    },
    /// Reads the newest messages of a conversation, oldest first. → [`Reply::Log`]
    Log {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// How many at most; 1 to 1000.
        limit: u32,
        /// Only messages before this one (its whole id), for paging back.
        #[serde(default)]
        before: Option<String>,
    },
    /// Like [`Request::Log`], and from then on an [`Event::Row`] for each row that is new or changed.
    Follow {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// How many rows to begin with; 0 to 1000.
        limit: u32,
    },
    /// Lists the conversations. → [`Reply::Conversations`]
    Conversations,
    /// Lists the peers that are known. → [`Reply::Peers`]
    Peers,
    /// Tells how this peer is. → [`Reply::Status`]
    Status,
    /// Dials an address. → [`Reply::Done`]
    Dial {
        /// A multiaddr; it may end in `/p2p/…`.
        address: String,
    },
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", untagged)]
pub enum Reply {
    /// To `log` and `follow`.
    Log {
        /// The conversation's whole id: what the [`Event::Row`]s of a follower name.
        conversation: String,
        /// The rows, oldest first.
        rows: Vec<Row>,
    },
    /// To `conversations`.
    Conversations {
        /// One each, the one with the newest message first.
        conversations: Vec<Conversation>,
    },
    /// To `peers`.
    Peers {
        /// One each.
        peers: Vec<Peer>,
    },
    /// To `status`.
    Status(Box<Status>),
    /// To `invite`.
    Invite {
        /// `bayou://join/…`
        link: String,
    },
    /// To `new` and `join`.
    New {
        /// The conversation's whole id.
        conversation: String,
    },
    /// To `send`, `edit`, `delete` and `react`.
    Sent {
        /// The id of what was written: for `send` the message's.
        id: String,
    },
    /// To `dial`.
    Done {
        /// Always true.
        done: bool,
    },
}

/// What a follower is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", content = "params", rename_all = "snake_case")]
pub enum Event {
    /// A row is new or has changed. Rows are told apart by their `id`.
    Row {
        /// The conversation's whole id.
        conversation: String,
        /// The row as it is now.
        row: Row,
    },
    /// The follower was too slow and missed events: read again what you show.
    Lagged,
}

/// One message as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The message's whole id. Printed short elsewhere; any unambiguous beginning will do.
    pub id: String,
    /// The author's name.
    pub author: String,
    /// The author's device, in hexadecimal.
    pub device: String,
    /// When it was written, by its author's clock: milliseconds since the Unix epoch.
    pub at: u64,
    /// What it says now. Empty when it was deleted, or has not arrived yet (then `state` is `"waiting"`).
    pub text: String,
    /// Whether it was edited.
    pub edited: bool,
    /// Whether it was deleted.
    pub deleted: bool,
    /// Who reacted how, in order of emoji, then name.
    pub reactions: Vec<Reaction>,
    /// Own messages: `"kept"` (on this machine only), `"with 1 of 3"`, `"with all"`. Others': `"received"`, or
    /// `"waiting"` when only the announcement arrived and the text is still on its way.
    pub state: String,
}

/// One reaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// The name of who reacted.
    pub by: String,
}

/// A conversation in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its whole id.
    pub conversation: String,
    /// Its title; empty while it has not arrived yet.
    pub title: String,
    /// The members' names.
    pub members: Vec<String>,
    /// When its newest message was written; absent when there is none.
    pub last_at: Option<u64>,
    /// The newest message's text, cut to one line.
    pub last_text: String,
    /// Messages of others that were not read yet; at most 1000 are counted.
    pub unread: u32,
}

/// A peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its peer id, in hexadecimal.
    pub peer: String,
    /// Its name, if it shares a conversation with us.
    pub name: Option<String>,
    /// Whether there is a link.
    pub linked: bool,
    /// Where it was last reached.
    pub address: Option<String>,
    /// Conversations that both have.
    pub shared: u32,
}

/// How this peer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The name given at `init`.
    pub name: String,
    /// The device, in hexadecimal.
    pub device: String,
    /// The peer id, in hexadecimal.
    pub peer: String,
    /// Whether the network runs (`bayou serve`).
    pub online: bool,
    /// Where it listens, each with `/p2p/…`, ready for another's `--peer`.
    pub addresses: Vec<String>,
    /// Links that are up.
    pub links: u32,
    /// Conversations.
    pub conversations: u32,
    /// Per conversation, who lacks something or has something we lack.
    pub behind: Vec<Behind>,
    /// What went wrong last, in words; absent when nothing did.
    pub problem: Option<String>,
}

/// A linked peer whose heads differ from ours in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// The conversation's whole id.
    pub conversation: String,
    /// The peer's name.
    pub name: String,
    /// Changes of ours that it was not yet heard to have.
    pub lacks: u64,
}

/// Why a call failed. The message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct RpcError {
    /// The kind of failure.
    pub code: ErrorCode,
    /// In words, with what to do about it.
    pub message: String,
}

/// The kinds of failure: JSON-RPC's `error.code` and the exit code of `bayou`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "i32", try_from = "i32")]
pub enum ErrorCode {
    /// The request makes no sense. (exit code 2)
    Invalid,
    /// What was named does not exist, or the abbreviation fits several. (exit code 3)
    NotFound,
    /// It is another's to do. (exit code 4)
    NotAllowed,
    /// This machine failed: disk full, no permission, home in use. (exit code 5)
    Machine,
    /// The home is locked: no passphrase or a wrong one, or its keyring is silent. (exit code 6)
    Locked,
}

impl From<ErrorCode> for i32 {
    fn from(code: ErrorCode) -> i32 {
        match code {
            ErrorCode::Invalid => -32602,
            ErrorCode::NotFound => -32001,
            ErrorCode::NotAllowed => -32002,
            ErrorCode::Machine => -32003,
            ErrorCode::Locked => -32004,
        }
    }
}

impl TryFrom<i32> for ErrorCode {
    type Error = String;

    fn try_from(code: i32) -> Result<Self, String> {
        match code {
            // JSON-RPC's own codes: not JSON, not a call, no such method, wrong parameters.
            -32700 | -32600 | -32601 | -32602 => Ok(ErrorCode::Invalid),
            -32001 => Ok(ErrorCode::NotFound),
            -32002 => Ok(ErrorCode::NotAllowed),
            -32003 => Ok(ErrorCode::Machine),
            -32004 => Ok(ErrorCode::Locked),
            other => Err(format!("unknown error code {other}")),
        }
    }
}

impl RpcError {
    /// Makes an error.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        RpcError { code, message: message.into() }
    }
}
