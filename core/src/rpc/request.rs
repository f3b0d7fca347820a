//! What a front end can ask.

use serde::{Deserialize, Serialize};

use super::{Base64, InviteOptions, Lock, PageFrom, Setting, Words};
#[cfg(doc)]
use super::{BundleBlock, Event, Reply};

/// A call: JSON-RPC's `method` and `params`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
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
    /// Has our user go on under another recovery phrase; none of their devices is theirs any more. → [`Reply::Done`]
    MoveRoot {
        /// The 24 words of now.
        phrase: Words,
        /// The 24 words from then on.
        to: Words,
    },
    /// Hides another's message from all, or shows it again, or has it erased. → [`Reply::Done`]
    Hide {
        /// The message, as in [`Request::Edit`].
        message: String,
        /// Whether to show it again.
        #[serde(default)]
        #[cfg_attr(feature = "types", ts(as = "Option<_>", optional))]
        off: bool,
        /// Whether it is to be erased on every peer, for good.
        #[serde(default)]
        #[cfg_attr(feature = "types", ts(as = "Option<_>", optional))]
        erase: bool,
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
        /// The message that it answers, as in [`Request::Edit`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<String>,
        /// A name for this call, made by the front end; 1 to 64 bytes. The same name again in the same conversation gives
        /// the same answer and writes nothing: so a call whose answer was lost can be made again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
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
        #[cfg_attr(feature = "types", ts(as = "Option<_>", optional))]
        off: bool,
    },
    /// Reads the newest messages of a conversation, oldest first. → [`Reply::Log`]
    Log {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// How many at most; 1 to 1000.
        limit: u32,
        /// Only messages before this one (its whole id), for paging back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<String>,
    },
    /// Reads a page of the timeline: messages and notices between them, oldest first. What it costs does not depend on how
    /// much else there is. Marks nothing as read. → [`Reply::Page`]
    Page {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// Where.
        from: PageFrom,
        /// How many items at most; 1 to 200.
        limit: u32,
    },
    /// Marks what is in a conversation as read, on all devices of our user's. → [`Reply::Done`]
    Read {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// The whole id of the newest message that was read.
        up_to: String,
    },
    /// Reads what a message said, version by version. → [`Reply::History`]
    History {
        /// The message, as in [`Request::Edit`].
        message: String,
    },
    /// Reads what happened in a conversation besides its messages, oldest first. → [`Reply::Notices`]
    Notices {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// Only what happened from then on: milliseconds since the Unix epoch.
        #[serde(default)]
        #[cfg_attr(feature = "types", ts(as = "Option<_>", optional))]
        after: u64,
        /// Only what happened before then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// Begins a file that brings others what they lack of a conversation, without any network. Gives its first block; the
    /// rest with [`Request::ContinueBundle`]. → [`Reply::Bundle`]
    ExportBundle {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// For whose devices, as in [`Request::Role`]; absent: for all members'.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        member: Option<String>,
        /// Whether what they were heard to have goes in, too.
        #[serde(default)]
        #[cfg_attr(feature = "types", ts(as = "Option<_>", optional))]
        all: bool,
    },
    /// Gives the next block of a bundle. → [`Reply::Bundle`]
    ContinueBundle {
        /// The bundle, as [`BundleBlock`] names it.
        bundle: u64,
    },
    /// Takes in one piece of a bundle. The pieces are handed in one after the other; each answer comes when what was new in
    /// it is durable. → [`Reply::Imported`]
    ImportBundle {
        /// The bundle's first block.
        head: Base64,
        /// How many pieces were before this one.
        number: u64,
        /// Whether it is the last block of the file.
        last: bool,
        /// The piece.
        piece: Base64,
    },
    /// Lists the conversations. → [`Reply::Conversations`]
    Conversations,
    /// Tells of one conversation what the list does. → [`Reply::Listed`]
    Conversation {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
    },
    /// From now on an [`Event::Conversation`] for each conversation that changed in the list, and an [`Event::Status`] when
    /// this peer is otherwise. → [`Reply::Done`]
    Watch,
    /// Lists the peers that are known. → [`Reply::Peers`]
    Peers,
    /// Tells how this peer is. → [`Reply::Status`]
    Status,
    /// Tells how much of this machine's disk the home takes. → [`Reply::Storage`]
    Storage,
    /// Makes a QR code. → [`Reply::Qr`]
    Qr {
        /// What it says; at most 2953 bytes.
        text: String,
    },
    /// Tells whether there is a home, and whether it is open. Answered when nothing else is, too. → [`Reply::Home`]
    Home,
    /// Makes a home, where there is none, and opens it. → [`Reply::Phrase`]
    Init {
        /// How others will see our user; 1 to 100 bytes.
        name: String,
        /// How the home is locked.
        #[serde(flatten)]
        lock: Lock,
    },
    /// Makes a home for who is back with their recovery phrase, and opens it. → [`Reply::Done`]
    Restore {
        /// How others will see our user; 1 to 100 bytes.
        name: String,
        /// The 24 words.
        phrase: Words,
        /// How the home is locked.
        #[serde(flatten)]
        lock: Lock,
    },
    /// Opens a home that is locked. → [`Reply::Done`]
    Unlock {
        /// Its passphrase.
        passphrase: Words,
    },
    /// Begins to make this machine a device of a user who has others. → [`Reply::Offer`]
    OfferDevice,
    /// Waits until one of the user's devices has answered the offer, ten minutes at most. → [`Reply::Offered`]
    AwaitDigits,
    /// Says whether both devices show the same digits. With a yes it answers when the other one was told so, too, and the
    /// home is made and open. → [`Reply::Done`]
    SettleIn {
        /// Whether they do.
        yes: bool,
        /// How the home is locked.
        #[serde(flatten)]
        lock: Lock,
    },
    /// Lists the nodes that this peer uses. → [`Reply::Nodes`]
    Nodes,
    /// Uses one more node, now and after each start. → [`Reply::Done`]
    AddNode {
        /// A multiaddr that ends in `/p2p/…`, as the node prints it.
        address: String,
        /// What to show there, where the operator lets in only who shows a token; 16 to 256 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<Words>,
    },
    /// Uses a node no longer. → [`Reply::Done`]
    RemoveNode {
        /// One of its addresses, or what stands behind `/p2p/` in all of them.
        node: String,
    },
    /// Tells how a conversation gets on with each of its members. → [`Reply::Standing`]
    ConversationStatus {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
    },
    /// Tells where a message is, and why not elsewhere. → [`Reply::Whereabouts`]
    MessageStatus {
        /// The message, as in [`Request::Edit`]. One that has disappeared: its whole id.
        message: String,
    },
    /// Dials an address. → [`Reply::Done`]
    Dial {
        /// A multiaddr; it may end in `/p2p/…`.
        address: String,
    },
    /// Reads what our user began to write in a conversation, or notes it, on all their devices. → [`Reply::Draft`]
    Draft {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// What is begun now, as long as a message may be; empty: nothing. Absent: leaves it as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// Reads how our user likes their front ends, or changes one setting, on all their devices. → [`Reply::Settings`]
    Settings {
        /// Which setting to change.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// What it is to be; absent: what it is if nobody says anything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// Reads how our user shows themselves, or changes it. → [`Reply::Profile`]
    Profile {
        /// What they call themselves; 1 to 100 bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// What they are up to; at most 140 bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<String>,
        /// Their picture, in base64: PNG, JPEG or WebP, at most 16 KiB; empty: none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        avatar: Option<String>,
    },
    /// Gives somebody's picture. → [`Reply::Avatar`]
    Avatar {
        /// Who, as in [`Request::Contact`], or our user's own id.
        user: String,
    },
    /// Gives the link by which others ask to be a contact. → [`Reply::ContactLink`]
    ContactLink {
        /// Makes a web link with this host.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// Whether to make a new one: the old one is of no use any more.
        #[serde(default)]
        #[cfg_attr(feature = "types", ts(as = "Option<_>", optional))]
        replace: bool,
    },
    /// Asks somebody to be a contact, by their link. → [`Reply::Asked`]
    AddContact {
        /// A link that [`Request::ContactLink`] gave.
        link: String,
        /// What to say; at most 280 bytes.
        #[serde(default)]
        #[cfg_attr(feature = "types", ts(as = "Option<_>", optional))]
        message: String,
    },
    /// Lists who asks to be a contact, and whom we asked. → [`Reply::Requests`]
    Requests,
    /// Says yes or no to somebody who asks to be a contact. → [`Reply::New`], or [`Reply::Done`]
    AnswerRequest {
        /// Who: their id, an unambiguous beginning of it, or their name.
        user: String,
        /// Whether to talk with them.
        yes: bool,
    },
    /// Takes somebody as they are now who is like somebody verified, or whose devices were replaced. → [`Reply::Done`]
    ConfirmContact {
        /// Who, as in [`Request::Contact`].
        user: String,
    },
    /// Wants to hear nothing of somebody, or to hear of them again. They are not told. → [`Reply::Done`]
    Block {
        /// Who, as in [`Request::Contact`] or [`Request::AnswerRequest`], or anybody's whole id.
        user: String,
        /// Whether to hear of them again.
        #[serde(default)]
        #[cfg_attr(feature = "types", ts(as = "Option<_>", optional))]
        off: bool,
    },
    /// Reads what devices that wrote two histories wrote from where these part, as far as it was here; oldest first. It
    /// counts for nothing and others may have something else. → [`Reply::Log`]
    Disputed {
        /// The conversation, as in [`Request::Invite`].
        conversation: String,
        /// How many at most, the newest; 1 to 1000.
        limit: u32,
        /// Only messages before this one (its whole id), for paging back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<String>,
    },
}

impl Request {
    /// Makes a request that writes a message which answers nothing.
    pub fn send(conversation: impl Into<String>, text: impl Into<String>) -> Request {
        Request::Send { conversation: conversation.into(), text: text.into(), reply_to: None, id: None }
    }
}
