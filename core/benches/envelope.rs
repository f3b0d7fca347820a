//! What epochs and envelopes cost: sealing and opening. What a new epoch costs: `cargo xtask bench rekey`.
//!
//! `cargo bench -p bayou-core --no-default-features --bench envelope`; one JSON object a line.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use bayou_core::crypto::{BoxKey, Entropy, Secret};
use bayou_core::envelope::{Announced, Commitment, Epochs, MAX_HELD, Recipient, Room, Sealed};
use bayou_core::id::{ConversationId, DeviceId, RecordHash};
use bayou_core::time::Timestamp;

const AT: Timestamp = Timestamp(1_700_000_000_000);
const CONVERSATION: ConversationId = ConversationId([0xb0; 32]);

fn key(number: u8) -> BoxKey {
    BoxKey::from_seed(&Secret::new([number; 32]))
}

fn recipient(number: u8) -> (DeviceId, Recipient) {
    let device = DeviceId([number; 32]);
    (device, Recipient { device, prekey: 1, address: key(number).address() })
}

/// Announces and, if it is to be held, adopts the epoch of a number.
fn learn(epochs: &mut Epochs, number: u8, held: bool) {
    let (id, secret) = (RecordHash([number; 32]), Secret::new([number; 32]));
    let (commitment, recipients) = (Commitment::to(&secret), Default::default());
    let announced =
        Announced { id, generation: number.into(), commitment, maker: DeviceId([0; 32]), recipients, valid: true };
    epochs.announce(announced, AT).expect("is known");
    if held {
        epochs.adopt(id, secret, AT).expect("is held");
    }
}

/// Returns the fastest of some attempts, in microseconds each.
fn best(times: u32, mut run: impl FnMut()) -> f64 {
    let attempt = |_| {
        let begin = Instant::now();
        (0..times).for_each(|_| run());
        begin.elapsed().as_secs_f64() * 1e6 / f64::from(times)
    };
    (0..10).map(attempt).fold(f64::MAX, f64::min)
}

fn tell(name: &str, value: f64, unit: &str) {
    println!(r#"{{"name":"envelope/{name}","value":{value:.2},"unit":"{unit}"}}"#);
}

fn main() {
    let mut rng = Entropy::from_seed([7; 32]);
    let room = Room { members: (0..101).map(recipient).collect(), since: AT, ..Room::default() };
    let mut one = Epochs::new(CONVERSATION, DeviceId([0; 32]));
    learn(&mut one, 1, true);
    let mut many = Epochs::new(CONVERSATION, DeviceId([0; 32]));
    (1..=MAX_HELD as u8).for_each(|number| learn(&mut many, number, true));

    let content = [0xab; 400];
    for (name, epochs) in [("1 epoch", &one), ("64 epochs", &many)] {
        tell(
            &format!("seal 400 B, {name}"),
            best(500, || drop(black_box(epochs.seal(&room, &content, AT, &mut rng)))),
            "µs",
        );
        let (_, sealed) = epochs.seal(&room, &content, AT, &mut rng).expect("seals");
        let open = || drop(black_box(Sealed::parse(sealed.bytes().to_vec()).map(|sealed| epochs.open(&sealed))));
        tell(&format!("open 400 B, {name}"), best(500, open), "µs");
    }
    let id = RecordHash([1; 32]);
    let sealed = one.box_for(&room, id, DeviceId([2; 32]), &mut rng).expect("is held");
    let receive = || {
        let mut two = Epochs::new(CONVERSATION, DeviceId([2; 32]));
        learn(&mut two, 1, false);
        black_box(two.receive(sealed.clone(), |_| Some(key(2)), AT)).expect("opens");
    };
    tell("receive a box", best(50, receive), "µs");
}
