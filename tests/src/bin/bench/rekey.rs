//! `rekey`: what a new group key costs who makes it, in a group of a hundred other devices: one box for each. It is to stay
//! at or below 30 ms of the processor's time.
//!
//! Floor: a hundred times what one box costs.

use std::io;
use std::time::Duration;

use bayou_core::crypto::{BoxKey, Entropy, Secret};
use bayou_core::envelope::{Announced, Commitment, Epochs, Recipient, Room};
use bayou_core::id::{ConversationId, DeviceId, RecordHash};
use bayou_core::time::Timestamp;

use crate::{Options, report};

const AT: Timestamp = Timestamp(1_700_000_000_000);
const DEVICES: u8 = 100;
const EPOCH: RecordHash = RecordHash([1; 32]);

/// How often it is measured, and how often in a row, so that the processor's clock can tell.
const ROUNDS: usize = 7;
const EACH: u32 = 10;

pub(crate) fn run(_: &Options) -> io::Result<()> {
    let mut rng = Entropy::from_seed([7; 32]);
    let room = Room { members: (0..=DEVICES).map(recipient).collect(), since: AT, ..Room::default() };
    let (mut times, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        times.push(timed(|epochs| epochs.box_for_all(&room, EPOCH, &mut rng).map(drop).map_err(io::Error::other))?);
        let one = |epochs: &mut Epochs| {
            let seal = |_| epochs.box_for(&room, EPOCH, DeviceId([1; 32]), &mut rng).map(drop);
            (1..=DEVICES).try_for_each(seal).map_err(io::Error::other)
        };
        floors.push(timed(one)?);
    }
    let (value, floor) = (report::percentile(&mut times, 0.5), report::percentile(&mut floors, 0.5));
    report::print("rekey.cpu", (value, "ms"), (floor, "ms"));
    Ok(())
}

/// Returns the processor's time for something that is done with fresh epochs.
fn timed(mut act: impl FnMut(&mut Epochs) -> io::Result<()>) -> io::Result<Duration> {
    let mut fresh = (0..EACH).map(|_| epochs()).collect::<io::Result<Vec<Epochs>>>()?;
    let before = report::cpu()?;
    fresh.iter_mut().try_for_each(&mut act)?;
    Ok(report::cpu()?.saturating_sub(before) / EACH)
}

/// Returns the epochs of a device that holds one.
fn epochs() -> io::Result<Epochs> {
    let mut epochs = Epochs::new(ConversationId([0xb0; 32]), DeviceId([0; 32]));
    let secret = Secret::new([1; 32]);
    let (commitment, recipients) = (Commitment::to(&secret), Default::default());
    let announced =
        Announced { id: EPOCH, generation: 1, commitment, maker: DeviceId([0; 32]), recipients, valid: true };
    epochs.announce(announced, AT).map_err(io::Error::other)?;
    epochs.adopt(EPOCH, secret, AT).map_err(io::Error::other)?;
    Ok(epochs)
}

fn recipient(number: u8) -> (DeviceId, Recipient) {
    let device = DeviceId([number; 32]);
    let address = BoxKey::from_seed(&Secret::new([number; 32])).address();
    (device, Recipient { device, prekey: 1, address })
}
