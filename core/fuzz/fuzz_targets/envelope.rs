//! Envelopes and epoch boxes, without end: what strangers carry. Run it as `gate`'s head says.
//!
//! Nobody who does not know the keys makes one that opens.

#![no_main]

use bayou_core::crypto::{BoxKey, Secret};
use bayou_core::envelope::{Announced, Commitment, EpochBox, Epochs, Sealed};
use bayou_core::id::{ConversationId, DeviceId, RecordHash};
use bayou_core::time::Timestamp;
use libfuzzer_sys::fuzz_target;

const CONVERSATION: ConversationId = ConversationId([1; 32]);
const ALICE: DeviceId = DeviceId([1; 32]);
const AT: Timestamp = Timestamp(0);

fuzz_target!(|input: &[u8]| {
    let (id, secret) = (RecordHash([1; 32]), Secret::new([1; 32]));
    let commitment = Commitment::to(&secret);
    if let Ok(sealed) = EpochBox::decode(input) {
        assert_eq!(sealed.encode(), input, "a box has one form");
        assert!(sealed.open(CONVERSATION, &BoxKey::from_seed(&secret), commitment).is_err());
    }
    let Ok(sealed) = Sealed::parse(input.to_vec()) else { return };
    assert_eq!(sealed.bytes(), input);
    let mut epochs = Epochs::new(CONVERSATION, ALICE);
    let recipients = Default::default();
    let announced = Announced { id, generation: 1, commitment, maker: ALICE, recipients, valid: true };
    epochs.announce(announced, AT).expect("is known");
    epochs.adopt(id, secret, AT).expect("is held");
    assert!(epochs.open(&sealed).is_err());
});
