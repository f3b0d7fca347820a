//! The bytes that peers of other versions will have to read: `docs/wire-format.md` shows them, and they are computed
//! here again. When one of these tests fails, peers of today and of tomorrow do not understand each other.

use std::fs;
use std::path::Path;

use bayou_core::authority::{Cut, Item, Mark, Record, Role, Said, Standpoint, UserRecord, UserSaid};
use bayou_core::conversation::{AuthoredPayload, EntryId, ForkProof, Genesis, Record as Message, Sent, Target, Vector};
use bayou_core::crypto::{BoxKey, DeviceKey, Entropy, Secret, Signature};
use bayou_core::envelope::{
    Announced, Answer, Commitment, Epoch, EpochBox, Epochs, Frame, Head, News, Parcel, Part, Recipient, Room, Sealed,
    Tips, Turned, Whereabouts, day,
};
use bayou_core::id::{ActorId, Address, ChangeHash, ConversationId, DeviceId, PeerId, RecordHash, UserId};
use bayou_core::time::{Hlc, Timestamp};
use bayou_tests::craft::{Author, segment_id};

/// When the examples happen.
const AT: u64 = 1_700_000_000_000;

/// Returns the example of this name as the document shows it, without its line breaks.
fn shown(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/wire-format.md");
    let document = fs::read_to_string(path).unwrap();
    let after = document.split(&format!("<!-- golden: {name} -->\n```text\n")).nth(1);
    let block = after.and_then(|after| after.split("```").next());
    block.unwrap_or_default().split_whitespace().collect()
}

/// Holds an example of the document against what is computed; prints what should stand there if it does not.
#[track_caller]
fn check(name: &str, computed: &str) {
    let lines: Vec<&str> = computed.as_bytes().chunks(96).map(|line| str::from_utf8(line).unwrap()).collect();
    assert!(shown(name) == computed, "\n<!-- golden: {name} -->\n```text\n{}\n```\n", lines.join("\n"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn alice() -> DeviceKey {
    DeviceKey::from_seed(&[1; 32])
}

/// Alice's first change in segment 0 of the conversation b0b0…: the message "hello".
fn hello() -> (Author, Sent) {
    let mut author = Author::new(segment_id(0), 1);
    let sent = author.says(&["hello"]);
    (author, sent)
}

#[test]
fn a_genesis_and_a_grant_are_written_as_documented() {
    let (root, key) = (DeviceKey::from_seed(&[9; 32]), alice());
    let cert = UserSaid::DeviceCert { device: key.device(), may_enrol: true, prekey: None };
    let cert = UserRecord::by_root(cert, vec![], Timestamp(AT), &root);
    check("certificate", &hex(&Item::User(cert.clone()).to_bytes()));
    let said = Said::Genesis { title: "Boats".into(), salt: [7; 16] };
    let from = Standpoint { conversation: None, user: cert.user(), auth: None, parents: vec![], at: Timestamp(AT) };
    let genesis = Record::sign(said, from.clone(), &key);
    check("genesis", &hex(&Item::Record(genesis.clone()).to_bytes()));
    check("conversation id", &genesis.conversation().to_string());
    let conversation = genesis.conversation();
    let from = Standpoint {
        conversation: Some(conversation),
        auth: Some(genesis.hash()),
        parents: vec![genesis.hash()],
        ..from
    };
    let grant = Said::Grant { to: UserId([2; 32]), role: Role::Member, since: 0, via: None };
    let grant = Item::Record(Record::sign(grant, from, &key));
    check("grant", &hex(&grant.to_bytes()));
    let [direct, place] = Record::direct(UserId([3; 32]), UserId([2; 32])).map(Item::Record);
    check("genesis of two", &hex(&direct.to_bytes()));
    check("place of the other", &hex(&place.to_bytes()));
    let mark = Mark { seq: 3, hash: ChangeHash([4; 32]) };
    check("cut", &hex(&Item::Cut(Cut::new([(ActorId([5; 16]), mark)])).to_bytes()));
    assert_eq!(Item::open(&grant.to_bytes(), conversation), Ok(grant.clone()));
    assert_eq!(Item::name_of(&grant.to_bytes()), Some(grant.name()));
}

#[test]
fn a_signed_change_is_written_as_documented() {
    let (author, sent) = hello();
    check("segment genesis hash", &Genesis::new(segment_id(0)).hash().to_string());
    check("actor", &author.actor.to_string());
    check("change", &hex(&sent.change));
    check("signature", &hex(&sent.signature.0));
    check("payload hash", &sent.payloads[0].hash().to_string());
    check("payload id", &sent.payloads[0].id(&alice().device()).to_string());
    let id = EntryId { at: Hlc { ms: AT, counter: 0 }, actor: ActorId([0xaa; 16]), number: 0 };
    check("key", &id.to_key());
    check("message id", &id.to_string());
    let target = Target { segment: 300, message: id };
    check("answer", &hex(&Message::encode_answer(target, sent.payloads[0].hash(), 5, 0)));
}

#[test]
fn every_kind_of_frame_is_written_as_documented() {
    let (author, sent) = hello();
    let (conversation, segment) = (segment_id(0).conversation, 0);
    let vector = Vector::from([(author.actor, 1)]);
    let authored = AuthoredPayload { author: author.key.device(), payload: sent.payloads[0].clone() };
    let proof = ForkProof::new(author.header.clone(), sent.clone(), Author::new(segment_id(0), 1).next(&["goodbye"]));
    let (body, payloads) = (authored.id(), vec![authored]);
    let (runs, told) = (vec![vec![sent]], vec![PeerId([3; 32]).into()]);
    let (item, invite) = (vec![0xc0, 0xff, 0xee], RecordHash([0x1e; 32]));
    let place = News { segment, actor: author.actor, seq: 300, hops: 2 };
    let nearby =
        Whereabouts { peer: PeerId([3; 32]), addresses: vec![Address("/ip4/192.0.2.7/udp/4001/quic-v1".into())] };
    let (tag, log, proof_of_link) = ([0x7a; 16], vec![item.clone().into()], Signature([0x5a; 64]));
    let frames = [
        ("Prove", Frame::Prove { device: alice().device(), signature: Signature([0x5a; 64]) }),
        ("Share", Frame::Share { tags: vec![[0x7a; 16]] }),
        (
            "Heads",
            Frame::Heads { conversation, controls: [0xc0; 32], segments: vec![(0, [0xd1; 8]), (300, [0xd2; 8])] },
        ),
        ("Controls", Frame::Controls { conversation, items: vec![item.clone().into()] }),
        ("Have", Frame::Have { conversation, segment, tips: Tips::from([(author.actor, (1, [0x11; 8]))]) }),
        ("Changes", Frame::Changes { conversation, segment, runs: runs.clone(), answer: Answer::Complete }),
        ("Push", Frame::Push { conversation, segment, told, hops: 1, runs }),
        ("Ack", Frame::Ack { conversation, segment, vector }),
        ("Want", Frame::Want { conversation, segment, bodies: vec![body] }),
        ("Payloads", Frame::Payloads { conversation, segment, payloads }),
        ("Forks", Frame::Forks { conversation, segment, proofs: vec![proof] }),
        ("Names", Frame::Names { conversation, names: vec![[0x6e; 8]] }),
        ("Knock", Frame::Knock { tag }),
        ("Door", Frame::Door { tag, invite }),
        ("Enter", Frame::Enter { conversation, invite, proof: proof_of_link, log: log.clone() }),
        ("Welcome", Frame::Welcome { conversation, secret: [0x5e; 32] }),
        ("Wait", Frame::Wait { conversation }),
        ("Turned", Frame::Turned { conversation, why: Turned::UsedUp }),
        ("Return", Frame::Return { tag }),
        ("Known", Frame::Known { tag }),
        ("Mine", Frame::Mine { log: vec![item.clone().into()] }),
        ("Own", Frame::Own { names: vec![[0x6e; 8]] }),
        ("Owned", Frame::Owned { items: vec![item.clone().into()] }),
        ("Linking", Frame::Linking { message: item.clone() }),
        ("Ask", Frame::Ask { conversation, epochs: vec![invite] }),
        ("Boxes", Frame::Boxes { conversation, boxes: vec![item.clone().into()] }),
        ("AtHome", Frame::AtHome { tag, log: log.clone() }),
        ("Request", Frame::Request { proof: proof_of_link, secret: [0x5e; 32], message: "It is me".into(), log }),
        ("Announce", Frame::Announce { conversation, news: vec![place] }),
        ("Graft", Frame::Graft { conversation, chains: vec![place] }),
        ("Prune", Frame::Prune { conversation, chains: vec![(segment, author.actor)] }),
        ("Nearby", Frame::Nearby { conversation, peers: vec![nearby] }),
        ("Enough", Frame::Enough),
    ];
    for (kind, (name, frame)) in (0..).zip(frames) {
        let bytes = frame.encode();
        assert_eq!(bytes[..2], [1, kind], "{name}: version and kind");
        check(name, &hex(&bytes));
        assert_eq!(Frame::decode(&bytes), Ok(frame));
    }
}

#[test]
fn an_epoch_and_an_envelope_are_written_as_documented() {
    let (conversation, id, secret) = (ConversationId([0xb0; 32]), RecordHash([0xe0; 32]), Secret::new([5; 32]));
    let (alice, commitment) = (alice().device(), Commitment::to(&secret));
    check("commitment", &hex(&commitment.0));
    check("topic", &hex(&Epoch::new(secret.clone(), conversation, id).write_key(day(Timestamp(AT))).topic().0));

    let key = BoxKey::from_seed(&Secret::new([2; 32]));
    let bob = Recipient { device: DeviceId([2; 32]), prekey: 3, address: key.address() };
    let sealed = EpochBox::seal(&secret, conversation, id, &bob, &mut Entropy::from_seed([7; 32])).unwrap();
    check("epoch box", &hex(&sealed.encode()));
    assert_eq!(EpochBox::decode(&sealed.encode()).unwrap().open(conversation, &key, commitment), Ok(secret.clone()));

    let mut epochs = Epochs::new(conversation, alice);
    let recipients = Default::default();
    epochs
        .announce(Announced { id, generation: 1, commitment, maker: alice, recipients, valid: true }, Timestamp(AT))
        .unwrap();
    epochs.adopt(id, secret, Timestamp(AT)).unwrap();
    let members = [(alice, Recipient { device: alice, ..bob })].into();
    let room = Room { members, ..Room::default() };
    let (_, sealed) = epochs.seal(&room, b"hello", Timestamp(AT), &mut Entropy::from_seed([7; 32])).unwrap();
    check("envelope", &hex(sealed.bytes()));
    check("envelope id", &sealed.id().to_string());
    let opened = epochs.open(&Sealed::parse(sealed.bytes().to_vec()).unwrap()).unwrap();
    assert_eq!((opened.0, opened.1.content()), (id, b"hello".as_slice()));
}

#[test]
fn a_parcel_and_a_bundle_are_written_as_documented() {
    let (_, sent) = hello();
    let parcel = Parcel {
        parts: vec![
            Part::Controls(vec![vec![0xc0, 0xff, 0xee].into()]),
            Part::Boxes(vec![vec![0xb0; 4].into()]),
            Part::Changes { segment: 0, runs: vec![vec![sent]] },
        ],
    };
    check("parcel", &hex(&parcel.encode()));
    assert_eq!(Parcel::decode(&parcel.encode()), Ok(parcel));

    let key = BoxKey::from_seed(&Secret::new([2; 32]));
    let bob = Recipient { device: DeviceId([2; 32]), prekey: 3, address: key.address() };
    let mut rng = Entropy::from_seed([7; 32]);
    let (head, bundle) = Head::seal(ConversationId([0xb0; 32]), [bob], Timestamp(AT), &alice(), &mut rng);
    check("bundle head", &hex(&head));
    let piece = bundle.seal(0, true, &Parcel::default(), &mut rng);
    check("bundle piece", &hex(&piece));
    let theirs = Head::open(&head).unwrap().key(&bob.device, |number| (number == 3).then(|| key.clone())).unwrap();
    assert_eq!(theirs.open(0, true, &piece), Ok(Parcel::default()));
}
