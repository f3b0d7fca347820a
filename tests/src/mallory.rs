//! Mallory: a member who does not keep the rules. She holds the conversation's secret and a device of her own, and says
//! whatever she likes to whom she likes.

use bayou_core::authority::{Control, ControlRecord};
use bayou_core::conversation::{SegmentId, Sent};
use bayou_core::crypto::{self, DeviceKey, Signature};
use bayou_core::engine::Input;
use bayou_core::envelope::Frame;
use bayou_core::id::PeerId;
use bayou_core::identity::Invite;
use bayou_core::time::Timestamp;
use bytes::Bytes;

use crate::craft::Author;
use crate::world::{Mailbox, Who, World};

/// The seed of her device key, as [`Author`] takes it.
const SEED: u8 = 0x66;

/// What her links are bound to.
const BINDING: [u8; 32] = [0xb1; 32];

/// Mallory.
#[derive(Debug)]
pub struct Mallory {
    /// Her device key.
    pub key: DeviceKey,
    /// Her name on the network.
    pub peer: PeerId,
    /// How she was invited.
    pub invite: Invite,
}

impl Mallory {
    /// Makes a Mallory who was invited to the first conversation of a world.
    pub fn invited(world: &World) -> Self {
        let invite = Invite::from_link(&world.invites[0]).expect("the world's own link");
        Mallory { key: DeviceKey::from_seed(&[SEED; 32]), peer: PeerId([0x66; 32]), invite }
    }

    /// Links to a peer as an honest member does, and joins.
    pub fn links(&self, world: &mut World, who: Who) {
        world.link_stranger(who, self.peer, BINDING);
        let prove = self.proof(world, who);
        self.tells(world, who, &prove);
        self.tells(world, who, &self.tags());
        self.tells(world, who, &self.joins());
        world.run(500);
    }

    /// Returns the proof of her device for a link.
    pub fn proof(&self, world: &World, who: Who) -> Frame {
        let parts: [&[u8]; 3] = [&BINDING, self.peer.as_bytes(), world.peers[who].id.as_bytes()];
        Frame::Prove { device: self.key.device(), signature: self.key.sign("bayou/1/link", &parts) }
    }

    /// Returns the tag of the conversation.
    pub fn tags(&self) -> Frame {
        let tag = crypto::keyed_hash(&self.invite.secret, &[&BINDING, self.peer.as_bytes()]);
        Frame::Share { tags: vec![tag[..16].try_into().expect("16 bytes")] }
    }

    /// Returns the record by which she is a member.
    pub fn joins(&self) -> Frame {
        self.controls(&[self.named("mallory").bytes().to_vec()])
    }

    /// Returns a record by which she takes a name.
    pub fn named(&self, name: &str) -> ControlRecord {
        let join = Control::Join { name: name.into(), at: Timestamp(1) };
        ControlRecord::sign(join, self.invite.conversation, &self.key)
    }

    /// Returns a frame of control records.
    pub fn controls(&self, records: &[Vec<u8>]) -> Frame {
        let records = records.iter().map(|bytes| serde_bytes::ByteBuf::from(bytes.clone())).collect();
        Frame::Controls { conversation: self.invite.conversation, records }
    }

    /// Names a segment of the conversation.
    pub fn segment(&self, number: u32) -> SegmentId {
        SegmentId { conversation: self.invite.conversation, number }
    }

    /// Returns the writer of her chain in a segment.
    pub fn author(&self, number: u32) -> Author {
        Author::new(self.segment(number), SEED)
    }

    /// Returns a frame that pushes a run.
    pub fn push(&self, segment: u32, runs: Vec<Vec<Sent>>) -> Frame {
        Frame::Push { conversation: self.invite.conversation, segment, told: vec![], runs }
    }

    /// Says something.
    pub fn tells(&self, world: &mut World, who: Who, frame: &Frame) {
        self.sends(world, who, frame.encode());
    }

    /// Sends any bytes.
    pub fn sends(&self, world: &mut World, who: Who, bytes: Vec<u8>) {
        world.give(who, Input::Frame(self.peer, Bytes::from(bytes)));
    }

    /// Returns what she was sent by a peer.
    pub fn mailbox<'a>(&self, world: &'a World, who: Who) -> &'a Mailbox {
        &world.strangers[&(who, self.peer)]
    }

    /// Returns the frames that she was sent by a peer.
    pub fn heard(&self, world: &World, who: Who) -> Vec<Frame> {
        self.mailbox(world, who).frames.iter().filter_map(|frame| Frame::decode(frame).ok()).collect()
    }
}

/// Returns a signature that is not valid.
pub fn forged(signature: Signature) -> Signature {
    let mut bytes = signature.0;
    bytes[0] ^= 1;
    Signature(bytes)
}
