//! Mallory: a member who does not keep the rules. She was let in like anyone else, holds the conversation's secret and a
//! device of her own, and says whatever she likes to whom she likes.

use bayou_core::authority::{Authority, Item, Record, Role, Said, Setting, Standpoint, UserRecord, UserSaid, Via};
use bayou_core::conversation::{SegmentId, Sent};
use bayou_core::crypto::{self, DeviceKey, Signature};
use bayou_core::engine::Input;
use bayou_core::envelope::Frame;
use bayou_core::id::{ConversationId, DeviceId, PeerId, RecordHash, UserId};
use bayou_core::identity::JoinLink;
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
    /// What her device key is made of.
    pub seed: u8,
    /// Her device key.
    pub key: DeviceKey,
    /// Her root key, by which she is a user.
    pub root: DeviceKey,
    /// Her name on the network.
    pub peer: PeerId,
    /// How she was invited.
    pub link: JoinLink,
    /// The conversation's secret, once she was let in.
    pub secret: [u8; 32],
    /// The grant under which she is in.
    pub grant: RecordHash,
    /// All that she was told of the conversation's authority.
    pub authority: Authority,
}

impl Mallory {
    /// Makes a Mallory who was invited to the first conversation of a world.
    pub fn invited(world: &World) -> Self {
        Mallory::holding(world.link_of(0), SEED)
    }

    /// Makes one of several Mallories, who holds a link: others have other seeds, two apart.
    pub fn holding(link: JoinLink, seed: u8) -> Self {
        Mallory {
            seed,
            key: DeviceKey::from_seed(&[seed; 32]),
            root: DeviceKey::from_seed(&[seed + 1; 32]),
            peer: PeerId([seed; 32]),
            authority: Authority::new(link.conversation),
            link,
            secret: [0; 32],
            grant: RecordHash([0; 32]),
        }
    }

    /// Returns the user that she is.
    pub fn user(&self) -> UserId {
        UserId(self.root.device().0)
    }

    /// Links to a peer, proves her device and is let in by her invite, if she was not before.
    ///
    /// # Panics
    /// When she is not let in.
    pub fn links(&mut self, world: &mut World, who: Who) {
        self.appears(world, who);
        if self.secret == [0; 32] {
            self.enters(world, who);
        }
        self.tells(world, who, &self.tags());
        self.tells(world, who, &Frame::Names { conversation: self.conversation(), names: vec![] });
        world.run(500);
        self.listens(world, who);
    }

    /// Links to a peer and proves her device, and no more.
    pub fn appears(&self, world: &mut World, who: Who) {
        world.link_stranger(who, self.peer, BINDING);
        let prove = self.proof(world, who);
        self.tells(world, who, &prove);
    }

    /// Knocks by the link that she holds; returns the invite if the door is opened.
    pub fn knocks(&self, world: &mut World, who: Who) -> Option<RecordHash> {
        let before = self.mailbox(world, who).frames.len();
        self.tells(world, who, &self.knock_on(&BINDING));
        self.heard(world, who).into_iter().skip(before).find_map(|frame| match frame {
            Frame::Door { invite, .. } => Some(invite),
            _ => None,
        })
    }

    /// Returns the knock for a link with this binding.
    pub fn knock_on(&self, binding: &[u8; 32]) -> Frame {
        let key = self.link.keys().id().0;
        let parts: [&[u8]; 3] = [b"knock", binding, self.peer.as_bytes()];
        Frame::Knock { tag: crypto::keyed_hash(&key, &parts)[..16].try_into().expect("16 bytes") }
    }

    /// Comes in by the link that she holds.
    fn enters(&mut self, world: &mut World, who: Who) {
        let invite = self.knocks(world, who).expect("the door");
        let enter = self.enter(invite);
        self.tells(world, who, &enter);
        world.run(500);
        let welcome = self.heard(world, who).into_iter().find_map(|frame| match frame {
            Frame::Welcome { secret, .. } => Some(secret),
            _ => None,
        });
        self.secret = welcome.expect("a welcome");
    }

    /// Asks to be let in by an invite.
    pub fn enter(&self, invite: RecordHash) -> Frame {
        let keys = self.link.keys();
        let proof = Via::prove(invite, keys.signing_key(), self.conversation(), self.user()).proof;
        let log = self.log().iter().map(|record| record.bytes().to_vec().into()).collect();
        Frame::Enter { conversation: self.conversation(), invite, proof, log }
    }

    /// Returns the records that make her device hers.
    pub fn log(&self) -> [UserRecord; 2] {
        let cert = UserSaid::DeviceCert { device: self.key.device(), may_enrol: true, prekey: None };
        let cert = UserRecord::by_root(cert, vec![], Timestamp(1), &self.root);
        let said = UserSaid::Profile { name: "mallory".into(), avatar: None, status: String::new() };
        let shown = UserRecord::by_device(said, self.user(), vec![cert.hash()], Timestamp(1), &self.key);
        [cert, shown]
    }

    /// Takes in what she was told of the conversation's authority: her grant is the one that she acts under from then on.
    pub fn listens(&mut self, world: &World, who: Who) {
        self.heard(world, who).iter().for_each(|frame| self.learns(frame));
    }

    /// As [`Mallory::listens`], of one frame.
    ///
    /// # Panics
    /// When it is none that an honest peer sends.
    pub fn learns(&mut self, frame: &Frame) {
        let Frame::Controls { items, .. } = frame else { return };
        for bytes in items {
            self.authority.add(Item::open(bytes, self.conversation()).expect("what an honest peer sends"));
        }
        let user = self.user();
        if let Some(member) = self.authority.ruling().members().get(&user) {
            self.grant = member.grant;
        }
    }

    /// Returns the conversation.
    pub fn conversation(&self) -> ConversationId {
        self.link.conversation
    }

    /// Returns the proof of her device for a link.
    pub fn proof(&self, world: &World, who: Who) -> Frame {
        self.proof_on(&BINDING, world.peers[who].id)
    }

    /// Returns the proof of her device for a link with this binding.
    pub fn proof_on(&self, binding: &[u8; 32], to: PeerId) -> Frame {
        let parts: [&[u8]; 3] = [binding, self.peer.as_bytes(), to.as_bytes()];
        Frame::Prove { device: self.key.device(), signature: self.key.sign("bayou/1/link", &parts) }
    }

    /// Returns the tag of the conversation.
    pub fn tags(&self) -> Frame {
        self.tags_on(&BINDING)
    }

    /// Returns the tag of the conversation for a link with this binding.
    pub fn tags_on(&self, binding: &[u8; 32]) -> Frame {
        let tag = crypto::keyed_hash(&self.secret, &[binding, self.peer.as_bytes()]);
        Frame::Share { tags: vec![tag[..16].try_into().expect("16 bytes")] }
    }

    /// Signs a control record, whether it counts or not.
    pub fn control(&mut self, said: Said) -> Record {
        let from = self.standpoint();
        Record::sign(said, from, &self.key)
    }

    /// Returns from where she honestly signs a control record.
    pub fn standpoint(&mut self) -> Standpoint {
        Standpoint {
            conversation: Some(self.conversation()),
            user: self.user(),
            auth: Some(self.grant),
            parents: self.authority.heads(),
            at: Timestamp(1),
        }
    }

    /// Returns the grant under which somebody is in.
    ///
    /// # Panics
    /// When they are not, as far as she knows.
    pub fn grant_of(&mut self, user: &UserId) -> RecordHash {
        self.authority.ruling().members()[user].grant
    }

    /// Returns a record by which she invites whoever holds a key.
    pub fn invites(&mut self, number: u8) -> Vec<u8> {
        let key = DeviceId([number; 32]);
        let said = Said::Invite { key, role: Role::Reader, uses: 1, expires: Timestamp(1), auto: true };
        Item::Record(self.control(said)).to_bytes()
    }

    /// Returns a record by which she changes the title, though she may not.
    pub fn sets_title(&mut self, number: u32) -> Vec<u8> {
        let title = format!("{number}{}", "m".repeat(90));
        Item::Record(self.control(Said::Set(Setting::Title(title)))).to_bytes()
    }

    /// Returns a frame of items.
    pub fn controls(&self, items: &[Vec<u8>]) -> Frame {
        let items = items.iter().map(|bytes| serde_bytes::ByteBuf::from(bytes.clone())).collect();
        Frame::Controls { conversation: self.conversation(), items }
    }

    /// Names a segment of the conversation.
    pub fn segment(&self, number: u32) -> SegmentId {
        SegmentId { conversation: self.conversation(), number }
    }

    /// Returns the writer of her chain in a segment.
    pub fn author(&self, number: u32) -> Author {
        Author::under(self.segment(number), self.seed, self.grant)
    }

    /// Returns a frame that pushes a run.
    pub fn push(&self, segment: u32, runs: Vec<Vec<Sent>>) -> Frame {
        Frame::Push { conversation: self.conversation(), segment, told: vec![], hops: 1, runs }
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
