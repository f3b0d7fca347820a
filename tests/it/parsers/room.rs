//! Honest things of every kind: what the mutants are made of.

use bayou_core::authority::{
    Authority, Cut, Item, MessageName, Prekey, Record, Role, Said, Setting, Standpoint, UserRecord, UserSaid, Via,
};
use bayou_core::conversation::{AuthoredPayload, ForkProof, Vector};
use bayou_core::crypto::{BoxKey, DeviceKey, Entropy, Secret, Signature};
use bayou_core::envelope::{
    Answer, BundleKey, Commitment, EpochBox, Frame, Head, News, Parcel, Part, Recipient, Tips, Turned, Whereabouts,
};
use bayou_core::id::{ActorId, Address, ConversationId, DeviceId, PeerId, RecordHash, UserId};
use bayou_core::identity::{Register, RegisterKey};
use bayou_core::time::{Hlc, Timestamp};
use bayou_tests::craft::{Author, segment_id};

const AT: Timestamp = Timestamp(1_700_000_000_000);

/// A conversation of an owner and two others, with a record of each kind, all signed by the owner's device.
pub(super) struct Room {
    pub(super) conversation: ConversationId,
    pub(super) root: DeviceKey,
    pub(super) key: DeviceKey,
    pub(super) records: Vec<Record>,
    pub(super) log: Vec<UserRecord>,
    pub(super) sealed: EpochBox,
    pub(super) box_key: BoxKey,
    pub(super) commitment: Commitment,
}

impl Room {
    pub(super) fn new() -> Self {
        let [root, key, link] = [1, 2, 3].map(|seed| DeviceKey::from_seed(&[seed; 32]));
        let user = UserId(root.device().0);
        let from = |conversation, auth, parents| Standpoint { conversation, user, auth, parents, at: AT };
        let begins = Said::Genesis { title: "Boats".into(), salt: [7; 16] };
        let genesis = Record::sign(begins, from(None, None, Vec::new()), &key);
        let (conversation, hash) = (genesis.conversation(), genesis.hash());
        let mut records = vec![genesis];
        let mut say = |said: Said| {
            let parents: Vec<RecordHash> = records.iter().rev().take(3).map(Record::hash).collect();
            records.push(Record::sign(said, from(Some(conversation), Some(hash), parents), &key));
            records.last().map(Record::hash).expect("was pushed")
        };
        let (bob, carol, cut) = (UserId([8; 32]), UserId([9; 32]), Cut::default().hash());
        let grant = say(Said::Grant { to: bob, role: Role::Admin, since: 0, via: None });
        let invite =
            say(Said::Invite { key: link.device(), role: Role::Member, uses: 3, expires: Timestamp(300), auto: true });
        let via = Via::prove(invite, &link, conversation, carol);
        say(Said::Grant { to: carol, role: Role::Member, since: 3, via: Some(via) });
        say(Said::Set(Setting::Title("Bayou".into())));
        say(Said::Set(Setting::Disappear(300)));
        say(Said::Set(Setting::Mailboxes(vec![Address("/dns4/node.example/udp/4001/quic-v1/p2p/12D3".into())])));
        say(Said::Epoch { commitment: [4; 32] });
        let at = Hlc { ms: 5, counter: 1 };
        say(Said::Hide { message: MessageName { segment: 0, at, actor: ActorId([1; 16]), number: 0 }, hidden: true });
        say(Said::Erase { message: MessageName { segment: 1, at, actor: ActorId([1; 16]), number: 0 } });
        say(Said::InviteRevoke { invite });
        say(Said::Remove { grant, cut, rekey: Some([5; 32]) });
        say(Said::CutExtend { grant, cut });
        say(Said::DeviceCut { user: bob, device: DeviceId([6; 32]), cut });
        say(Said::HandOver { to: carol });
        let (secret, box_key) = (Secret::new([5; 32]), BoxKey::from_seed(&Secret::new([2; 32])));
        let to = Recipient { device: DeviceId([2; 32]), prekey: 3, address: box_key.address() };
        let mut rng = Entropy::from_seed([7; 32]);
        let sealed = EpochBox::seal(&secret, conversation, hash, &to, &mut rng).expect("seals");
        Room {
            conversation,
            log: log(&root, &key),
            root,
            key,
            records,
            sealed,
            box_key,
            commitment: Commitment::to(&secret),
        }
    }

    pub(super) fn authority(&self) -> Authority {
        let mut set = Authority::new(self.conversation);
        self.log.iter().cloned().for_each(|record| assert!(set.insert_user(record)));
        self.records.iter().cloned().for_each(|record| assert!(set.insert(record)));
        set
    }

    /// Returns the blocks of a bundle: its head, what opens it, its pieces.
    pub(super) fn bundle(&self) -> (Vec<u8>, BundleKey, Vec<Vec<u8>>) {
        let mut rng = Entropy::from_seed([8; 32]);
        let to = [2, 3].map(|n| Recipient { device: DeviceId([n; 32]), prekey: 3, address: self.box_key.address() });
        let (head, key) = Head::seal(self.conversation, to, AT, &self.key, &mut rng);
        let parcels = parcels();
        let pieces = (0..).zip(&parcels).map(|(n, parcel)| key.seal(n, n == 2, parcel, &mut rng)).collect();
        (head, key, pieces)
    }

    /// Returns all as they travel.
    pub(super) fn items(&self) -> Vec<Vec<u8>> {
        let records = self.records.iter().cloned().map(Item::Record);
        records.chain(self.log.iter().cloned().map(Item::User)).map(|item| item.to_bytes()).collect()
    }

    pub(super) fn log_bytes(&self) -> Vec<Vec<u8>> {
        self.log.iter().map(|record| record.bytes().to_vec()).collect()
    }
}

/// A log of each kind of record, all by the root.
fn log(root: &DeviceKey, key: &DeviceKey) -> Vec<UserRecord> {
    let prekey = Some(Prekey { n: 1, key: vec![3; 32] });
    let other = DeviceId([0xfe; 32]);
    let mut log: Vec<UserRecord> = Vec::new();
    for said in [
        UserSaid::DeviceCert { device: key.device(), may_enrol: true, prekey },
        UserSaid::DeviceCert { device: other, may_enrol: false, prekey: None },
        UserSaid::Profile { name: "alice".into(), avatar: Some([1; 32]), status: "rowing".into() },
        UserSaid::DeviceRevoke { device: other },
        UserSaid::DeviceSet { n: 1, devices: vec![(key.device(), true)] },
    ] {
        let seen = log.iter().filter(|record| !matches!(record.said(), UserSaid::Profile { .. }));
        let parents = seen.map(UserRecord::hash).collect();
        log.push(UserRecord::by_root(said, parents, AT, root));
    }
    log
}

/// Parcels of each kind of part.
pub(super) fn parcels() -> Vec<Parcel> {
    let mut author = Author::new(segment_id(0), 1);
    let runs = vec![vec![author.says(&["hello", "and more"]), author.says(&["again"])]];
    let items = vec![vec![0xc0, 0xff, 0xee].into(), vec![1, 2].into()];
    let boxes = vec![vec![7; 150].into()];
    let controls = Part::Controls(items);
    vec![
        Parcel { parts: vec![controls.clone()] },
        Parcel { parts: vec![controls, Part::Boxes(boxes), Part::Changes { segment: 300, runs }] },
        Parcel::default(),
    ]
}

/// A frame of each kind.
pub(super) fn frames() -> Vec<Frame> {
    let mut author = Author::new(segment_id(0), 1);
    let sent = author.says(&["hello", "and more"]);
    let (conversation, segment) = (segment_id(0).conversation, 0);
    let authored = AuthoredPayload { author: author.key.device(), payload: sent.payloads[0].clone() };
    let (body, payloads) = (authored.id(), vec![authored]);
    let (runs, told) = (vec![vec![sent.clone(), author.says(&["again"])]], vec![PeerId([3; 32]).into()]);
    let place = News { segment, actor: author.actor, seq: 300, hops: 2 };
    let nearby = Whereabouts { peer: PeerId([3; 32]), addresses: vec![Address("/ip4/192.0.2.7/tcp/1".into()); 2] };
    vec![
        Frame::Prove { device: author.key.device(), signature: Signature([0x5a; 64]) },
        Frame::Share { tags: vec![[0x7a; 16], [0x7b; 16]] },
        Frame::Heads { conversation, controls: [0xc0; 32], segments: vec![(0, [0xd1; 8]), (300, [0xd2; 8])] },
        Frame::Controls { conversation, items: vec![vec![0xc0, 0xff, 0xee].into()] },
        Frame::Have { conversation, segment, tips: Tips::from([(author.actor, (1, [0x11; 8]))]) },
        Frame::Changes { conversation, segment, runs: runs.clone(), answer: Answer::Complete },
        Frame::Push { conversation, segment, told, hops: 3, runs },
        Frame::Ack { conversation, segment, vector: Vector::from([(author.actor, 300)]) },
        Frame::Want { conversation, segment, bodies: vec![body] },
        Frame::Payloads { conversation, segment, payloads },
        Frame::Forks { conversation, segment, proofs: forks().0 },
        Frame::Names { conversation, names: vec![[0x6e; 8]; 3] },
        Frame::Knock { tag: [0x7a; 16] },
        Frame::Door { tag: [0x7a; 16], invite: RecordHash([0x1e; 32]) },
        Frame::Enter {
            conversation,
            invite: RecordHash([0x1e; 32]),
            proof: Signature([0x5a; 64]),
            log: vec![vec![0xc0, 0xff].into(); 2],
        },
        Frame::Welcome { conversation, secret: [0x5e; 32] },
        Frame::Wait { conversation },
        Frame::Turned { conversation, why: Turned::Withdrawn },
        Frame::Return { tag: [0x7c; 16] },
        Frame::Known { tag: [0x7d; 16] },
        Frame::Mine { log: vec![vec![0xc0, 0xff].into(); 2] },
        Frame::Own { names: vec![[0x6f; 8]; 3] },
        Frame::Owned { items: vec![vec![0x01, 0xff].into(); 2] },
        Frame::Linking { message: vec![0x11; 40] },
        Frame::Ask { conversation, epochs: vec![RecordHash([0xe0; 32]); 2] },
        Frame::Boxes { conversation, boxes: vec![vec![0xb0; 90].into()] },
        Frame::AtHome { tag: [0x7a; 16], log: vec![vec![0xc0, 0xff].into(); 2] },
        Frame::Request {
            proof: Signature([0x5a; 64]),
            secret: [0x5e; 32],
            message: "it is me".into(),
            log: vec![vec![0xc0, 0xff].into(); 2],
        },
        Frame::Announce { conversation, news: vec![place; 2] },
        Frame::Graft { conversation, chains: vec![place] },
        Frame::Prune { conversation, chains: vec![(segment, author.actor)] },
        Frame::Nearby { conversation, peers: vec![nearby] },
        Frame::Enough,
    ]
}

/// A register of each kind, by a device of the user's.
pub(super) fn registers(user: UserId, key: &DeviceKey) -> Vec<Vec<u8>> {
    let conversation = segment_id(0).conversation;
    let keys = [
        RegisterKey::Conversation(conversation),
        RegisterKey::Read(conversation),
        RegisterKey::Draft(conversation),
        RegisterKey::Contact(UserId([9; 32])),
        RegisterKey::Setting("theme".into()),
        RegisterKey::ContactLink,
        RegisterKey::Asker(7),
        RegisterKey::Asked(UserId([9; 32])),
    ];
    let write = |about| Register::write(user, about, vec![0x61; 40], AT, key).expect("short");
    keys.into_iter().map(|about| write(about).bytes().to_vec()).collect()
}

/// Proofs that a chain was written twice at its first and at its second place, and who wrote it.
pub(super) fn forks() -> (Vec<ForkProof>, Author) {
    let mut author = Author::new(segment_id(0), 1);
    let mut proofs = Vec::new();
    for _ in 0..2 {
        let other = author.next(&["goodbye"]);
        let one = author.says(&["hello"]);
        proofs.push(ForkProof::new(author.header.clone(), one, other));
    }
    (proofs, author)
}

pub(super) fn calls() -> Vec<Vec<u8>> {
    let calls = [
        r#"{"jsonrpc":"2.0","id":7,"method":"send","params":{"conversation":"3f9a","text":"h\u00e9llo"}}"#,
        r#"{"jsonrpc":"2.0","id":"seven","method":"log","params":{"conversation":"3f9a","limit":100,"before":null}}"#,
        r#"{"jsonrpc":"2.0","id":8,"method":"react","params":{"message":"77d0","emoji":"\ud83d\udc4d","off":true}}"#,
        r#"{"jsonrpc":"2.0","id":9,"method":"status"}"#,
        r#"{"jsonrpc":"2.0","id":10,"method":"conversations","params":{}}"#,
    ];
    calls.iter().map(|line| line.as_bytes().to_vec()).collect()
}

pub(super) fn incoming() -> Vec<Vec<u8>> {
    let lines = [
        r#"{"jsonrpc":"2.0","id":7,"result":{"id":"77d0"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"no conversation"}}"#,
        r#"{"jsonrpc":"2.0","method":"lagged"}"#,
    ];
    lines.iter().map(|line| line.as_bytes().to_vec()).collect()
}
