//! What control records say: the kinds, their limits, and which records each of them names.

use serde::{Deserialize, Serialize};

use super::error::MAX_TITLE;
use crate::crypto::Signature;
use crate::id::{ActorId, Address, CutHash, DeviceId, RecordHash, UserId};
use crate::time::{Hlc, Timestamp};

/// The longest topic, in bytes.
pub const MAX_TOPIC: usize = 1000;

/// The most mailboxes of one conversation.
pub const MAX_MAILBOXES: usize = 3;

/// The longest address of a mailbox, in bytes.
pub const MAX_MAILBOX: usize = 256;

/// The most uses that an invite may offer.
pub const MAX_USES: u32 = 1000;

/// What someone may do. Each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Reads.
    Reader,
    /// Writes, and renews the group key.
    Member,
    /// Grants roles below this one, removes those who rank below, invites, hides and erases messages, changes settings.
    Admin,
    /// The one who began the conversation, or to whom it was handed over. Cannot be removed.
    Owner,
}

/// Shows that whoever is granted a role held an invite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Via {
    /// The invite.
    pub invite: RecordHash,
    /// Made with the invite's key over the conversation and the user, see [`Via::prove`](super::Via::prove).
    pub proof: Signature,
}

/// The place of a message, as far as authority must know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageName {
    /// The segment that it is in.
    pub segment: u32,
    /// When it was written.
    pub at: Hlc,
    /// The chain that it is in.
    pub actor: ActorId,
    /// Its number within its change.
    pub number: u8,
}

/// What newcomers may read of what was written before they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum History {
    /// All of it.
    #[default]
    All,
    /// Nothing.
    SinceJoin,
}

/// One setting of the conversation. The newest of each kind counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Setting {
    /// What the conversation is called; at most [`MAX_TITLE`] bytes.
    Title(String),
    /// What it is about; at most [`MAX_TOPIC`] bytes.
    Topic(String),
    /// What newcomers may read.
    History(History),
    /// After how many seconds messages disappear; 0: never.
    Disappear(u32),
    /// The nodes where mail waits for who is away; at most [`MAX_MAILBOXES`] of [`MAX_MAILBOX`] bytes each.
    Mailboxes(Vec<Address>),
}

/// What a control record says. Kinds are only ever added at the end, before [`Said::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// Begins a conversation; its author is the owner.
    Genesis {
        /// What it is called; at most [`MAX_TITLE`] bytes.
        title: String,
        /// Random, so that two conversations never have the same id.
        salt: [u8; 16],
    },
    /// Gives someone a role below its author's, or the one that an invite names. A change of role is a new grant.
    Grant {
        /// Who gets it.
        to: UserId,
        /// What they get.
        role: Role,
        /// The first segment that they may read; 0: all. The grant opens it, full or not the one before it.
        since: u32,
        /// The invite that they hold.
        via: Option<Via>,
    },
    /// Ends a grant that ranks below its author's.
    Remove {
        /// The grant.
        grant: RecordHash,
        /// What counts of the chains that were written under it. Chains that it does not list do not count.
        cut: CutHash,
        /// The commitment to a new group key, which the removed one does not get.
        rekey: Option<[u8; 32]>,
    },
    /// Ends the grant under which it is said.
    Leave {
        /// What counts of the chains that were written under it.
        cut: CutHash,
    },
    /// Makes another the owner. Its author writes on as a member.
    HandOver {
        /// The new owner.
        to: UserId,
    },
    /// Offers a role to who holds a key.
    Invite {
        /// The public key, made from the seed in the link.
        key: DeviceId,
        /// What is offered; below its author's.
        role: Role,
        /// To how many users; at most [`MAX_USES`].
        uses: u32,
        /// Until when, by the clock of whoever admits; never a reason to refuse a grant that was made.
        expires: Timestamp,
        /// Whether everyone of that role may admit, or only admins.
        auto: bool,
    },
    /// Withdraws an invite.
    InviteRevoke {
        /// The invite.
        invite: RecordHash,
    },
    /// Renews the group key.
    Epoch {
        /// The commitment to its secret.
        commitment: [u8; 32],
    },
    /// Hides a message from all, or shows it again.
    Hide {
        /// The message.
        message: MessageName,
        /// Whether it is hidden.
        hidden: bool,
    },
    /// Changes a setting.
    Set(Setting),
    /// Lets more of a removed grant's chains count.
    CutExtend {
        /// The grant that was removed.
        grant: RecordHash,
        /// What counts. Of several cuts, the farther one, chain by chain.
        cut: CutHash,
    },
    /// Says what counts of a device that its user retired.
    DeviceCut {
        /// The user.
        user: UserId,
        /// The device; not the one that says it.
        device: DeviceId,
        /// What counts of its chains.
        cut: CutHash,
    },
    /// Begins a conversation of two, to whom nobody is added, or gives the other of them their place in it. Signed by nobody:
    /// it follows from who the two are, see [`Record::direct`](super::Record::direct).
    Direct {
        /// The other one.
        with: UserId,
    },
    /// Erases a message, with all its edits, on every peer. Cannot be undone.
    Erase {
        /// The message.
        message: MessageName,
    },
    /// A kind that this version does not know: kept and passed on, without effect.
    #[serde(skip)]
    Unknown,
}

/// How many kinds this version knows.
pub(super) const KINDS: u8 = 14;

impl Said {
    /// Tells whether the limits are kept. Depends on what is said alone.
    pub(super) fn fits(&self) -> bool {
        match self {
            Said::Genesis { title, .. } | Said::Set(Setting::Title(title)) => title.len() <= MAX_TITLE,
            Said::Set(Setting::Topic(topic)) => topic.len() <= MAX_TOPIC,
            Said::Set(Setting::Mailboxes(nodes)) => {
                nodes.len() <= MAX_MAILBOXES && nodes.iter().all(|node| node.0.len() <= MAX_MAILBOX)
            }
            Said::Invite { uses, .. } => (1..=MAX_USES).contains(uses),
            _ => true,
        }
    }

    /// Returns the record that it is about, if it is about one.
    pub(super) fn names(&self) -> Option<RecordHash> {
        match self {
            Said::Grant { via, .. } => via.as_ref().map(|via| via.invite),
            Said::Remove { grant, .. } | Said::CutExtend { grant, .. } => Some(*grant),
            Said::InviteRevoke { invite } => Some(*invite),
            _ => None,
        }
    }

    /// Returns the cut that it brings, if it brings one.
    pub fn cut(&self) -> Option<CutHash> {
        match self {
            Said::Remove { cut, .. }
            | Said::Leave { cut }
            | Said::CutExtend { cut, .. }
            | Said::DeviceCut { cut, .. } => Some(*cut),
            _ => None,
        }
    }
}
