//! Whole runs: how a chain begins and ends, what comes along with its changes, and what a signature proves.

use bayou_core::conversation::{
    ChainHeader, MAX_BODY, MAX_CHAIN_BYTES, MAX_CHAIN_CHANGES, Outcome, Payload, Place, Record, Refusal,
    SEGMENT_CHANGES, Segment, Sent, Vector, Verified,
};
use bayou_core::crypto::{BadSignature, Signature};
use bayou_core::id::{ActorId, ConversationId, RecordHash};
use bayou_tests::craft::{Author, admit, segment_id, take};

use super::{Scene, gated, refuses, state};

#[test]
fn a_chain_begins_with_its_own_header_and_has_it_only_there() {
    let scene = Scene::new();
    let carol = Author::new(segment_id(0), 3);
    let first = carol.next(&["hello"]);
    let with = |header: Option<ChainHeader>| vec![Sent { header, ..first.clone() }];
    scene.refuses("no header", with(None), Refusal::Header);
    scene.refuses("Bob's header", with(Some(scene.bob.header.clone())), Refusal::Header);
    let own = carol.header.clone();
    scene.refuses("other nonce", with(Some(ChainHeader { nonce: [0; 16], ..own.clone() })), Refusal::Header);
    let bob = scene.bob.key.device();
    scene.refuses("other device", with(Some(ChainHeader { device: bob, ..own.clone() })), Refusal::Header);
    scene.refuses(
        "other grant",
        with(Some(ChainHeader { grant: RecordHash([1; 32]), ..own.clone() })),
        Refusal::Header,
    );
    let opens = Vector::from([(scene.bob.actor, 3)]);
    scene.refuses("opens segment 0 with something", with(Some(ChainHeader { opens, ..own })), Refusal::Header);
    let again = vec![Sent { header: Some(scene.alice.header.clone()), ..scene.next.clone() }];
    scene.refuses("header in the middle", again, Refusal::Header);
    gated(&scene.room, vec![first]);
    scene.honest_still_passes();
}

#[test]
fn a_later_segment_is_opened_only_by_who_saw_the_one_before_full() {
    let room = Segment::open(segment_id(1), None, &[]).unwrap();
    let full = u32::try_from(SEGMENT_CHANGES).unwrap();
    let (a, b) = (ActorId([1; 16]), ActorId([2; 16]));
    let open = |opens| vec![Author::opening(segment_id(1), 1, opens).next(&["hi"])];
    refuses(&room, "not full", open(Vector::from([(a, full - 1)])), Refusal::Header);
    let many = (0..2049u16).map(|n| (ActorId([n.to_be_bytes(); 8].concat().try_into().unwrap()), 1));
    refuses(&room, "names too many chains", open(many.collect()), Refusal::Header);
    // A grant may have opened the segment; that is for the authority to say.
    gated(&room, open(Vector::new()));
    gated(&room, open(Vector::from([(a, full - 1), (b, 1)])));
    gated(&room, open(Vector::from([(a, u32::MAX), (b, u32::MAX)])));
}

#[test]
fn a_run_is_consecutive_changes_of_one_chain() {
    let mut scene = Scene::new();
    let run: Vec<Sent> = (0..4).map(|n| scene.alice.says(&[&format!("more {n}")])).collect();
    let [a, b, c, d] = &run[..] else { panic!() };
    let of = |changes: &[&Sent]| changes.iter().map(|sent| (*sent).clone()).collect::<Vec<_>>();
    scene.refuses("empty", vec![], Refusal::Run);
    scene.refuses("a change left out", of(&[a, c]), Refusal::Run);
    scene.refuses("a change twice", of(&[a, a]), Refusal::Run);
    scene.refuses("backwards", of(&[a, b, a]), Refusal::Run);
    scene.refuses("two chains", of(&[a, &scene.bob.next(&["hi"])]), Refusal::Run);
    scene.parks("the first left out", of(&[b, c, d]));
    assert_eq!(gated(&scene.room, of(&[a, b, c, d])).seq(), 9);
    take(&mut scene.room, of(&[a, b]));
    assert!(matches!(scene.room.gate(of(&[a, b])), Ok(Outcome::Known(_))));
    assert_eq!(gated(&scene.room, of(&[a, b, c])).to_sent(), of(&[c]));
}

#[test]
fn only_payloads_that_the_change_refers_to_are_kept_and_each_once() {
    let scene = Scene::new();
    let [first, second] = &scene.next.payloads[..] else { panic!() };
    let salted = Payload { salt: [9; 16], ..first.clone() };
    let other = Payload { body: "something else".to_owned(), ..first.clone() };
    let kept = |payloads: &[&Payload]| {
        let payloads = payloads.iter().map(|payload| (*payload).clone()).collect();
        gated(&scene.room, vec![Sent { payloads, ..scene.next.clone() }]).to_sent().remove(0).payloads
    };
    assert_eq!(kept(&[first, second]), [first.clone(), second.clone()]);
    assert_eq!(kept(&[&salted, second, &other]), std::slice::from_ref(second));
    assert_eq!(kept(&[first, second, first, second, first]), [first.clone(), second.clone()]);
    assert_eq!(kept(&[]), []);

    let long = Payload { salt: [0; 16], body: "x".repeat(MAX_BODY + 1) };
    let lies = scene.record(Place::Messages, Record::encode_text(long.hash(), 5)).remove(0);
    let lies = Sent { payloads: vec![long.clone()], ..lies };
    assert_eq!(gated(&scene.room, vec![lies]).to_sent().remove(0).payloads, [], "longer than a payload may be");
    let mut room = scene.room;
    assert!(
        !room
            .add_payload(bayou_core::conversation::AuthoredPayload { author: scene.alice.key.device(), payload: long }),
        "nor later"
    );
}

#[test]
fn a_chain_has_an_end() {
    let mut alice = Author::new(segment_id(0), 1);
    for _ in 0..MAX_CHAIN_CHANGES {
        let next = alice.next_records(&[(Place::Messages, vec![9; 8])]);
        admit(&mut alice.home, vec![next]);
    }
    let over = alice.next(&["one more"]);
    refuses(&alice.home, "one change too many", vec![over], Refusal::Limit);

    let (mut bob, mut bytes) = (Author::new(segment_id(0), 2), 0);
    loop {
        let next = bob.next_records(&vec![(Place::Messages, vec![9; 1024]); 60]);
        bytes += next.change.len() as u64;
        if bytes > MAX_CHAIN_BYTES {
            return refuses(&bob.home, "too many bytes", vec![next], Refusal::Limit);
        }
        admit(&mut bob.home, vec![next]);
    }
}

#[test]
fn a_signature_counts_for_its_device_its_segment_and_its_header_only() {
    let mut scene = Scene::new();
    let before = state(&scene.room);
    let check = |room: &Segment, sent: &Sent| Verified::check(gated(room, vec![sent.clone()])).map(drop);
    let signed = |author: &Author, sent: &Sent| author.resign(sent, sent.change.clone()).signature;
    let honest = scene.next.clone();
    let with = |signature| Sent { signature, ..honest.clone() };
    assert_eq!(check(&scene.room, &honest), Ok(()));
    let mut forged = honest.signature;
    forged.0[10] ^= 1;
    assert_eq!(check(&scene.room, &with(forged)), Err(BadSignature), "forged");
    assert_eq!(check(&scene.room, &with(Signature([0; 64]))), Err(BadSignature), "none");
    assert_eq!(check(&scene.room, &with(signed(&scene.bob, &honest))), Err(BadSignature), "Bob's");
    let mut elsewhere = segment_id(0);
    elsewhere.conversation = ConversationId([1; 32]);
    for id in [elsewhere, segment_id(1)] {
        let signature = signed(&Author::new(id, 1), &honest);
        assert_eq!(check(&scene.room, &with(signature)), Err(BadSignature), "made for {id:?}");
    }
    let carol = Author::new(segment_id(0), 3);
    let first = carol.next(&["hello"]);
    let bare = Sent { signature: carol.sign(first.change.clone(), false).signature, ..first.clone() };
    assert_eq!(check(&scene.room, &bare), Err(BadSignature), "does not cover the header");
    let headed = Sent { signature: scene.alice.sign(honest.change.clone(), true).signature, ..honest.clone() };
    assert_eq!(check(&scene.room, &headed), Err(BadSignature), "covers a header that is not there");
    assert_eq!(check(&scene.room, &first), Ok(()));

    assert_eq!(state(&scene.room), before, "nothing of it counted");
    take(&mut scene.room, vec![honest]);
}

#[test]
fn the_last_signature_proves_a_run_and_only_a_proved_change_ends_what_is_sent() {
    let mut room = Segment::open(segment_id(0), None, &[]).unwrap();
    let mut alice = Author::new(segment_id(0), 1);
    let run: Vec<Sent> = (0..500).map(|n| alice.says(&[&format!("line {n}")])).collect();
    let forge = |which: &dyn Fn(usize) -> bool| {
        let forge = |(at, sent): (usize, &Sent)| match which(at) {
            true => Sent { signature: Signature([7; 64]), ..sent.clone() },
            false => sent.clone(),
        };
        run.iter().enumerate().map(forge).collect::<Vec<_>>()
    };
    let check = |run| Verified::check(gated(&Segment::open(segment_id(0), None, &[]).unwrap(), run)).map(drop);
    assert_eq!(check(forge(&|at| at == 499)), Err(BadSignature));
    assert_eq!(check(forge(&|at| at == 0)), Err(BadSignature), "the header's own");

    // Only the first, which covers the header, and the last are valid: all 500 count, but no run may end between.
    take(&mut room, forge(&|at| at != 0 && at != 499));
    assert_eq!(room.vector(), alice.home.vector());
    for (have, budget) in [(0, 0), (0, 5000), (1, 0), (1, 5000), (17, 0), (250, 20_000), (498, 0), (499, usize::MAX)] {
        let have = Vector::from([(alice.actor, have)]);
        let mut peer = Segment::open(segment_id(0), None, &[]).unwrap();
        if have[&alice.actor] > 0 {
            let known = alice.home.settle().unwrap().missing(&Vector::new(), usize::MAX, usize::MAX).0.remove(0).1;
            take(&mut peer, known[..have[&alice.actor] as usize].to_vec());
        }
        let (mut runs, _) = room.settle().unwrap().missing(&have, budget, usize::MAX);
        take(&mut peer, runs.remove(0).1);
        assert!([1, 500].contains(&peer.vector()[&alice.actor]), "{:?}", peer.vector());
    }
}
