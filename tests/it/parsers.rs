//! Every parser of bytes that others send, under seeded mutation: nothing panics or hangs, what is read is written the
//! same again, and nothing that was signed is read as something else.
//!
//! Signed things are damaged twice: as they come, which no signature may survive; and under the signature, by an author
//! who signs whatever they like. `BAYOU_FUZZ=n` runs n mutants of each kind, `BAYOU_SEED` another seed. The gate, links,
//! linking and envelopes have their own (`gate_fuzz`, `identity`, `epochs`); for runs without end see `core/fuzz`.

mod room;

use std::collections::BTreeSet;
use std::time::Duration;

use bayou_core::authority::{Authority, Cut, Item, MAX_RECORD, Mark, Record, UserRecord};
use bayou_core::conversation::{ForkProof, Genesis};
use bayou_core::crypto::{DeviceKey, Signature};
use bayou_core::envelope::{EpochBox, Frame, Head, MAX_FRAME, Parcel};
use bayou_core::id::{ActorId, ChangeHash, PeerId, UserId};
use bayou_core::identity::{MAX_REGISTER_VALUE, Register, Registers};
use bayou_core::net::mailbox::{self, Answer, Batch, GetRequest, PutRequest, Refusal, Request};
use bayou_core::rpc::wire::{Incoming, Lines, read_call, read_incoming, write_call};
use bayou_tests::craft::{quietly, segment_id};
use bayou_tests::dice::{Dice, damage};
use nix::sys::resource::{UsageWho, getrusage};

const MUTANTS: u64 = 20_000;

/// How long a parser may work on one input.
const PATIENCE: Duration = Duration::from_millis(250);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Shows mutants of the samples to a parser, which tells whether it accepts them; returns how many it did.
fn storm(name: &str, samples: &[Vec<u8>], mut accepts: impl FnMut(&[u8], &mut Dice) -> bool) -> u64 {
    let (seed, count) = (number("BAYOU_SEED").unwrap_or(1), number("BAYOU_FUZZ").unwrap_or(MUTANTS));
    let purpose = name.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31) + u64::from(byte));
    let (mut dice, mut accepted, mut slowest) = (Dice::new(seed, purpose), 0, Duration::ZERO);
    for mutant in 0..count {
        let sample = dice.pick(samples).expect("there are samples");
        let mut bytes = damage(sample, &mut dice);
        if dice.one_in(8) {
            let other = dice.pick(samples).expect("there are samples");
            bytes.truncate(dice.below(bytes.len() as u64) as usize);
            bytes.extend(&other[dice.below(other.len() as u64) as usize..]);
        }
        if samples.contains(&bytes) {
            continue;
        }
        let begin = worked();
        let judged = quietly(|| accepts(&bytes, &mut dice));
        slowest = slowest.max(worked() - begin);
        match judged {
            Ok(yes) => accepted += u64::from(yes),
            Err(panic) => panic!("BAYOU_SEED={seed}: {name}, mutant {mutant}: {panic}\n{bytes:02x?}"),
        }
    }
    println!("{name}: {accepted} of {count} accepted, slowest {slowest:?}");
    assert!(slowest < PATIENCE, "{name}: the work for one input is bounded: {slowest:?}");
    accepted
}

/// Signs damaged content, in the place of what was signed.
fn resigned(sample: &[u8], dice: &mut Dice, sign: impl Fn(&[u8]) -> Signature) -> Vec<u8> {
    let (body, _) = postcard::take_from_bytes::<serde_bytes::ByteBuf>(sample).expect("an honest sample");
    let body = if dice.one_in(50) { body.into_vec() } else { damage(&body, dice) };
    with_signature(&body, sign)
}

fn resigned_as_is(sample: &[u8], sign: impl Fn(&[u8]) -> Signature) -> Vec<u8> {
    let (body, _) = postcard::take_from_bytes::<serde_bytes::ByteBuf>(sample).expect("an honest sample");
    with_signature(&body, sign)
}

fn with_signature(body: &[u8], sign: impl Fn(&[u8]) -> Signature) -> Vec<u8> {
    postcard::to_stdvec(&(serde_bytes::Bytes::new(body), sign(body))).expect("encodes")
}

#[test]
fn frames_are_read_as_they_are_written() {
    let samples: Vec<Vec<u8>> = room::frames().iter().map(Frame::encode).collect();
    let accepted = storm("frame", &samples, |bytes, _| match Frame::decode(bytes) {
        Ok(frame) => {
            assert_eq!(frame.encode(), bytes, "a frame has one form");
            true
        }
        Err(_) => false,
    });
    assert!(accepted > 500, "the mutants are too wild to tell: {accepted}");
    // A postcard enum begins with the number of its kind, after the frame's version.
    let kinds: BTreeSet<u8> = samples.iter().map(|bytes| bytes[1]).collect();
    let known = (0..=u8::MAX).filter(|kind| kinds.contains(kind)).count();
    assert_eq!(
        (known, kinds.last()),
        (kinds.len(), Some(&(kinds.len() as u8 - 1))),
        "no kind before the last is left out"
    );
    // The same length in two bytes where one is enough.
    assert!(Frame::decode(&[1, 1, 0]).is_ok() && Frame::decode(&[1, 1, 0x80, 0]).is_err());
}

#[test]
fn what_a_member_and_a_mailbox_say_is_read_as_it_is_written() {
    let node = PeerId([9; 32]);
    let put = |size| Request::Put(PutRequest::signed(&[1; 32], node, 7, vec![3; size]));
    let get = Request::Get(GetRequest::signed(&[1; 32], node, 7, 8));
    let requests: Vec<Vec<u8>> = [put(256), put(1024), get].iter().map(mailbox::encode_request).collect();
    let accepted = storm("mailbox request", &requests, |bytes, _| match mailbox::decode_request(bytes) {
        Ok(request) => {
            assert_eq!(mailbox::encode_request(&request), bytes, "a request has one form");
            assert!(!request.is_signed_for(node), "changed, and still signed");
            true
        }
        Err(_) => false,
    });
    assert!(accepted > 500, "the mutants are too wild to tell: {accepted}");
    let batch = Batch { envelopes: vec![vec![1; 256], vec![2; 1024]], cursor: 5, more: true, begun: 7 };
    let refused = [Refusal::Clock(9), Refusal::TooOften(2), Refusal::Busy].map(Answer::Refused);
    let answers =
        [vec![Answer::Kept, Answer::Batch(batch), Answer::Batch(Batch::default())], refused.to_vec()].concat();
    let answers: Vec<Vec<u8>> = answers.iter().map(mailbox::encode_answer).collect();
    let accepted = storm("mailbox answer", &answers, |bytes, _| match mailbox::decode_answer(bytes) {
        Ok(answer) => {
            assert_eq!(mailbox::encode_answer(&answer), bytes, "an answer has one form");
            true
        }
        Err(_) => false,
    });
    assert!(accepted > 500, "the mutants are too wild to tell: {accepted}");
}

#[test]
fn the_largest_frames_of_the_smallest_parts_are_read_in_no_time() {
    for (sample, claim) in
        room::frames().iter().map(Frame::encode).flat_map(|bytes| [0, 1, 0xff].map(|n| (bytes.clone(), n)))
    {
        for at in 0..sample.len().min(64) {
            // A list of a million things, which then come or do not.
            let mut bytes = sample[..at].to_vec();
            bytes.extend([0xc0, 0x84, 0x3d]);
            bytes.resize(MAX_FRAME, claim);
            let begin = worked();
            std::hint::black_box(Frame::decode(&bytes)).ok();
            let took = worked() - begin;
            assert!(took < PATIENCE, "{:?} at {at}: {took:?}", &sample[..2]);
        }
    }
    assert!(Frame::decode(&vec![1; MAX_FRAME + 1]).is_err());
}

/// Returns how long this thread has worked: what else the machine does is nobody's fault here.
fn worked() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).expect("the system counts");
    let micros = [usage.user_time(), usage.system_time()].map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
    Duration::from_micros(micros.iter().sum::<i64>().unsigned_abs())
}

#[test]
fn no_damaged_record_keeps_its_signature() {
    let room = room::Room::new();
    let bytes = |records: &[Record]| records.iter().map(|record| record.bytes().to_vec()).collect::<Vec<_>>();
    let control = bytes(&room.records);
    let kept = [
        storm("record", &control, |bytes, _| Record::open(bytes, room.conversation).is_ok()),
        storm("user record", &room.log_bytes(), |bytes, _| UserRecord::open(bytes).is_ok()),
        storm("item", &room.items(), |bytes, _| Item::open(bytes, room.conversation).is_ok()),
    ];
    assert_eq!(kept, [0; 3], "changed, and still signed");
}

#[test]
fn whatever_a_member_signs_is_a_sound_record_or_refused() {
    let room = room::Room::new();
    let samples: Vec<Vec<u8>> = room.records.iter().skip(1).map(|record| record.bytes().to_vec()).collect();
    let sign = |body: &[u8]| room.key.sign("bayou/1/authority", &[room.conversation.as_bytes(), body]);
    assert!(
        Record::open(&resigned_as_is(&samples[0], sign), room.conversation).is_ok(),
        "this is how a record is signed"
    );
    let accepted = storm("resigned record", &samples, |_, dice| {
        let sample = dice.pick(&samples).expect("there are samples");
        let bytes = resigned(sample, dice, sign);
        let Ok(record) = Record::open(&bytes, room.conversation) else { return false };
        assert!(record.bytes() == bytes && bytes.len() <= MAX_RECORD && record.conversation() == room.conversation);
        let mut set = room.authority();
        let before = set.ruling().members().len();
        set.insert(record);
        let (after, _, _) = (set.ruling().members().len(), set.heads(), set.missing());
        assert!(after + 1 >= before, "one record ends one grant at most");
        true
    });
    assert!(accepted > 1000, "the mutants are too wild to tell: {accepted}");
}

#[test]
fn whatever_a_root_signs_is_a_sound_record_or_refused() {
    let room = room::Room::new();
    let samples: Vec<Vec<u8>> = room.log_bytes();
    let sign = |body: &[u8]| room.root.sign("bayou/1/user", &[body]);
    assert!(UserRecord::open(&resigned_as_is(&samples[0], sign)).is_ok(), "this is how a record of a log is signed");
    let accepted = storm("resigned user record", &samples, |_, dice| {
        let sample = dice.pick(&samples).expect("there are samples");
        let bytes = resigned(sample, dice, sign);
        let Ok(record) = UserRecord::open(&bytes) else { return false };
        assert!(record.bytes() == bytes && bytes.len() <= MAX_RECORD);
        let mut set = Authority::new(room.conversation);
        room.log.iter().cloned().chain([record]).for_each(|record| drop_bool(set.insert_user(record)));
        set.ruling();
        true
    });
    assert!(accepted > 1000, "the mutants are too wild to tell: {accepted}");
}

fn drop_bool(_new: bool) {}

#[test]
fn cuts_and_boxes_are_read_as_they_are_written() {
    let mark = |seq: u32| Mark { seq, hash: ChangeHash([seq as u8; 32]) };
    let cut = |chains: u8| Cut::new((0..chains).map(|n| (ActorId([n; 16]), mark(1 << n)))).to_bytes();
    let cuts = storm("cut", &[cut(0), cut(1), cut(9), cut(30)], |bytes, _| {
        Cut::open(bytes).is_ok_and(|cut| {
            assert_eq!(cut.to_bytes(), bytes);
            true
        })
    });
    let room = room::Room::new();
    let boxes = storm("epoch box", &[room.sealed.encode()], |bytes, _| {
        EpochBox::decode(bytes).is_ok_and(|sealed| {
            assert_eq!(sealed.encode(), bytes);
            assert!(sealed.open(room.conversation, &room.box_key, room.commitment).is_err(), "changed, and it opens");
            true
        })
    });
    assert!(cuts > 500 && boxes > 500, "the mutants are too wild to tell: {cuts}, {boxes}");
}

#[test]
fn parcels_and_bundles_are_read_as_they_are_written() {
    let samples: Vec<Vec<u8>> = room::parcels().iter().map(Parcel::encode).collect();
    let parcels = storm("parcel", &samples, |bytes, _| {
        Parcel::decode(bytes).is_ok_and(|parcel| {
            assert_eq!(parcel.encode(), bytes, "a parcel has one form");
            true
        })
    });
    assert!(parcels > 500, "the mutants are too wild to tell: {parcels}");
    let room = room::Room::new();
    let (head, key, pieces) = room.bundle();
    assert_eq!(storm("bundle head", &[head], |bytes, _| Head::open(bytes).is_ok()), 0, "changed, and still signed");
    let opened = storm("bundle piece", &pieces, |bytes, _| {
        (0..3).any(|number| [false, true].iter().any(|is_last| key.open(number, *is_last, bytes).is_ok()))
    });
    assert_eq!(opened, 0, "changed, and it opens");
}

#[test]
fn registers_of_ones_own_devices_are_sound_or_refused() {
    let (user, key) = (UserId([8; 32]), DeviceKey::from_seed(&[2; 32]));
    let samples = room::registers(user, &key);
    let sign = |body: &[u8]| key.sign("bayou/1/register", &[body]);
    assert!(Register::open(&resigned_as_is(&samples[0], sign), &user).is_ok(), "this is how a register is signed");
    assert_eq!(storm("register", &samples, |bytes, _| Register::open(bytes, &user).is_ok()), 0, "changed, and signed");
    let accepted = storm("resigned register", &samples, |_, dice| {
        let bytes = resigned(dice.pick(&samples).expect("there are samples"), dice, sign);
        let Ok(register) = Register::open(&bytes, &user) else { return false };
        assert!(register.bytes() == bytes && register.value().len() <= MAX_REGISTER_VALUE);
        let mut all = Registers::default();
        assert!(all.merge(register.clone()) && !all.merge(register), "merged once");
        true
    });
    assert!(accepted > 1000, "the mutants are too wild to tell: {accepted}");
}

#[test]
fn a_damaged_proof_of_a_fork_proves_nothing_else() {
    let (id, genesis) = (segment_id(0), Genesis::new(segment_id(0)));
    let (proofs, author) = room::forks();
    let samples: Vec<Vec<u8>> = proofs.iter().map(|proof| postcard::to_stdvec(proof).expect("encodes")).collect();
    for proof in &proofs {
        assert!(proof.clone().check(&genesis, id).is_ok());
    }
    let accepted = storm("fork", &samples, |bytes, _| {
        let Ok(proof) = postcard::from_bytes::<ForkProof>(bytes) else { return false };
        let Ok(fork) = proof.check(&genesis, id) else { return false };
        assert!(proofs.contains(fork.proof()), "something was changed, and it still proves");
        false
    });
    assert_eq!(accepted, 0);
    let parsed = storm("resigned fork", &samples, |_, dice| {
        let ForkProof { header, branches: [one, other] } = dice.pick(&proofs).expect("there are samples").clone();
        let mut change = damage(&other.change, dice);
        if change.len() > 12 {
            bayou_tests::craft::raw::repair(&mut change);
        }
        let proof = ForkProof::new(header, one, author.resign(&other, change));
        let Ok(fork) = proof.check(&genesis, id) else { return false };
        assert!(fork.actor() == author.actor && (1..=2).contains(&fork.seq()));
        true
    });
    assert!(parsed > 50, "the mutants are too wild to tell: {parsed}");
}

#[test]
fn lines_of_the_local_socket_do_no_harm() {
    let samples: Vec<Vec<u8>> = room::calls();
    let accepted = storm("call", &samples, |bytes, _| {
        let mut lines = Lines::default();
        lines.buffer().extend_from_slice(bytes);
        lines.buffer().extend_from_slice(b"\n");
        let mut accepted = false;
        while let Ok(Some(line)) = lines.take() {
            match read_call(&line) {
                Ok((_, request)) => {
                    let mut again = bytes::BytesMut::new();
                    write_call(7, &request, &mut again).expect("as long as what was read");
                    assert_eq!(read_call(again.trim_ascii()).map(|(_, request)| request), Ok(request));
                    accepted = true;
                }
                Err(refused) => {
                    let mut answer = bytes::BytesMut::new();
                    refused.write(&mut answer);
                    assert!(answer.len() < 4096, "a refusal is short");
                    assert!(matches!(read_incoming(answer.trim_ascii()), Ok(Incoming::Answer(_, Err(_))) | Err(_)));
                }
            }
        }
        accepted
    });
    assert!(accepted > 100, "the mutants are too wild to tell: {accepted}");
    storm("incoming", &room::incoming(), |bytes, _| read_incoming(bytes).is_ok());
    let deep = [vec![b'['; 900_000], vec![b'{'; 900_000]];
    assert!(deep.iter().all(|line| read_call(line).is_err() && read_incoming(line).is_err()));
}

#[test]
fn a_device_key_is_not_taken_for_another() {
    // What `resigned` relies on: the scope is part of what is signed.
    let (key, room) = (DeviceKey::from_seed(&[9; 32]), room::Room::new());
    let sign = |body: &[u8]| key.sign("bayou/1/authority", &[room.conversation.as_bytes(), body]);
    let sample = room.records[1].bytes();
    assert!(Record::open(&resigned_as_is(sample, sign), room.conversation).is_err());
}
