//! Frames, without end: what one linked peer sends another, and the proofs of forks in it. Run it as `gate`'s head says.
//!
//! What is read must be written as the same bytes, or two peers could name one frame by two hashes. A proof that proves
//! a fork must do so again.

#![no_main]

use bayou_core::conversation::{Genesis, SegmentId};
use bayou_core::envelope::Frame;
use bayou_core::id::ConversationId;
use libfuzzer_sys::fuzz_target;

const ID: SegmentId = SegmentId { conversation: ConversationId([1; 32]), number: 0 };

fuzz_target!(|input: &[u8]| {
    let Ok(frame) = Frame::decode(input) else { return };
    assert_eq!(frame.encode(), input, "a frame has one form");
    let Frame::Forks { proofs, .. } = frame else { return };
    let genesis = Genesis::new(ID);
    for proof in proofs {
        if let Ok(fork) = proof.check(&genesis, ID) {
            assert_eq!(fork.proof().clone().check(&genesis, ID), Ok(fork));
        }
    }
});
