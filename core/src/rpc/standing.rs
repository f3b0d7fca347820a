//! What front ends show when somebody asks why something has not arrived.

use serde::{Deserialize, Serialize};

/// How a conversation gets on with each of its members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Standing {
    /// The conversation's whole id.
    pub conversation: String,
    /// Its title, as in the list of conversations.
    pub title: String,
    /// Who is in, our own user too, by name.
    pub members: Vec<MemberStanding>,
    /// Where mail for who is away waits: the mailboxes that the conversation names, and those into which this peer looks
    /// besides.
    pub mailboxes: Vec<MailboxStanding>,
    /// Texts that were announced and have not arrived.
    pub awaited: u32,
    /// Own changes that are on their way to this disk.
    pub writing: u32,
    /// How often since the start a linked peer that did not get on was asked again.
    pub asked_again: u32,
    /// How often the link to it was then dropped and dialled anew.
    pub redialled: u32,
    /// What went wrong last on this machine, in words; absent when nothing did.
    pub problem: Option<String>,
}

/// How it stands with a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct MailboxStanding {
    /// The node's address.
    pub address: String,
    /// Whether the conversation names it. If not, this peer only looks whether something lies there.
    pub named: bool,
    /// Whether it answered when it was asked last, or was not asked since the start.
    pub reached: bool,
    /// What is on its way to it, or asked of it.
    pub errands: u32,
    /// Why it was not reached, or what it refused and why; absent when it did what it was asked last.
    pub problem: Option<String>,
    /// Envelopes from it, since the start, that were good for nothing.
    pub useless: u32,
    /// Why the last of them was; absent if there was none.
    pub useless_because: Option<String>,
}

/// How it stands with a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct MemberStanding {
    /// Their id.
    pub user: String,
    /// Their name.
    pub name: String,
    /// Whether it is we.
    pub you: bool,
    /// All of this in a few words: `"linked directly, has everything"`.
    pub says: String,
    /// Their devices. Of our own user, the others.
    pub devices: Vec<DeviceStanding>,
}

/// How it stands with a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct DeviceStanding {
    /// The device, in hexadecimal.
    pub device: String,
    /// Its peer id, in hexadecimal; absent if there was never a link to it.
    pub peer: Option<String>,
    /// Whether there is a link.
    pub linked: bool,
    /// Whether the link goes over a relay.
    pub relayed: bool,
    /// How long a ping over the link took there and back, in milliseconds; absent until there was one.
    pub round_trip: Option<u32>,
    /// Where it may be reached: that of the link first.
    pub addresses: Vec<String>,
    /// When there was a link last: milliseconds since the Unix epoch; absent if never.
    pub seen: Option<u64>,
    /// Why a dial came to nothing last, in words; absent if there was a link since.
    pub failure: Option<String>,
    /// Changes of ours that it was not yet heard to have.
    pub lacks: u64,
    /// Segments in which it is known to have something that we lack.
    pub ahead: u32,
    /// Whether it said that it has other records of who may do what, and this is not settled.
    pub rules_differ: bool,
}

/// Where a message is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Whereabouts {
    /// The message's whole id.
    pub message: String,
    /// The conversation's whole id.
    pub conversation: String,
    /// As in a [`Row`](super::Row); or `"disappeared"`.
    pub state: String,
    /// Whether its text is kept on this device.
    pub kept: bool,
    /// What became of it otherwise: `"deleted"`, `"erased"`, `"hidden"`, `"disputed"`, `"disappeared"`; or nothing.
    pub fate: Vec<String>,
    /// All of this in a few words.
    pub says: String,
    /// One each for the devices of the others who are in and may read it. Only who wrote a message hears who has it.
    pub devices: Vec<Holder>,
}

/// Whether a device has a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Holder {
    /// Whose device: their id.
    pub user: String,
    /// Their name.
    pub name: String,
    /// The device, in hexadecimal.
    pub device: String,
    /// Whether it was heard to have it; absent when we would not hear of it.
    pub has: Option<bool>,
    /// How it can be reached, in a few words: `"linked directly"`.
    pub path: String,
}
