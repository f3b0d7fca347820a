//! What a peer answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::markdown;
use super::{
    Asked, Asker, Avatar, BundleBlock, Contact, Conversation, Device, Guest, HomeState, Invite, Item, Member, Node,
    Notice, Peer, Profile, Row, Standing, Status, Storage, Version, Whereabouts, Words,
};
#[cfg(doc)]
use super::{Event, Request};

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case", untagged)]
pub enum Reply {
    /// To `log`, `disputed` and `follow`.
    Log {
        /// The conversation's whole id: what the [`Event::Row`]s of a follower name.
        conversation: String,
        /// The rows, oldest first.
        rows: Vec<Row>,
    },
    /// To `page`.
    Page {
        /// The conversation's whole id.
        conversation: String,
        /// The items, oldest first.
        items: Vec<Item>,
        /// Whether there are older ones.
        older: bool,
        /// Whether there are newer ones.
        newer: bool,
        /// The key of the first message that was not read yet; absent when all was.
        unread: Option<String>,
    },
    /// To `history`.
    History {
        /// What it said, oldest first.
        versions: Vec<Version>,
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
    /// To `conversation`.
    Listed {
        /// The conversation, as in the list.
        listed: Box<Conversation>,
    },
    /// To `peers`.
    Peers {
        /// One each.
        peers: Vec<Peer>,
    },
    /// To `status`.
    Status(Box<Status>),
    /// To `storage`.
    Storage {
        /// How many bytes.
        storage: Storage,
    },
    /// To `qr`.
    Qr {
        /// How many modules wide and high it is, with the light border that cameras need.
        size: u32,
        /// The dark modules, as the `d` of an SVG path in a square of that size.
        path: String,
    },
    /// To `home`.
    Home {
        /// Whether there is one.
        state: HomeState,
        /// The name of who lives there, if it is open.
        name: Option<String>,
        /// The version of this peer.
        version: String,
    },
    /// To `init`.
    Phrase {
        /// The recovery phrase: 24 words. It is kept nowhere and never given again.
        phrase: Words,
    },
    /// To `offer_device`.
    Offer {
        /// What is to be shown to the other device, as text and as the content of a QR code.
        offer: String,
    },
    /// To `nodes`.
    Nodes {
        /// One each address.
        nodes: Vec<Node>,
    },
    /// To `conversation_status`.
    Standing {
        /// How it gets on.
        standing: Box<Standing>,
    },
    /// To `message_status`.
    Whereabouts {
        /// Where it is.
        whereabouts: Box<Whereabouts>,
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
    /// To `await_digits`.
    Offered {
        /// Six digits, in two groups.
        digits: String,
    },
    /// To `import_bundle`.
    Imported {
        /// The conversation's whole id.
        conversation: String,
        /// Changes in the piece that were not here.
        changes: u64,
        /// Control records in it, and what goes with them, that were not here.
        records: u64,
        /// Whether something in it waits for what is not here either.
        early: bool,
    },
    /// To `add_contact`.
    Asked {
        /// Whom: their id.
        asked: String,
        /// The conversation with them, if there is one by now.
        conversation: Option<String>,
        /// `"in"`, or how far it is, in words. It goes on by itself.
        state: String,
    },
    /// To `join`.
    Joined {
        /// The conversation's whole id.
        conversation: String,
        /// `"in"`, or how far we are, in words. It goes on by itself.
        state: String,
    },
    /// To `draft`.
    Draft {
        /// The conversation's whole id.
        conversation: String,
        /// What is begun; empty: nothing.
        text: String,
    },
    /// To `settings`.
    Settings {
        /// All settings as they are now, by name.
        settings: BTreeMap<String, String>,
    },
    /// To `profile`.
    Profile {
        /// How our user shows themselves now.
        profile: Profile,
    },
    /// To `avatar`.
    Avatar {
        /// The picture.
        avatar: Avatar,
    },
    /// To `contact_link`.
    ContactLink {
        /// `bayou://c/#…`
        contact_link: String,
        /// How many addresses it leads to; 0: whoever has it must find us on the same network.
        addresses: u32,
    },
    /// To `requests`.
    Requests {
        /// Who asks us, the newest first.
        received: Vec<Asker>,
        /// Whom we asked.
        sent: Vec<Asked>,
    },
    /// To `new`, and to `answer_request` with a yes.
    New {
        /// The conversation's whole id.
        conversation: String,
    },
    /// To `export_bundle` and `continue_bundle`.
    Bundle(BundleBlock),
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

impl Reply {
    /// Reads the Markdown of the messages in it that are to be shown.
    pub fn with_bodies(mut self) -> Reply {
        match &mut self {
            Reply::Page { items, .. } => {
                for item in items {
                    if let Item::Row { row, .. } = item {
                        row.body = markdown::read(&row.text);
                    }
                }
            }
            Reply::History { versions } => {
                for version in versions {
                    version.body = version.text.as_deref().map(markdown::read).unwrap_or_default();
                }
            }
            _ => {}
        }
        self
    }
}
