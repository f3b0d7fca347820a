//! What requests and replies are about, as people see it.

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[cfg(doc)]
use super::Reply;
use super::{Block, Quote};

/// One message as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Row {
    /// The message's whole id. Printed short elsewhere; any unambiguous beginning will do.
    pub id: String,
    /// The author's name.
    pub author: String,
    /// The author's id, in hexadecimal.
    pub user: String,
    /// The author's device, in hexadecimal.
    pub device: String,
    /// When it was written, by its author's clock: milliseconds since the Unix epoch.
    pub at: u64,
    /// When it disappears: milliseconds since the Unix epoch; absent when it stays.
    pub expires: Option<u64>,
    /// What it says now. Empty when it was deleted, or has not arrived yet (then `state` is `"waiting"`).
    pub text: String,
    /// The same to be shown: its Markdown, read. Only in pages and events; else empty.
    pub body: Vec<Block>,
    /// What it answers, if it answers anything.
    pub reply_to: Option<Quote>,
    /// Whether it was edited.
    pub edited: bool,
    /// Whether it was deleted.
    pub deleted: bool,
    /// Whether an admin hid it, or had it erased. Then `text` is empty.
    pub hidden: bool,
    /// Whether its author is blocked: to be folded away.
    pub blocked: bool,
    /// Whether its author is called like somebody whom we verified, and is somebody else.
    pub look_alike: bool,
    /// Who reacted how, in order of emoji, then name.
    pub reactions: Vec<Reaction>,
    /// Own messages: `"kept"` (on this machine only), `"with a mailbox"`, `"with 1 of 3"`, `"with at least 8 of 40"`, `"with
    /// all"`. Others': `"received"`, or `"waiting"` when only the announcement arrived and the text is still on its way. In
    /// an answer to `disputed`: `"disputed"`.
    pub state: String,
}

/// One reaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// The name of who reacted.
    pub by: String,
    /// Their id.
    pub user: String,
}

/// What happened in a conversation, besides messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Notice {
    /// Its whole id.
    pub id: String,
    /// When, by the clock of who did it: milliseconds since the Unix epoch.
    pub at: u64,
    /// The name of who did it.
    pub by: String,
    /// Their id.
    pub user: String,
    /// What they did.
    pub kind: NoticeKind,
    /// The name of whom it concerns, if anyone.
    pub who: Option<String>,
    /// What was set, or which device, by kind.
    pub what: Option<String>,
}

/// What happens in a conversation, besides messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// It began; `what`: its title.
    Began,
    /// Somebody came in; `what`: their role.
    Joined,
    /// Somebody has another role; `what`: which.
    Role,
    /// Somebody was put out.
    Removed,
    /// Somebody left.
    Left,
    /// It is called something else; `what`.
    Title,
    /// It is about something else; `what`.
    Topic,
    /// Newcomers may read something else; `what`, as in [`Setting::History`].
    History,
    /// What is written from then on disappears after another time; `what`: in seconds.
    Disappear,
    /// Mail waits elsewhere; `what`: the addresses of the nodes, empty for nowhere.
    Mailboxes,
    /// Somebody uses a device more; `what`: its id.
    DeviceAdded,
    /// Somebody retired a device of theirs; `what`: its id.
    DeviceRetired,
    /// Somebody's key is another; `what`: their id from then on.
    KeyChanged,
    /// A device wrote two histories: what it wrote from then on is not shown; `what`: its id. `disputed` has it.
    Disputed,
}

/// A conversation in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Conversation {
    /// Its whole id.
    pub conversation: String,
    /// Its title; empty while it has not arrived yet. Of two: the other's name.
    pub title: String,
    /// The other one, if it is of two, to whom nobody is added.
    pub with: Option<String>,
    /// What it is about; empty: nobody said.
    pub topic: String,
    /// What newcomers may read: `"all"` or `"since_join"`.
    pub history: String,
    /// The members' names.
    pub members: Vec<String>,
    /// What we may do: `"owner"`, `"admin"`, `"member"`, `"reader"`; absent when we are not in (any more).
    pub role: Option<String>,
    /// How far we are with getting in, in words; absent once we are in.
    pub joining: Option<String>,
    /// After how many seconds what is written now disappears; 0: never.
    pub disappear: u32,
    /// The nodes where mail waits for who is away.
    pub mailboxes: Vec<String>,
    /// When its newest message was written; absent when there is none.
    pub last_at: Option<u64>,
    /// The newest message's text, cut to one line.
    pub last_text: String,
    /// Messages of others that were not read yet; at most 1000 are counted.
    pub unread: u32,
    /// The record that opened the group key in use, which none who is out has; absent until this device has one.
    pub epoch: Option<String>,
}

/// What an invite is good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct InviteOptions {
    /// How many people it lets in; 1 to 1000.
    #[serde(default = "one")]
    #[cfg_attr(feature = "types", ts(as = "Option<_>", optional))]
    pub uses: u32,
    /// For how many hours; 1 to 8784.
    #[serde(default = "three_days")]
    #[cfg_attr(feature = "types", ts(as = "Option<_>", optional))]
    pub hours: u32,
    /// Whether an admin has to say yes to each.
    #[serde(default)]
    #[cfg_attr(feature = "types", ts(as = "Option<_>", optional))]
    pub approve: bool,
    /// The role that it gives; `"member"` when absent.
    #[serde(default)]
    #[cfg_attr(feature = "types", ts(optional))]
    pub role: Option<String>,
    /// Makes a web link with this host, which can be opened in a browser.
    #[serde(default)]
    #[cfg_attr(feature = "types", ts(optional))]
    pub host: Option<String>,
}

impl Default for InviteOptions {
    fn default() -> Self {
        InviteOptions { uses: one(), hours: three_days(), approve: false, role: None, host: None }
    }
}

fn one() -> u32 {
    1
}

fn three_days() -> u32 {
    72
}

/// A setting of a conversation, for all who are in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(tag = "setting", content = "value", rename_all = "snake_case")]
pub enum Setting {
    /// What it is called; 1 to 200 bytes.
    Title(String),
    /// What it is about; at most 1000 bytes.
    Topic(String),
    /// What newcomers may read: `"all"` or `"since_join"`.
    History(String),
    /// After how many seconds messages disappear that are written from now on; 0: never.
    Disappear(u32),
    /// The nodes where mail waits for who is away; at most three addresses, each with `/p2p/…`. None: nowhere.
    Mailboxes(Vec<String>),
}

/// A block of a bundle. In the file, each stands behind its length: four bytes, big-endian.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct BundleBlock {
    /// Names the bundle as long as it is being made.
    pub bundle: u64,
    /// The block.
    pub block: Base64,
    /// Whether more follow.
    pub more: bool,
}

/// Bytes. In JSON they are text in base64.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "types", derive(ts_rs::TS), ts(type = "string"))]
pub struct Base64(pub Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map(Base64).map_err(|_| serde::de::Error::custom("bytes are written in base64"))
    }
}

/// What a bundle's file begins with.
pub const BUNDLE_MAGIC: &[u8; 15] = b"bayou bundle 1\n";

/// The largest block of a bundle, in bytes.
pub const MAX_BUNDLE_BLOCK: u32 = 1024 * 1024;

/// An invite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Invite {
    /// Its id.
    pub invite: String,
    /// The name of who made it.
    pub by: String,
    /// The role that it gives.
    pub role: String,
    /// How many more people it lets in.
    pub left: u32,
    /// Until when: milliseconds since the Unix epoch.
    pub expires: u64,
    /// Whether an admin has to say yes to each.
    pub approve: bool,
}

/// One of our user's devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Device {
    /// Its id, in hexadecimal.
    pub device: String,
    /// Whether it is this one.
    pub this: bool,
    /// `"yours"`; `"suspended"`: it and another retired each other, and the recovery phrase must decide; `"retired"`;
    /// `"surplus"`: there are too many before it; `"moved"`: our user is another root now.
    pub state: String,
    /// When it became one: milliseconds since the Unix epoch.
    pub since: u64,
    /// Whether there is a link to it.
    pub linked: bool,
}

/// Words that nobody must see: they print as nothing, and are wiped when dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct Words(String);

impl Words {
    /// Takes them.
    pub fn new(words: String) -> Self {
        Words(words)
    }

    /// Returns them.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Words(redacted)")
    }
}

/// Why somebody is to be confirmed before we write where they read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// They are called like somebody whom we verified, and are somebody else.
    LookAlike,
    /// We verified them, and since then all their devices were replaced, by the recovery phrase.
    NewDevices,
}

/// Someone who is in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Member {
    /// Their id.
    pub user: String,
    /// What they call themselves.
    pub name: String,
    /// What they may do: `"owner"`, `"admin"`, `"member"` or `"reader"`.
    pub role: String,
    /// Their devices, in hexadecimal.
    pub devices: Vec<String>,
    /// Whether it is we.
    pub you: bool,
    /// What they say that they are up to; empty: nothing.
    pub status: String,
    /// The name of their picture, which is another for another picture; absent: they have none.
    pub avatar: Option<String>,
    /// Whether we compared keys with them.
    pub verified: bool,
    /// What is to be confirmed before we write where they read; absent: nothing.
    pub alarm: Option<Alarm>,
    /// Whether we want to hear nothing of them.
    pub blocked: bool,
}

/// Somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Contact {
    /// Their id.
    pub user: String,
    /// What they call themselves.
    pub name: String,
    /// What we call them.
    pub petname: Option<String>,
    /// What they say that they are up to; empty: nothing.
    pub status: String,
    /// The name of their picture, which is another for another picture; absent: they have none.
    pub avatar: Option<String>,
    /// Whether we compared keys with them.
    pub verified: bool,
    /// What is to be confirmed before we write where they read; absent: nothing.
    pub alarm: Option<Alarm>,
    /// Whether we were given their link. It names their key: who had it from themselves knows the right one.
    pub by_link: bool,
    /// Whether we want to hear nothing of them.
    pub blocked: bool,
    /// In how many conversations they are with us.
    pub shared: u32,
    /// The conversation of the two of us, if there is one.
    pub conversation: Option<String>,
}

/// How our user shows themselves to all with whom they share a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Profile {
    /// Their id.
    pub user: String,
    /// What they call themselves.
    pub name: String,
    /// What they are up to; empty: nothing.
    pub status: String,
    /// The name of their picture; absent: there is none.
    pub avatar: Option<String>,
}

/// A picture. It came from somebody else, and nothing of it was looked at but its first bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Avatar {
    /// `"image/png"`, `"image/jpeg"` or `"image/webp"`.
    pub kind: String,
    /// The picture, in base64.
    pub image: String,
}

/// Somebody who asks to be a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Asker {
    /// Their id.
    pub user: String,
    /// What they call themselves.
    pub name: String,
    /// What they say; at most 280 bytes.
    pub message: String,
    /// When we heard of it: milliseconds since the Unix epoch.
    pub at: u64,
}

/// Somebody whom we asked to be a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Asked {
    /// Their id.
    pub user: String,
    /// What we said.
    pub message: String,
    /// When we asked: milliseconds since the Unix epoch.
    pub at: u64,
    /// How far it is, in words.
    pub state: String,
}

/// Someone who waits to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Guest {
    /// Their id.
    pub user: String,
    /// What they call themselves.
    pub name: String,
}

/// A peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
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

/// A node that this peer uses: it makes us reachable, and tells those who share a secret with us where we are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Node {
    /// Its address, with `/p2p/…`.
    pub address: String,
    /// Whether others can reach us over it now.
    pub reachable: bool,
    /// Whether it keeps mail, as it said last.
    pub mail: bool,
    /// Whether a token is kept that is shown there.
    pub token: bool,
    /// Why it is of no use now, in words; absent when nothing is known against it.
    pub problem: Option<String>,
}

/// How this peer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Status {
    /// Our name.
    pub name: String,
    /// Our id, in hexadecimal.
    pub user: String,
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
    /// What is still to be erased from this disk, of messages that were deleted or whose time has come; 0 when nothing is.
    pub erasing: u32,
    /// What went wrong last, in words; absent when nothing did.
    pub problem: Option<String>,
}

/// A linked peer whose heads differ from ours in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Behind {
    /// The conversation's whole id.
    pub conversation: String,
    /// The peer's name.
    pub name: String,
    /// Changes of ours that it was not yet heard to have.
    pub lacks: u64,
}
