//! What a new device shows: the offer, as a link and a QR code.
//!
//! ```text
//! bayou://link/ ‖ base64url( version u8 (1) ‖ postcard
//!     { device 32, box address 32, commitment 32, expires ms, peers: [(peer id 32, [address])] } )
//! ```

use serde::{Deserialize, Serialize};

use super::{CLOCK_GRACE_MS, LinkingError};
use crate::crypto::BoxAddress;
use crate::id::DeviceId;
use crate::identity::link::{self, BadLink, LinkPeers, MAX_LINK};
use crate::time::Timestamp;

const PREFIX: &str = "bayou://link/";

/// How long an offer lives, in milliseconds: ten minutes.
pub const OFFER_LIFETIME_MS: u64 = 10 * 60 * 1000;

/// What a new device says of itself. Not secret, but whoever sees it can try to answer first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The new device.
    pub device: DeviceId,
    /// Its one-time address, to which all is sealed.
    pub address: BoxAddress,
    /// The promise of the number that it shows after the hello.
    pub(super) commitment: [u8; 32],
    /// From when on it takes no hello and no answer, by its own clock.
    pub expires: Timestamp,
    /// Where it can be reached; empty when the two find each other otherwise.
    pub peers: LinkPeers,
}

impl Offer {
    /// Writes the link; it also is the content of the QR code.
    pub fn to_link(&self) -> String {
        format!("{PREFIX}{}", link::code(self))
    }

    /// Reads a link.
    ///
    /// # Errors
    /// [`BadLink`], which says what to do.
    pub fn from_link(text: &str) -> Result<Self, BadLink> {
        let text = text.trim();
        if text.len() > MAX_LINK {
            return Err(BadLink::TooLong);
        }
        let (prefix, code) = text.split_at_checked(PREFIX.len()).ok_or(BadLink::Other)?;
        if !prefix.eq_ignore_ascii_case(PREFIX) {
            return Err(BadLink::Other);
        }
        let offer: Offer = link::read(code)?;
        if link::are_short(&offer.peers) { Ok(offer) } else { Err(BadLink::Damaged) }
    }

    /// Checks an offer's dates on the device that scanned it.
    pub(super) fn check_dates(&self, now: Timestamp) -> Result<(), LinkingError> {
        if now >= self.expires.plus(CLOCK_GRACE_MS) {
            return Err(LinkingError::Expired);
        }
        if self.expires > now.plus(OFFER_LIFETIME_MS + CLOCK_GRACE_MS) {
            return Err(LinkingError::ClocksDiffer);
        }
        Ok(())
    }
}
