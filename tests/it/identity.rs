//! What people paste and strangers send, damaged in many ways: nothing panics, and what is read is written the same again.

use bayou_core::crypto::{DeviceKey, Entropy, Secret};
use bayou_core::id::{Address, ConversationId, PeerId, UserId};
use bayou_core::identity::linking::{MAX_LINKING_MESSAGE, NewDevice, Offer, OldDevice};
use bayou_core::identity::{Admission, ContactLink, JoinLink, Phrase, Prekeys, Profile, VerifyCode, fingerprint};
use bayou_core::time::Timestamp;
use bayou_tests::dice::{Dice, damage};

/// Mutants of each kind.
const MUTANTS: u64 = 20_000;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// Letters that come up in links and phrases, and some that should not.
const LETTERS: &[&str] = &["A", "_", "-", "=", "#", "/", ":", "%", " ", "\n", "\0", "é", "\u{1f6f6}", "\u{202e}", "7"];

fn seed() -> u64 {
    let seed = std::env::var("BAYOU_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("BAYOU_SEED={seed}");
    seed
}

/// Changes a text: half of the time its code's bytes, so that the damage gets past base64.
fn damage_text(text: &str, prefix: usize, dice: &mut Dice) -> String {
    if dice.one_in(2) {
        let code = data_encoding::BASE64URL_NOPAD;
        let bytes = code.decode(&text.as_bytes()[prefix..]).unwrap();
        return format!("{}{}", &text[..prefix], code.encode(&damage(&bytes, dice)));
    }
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..=dice.below(3) {
        let at = dice.below(letters.len() as u64) as usize;
        match dice.below(4) {
            0 => letters.truncate(at),
            1 => letters.splice(at..at, dice.pick(LETTERS).unwrap().chars()).for_each(drop),
            2 if at < letters.len() => letters[at] = dice.pick(LETTERS).unwrap().chars().next().unwrap(),
            _ => letters.splice(at..at, letters[at / 2..at].to_vec()).for_each(drop),
        }
    }
    letters.into_iter().collect()
}

/// Reads mutants of a link, in both senses: what is read must be written as what was read. Returns how many were read.
fn links<T, E: std::fmt::Display>(
    link: &str,
    purpose: u64,
    read: impl Fn(&str) -> Result<T, E>,
    write: impl Fn(&T) -> String,
) -> u64 {
    let mut dice = Dice::new(seed(), purpose);
    let prefix = link.find('#').map_or_else(|| link.rfind('/').unwrap() + 1, |at| at + 1);
    let mut kept = 0;
    for _ in 0..MUTANTS {
        let mutant = damage_text(link, prefix, &mut dice);
        match read(&mutant) {
            Ok(value) => {
                kept += 1;
                let code = |text: &str| text.trim().rsplit(['#', '/']).next().unwrap().to_owned();
                assert_eq!(code(&write(&value)), code(&mutant));
            }
            Err(error) => assert!(error.to_string().len() > 20),
        }
    }
    kept
}

fn peers() -> Vec<(PeerId, Vec<Address>)> {
    vec![(PeerId([4; 32]), vec![Address("/ip4/192.0.2.1/udp/4001/quic-v1".into())])]
}

fn phone(entropy: &mut Entropy) -> NewDevice {
    NewDevice::begin(DeviceKey::from_seed(&[1; 32]), peers(), NOW, entropy)
}

#[test]
fn damaged_links_are_refused_or_read_as_written() {
    let join = JoinLink {
        conversation: ConversationId([1; 32]),
        inviter: fingerprint(&UserId([2; 32])),
        seed: Secret::new([3; 32]),
        expires: NOW,
        admission: Admission::Auto,
        peers: peers(),
    };
    let contact = ContactLink { user: UserId([2; 32]), seed: Secret::new([3; 32]), peers: peers() };
    let verify = VerifyCode { mine: UserId([1; 32]), theirs: UserId([2; 32]) };
    let offer = phone(&mut Entropy::from_seed([5; 32])).offer().clone();
    let web = join.to_web_link("chat.example.org").unwrap();
    let kept = [
        links(&join.to_link(), 1, JoinLink::from_link, JoinLink::to_link),
        links(&web, 2, JoinLink::from_link, JoinLink::to_link),
        links(&contact.to_link(), 3, ContactLink::from_link, ContactLink::to_link),
        links(&verify.to_link(), 4, VerifyCode::from_link, VerifyCode::to_link),
        links(&offer.to_link(), 5, Offer::from_link, Offer::to_link),
    ];
    // Damage inside of keys and addresses cannot be seen; if none were read, the mutants would be too wild to tell.
    assert!(kept.iter().all(|kept| (10..MUTANTS).contains(kept)), "{kept:?}");
}

#[test]
fn damaged_phrases_are_refused_by_place() {
    let mut dice = Dice::new(seed(), 7);
    for _ in 0..MUTANTS {
        let phrase = Phrase::new(Secret::new(dice.bytes()));
        let text = phrase.words().collect::<Vec<_>>().join(" ");
        assert_eq!(Phrase::parse(&text), Ok(phrase.clone()));
        let mutant = String::from_utf8_lossy(&damage(text.as_bytes(), &mut dice)).into_owned();
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        match Phrase::parse(&mutant) {
            Ok(read) => assert_eq!(read.words().count(), 24),
            // What was typed never comes back in the error.
            Err(error) => assert!(words(&mutant).iter().all(|w| w.len() < 9 || !error.to_string().contains(w))),
        }
    }
}

fn profile(prekeys: Prekeys) -> Profile {
    let [device, transport] = [1, 2].map(|seed| Secret::new([seed; 32]));
    Profile::new(UserId([4; 32]), "alice".into(), (device, transport), Secret::new([5; 32]), prekeys)
}

#[test]
fn damaged_profiles_are_refused_or_sound() {
    let mut entropy = Entropy::from_seed([3; 32]);
    let mut prekeys = Prekeys::new(NOW, &mut entropy);
    (1..60).for_each(|day| drop(prekeys.turn(NOW.plus(day * 86_400_000), &mut entropy)));
    let bytes = profile(prekeys).to_bytes().unwrap();
    let mut dice = Dice::new(seed(), 8);
    let mut kept = 0;
    for _ in 0..MUTANTS {
        match Profile::from_bytes(&damage(&bytes, &mut dice)) {
            Ok(mut profile) => {
                kept += 1;
                // Whatever was read can be used and is written again.
                profile.prekeys.turn(Timestamp(dice.number()), &mut entropy);
                assert!(profile.prekeys.newest().is_some());
                let again = profile.to_bytes().unwrap();
                assert_eq!(Profile::from_bytes(&again), Ok(profile));
            }
            Err(error) => assert!(error.to_string().len() > 20),
        }
    }
    assert!(kept > 10, "{kept}");
}

/// Each message of a linking, damaged on its way: the machines stay where they were, and the true one still works.
#[test]
fn damaged_messages_of_linking_change_nothing() {
    let mut dice = Dice::new(seed(), 9);
    let mut entropy = Entropy::from_seed(dice.bytes());
    for _ in 0..MUTANTS / 40 {
        let mut phone = phone(&mut entropy);
        let (key, link) = (DeviceKey::from_seed(&[2; 32]), phone.offer().to_link());
        let (mut laptop, hello) = OldDevice::scan(&link, UserId([7; 32]), key, NOW, &mut entropy).unwrap();
        let mut mutants = |bytes: &[u8]| -> Vec<Vec<u8>> {
            let mutants = (0..20).map(|_| damage(bytes, &mut dice));
            let long = vec![1; MAX_LINKING_MESSAGE + 1];
            mutants.chain([long]).filter(|mutant| mutant != bytes).collect()
        };
        mutants(&hello).iter().for_each(|mutant| assert!(phone.take_hello(mutant, NOW).is_err()));
        let reveal = phone.take_hello(&hello, NOW).unwrap();
        mutants(&reveal).iter().for_each(|mutant| assert!(laptop.take_reveal(mutant, NOW).is_err()));
        laptop.take_reveal(&reveal, NOW).unwrap();
        assert_eq!(laptop.digits(), phone.digits());
        let yes = phone.confirm(NOW).unwrap();
        mutants(&yes).iter().for_each(|mutant| assert!(laptop.take_confirmation(mutant, NOW).is_err()));
        laptop.take_confirmation(&yes, NOW).unwrap();
        laptop.confirm(NOW).unwrap();
        let answer = laptop.answer(b"secrets", NOW, &mut entropy).unwrap();
        mutants(&answer).iter().for_each(|mutant| assert!(phone.take_answer(mutant, NOW).is_err()));
        assert_eq!(phone.take_answer(&answer, NOW).unwrap().payload.as_slice(), b"secrets");
    }
}
