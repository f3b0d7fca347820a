//! One device's epochs, rule by rule.

use bayou_core::crypto::{BoxKey, Entropy, Secret};
use bayou_core::envelope::{
    Announced, BadBox, Commitment, Due, EpochBox, EpochError, Epochs, KEEP_MS, MAX_BOXES_EACH, MAX_CONTENT, MAX_EPOCHS,
    MAX_HELD, MAX_RECIPIENTS, PATIENCE_MS, Recipient, Room, SealError, Sealed, Stale, WEEK_MS, Why,
};
use bayou_core::id::{DeviceId, RecordHash};
use bayou_core::time::Timestamp;
use bayou_tests::dice::Dice;

use super::room::CONVERSATION;

const AT: Timestamp = Timestamp(1_700_000_000_000);
const ALICE: DeviceId = DeviceId([1; 32]);
const BOB: DeviceId = DeviceId([2; 32]);
const MUTANTS: usize = 20_000;

fn id(number: u16) -> RecordHash {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    RecordHash(bytes)
}

fn secret(number: u16) -> Secret {
    Secret::new(id(number).0).derive("test", &[])
}

fn key(device: DeviceId) -> BoxKey {
    BoxKey::from_seed(&Secret::new(device.0))
}

fn recipient(device: DeviceId) -> Recipient {
    Recipient { device, prekey: 1, address: key(device).address() }
}

fn room(devices: &[DeviceId]) -> Room {
    let members = devices.iter().map(|device| (*device, recipient(*device))).collect();
    Room { members, since: AT, ..Room::default() }
}

fn announced(number: u16, generation: u64) -> Announced {
    let recipients = [ALICE, BOB].into();
    let commitment = Commitment::to(&secret(number));
    Announced { id: id(number), generation, commitment, maker: ALICE, recipients, valid: true }
}

/// Alice's epochs, by number and generation, all of them held.
fn holding(epochs: &[(u16, u64)]) -> Epochs {
    let mut alice = Epochs::new(CONVERSATION, ALICE);
    for (number, generation) in epochs {
        alice.announce(announced(*number, *generation), AT).unwrap();
        alice.adopt(id(*number), secret(*number), AT).unwrap();
    }
    alice
}

fn rng() -> Entropy {
    Entropy::from_seed([9; 32])
}

#[test]
fn the_highest_generation_then_the_lowest_id_among_the_usable_is_sealed_under() {
    let mut alice = holding(&[(1, 1), (2, 2), (3, 2)]);
    let mut here = room(&[ALICE, BOB]);
    assert_eq!(alice.current(&here), Some(id(2)));
    here.stale.insert(id(2), Stale::Removal);
    assert_eq!(alice.current(&here), Some(id(3)));
    alice.announce(Announced { valid: false, ..announced(3, 2) }, AT).unwrap();
    assert_eq!(alice.current(&here), Some(id(1)));
    alice.announce(Announced { maker: BOB, recipients: [ALICE].into(), ..announced(4, 9) }, AT).unwrap();
    assert_eq!(alice.current(&here), Some(id(1)), "what is not held is not used");
    alice.adopt(id(4), secret(4), AT).unwrap();
    assert_eq!(alice.current(&here), Some(id(4)));
    let alone = room(&[ALICE]);
    assert_eq!(alice.current(&alone), None, "all of them name bob or were made by him");
    assert_eq!(alice.seal(&alone, b"x", AT, &mut rng()).unwrap_err(), SealError::NoEpoch);
    assert!(matches!(alice.seal(&here, &vec![0; MAX_CONTENT + 1], AT, &mut rng()), Err(SealError::TooLarge(_))));
}

#[test]
fn what_is_due_and_when() {
    let mut here = room(&[ALICE, BOB]);
    let rotate = |epochs: &Epochs, room: &Room, now| {
        epochs
            .due(room, now)
            .into_iter()
            .find_map(|due| if let Due::Rotate { why, at } = due { Some((why, at.since(AT))) } else { None })
    };
    let (empty, alice) = (Epochs::new(CONVERSATION, ALICE), holding(&[(1, 1)]));
    assert!(rotate(&empty, &here, AT).is_some_and(|(why, after)| why == Why::NoneUsable && after < 2000));
    here.rank = 7;
    assert!(rotate(&empty, &here, AT).is_some_and(|(_, after)| (14_000..16_000).contains(&after)));
    assert_eq!(alice.due(&here, AT.plus(WEEK_MS - 1)), []);
    let (why, after) = rotate(&alice, &here, AT.plus(WEEK_MS)).unwrap();
    assert!(why == Why::Weekly && (WEEK_MS + 14_000..WEEK_MS + 16_000).contains(&after));
    assert_eq!(rotate(&alice, &room(&[ALICE]), AT).unwrap().0, Why::Removal);
    for (stale, reason) in [(Stale::Removal, Why::Removal), (Stale::Revocation, Why::Revocation)] {
        here.stale.insert(id(1), stale);
        assert_eq!(rotate(&alice, &here, AT).unwrap().0, reason);
    }
    assert_eq!(alice.due(&room(&[BOB]), AT.plus(WEEK_MS)), [], "nothing for who is no member");
}

#[test]
fn a_newcomer_is_granted_a_box_and_who_lacks_an_epoch_asks_ever_more_slowly() {
    let carol = DeviceId([3; 32]);
    let (mut alice, here) = (holding(&[(1, 1)]), room(&[ALICE, BOB, carol]));
    assert_eq!(alice.due(&here, AT), [Due::Grant { epoch: id(1), device: carol }]);
    let sealed = alice.box_for(&here, id(1), carol, &mut rng()).unwrap();
    assert_eq!(alice.due(&here, AT), []);
    assert_eq!(alice.box_for(&here, id(1), DeviceId([4; 32]), &mut rng()), Err(EpochError::NotMember));
    assert_eq!(alice.box_for(&here, id(2), carol, &mut rng()), Err(EpochError::NotHeld));

    let mut newcomer = Epochs::new(CONVERSATION, carol);
    let find = |_: u32| Some(key(carol));
    assert_eq!(newcomer.receive(sealed.clone(), find, AT), Err(EpochError::Unknown));
    newcomer.announce(announced(1, 1), AT).unwrap();
    let asks = |newcomer: &Epochs, now| newcomer.due(&here, now).contains(&Due::Ask { epoch: id(1) });
    assert!(asks(&newcomer, AT));
    newcomer.asked(id(1), AT);
    assert!(!asks(&newcomer, AT.plus(29_999)) && asks(&newcomer, AT.plus(30_000)));
    (0..99).for_each(|_| newcomer.asked(id(1), AT));
    assert!(asks(&newcomer, AT.plus(60 * 60 * 1000)), "at least once an hour");
    let patient = newcomer.due(&here, AT);
    assert!(matches!(patient[..], [Due::Rotate { why: Why::NoneUsable, at }] if at.since(AT) >= PATIENCE_MS));
    assert_eq!(newcomer.receive(sealed.clone(), |_| None, AT), Err(EpochError::Prekey));
    assert_eq!(newcomer.receive(sealed, find, AT), Ok(true));
    assert!(newcomer.holds(id(1)) && newcomer.due(&here, AT).iter().all(|due| matches!(due, Due::Grant { .. })));
}

#[test]
fn a_box_with_another_secret_is_refused_and_the_right_one_still_comes_in() {
    let mut bob = Epochs::new(CONVERSATION, BOB);
    bob.announce(announced(1, 1), AT).unwrap();
    let wrong = EpochBox::seal(&secret(2), CONVERSATION, id(1), &recipient(BOB), &mut rng()).unwrap();
    let right = EpochBox::seal(&secret(1), CONVERSATION, id(1), &recipient(BOB), &mut rng()).unwrap();
    assert_eq!(bob.receive(wrong, |_| Some(key(BOB)), AT), Err(EpochError::Box(BadBox::Commitment)));
    assert!(!bob.holds(id(1)));
    assert_eq!(bob.adopt(id(1), secret(2), AT), Err(EpochError::Box(BadBox::Commitment)));
    assert_eq!(bob.receive(right, |_| Some(key(BOB)), AT), Ok(true));
}

#[test]
fn an_epoch_is_deleted_37_days_after_its_successor_and_never_the_last() {
    let here = room(&[ALICE, BOB]);
    let mut alice = holding(&[(1, 1)]);
    let (_, old) = alice.seal(&here, b"old", AT, &mut rng()).unwrap();
    alice.box_for_all(&here, id(1), &mut rng()).unwrap();
    let later = AT.plus(100 * KEEP_MS);
    assert_eq!(alice.expire(later), [], "there is no other");
    assert_eq!(alice.boxes().count(), 0, "boxes go without a successor");
    alice.announce(announced(2, 2), later).unwrap();
    assert_eq!(alice.expire(later.plus(KEEP_MS)), [], "an announcement takes no key away");
    alice.adopt(id(2), secret(2), later).unwrap();
    assert_eq!(alice.expire(later.plus(KEEP_MS - 1)), []);
    assert!(alice.open(&old).is_ok());
    assert_eq!(alice.expire(later.plus(KEEP_MS)), [id(1)]);
    assert!(alice.open(&old).is_err() && alice.encode_key(id(1)).is_none() && alice.holds(id(2)));
    assert_eq!(alice.announce(announced(1, 1), later), Err(EpochError::Expired), "it does not come back");
    let plain = alice.encode();
    let mut again = Epochs::decode(CONVERSATION, ALICE, &plain, []).unwrap();
    assert_eq!(again.announce(announced(1, 1), later), Err(EpochError::Expired), "nor after a restart");
}

#[test]
fn every_list_has_its_bound() {
    let mut alice = Epochs::new(CONVERSATION, ALICE);
    let crowd = (0..=MAX_RECIPIENTS as u16).map(|number| DeviceId(id(number).0)).collect();
    let crowded = Announced { recipients: crowd, ..announced(1, 1) };
    assert_eq!(alice.announce(crowded, AT), Err(EpochError::Recipients));
    for number in 1..=MAX_EPOCHS as u16 {
        alice.announce(announced(number, u64::from(number)), AT).unwrap();
    }
    assert_eq!(alice.announce(announced(999, 0), AT), Err(EpochError::Full));
    alice.adopt(id(1), secret(1), AT).unwrap();
    alice.announce(announced(1000, 1000), AT).unwrap();
    assert!(alice.holds(id(1)), "a held one does not give way to an announcement");
    for number in 100..100 + MAX_HELD as u16 {
        alice.adopt(id(number), secret(number), AT).unwrap();
    }
    assert_eq!(alice.expire(AT), [id(1)], "the least goes, and the store is told");
    let here = room(&[ALICE, BOB]);
    for _ in 0..9 {
        alice.box_for(&here, id(100), BOB, &mut rng()).unwrap();
    }
    let other = EpochBox::seal(&secret(100), CONVERSATION, id(100), &recipient(BOB), &mut Entropy::from_seed([8; 32]));
    assert!(alice.boxes().count() <= MAX_BOXES_EACH);
    let mut dice = rng();
    let more: Vec<_> = (0..9)
        .map(|_| EpochBox::seal(&secret(100), CONVERSATION, id(100), &recipient(BOB), &mut dice).unwrap())
        .collect();
    let taken = more.into_iter().chain(other).filter(|sealed| alice.receive(sealed.clone(), |_| None, AT).is_ok());
    assert!(taken.count() <= MAX_BOXES_EACH);
    assert_eq!(alice.boxes().count(), MAX_BOXES_EACH);
}

#[test]
fn what_is_kept_comes_back_and_the_plain_part_holds_no_secret() {
    let here = room(&[ALICE, BOB]);
    let mut alice = holding(&[(1, 1), (2, 2)]);
    alice.box_for_all(&here, id(2), &mut rng()).unwrap();
    let (_, sealed) = alice.seal(&here, b"hello", AT, &mut rng()).unwrap();
    let (plain, keys) = (alice.encode(), [1, 2].map(|number| (id(number), alice.encode_key(id(number)).unwrap())));
    for number in [1, 2] {
        assert!(!plain.windows(32).any(|bytes| bytes == secret(number).expose()));
    }
    let borrowed = keys.iter().map(|(id, bytes)| (*id, bytes.as_slice()));
    let again = Epochs::decode(CONVERSATION, ALICE, &plain, borrowed).unwrap();
    assert_eq!(again.encode(), plain);
    assert_eq!(again.open(&sealed).unwrap().1.content(), b"hello");
    assert_eq!(again.held_ids().count(), 2);
    assert!(!format!("{again:?}").contains(&format!("{:?}", secret(1).expose())));
    // A key under another epoch's name is noticed.
    assert!(Epochs::decode(CONVERSATION, ALICE, &plain, [(id(2), keys[0].1.as_slice())]).is_err());
}

/// Changes some bytes, cuts, adds or repeats; never gives back what it was given.
fn mutate(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    loop {
        let mut mutant = bytes.to_vec();
        for _ in 0..=dice.below(3) {
            let at = dice.below(mutant.len() as u64) as usize;
            match dice.below(8) {
                0 => mutant.truncate(at),
                1 => mutant.extend_from_slice(&dice.bytes::<7>()),
                2 => mutant.insert(at, dice.bytes::<1>()[0]),
                _ if mutant.is_empty() => {}
                3 => mutant[at] = dice.bytes::<1>()[0],
                _ => mutant[at] ^= 1 << dice.below(8),
            }
        }
        if mutant != bytes {
            return mutant;
        }
    }
}

#[test]
fn no_mutant_of_an_envelope_or_a_box_is_accepted_and_none_panics() {
    let (here, mut dice, seed) = (room(&[ALICE, BOB]), Dice::new(7, 0xe1), 7);
    let mut alice = holding(&[(1, 1), (2, 2)]);
    let (_, sealed) = alice.seal(&here, b"hello", AT, &mut rng()).unwrap();
    let (boxes, _) = alice.box_for_all(&here, id(2), &mut rng()).unwrap();
    let (plain, secret) = (alice.encode(), alice.encode_key(id(2)).unwrap());
    let (mut parsed, mut decoded, mut restored) = (0, 0, 0);
    for mutant in 0..MUTANTS {
        if let Ok(sealed) = Sealed::parse(mutate(sealed.bytes(), &mut dice)) {
            parsed += 1;
            assert!(alice.open(&sealed).is_err(), "SEED={seed}, mutant {mutant}");
        }
        if let Ok(sealed) = EpochBox::decode(&mutate(&boxes[0].encode(), &mut dice)) {
            decoded += 1;
            let opened = sealed.open(CONVERSATION, &key(BOB), Commitment::to(&super::one::secret(2)));
            assert!(opened.is_err(), "SEED={seed}, mutant {mutant}");
        }
        // What is kept is our own: damage is found or harmless, and a changed secret is always found.
        restored += usize::from(Epochs::decode(CONVERSATION, ALICE, &mutate(&plain, &mut dice), []).is_ok());
        let changed = mutate(&secret, &mut dice);
        if let Ok(epochs) = Epochs::decode(CONVERSATION, ALICE, &plain, [(id(2), changed.as_slice())]) {
            let again = epochs.encode_key(id(2)).unwrap();
            assert_eq!(again[again.len() - 32..], secret[secret.len() - 32..], "SEED={seed}, mutant {mutant}");
        }
    }
    println!("of {MUTANTS} mutants each: {parsed} envelopes had the form, {decoded} boxes, {restored} kept epochs");
    assert!(parsed > MUTANTS / 4 && decoded > MUTANTS / 4);
}
