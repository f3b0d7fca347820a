//! Linking a device: how a new device becomes one of a user's, as a pure machine for each side.
//!
//! ```text
//!  new device                                                old device
//!  offer    {device, box address, commitment to n, …}  ───>  scanned or pasted
//!  opens it; sees user and device   <─── hello: box {user, old device, m}
//!  reveal   n                                          ───>  checks the commitment
//!            both show six digits of hash(offer, user, old device, m, n); the person compares them
//!  person says yes: confirmation = signature of the
//!  new device's key over the transcript                ───>  checks it; person says yes here, too
//!  opens it and checks the signature  <─── answer: box {signature of the old device's key, payload}
//! ```
//!
//! The offer is a QR code on the new screen, or a pasted link; nothing else of the way is trusted. Boxes are sealed to the
//! offer's one-time address, so a stranger on the network can neither read them nor, without the offer, make one.
//!
//! **Why six digits are enough.** Somebody in between who replaces the offer by their own talks to both sides and wants
//! both to show the same digits. They win if they can choose something after they know what the other side will show:
//! then a million tries, half a second, give a match. So nobody may have the last word. `n` is fixed by the offer's
//! commitment before `m` is drawn, and `m` is fixed by the hello before `n` is shown. Toward the old device they commit to
//! their `n'` before they see its `m`; toward the new device they give their `m'` before they see its `n`. In whatever
//! order they run the two, the digits that come last depend on 16 random bytes that they did not know when they made their
//! own choice: one chance in a million for each attempt, and an attempt is over with its first hello. (A plain nonce in
//! the offer would give them the last word toward the new device; a test shows how fast that is lost.)
//!
//! The commitment also covers device and box address, so it cannot be carried over to another offer.
//!
//! **What is not covered**: a person who scans a stranger's code and says yes on both sides. The old device's screen must
//! say that the other one will read everything.
//!
//! An offer lives ten minutes by its maker's clock. The old device allows for clocks that differ by ten more. Messages are
//! at most [`MAX_LINKING_MESSAGE`] bytes; the payload (certificate, user log, secrets) is only bytes here.

mod new_device;
mod offer;
mod old_device;
#[cfg(test)]
mod tests;
mod transcript;

pub use new_device::{Linked, NewDevice};
pub use offer::{OFFER_LIFETIME_MS, Offer};
pub use old_device::OldDevice;
pub use transcript::Digits;

use super::link::BadLink;

/// The longest message of a linking, in bytes: it fits into one frame, with room for what is around it.
pub const MAX_LINKING_MESSAGE: usize = 1024 * 1024 - 1024;

/// How far the clocks of two devices may differ, in milliseconds.
const CLOCK_GRACE_MS: u64 = 10 * 60 * 1000;

/// The first byte of each message.
const VERSION: u8 = 1;

/// Why a step of linking was not taken. The attempt goes on unless it says that it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkingError {
    /// The text is not an offer.
    #[error(transparent)]
    Link(#[from] BadLink),
    /// The code is older than ten minutes. The attempt ended.
    #[error("the code is over: show a new one on the new device")]
    Expired,
    /// The code is from the future.
    #[error("the code seems to come from the future: set the clocks of both devices")]
    ClocksDiffer,
    /// The code is this device's own.
    #[error("this is the code of this very device: scan it with the other one")]
    OwnCode,
    /// The message is not of this attempt, damaged, or of another version.
    #[error("a message could not be read: update Bayou on both devices, or begin again with a new code")]
    Unreadable,
    /// The message or step does not belong here.
    #[error("this step has no place now: begin again with a new code")]
    OutOfTurn,
    /// Not both sides have said yes yet.
    #[error("compare the six digits and confirm them on both devices first")]
    Unconfirmed,
    /// The new device showed another number than it had promised, or did not prove its key.
    #[error("the other device is not the one of the code: somebody may stand in between; begin again, side by side")]
    Imposter,
    /// The payload is longer than a message can be.
    #[error("too much to hand over in one message: hand over less, and let sync bring the rest")]
    TooLarge,
    /// A side said no, or the attempt ended before.
    #[error("this attempt has ended: begin again with a new code")]
    Ended,
}
