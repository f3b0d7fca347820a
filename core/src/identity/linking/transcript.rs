//! All that was said, as one hash, and the six digits of it.
//!
//! ```text
//! commitment = BLAKE3( n 16 ‖ device 32 ‖ box address 32 )
//! transcript = BLAKE3( user 32 ‖ old device 32 ‖ m 16 ‖ n 16 ‖ offer, as its link )
//! hello      = version u8 (1) ‖ box to the offer's address { user 32 ‖ old device 32 ‖ m 16 }, place: the offer's link
//! reveal     = version u8 (1) ‖ n 16
//! confirmation = version u8 (1) ‖ signature 64 over the transcript, by the new device
//! answer     = version u8 (1) ‖ box { signature 64 over transcript and payload, by the old device ‖ payload }, place: transcript
//! ```

use std::fmt;

use super::Offer;
use crate::crypto::{BoxAddress, hash};
use crate::id::{DeviceId, UserId};

/// What boxes and signatures of linking are made for.
pub(super) const HELLO: &str = "bayou/1/linking hello";
pub(super) const CONFIRMATION: &str = "bayou/1/linking confirmation";
pub(super) const ANSWER: &str = "bayou/1/linking answer";

/// A number that one side draws, in bytes.
pub(super) const NONCE: usize = 16;

/// What the old device says of itself.
#[derive(Clone, Copy)]
pub(super) struct Hello {
    pub(super) user: UserId,
    pub(super) device: DeviceId,
    pub(super) nonce: [u8; NONCE],
}

impl Hello {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        [&self.user.0[..], &self.device.0, &self.nonce].concat()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (user, rest) = bytes.split_first_chunk()?;
        let (device, nonce) = rest.split_first_chunk()?;
        Some(Hello { user: UserId(*user), device: DeviceId(*device), nonce: nonce.try_into().ok()? })
    }
}

/// The hash of all that was said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Transcript(pub(super) [u8; 32]);

impl Transcript {
    pub(super) fn of(offer: &Offer, hello: &Hello, revealed: &[u8; NONCE]) -> Self {
        let link = offer.to_link();
        let said = [&hello.user.0[..], &hello.device.0, &hello.nonce, revealed, link.as_bytes()];
        Transcript(hash("bayou/1/linking transcript", &said))
    }

    pub(super) fn digits(&self) -> Digits {
        let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash("bayou/1/linking digits", &[&self.0]);
        Digits((u128::from_be_bytes(first) % 1_000_000) as u32)
    }
}

pub(super) fn commit(nonce: &[u8; NONCE], device: &DeviceId, address: &BoxAddress) -> [u8; 32] {
    hash("bayou/1/linking commitment", &[nonce, &device.0, &address.0])
}

/// Six digits that both screens show; people compare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits(u32);

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03} {:03}", self.0 / 1000, self.0 % 1000)
    }
}
