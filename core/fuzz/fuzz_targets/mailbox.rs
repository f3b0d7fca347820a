//! What strangers send to a mailbox, and a mailbox to members: nothing panics, and what is read is written the same again.

#![no_main]

use bayou_core::id::PeerId;
use bayou_core::net::mailbox::{decode_answer, decode_request, encode_answer, encode_request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = decode_request(bytes) {
        assert_eq!(encode_request(&request), bytes);
        request.is_signed_for(PeerId([9; 32]));
    }
    if let Ok(answer) = decode_answer(bytes) {
        assert_eq!(encode_answer(&answer), bytes);
    }
});
