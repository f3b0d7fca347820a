//! The side of the new device: shows the offer, compares digits, opens the answer.

use zeroize::Zeroizing;

use super::offer::OFFER_LIFETIME_MS;
use super::transcript::{ANSWER, CONFIRMATION, HELLO, Hello, NONCE, Transcript, commit};
use super::{Digits, LinkingError, MAX_LINKING_MESSAGE, Offer, VERSION};
use crate::crypto::{BoxKey, DeviceKey, Entropy, Secret, Signature, verify};
use crate::id::{DeviceId, UserId};
use crate::identity::link::{LinkPeers, shorten};
use crate::time::Timestamp;

/// A device that asks to be linked. Secret; prints as redacted.
pub struct NewDevice {
    key: DeviceKey,
    opening: BoxKey,
    nonce: [u8; NONCE],
    offer: Offer,
    state: State,
}

enum State {
    /// The offer is shown.
    Offering,
    /// The digits are shown.
    Comparing { hello: Hello, transcript: Transcript, confirmed: bool },
    /// Linked, refused or over.
    Ended,
}

/// What came of it.
pub struct Linked {
    /// Whose device this is now.
    pub user: UserId,
    /// The device that let it in.
    pub by: DeviceId,
    /// What the old device handed over; wiped when dropped.
    pub payload: Zeroizing<Vec<u8>>,
}

impl NewDevice {
    /// Begins an attempt. Each draws its own address and number, so an old offer says nothing about it.
    pub fn begin(key: DeviceKey, mut peers: LinkPeers, now: Timestamp, entropy: &mut Entropy) -> Self {
        shorten(&mut peers);
        let opening = BoxKey::from_seed(&Secret::new(entropy.bytes()));
        let nonce = entropy.bytes();
        let (device, address) = (key.device(), opening.address());
        let commitment = commit(&nonce, &device, &address);
        let offer = Offer { device, address, commitment, expires: now.plus(OFFER_LIFETIME_MS), peers };
        NewDevice { key, opening, nonce, offer, state: State::Offering }
    }

    /// Returns the offer to be shown.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Takes the old device's hello and returns the reveal to be sent back. From then on there are
    /// [`digits`](Self::digits), and no second hello is taken.
    ///
    /// # Errors
    /// [`LinkingError`]; what a stranger sent changes nothing.
    pub fn take_hello(&mut self, bytes: &[u8], now: Timestamp) -> Result<Vec<u8>, LinkingError> {
        self.check_time(now)?;
        let State::Offering = self.state else { return Err(self.out_of_turn()) };
        let sealed = body(bytes)?;
        let plain = self.opening.open(HELLO, self.offer.to_link().as_bytes(), sealed);
        let hello = plain.ok().and_then(|plain| Hello::from_bytes(&plain)).ok_or(LinkingError::Unreadable)?;
        let transcript = Transcript::of(&self.offer, &hello, &self.nonce);
        self.state = State::Comparing { hello, transcript, confirmed: false };
        Ok([&[VERSION], &self.nonce[..]].concat())
    }

    /// Returns the digits to be compared.
    pub fn digits(&self) -> Option<Digits> {
        match &self.state {
            State::Comparing { transcript, .. } => Some(transcript.digits()),
            _ => None,
        }
    }

    /// Returns the user who wants to take this device in, as they say.
    pub fn user(&self) -> Option<UserId> {
        match &self.state {
            State::Comparing { hello, .. } => Some(hello.user),
            _ => None,
        }
    }

    /// The person saw the same digits on both screens. Returns the confirmation to be sent; it proves the device key.
    ///
    /// # Errors
    /// [`LinkingError`] when there is nothing to confirm.
    pub fn confirm(&mut self, now: Timestamp) -> Result<Vec<u8>, LinkingError> {
        self.check_time(now)?;
        let State::Comparing { transcript, confirmed, .. } = &mut self.state else { return Err(self.out_of_turn()) };
        *confirmed = true;
        let signature = self.key.sign(CONFIRMATION, &[&transcript.0]);
        Ok([&[VERSION], &signature.0[..]].concat())
    }

    /// The person saw other digits, or does not want it.
    pub fn refuse(&mut self) {
        self.state = State::Ended;
    }

    /// Takes the answer, after the person confirmed.
    ///
    /// # Errors
    /// [`LinkingError`]; what a stranger sent changes nothing.
    pub fn take_answer(&mut self, bytes: &[u8], now: Timestamp) -> Result<Linked, LinkingError> {
        self.check_time(now)?;
        let State::Comparing { hello, transcript, confirmed } = &self.state else { return Err(self.out_of_turn()) };
        if !confirmed {
            return Err(LinkingError::Unconfirmed);
        }
        let plain = self.opening.open(ANSWER, &transcript.0, body(bytes)?).map(Zeroizing::new);
        let plain = plain.map_err(|_| LinkingError::Unreadable)?;
        let (signature, payload) = plain.split_first_chunk().ok_or(LinkingError::Unreadable)?;
        verify(&hello.device, ANSWER, &[&transcript.0, payload], &Signature(*signature))
            .map_err(|_| LinkingError::Imposter)?;
        let linked = Linked { user: hello.user, by: hello.device, payload: Zeroizing::new(payload.to_vec()) };
        self.state = State::Ended;
        Ok(linked)
    }

    fn check_time(&mut self, now: Timestamp) -> Result<(), LinkingError> {
        if now >= self.offer.expires {
            self.state = State::Ended;
            return Err(LinkingError::Expired);
        }
        Ok(())
    }

    fn out_of_turn(&self) -> LinkingError {
        match self.state {
            State::Ended => LinkingError::Ended,
            _ => LinkingError::OutOfTurn,
        }
    }
}

/// Returns a message without its version.
pub(super) fn body(bytes: &[u8]) -> Result<&[u8], LinkingError> {
    match bytes.split_first() {
        Some((&VERSION, body)) if bytes.len() <= MAX_LINKING_MESSAGE => Ok(body),
        _ => Err(LinkingError::Unreadable),
    }
}

impl Drop for NewDevice {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.nonce);
    }
}

impl std::fmt::Debug for NewDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewDevice({}, redacted)", self.offer.device.fmt_short())
    }
}

impl std::fmt::Debug for Linked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Linked({}, {} bytes redacted)", self.user.fmt_short(), self.payload.len())
    }
}
