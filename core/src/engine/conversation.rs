//! What is known of one conversation: who is in, what is here of it, and what is still to come.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::entrance::{Guest, Joining};
use super::io::CallId;
use crate::authority::{Authority, ChainOf, Item, ItemName, MessageName, Participant, Role};
use crate::conversation::{EntryId, Vector};
use crate::gossip;
use crate::id::{ActorId, ConversationId, DeviceId, PayloadId, PeerId, RecordHash, UserId};
use crate::sync::SegmentHeads;
use crate::time::Timestamp;

/// Who writes a chain, and under which grant, as its header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Author {
    pub(super) device: DeviceId,
    pub(super) grant: RecordHash,
}

impl Author {
    pub(super) fn of(self, actor: ActorId) -> ChainOf {
        ChainOf { actor, device: self.device, grant: self.grant }
    }
}

/// What is known of one conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    /// Its number in the index.
    pub(super) number: u32,
    /// Who knows it can tell who else has the conversation. Nothing is given for it.
    pub(super) secret: [u8; 32],
    /// How far we are with getting in, until we are.
    pub(super) joining: Option<Joining>,
    /// We left it, and stay out until we ask to be let in again.
    pub(super) left: bool,
    /// It is of two, and the other one is blocked.
    pub(super) is_blocked: bool,
    /// Whether we were in when its authority was carried out last.
    pub(super) was_in: bool,
    /// Who waits to hear whether we are in, and until when.
    pub(super) awaited: Option<(CallId, Timestamp)>,
    /// Who may do what. Its ruling is always up to date.
    pub(super) authority: Authority,
    /// A digest of that.
    pub(super) controls: [u8; 32],
    /// Items that came and are not judged yet, and who sent them.
    pub(super) gathered: Vec<(PeerId, Item)>,
    /// Its items that are durable here, or on their way to disk.
    pub(super) kept: BTreeSet<ItemName>,
    /// The devices of who is in.
    pub(super) devices: BTreeMap<DeviceId, UserId>,
    /// Who asks to be let in, and for whom a person has to say yes.
    pub(super) guests: BTreeMap<UserId, Guest>,
    /// To whom a person said no, and by which invite they had asked.
    pub(super) refused: BTreeSet<(UserId, RecordHash)>,
    /// Who writes the chains.
    pub(super) authors: BTreeMap<(u32, ActorId), Author>,
    /// Segments of which a chain was found to be forked.
    pub(super) forked: BTreeSet<u32>,
    /// What is durable here, by segment.
    pub(super) heads: BTreeMap<u32, SegmentHeads>,
    /// Messages that annotations wait for.
    pub(super) orphans: BTreeSet<EntryId>,
    /// Bodies that have not arrived, and the row that lacks each.
    pub(super) wants: BTreeMap<(u32, PayloadId), EntryId>,
    /// Bodies of deleted messages that may still be on disk, and whether their erasure was handed in to be kept.
    pub(super) erasing: BTreeMap<(u32, PayloadId), bool>,
    /// Messages that moderators had erased, as far as that was carried out since the start.
    pub(super) moderated: BTreeSet<MessageName>,
    /// When the next of its messages disappears, if any does.
    pub(super) expires: Option<Timestamp>,
    /// Where in the index the messages began that disappeared last.
    pub(super) first_due: Option<Vec<u8>>,
    /// Our own chains, and how much of each a member's device was heard to have. We ourselves have all of it.
    pub(super) acks: BTreeMap<(u32, ActorId), BTreeMap<DeviceId, u32>>,
    /// Our newest entries: segment, sequence number, id.
    pub(super) recent: VecDeque<(u32, u32, EntryId)>,
    /// Up to where it was read.
    pub(super) read: EntryId,
}

impl Conversation {
    /// Tells whether it has more devices than are all linked with each other. Those of others tell what they have if they are
    /// linked with us, and only then.
    pub(super) fn is_large(&self) -> bool {
        self.devices.len() > gossip::SMALL + 1
    }

    pub(super) fn new(id: ConversationId, number: u32, secret: [u8; 32]) -> Self {
        Conversation {
            number,
            secret,
            joining: None,
            left: false,
            is_blocked: false,
            was_in: false,
            awaited: None,
            authority: Authority::new(id),
            controls: [0; 32],
            gathered: Vec::new(),
            kept: BTreeSet::new(),
            devices: BTreeMap::new(),
            guests: BTreeMap::new(),
            refused: BTreeSet::new(),
            authors: BTreeMap::new(),
            forked: BTreeSet::new(),
            heads: BTreeMap::new(),
            orphans: BTreeSet::new(),
            wants: BTreeMap::new(),
            erasing: BTreeMap::new(),
            moderated: BTreeSet::new(),
            expires: None,
            first_due: None,
            acks: BTreeMap::new(),
            recent: VecDeque::new(),
            read: EntryId::MIN,
        }
    }

    /// Returns the newest segment of which anything is here, or that a grant opened.
    pub(super) fn newest_segment(&self) -> u32 {
        let opened = self.authority.last_ruling().newest_opened();
        self.heads.keys().next_back().copied().unwrap_or(0).max(opened)
    }

    /// Brings up to date what follows from the authority.
    pub(super) fn judge_anew(&mut self) {
        self.authority.ruling();
        self.controls = self.authority.digest();
        self.devices = self.authority.last_ruling().member_devices().map(|(user, device)| (device, user)).collect();
        let ruling = self.authority.last_ruling();
        self.guests.retain(|user, _| ruling.role(user).is_none());
    }

    /// Returns how someone takes part.
    pub(super) fn member(&self, user: &UserId) -> Option<&Participant> {
        self.authority.last_ruling().members().get(user)
    }

    pub(super) fn role(&self, user: &UserId) -> Option<Role> {
        self.member(user).map(|member| member.role)
    }

    /// Returns everyone who is in.
    pub(super) fn users(&self) -> impl Iterator<Item = &UserId> {
        self.authority.last_ruling().members().keys()
    }

    /// Returns what someone calls themselves, or the beginning of their id.
    pub(super) fn name(&self, user: &UserId) -> String {
        self.shown_name(user).map_or_else(|| user.fmt_short(), ToOwned::to_owned)
    }

    /// Returns what someone calls themselves, if it is known.
    pub(super) fn shown_name(&self, user: &UserId) -> Option<&str> {
        let ruling = self.authority.last_ruling();
        let devices = ruling.devices(user)?;
        // Who moved to another root shows themselves there.
        devices.name().or_else(|| ruling.devices(&devices.moved()?)?.name())
    }

    /// Returns what the conversation is called; empty until its genesis arrived.
    pub(super) fn title(&self) -> &str {
        &self.authority.last_ruling().settings().title
    }

    /// Tells whether a message is hidden from all.
    pub(super) fn hides(&self, segment: u32, message: &EntryId) -> bool {
        let EntryId { at, actor, number } = *message;
        self.authority.last_ruling().hides(&MessageName { segment, at, actor, number })
    }

    /// Returns what is durable here of a segment.
    pub(super) fn vector(&self, segment: u32) -> Vector {
        self.heads.get(&segment).map(|heads| heads.vector.clone()).unwrap_or_default()
    }
}
