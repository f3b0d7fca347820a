//! Links, phrases and the messages of linking, without end: what people paste and scan. Run it as `gate`'s head says.
//!
//! The first byte of the input chooses what is read. What is read is written as the same link.

#![no_main]

use bayou_core::crypto::{DeviceKey, Entropy};
use bayou_core::id::UserId;
use bayou_core::identity::linking::{NewDevice, Offer, OldDevice};
use bayou_core::identity::{ContactLink, Invite, JoinLink, Phrase, VerifyCode};
use bayou_core::time::Timestamp;
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fuzz_target!(|input: &[u8]| {
    let Some((how, input)) = input.split_first() else { return };
    if how % 7 == 6 {
        return linking(input);
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    let again = match how % 7 {
        0 => JoinLink::from_link(text).ok().map(|link| link.to_link()),
        1 => ContactLink::from_link(text).ok().map(|link| link.to_link()),
        2 => VerifyCode::from_link(text).ok().map(|link| link.to_link()),
        3 => Offer::from_link(text).ok().map(|link| link.to_link()),
        4 => Invite::from_link(text).ok().map(|_| text.to_owned()),
        _ => Phrase::parse(text).ok().map(|_| text.to_owned()),
    };
    let code = |text: &str| text.trim().rsplit(['#', '/']).next().map(str::to_owned);
    if let Some(again) = again {
        assert_eq!(code(&again), code(text));
    }
});

/// Whatever comes in the place of a message, the machine stays where it was.
fn linking(message: &[u8]) {
    let mut entropy = Entropy::from_seed([1; 32]);
    let [new, old] = [1, 2].map(|seed| DeviceKey::from_seed(&[seed; 32]));
    let mut phone = NewDevice::begin(new, Vec::new(), NOW, &mut entropy);
    let link = phone.offer().to_link();
    let (mut laptop, hello) = OldDevice::scan(&link, UserId([7; 32]), old, NOW, &mut entropy).expect("an offer");
    assert!(message == hello || phone.take_hello(message, NOW).is_err());
    let reveal = phone.take_hello(&hello, NOW).expect("still waits for it");
    assert!(message == reveal || laptop.take_reveal(message, NOW).is_err());
    laptop.take_reveal(&reveal, NOW).expect("still waits for it");
    assert!(laptop.take_confirmation(message, NOW).is_err());
    assert!(phone.take_answer(message, NOW).is_err());
}
