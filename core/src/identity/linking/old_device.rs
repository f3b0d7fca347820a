//! The side of the device that lets another in: scans the offer, compares digits, hands over.

use zeroize::Zeroizing;

use super::new_device::body;
use super::offer::Offer;
use super::transcript::{ANSWER, CONFIRMATION, HELLO, Hello, Transcript, commit};
use super::{Digits, LinkingError, MAX_LINKING_MESSAGE, OFFER_LIFETIME_MS, VERSION};
use crate::crypto::{BOX_OVERHEAD, DeviceKey, Entropy, Signature, seal_to, verify};
use crate::id::{DeviceId, UserId};
use crate::time::Timestamp;

/// A device that lets another in.
pub struct OldDevice {
    pub(super) key: DeviceKey,
    offer: Offer,
    hello: Hello,
    /// When this attempt is over, by this device's clock.
    until: Timestamp,
    state: State,
}

enum State {
    /// The hello was sent.
    Greeted,
    /// The digits are shown. `here`: the person said yes on this device; `there`: on the new one.
    Comparing { transcript: Transcript, here: bool, there: bool },
    /// Answered, refused or over.
    Ended,
}

impl OldDevice {
    /// Takes an offer that was scanned or pasted. Returns the machine and the hello to be sent to the new device.
    ///
    /// # Errors
    /// [`LinkingError`] when the text is no offer or its time is over.
    pub fn scan(
        text: &str,
        user: UserId,
        key: DeviceKey,
        now: Timestamp,
        entropy: &mut Entropy,
    ) -> Result<(Self, Vec<u8>), LinkingError> {
        let offer = Offer::from_link(text)?;
        offer.check_dates(now)?;
        if offer.device == key.device() {
            return Err(LinkingError::OwnCode);
        }
        let hello = Hello { user, device: key.device(), nonce: entropy.bytes() };
        let sealed = seal_to(&offer.address, HELLO, offer.to_link().as_bytes(), &hello.to_bytes(), entropy)
            .map_err(|_| LinkingError::Imposter)?;
        let old = OldDevice { key, offer, hello, until: now.plus(OFFER_LIFETIME_MS), state: State::Greeted };
        Ok((old, [&[VERSION], &sealed[..]].concat()))
    }

    /// Returns the new device, for which the certificate is made.
    pub fn new_device(&self) -> DeviceId {
        self.offer.device
    }

    /// Returns the offer: where the new device can be reached.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Takes the reveal; from then on there are [`digits`](Self::digits).
    ///
    /// # Errors
    /// [`LinkingError::Imposter`] when it is not what the offer had promised.
    pub fn take_reveal(&mut self, bytes: &[u8], now: Timestamp) -> Result<(), LinkingError> {
        self.check_time(now)?;
        let State::Greeted = self.state else { return Err(self.out_of_turn()) };
        let nonce = body(bytes)?.try_into().map_err(|_| LinkingError::Unreadable)?;
        if commit(&nonce, &self.offer.device, &self.offer.address) != self.offer.commitment {
            return Err(LinkingError::Imposter);
        }
        let transcript = Transcript::of(&self.offer, &self.hello, &nonce);
        self.state = State::Comparing { transcript, here: false, there: false };
        Ok(())
    }

    /// Returns the digits to be compared.
    pub fn digits(&self) -> Option<Digits> {
        match &self.state {
            State::Comparing { transcript, .. } => Some(transcript.digits()),
            _ => None,
        }
    }

    /// The person saw the same digits on both screens.
    ///
    /// # Errors
    /// [`LinkingError`] when there is nothing to confirm.
    pub fn confirm(&mut self, now: Timestamp) -> Result<(), LinkingError> {
        self.check_time(now)?;
        let State::Comparing { here, .. } = &mut self.state else { return Err(self.out_of_turn()) };
        *here = true;
        Ok(())
    }

    /// The person saw other digits, or does not want it.
    pub fn refuse(&mut self) {
        self.state = State::Ended;
    }

    /// Takes the new device's confirmation, which proves that it holds the key of the offer.
    ///
    /// # Errors
    /// [`LinkingError::Imposter`] when it does not.
    pub fn take_confirmation(&mut self, bytes: &[u8], now: Timestamp) -> Result<(), LinkingError> {
        self.check_time(now)?;
        let State::Comparing { transcript, there, .. } = &mut self.state else { return Err(self.out_of_turn()) };
        let signature = body(bytes)?.try_into().map(Signature).map_err(|_| LinkingError::Unreadable)?;
        verify(&self.offer.device, CONFIRMATION, &[&transcript.0], &signature).map_err(|_| LinkingError::Imposter)?;
        *there = true;
        Ok(())
    }

    /// Seals what is handed over. Only after both sides confirmed, and once.
    ///
    /// # Errors
    /// [`LinkingError::Unconfirmed`] before that.
    pub fn answer(&mut self, payload: &[u8], now: Timestamp, entropy: &mut Entropy) -> Result<Vec<u8>, LinkingError> {
        self.check_time(now)?;
        let State::Comparing { transcript, here, there } = &self.state else { return Err(self.out_of_turn()) };
        if !(*here && *there) {
            return Err(LinkingError::Unconfirmed);
        }
        if payload.len() > MAX_LINKING_MESSAGE - 1 - BOX_OVERHEAD - 64 {
            return Err(LinkingError::TooLarge);
        }
        let signature = self.key.sign(ANSWER, &[&transcript.0, payload]);
        let plain = Zeroizing::new([&signature.0[..], payload].concat());
        let sealed =
            seal_to(&self.offer.address, ANSWER, &transcript.0, &plain, entropy).map_err(|_| LinkingError::Imposter)?;
        self.state = State::Ended;
        Ok([&[VERSION], &sealed[..]].concat())
    }

    fn check_time(&mut self, now: Timestamp) -> Result<(), LinkingError> {
        if now >= self.until {
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

impl std::fmt::Debug for OldDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OldDevice(for {}, redacted)", self.offer.device.fmt_short())
    }
}
