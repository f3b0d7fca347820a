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
mod things;
pub mod wire;

pub use things::{
    Behind, Contact, Conversation, Device, Guest, Invite, InviteOptions, Member, Node, Notice, NoticeKind, Peer,
    Reaction, Row, Setting, Status, Words,
};

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
        /// What the link is good for.
        #[serde(flatten)]
        options: InviteOptions,
    },
    /// Lists the invites that are still good. → [`Reply::Invites`]
    Invites {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
    },
    /// Withdraws an invite. → [`Reply::Done`]
    RevokeInvite {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// The invite: its id, or an unambiguous beginning of it.
        invite: String,
    },
    /// Says yes or no to someone who waits to be let in. → [`Reply::Done`]
    Admit {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// Who waits: their id, an unambiguous beginning of it, or their name.
        user: String,
        /// Whether they may come in.
        yes: bool,
    },
    /// Lists who is in a conversation, and who waits to be let in. → [`Reply::Members`]
    Members {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
    },
    /// Gives a member another role. → [`Reply::Done`]
    Role {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// The member: their id, an unambiguous beginning of it, or their exact name.
        member: String,
        /// `"reader"`, `"member"`, `"admin"`, or `"owner"`: to hand the conversation over.
        role: String,
    },
    /// Puts a member out. → [`Reply::Done`]
    Remove {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// The member, as in [`Request::Role`].
        member: String,
    },
    /// Leaves a conversation. What is here of it stays. → [`Reply::Done`]
    Leave {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
    },
    /// Changes one setting of a conversation. → [`Reply::Done`]
    Set {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// The setting.
        #[serde(flatten)]
        setting: Setting,
    },
    /// Lists everyone else who is in a conversation with us, or of whom we noted something. → [`Reply::Contacts`]
    Contacts,
    /// Shows what is to be compared with somebody. → [`Reply::Contact`]
    Contact {
        /// Who: their id, an unambiguous beginning of it, or their name.
        user: String,
    },
    /// Notes something of somebody, for all devices of our user's. → [`Reply::Done`]
    NoteContact {
        /// Who, as in [`Request::Contact`].
        user: String,
        /// What we call them; empty: nothing any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        petname: Option<String>,
        /// Whether we compared keys with them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verified: Option<bool>,
    },
    /// Compares a code that was scanned off another's screen, and notes that they are verified. → [`Reply::Done`]
    VerifyContact {
        /// The code, as [`Reply::Contact`] gives it on their side.
        code: String,
    },
    /// Gives eight words that are the same for all who see the same members and rules. → [`Reply::Words`]
    Words {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
    },
    /// Lists our user's devices. → [`Reply::Devices`]
    Devices,
    /// Begins to let a device in that shows an offer. Answers when it has answered, at the latest after half a minute.
    /// → [`Reply::Digits`]
    LinkDevice {
        /// What the new device shows.
        offer: String,
    },
    /// Says whether both devices show the same digits. Answers when the other one was told, too. → [`Reply::Done`]
    ConfirmDevice {
        /// Whether they do.
        yes: bool,
    },
    /// Retires a device of our user's. → [`Reply::Done`]
    RetireDevice {
        /// The device: its id, or an unambiguous beginning of it.
        device: String,
        /// The 24 words, if the device is nearer to them than this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phrase: Option<Words>,
    },
    /// Hides another's message from all, or shows it again. → [`Reply::Done`]
    Hide {
        /// The message, as in [`Request::Edit`].
        message: String,
        /// Whether to show it again.
        #[serde(default)]
        off: bool,
    },
    /// Asks to be let into a conversation by its link. Answers when a member has answered, at the latest after some seconds.
    /// → [`Reply::Joined`]
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
    /// Reads what happened in a conversation besides its messages, oldest first. → [`Reply::Notices`]
    Notices {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// Only what happened from then on: milliseconds since the Unix epoch.
        #[serde(default)]
        after: u64,
        /// Only what happened before then.
        #[serde(default)]
        before: Option<u64>,
        /// How many at most, the newest; 1 to 1000.
        limit: u32,
    },
    /// Like [`Request::Log`], and from then on an [`Event::Row`] for each row that is new or changed,
    /// and an [`Event::Notice`] for whatever else happens.
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
    /// Lists the nodes that this peer uses. → [`Reply::Nodes`]
    Nodes,
    /// Uses one more node, now and after each start. → [`Reply::Done`]
    AddNode {
        /// A multiaddr that ends in `/p2p/…`, as the node prints it.
        address: String,
    },
    /// Uses a node no longer. → [`Reply::Done`]
    RemoveNode {
        /// One of its addresses, or what stands behind `/p2p/` in all of them.
        node: String,
    },
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
    /// To `notices`.
    Notices {
        /// The conversation's whole id.
        conversation: String,
        /// One each, oldest first.
        notices: Vec<Notice>,
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
    /// To `nodes`.
    Nodes {
        /// One each address.
        nodes: Vec<Node>,
    },
    /// To `invite`.
    Invite {
        /// `bayou://j/#…`
        link: String,
        /// The invite's id.
        invite: String,
        /// Until when it is good: milliseconds since the Unix epoch.
        expires: u64,
        /// How many addresses it leads to; 0: whoever has it must find us on the same network.
        addresses: u32,
    },
    /// To `invites`.
    Invites {
        /// One each.
        invites: Vec<Invite>,
    },
    /// To `members`.
    Members {
        /// The conversation's whole id.
        conversation: String,
        /// Who is in, the highest role first.
        members: Vec<Member>,
        /// Who waits to be let in, as far as this peer was asked.
        guests: Vec<Guest>,
    },
    /// To `contacts`.
    Contacts {
        /// One each, by name.
        contacts: Vec<Contact>,
    },
    /// To `contact`.
    Contact {
        /// Who it is.
        contact: Contact,
        /// 60 digits, in twelve groups: the same on both sides, or nobody is who they seem.
        number: String,
        /// The same to be scanned: the content of a QR code.
        code: String,
    },
    /// To `words`.
    Words {
        /// Eight words.
        words: Vec<String>,
    },
    /// To `devices`.
    Devices {
        /// One each.
        devices: Vec<Device>,
    },
    /// To `link_device`.
    Digits {
        /// Six digits, in two groups.
        digits: String,
        /// The new device.
        device: String,
    },
    /// To `join`.
    Joined {
        /// The conversation's whole id.
        conversation: String,
        /// `"in"`, or how far we are, in words. It goes on by itself.
        state: String,
    },
    /// To `new`.
    New {
        /// The conversation's whole id.
        conversation: String,
    },
    /// To `send`, `edit`, `delete` and `react`.
    Sent {
        /// The id of what was written: for `send` the message's.
        id: String,
    },
    /// To whatever else was done.
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
    /// A message has disappeared: take its row away.
    Gone {
        /// The conversation's whole id.
        conversation: String,
        /// The message's whole id.
        id: String,
    },
    /// Something happened in a conversation besides messages.
    Notice {
        /// The conversation's whole id.
        conversation: String,
        /// What.
        notice: Notice,
    },
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
    /// The follower was too slow and missed events: read again what you show.
    Lagged,
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
