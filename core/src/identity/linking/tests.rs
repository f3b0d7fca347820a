use super::transcript::{Hello, NONCE, Transcript};
use super::*;
use crate::crypto::{DeviceKey, Entropy};
use crate::id::{Address, PeerId, UserId};
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const ALICE: UserId = UserId([0xa1; 32]);

fn entropy(seed: u64) -> Entropy {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    Entropy::from_seed(bytes)
}

fn phone(seed: u64) -> NewDevice {
    let peers = vec![(PeerId([4; 32]), vec![Address("/ip4/192.0.2.1/udp/4001/quic-v1".into())])];
    NewDevice::begin(DeviceKey::from_seed(&[1; 32]), peers, NOW, &mut entropy(seed))
}

fn laptop(link: &str, seed: u64) -> (OldDevice, Vec<u8>) {
    OldDevice::scan(link, ALICE, DeviceKey::from_seed(&[2; 32]), NOW, &mut entropy(seed)).unwrap()
}

/// Brings both to the point where digits are shown.
fn comparing(seed: u64) -> (NewDevice, OldDevice) {
    let mut phone = phone(seed);
    let (mut laptop, hello) = laptop(&phone.offer().to_link(), seed + 1000);
    let reveal = phone.take_hello(&hello, NOW).unwrap();
    laptop.take_reveal(&reveal, NOW).unwrap();
    (phone, laptop)
}

#[test]
fn a_device_is_linked_after_both_sides_confirmed() {
    let (mut phone, mut laptop) = comparing(1);
    assert_eq!(phone.digits(), laptop.digits());
    assert_eq!(phone.digits().unwrap().to_string(), "054 550");
    assert_eq!((phone.user(), laptop.new_device()), (Some(ALICE), phone.offer().device));
    let mut rng = entropy(2);

    assert_eq!(laptop.answer(b"secrets", NOW, &mut rng), Err(LinkingError::Unconfirmed));
    laptop.confirm(NOW).unwrap();
    assert_eq!(laptop.answer(b"secrets", NOW, &mut rng), Err(LinkingError::Unconfirmed));
    laptop.take_confirmation(&phone.confirm(NOW).unwrap(), NOW).unwrap();
    let answer = laptop.answer(b"secrets", NOW, &mut rng).unwrap();
    assert_eq!(laptop.answer(b"secrets", NOW, &mut rng), Err(LinkingError::Ended));

    let linked = phone.take_answer(&answer, NOW).unwrap();
    assert_eq!((linked.user, linked.by), (ALICE, DeviceKey::from_seed(&[2; 32]).device()));
    assert_eq!(linked.payload.as_slice(), b"secrets");
    assert!(matches!(phone.take_answer(&answer, NOW), Err(LinkingError::Ended)));
}

#[test]
fn nothing_is_handed_over_when_only_the_new_side_confirmed() {
    let (mut phone, mut laptop) = comparing(1);
    let confirmation = phone.confirm(NOW).unwrap();
    laptop.take_confirmation(&confirmation, NOW).unwrap();
    assert_eq!(laptop.answer(b"secrets", NOW, &mut entropy(2)), Err(LinkingError::Unconfirmed));
    laptop.refuse();
    assert_eq!(laptop.confirm(NOW), Err(LinkingError::Ended));
    assert_eq!(laptop.answer(b"secrets", NOW, &mut entropy(2)), Err(LinkingError::Ended));
}

#[test]
fn nothing_is_opened_before_the_person_confirmed_here() {
    let (mut phone, mut laptop) = comparing(1);
    let mut eager = comparing(1).0;
    laptop.take_confirmation(&eager.confirm(NOW).unwrap(), NOW).unwrap();
    laptop.confirm(NOW).unwrap();
    let answer = laptop.answer(b"secrets", NOW, &mut entropy(2)).unwrap();
    assert!(matches!(phone.take_answer(&answer, NOW), Err(LinkingError::Unconfirmed)));
    phone.refuse();
    assert!(matches!(phone.take_answer(&answer, NOW), Err(LinkingError::Ended)));
}

/// Mallory replaces the offer by her own and talks to both sides.
#[test]
fn swapped_keys_show_as_other_digits() {
    let mut same = 0;
    for seed in 0..300 {
        let mut phone = phone(seed);
        let mallory = DeviceKey::from_seed(&[6; 32]);
        let mut hers = NewDevice::begin(mallory.clone(), vec![], NOW, &mut entropy(seed + 1_000_000));
        let (mut laptop, hello) = laptop(&hers.offer().to_link(), seed + 2_000_000);
        laptop.take_reveal(&hers.take_hello(&hello, NOW).unwrap(), NOW).unwrap();
        // Toward the phone she says that she is Alice.
        let link = phone.offer().to_link();
        let scanned = OldDevice::scan(&link, ALICE, mallory, NOW, &mut entropy(seed + 3_000_000));
        phone.take_hello(&scanned.unwrap().1, NOW).unwrap();
        same += usize::from(phone.digits() == laptop.digits());
    }
    assert!(same <= 1, "{same} of 300: one in a million each");
}

/// She cannot try again: her hello is taken once, and what her own offer had promised is fixed.
#[test]
fn she_has_no_second_try() {
    let mut phone = phone(1);
    let link = phone.offer().to_link();
    let hello =
        |seed| OldDevice::scan(&link, ALICE, DeviceKey::from_seed(&[6; 32]), NOW, &mut entropy(seed)).unwrap().1;
    phone.take_hello(&hello(1), NOW).unwrap();
    let digits = phone.digits();
    for seed in 2..100 {
        assert_eq!(phone.take_hello(&hello(seed), NOW), Err(LinkingError::OutOfTurn));
    }
    assert_eq!(phone.digits(), digits);

    let hers = NewDevice::begin(DeviceKey::from_seed(&[6; 32]), vec![], NOW, &mut entropy(1));
    let (mut laptop, _) = laptop(&hers.offer().to_link(), 1);
    for guess in 0..1000_u64 {
        let reveal = [&[VERSION], &[0; 8][..], &guess.to_be_bytes()].concat();
        assert_eq!(laptop.take_reveal(&reveal, NOW), Err(LinkingError::Imposter));
    }
    assert_eq!(laptop.digits(), None);
}

/// Why the offer holds a commitment: with the number in it she would have the last word. Shown for three digits of six.
#[test]
fn with_the_number_in_the_offer_she_would_find_a_match() {
    let (phone, laptop) = comparing(1);
    let goal = laptop.digits().unwrap().to_string();
    let known: [u8; NONCE] = {
        let mut phone = self::phone(1);
        phone.take_hello(&self::laptop(&phone.offer().to_link(), 1).1, NOW).unwrap()[1..].try_into().unwrap()
    };
    let found = (0..20_000_u128).find(|guess| {
        let hello = Hello { user: ALICE, device: DeviceKey::from_seed(&[6; 32]).device(), nonce: guess.to_be_bytes() };
        Transcript::of(phone.offer(), &hello, &known).digits().to_string()[..3] == goal[..3]
    });
    assert!(found.is_some());
}

/// She carries the phone's promise over to an offer with her own keys.
#[test]
fn a_commitment_is_bound_to_its_keys() {
    let mut phone = phone(1);
    let hers = NewDevice::begin(DeviceKey::from_seed(&[6; 32]), vec![], NOW, &mut entropy(9));
    let offer = Offer { commitment: phone.offer().commitment, ..hers.offer().clone() };
    let reveal = phone.take_hello(&laptop(&phone.offer().to_link(), 1).1, NOW).unwrap();
    let (mut laptop, _) = laptop(&offer.to_link(), 2);
    assert_eq!(laptop.take_reveal(&reveal, NOW), Err(LinkingError::Imposter));
}

#[test]
fn a_confirmation_proves_the_key_and_an_answer_its_author() {
    let (mut phone, mut laptop) = comparing(1);
    let (mut other_phone, mut other_laptop) = comparing(2);
    let of_other = other_phone.confirm(NOW).unwrap();
    assert_eq!(laptop.take_confirmation(&of_other, NOW), Err(LinkingError::Imposter));
    let confirmation = phone.confirm(NOW).unwrap();
    for (laptop, confirmation) in [(&mut laptop, &confirmation), (&mut other_laptop, &of_other)] {
        laptop.take_confirmation(confirmation, NOW).unwrap();
        laptop.confirm(NOW).unwrap();
    }
    let answer = other_laptop.answer(b"secrets", NOW, &mut entropy(3)).unwrap();
    assert!(matches!(phone.take_answer(&answer, NOW), Err(LinkingError::Unreadable)));
    // Who knows the whole transcript still is not the old device.
    laptop.key = DeviceKey::from_seed(&[6; 32]);
    let answer = laptop.answer(b"secrets", NOW, &mut entropy(3)).unwrap();
    assert!(matches!(phone.take_answer(&answer, NOW), Err(LinkingError::Imposter)));
}

#[test]
fn an_attempt_ends_with_its_time() {
    let late = NOW.plus(OFFER_LIFETIME_MS);
    let mut shown = phone(1);
    let link = shown.offer().to_link();
    let (_, hello) = laptop(&link, 1);
    assert_eq!(shown.take_hello(&hello, late), Err(LinkingError::Expired));
    assert_eq!(shown.take_hello(&hello, NOW), Err(LinkingError::Ended));

    let (mut phone, mut laptop) = comparing(1);
    laptop.confirm(NOW).unwrap();
    assert_eq!(laptop.take_confirmation(&phone.confirm(NOW).unwrap(), late), Err(LinkingError::Expired));
    assert_eq!(laptop.answer(b"secrets", NOW, &mut entropy(1)), Err(LinkingError::Ended));
    assert!(matches!(phone.take_answer(&[], late), Err(LinkingError::Expired)));

    let scan = |now| OldDevice::scan(&link, ALICE, DeviceKey::from_seed(&[2; 32]), now, &mut entropy(1)).map(|_| ());
    assert_eq!(scan(late.plus(CLOCK_GRACE_MS - 1)), Ok(()));
    assert_eq!(scan(late.plus(CLOCK_GRACE_MS)), Err(LinkingError::Expired));
    assert_eq!(scan(Timestamp(NOW.0 - CLOCK_GRACE_MS)), Ok(()));
    assert_eq!(scan(Timestamp(NOW.0 - CLOCK_GRACE_MS - 1)), Err(LinkingError::ClocksDiffer));
}

#[test]
fn junk_changes_nothing() {
    let mut phone = phone(1);
    let (mut laptop, hello) = laptop(&phone.offer().to_link(), 1);
    for at in 0..hello.len() {
        let mut changed = hello.clone();
        changed[at] ^= 1;
        assert_eq!(phone.take_hello(&changed, NOW), Err(LinkingError::Unreadable), "byte {at}");
        assert_eq!(phone.take_hello(&hello[..at], NOW), Err(LinkingError::Unreadable), "cut at {at}");
    }
    assert_eq!(laptop.take_confirmation(&[VERSION; 65], NOW), Err(LinkingError::OutOfTurn));
    assert_eq!(laptop.take_reveal(&[VERSION; 3], NOW), Err(LinkingError::Unreadable));
    laptop.take_reveal(&phone.take_hello(&hello, NOW).unwrap(), NOW).unwrap();
    assert_eq!(laptop.digits(), phone.digits());
    laptop.confirm(NOW).unwrap();
    laptop.take_confirmation(&phone.confirm(NOW).unwrap(), NOW).unwrap();
    let too_much = vec![0; MAX_LINKING_MESSAGE - 113];
    assert_eq!(laptop.answer(&too_much, NOW, &mut entropy(1)), Err(LinkingError::TooLarge));
    let answer = laptop.answer(&too_much[1..], NOW, &mut entropy(1)).unwrap();
    assert_eq!(answer.len(), MAX_LINKING_MESSAGE);
    assert_eq!(phone.take_answer(&answer, NOW).unwrap().payload.len(), too_much.len() - 1);
}

#[test]
fn an_offer_is_written_as_it_always_was_and_says_no_secret() {
    let phone = phone(1);
    let link = phone.offer().to_link();
    assert_eq!(
        link,
        "bayou://link/AYqI4910CfGV_VLbLTy6XXLKZwm_HZQSG_N0iAG0D29cIIxeaBMx3vprpktCyrmFHJSYWWLSxPswDUqcYYTPrNgyTOnBjJOECRklXiYSr1mSeYZJQpqT5WNUDRcTTHKik_fA75XDsTQBBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQBHy9pcDQvMTkyLjAuMi4xL3VkcC80MDAxL3F1aWMtdjE"
    );
    assert_eq!(Offer::from_link(&link).as_ref(), Ok(phone.offer()));
    for end in 0..link.len() {
        assert!(Offer::from_link(&link[..end]).is_err(), "cut at {end}");
    }
    let key = DeviceKey::from_seed(&[1; 32]);
    let own = OldDevice::scan(&link, ALICE, key, NOW, &mut entropy(1)).map(|_| ());
    assert_eq!(own, Err(LinkingError::OwnCode));
    assert!(format!("{phone:?}").ends_with("redacted)"));
}
