//! Control records, records of users' logs and cuts, without end. Run it as `gate`'s head says.
//!
//! The first byte of the input chooses what is read. The rest of it is taken as it is, or as what someone signs: nobody
//! finds a signature by chance, and so would see nothing of what is behind it.

#![no_main]

use bayou_core::authority::{Authority, ControlRecord, Cut, Record, UserRecord};
use bayou_core::crypto::DeviceKey;
use bayou_core::id::ConversationId;
use libfuzzer_sys::fuzz_target;

const CONVERSATION: ConversationId = ConversationId([1; 32]);

fuzz_target!(|input: &[u8]| {
    let Some((how, input)) = input.split_first() else { return };
    match how % 6 {
        0 => take(input),
        1 => take(&signed(input, "bayou/1/authority", &[CONVERSATION.as_bytes(), input])),
        2 => take_user(input),
        3 => take_user(&signed(input, "bayou/1/user", &[input])),
        4 => drop(ControlRecord::open(input, CONVERSATION)),
        _ => {
            if let Ok(cut) = Cut::open(input) {
                assert_eq!(cut.to_bytes(), input, "a cut has one form");
            }
        }
    }
});

/// Writes what is signed, with its length in front, and the signature: 64 bytes, with their number in front.
fn signed(body: &[u8], context: &'static str, parts: &[&[u8]]) -> Vec<u8> {
    let (mut record, mut length) = (Vec::new(), body.len());
    while length >= 0x80 {
        record.push(length as u8 | 0x80);
        length >>= 7;
    }
    record.push(length as u8);
    record.extend(body);
    record.push(64);
    record.extend(DeviceKey::from_seed(&[1; 32]).sign(context, parts).0);
    record
}

fn take(bytes: &[u8]) {
    let Ok(record) = Record::open(bytes, CONVERSATION) else { return };
    assert_eq!(record.bytes(), bytes, "a record has one form");
    let mut set = Authority::new(CONVERSATION);
    set.insert(record);
    set.ruling();
    set.heads();
    set.missing();
}

fn take_user(bytes: &[u8]) {
    let Ok(record) = UserRecord::open(bytes) else { return };
    assert_eq!(record.bytes(), bytes, "a record has one form");
    let mut set = Authority::new(CONVERSATION);
    set.insert_user(record);
    set.ruling();
}
