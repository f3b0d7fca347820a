//! The keys behind an invitation: what the one-time seed of a link gives to whoever holds it.
//!
//! ```text
//! seed 32 ──HKDF, bound to what one is invited to──┬─> Ed25519 key   its public half names the invite; proves holding
//!                                                  └─> X25519 key    requests to join are sealed to it
//! ```
//!
//! Inviting means to publish the [`InviteId`]; accepting means to prove, by a signature of the invite's key over one's
//! user and device, that one has the link. The proof names who uses it, so nobody who sees it can use it for himself.

use crate::crypto::{self, BadSignature, BoxKey, DeviceKey, Secret, Signature};
use crate::id::{ConversationId, DeviceId, InviteId, UserId};

/// What a link invites to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitedTo {
    /// A conversation.
    Conversation(ConversationId),
    /// Being a contact of a user.
    Contact(UserId),
}

impl InvitedTo {
    /// Returns a kind and a name, both of fixed length.
    fn parts(&self) -> (&'static [u8; 1], &[u8; 32]) {
        match self {
            InvitedTo::Conversation(conversation) => (b"j", &conversation.0),
            InvitedTo::Contact(user) => (b"c", &user.0),
        }
    }
}

/// The keys of one invitation. Secret; prints as redacted.
#[derive(Clone)]
pub struct InviteKeys {
    to: InvitedTo,
    signing: DeviceKey,
    opening: BoxKey,
}

impl InviteKeys {
    /// Derives the keys that belong to a link's seed.
    pub fn derive(seed: &Secret, to: InvitedTo) -> Self {
        let (kind, name) = to.parts();
        InviteKeys {
            to,
            signing: DeviceKey::from_seed(seed.derive("bayou/1/invite sign", &[kind, name]).expose()),
            opening: BoxKey::from_seed(&seed.derive("bayou/1/invite box", &[kind, name])),
        }
    }

    /// Returns the name of the invite: its public key.
    pub fn id(&self) -> InviteId {
        InviteId(self.signing.device().0)
    }

    /// Returns the key to which requests are sealed, and which opens them.
    pub fn box_key(&self) -> &BoxKey {
        &self.opening
    }

    /// Returns the key itself, for a room that signs records and cannot know this one.
    pub fn signing_key(&self) -> &DeviceKey {
        &self.signing
    }

    /// Proves that `user`, on `device`, holds the link.
    pub fn prove(&self, user: &UserId, device: &DeviceId) -> Signature {
        let (kind, name) = self.to.parts();
        self.signing.sign(PROOF, &[kind, name, &user.0, &device.0])
    }
}

impl std::fmt::Debug for InviteKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InviteKeys({}, redacted)", self.id().fmt_short())
    }
}

const PROOF: &str = "bayou/1/invite proof";

/// Checks a proof that `user`, on `device`, holds the link of `invite`.
///
/// # Errors
/// [`BadSignature`] when it is for another invite, place, user or device.
pub fn check_proof(
    invite: &InviteId,
    to: InvitedTo,
    user: &UserId,
    device: &DeviceId,
    proof: &Signature,
) -> Result<(), BadSignature> {
    let (kind, name) = to.parts();
    crypto::verify(&DeviceId(invite.0), PROOF, &[kind, name, &user.0, &device.0], proof)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Entropy, seal_to};

    const BOATS: InvitedTo = InvitedTo::Conversation(ConversationId([1; 32]));

    #[test]
    fn a_proof_holds_for_its_invite_place_user_and_device_alone() {
        let keys = InviteKeys::derive(&Secret::new([2; 32]), BOATS);
        let (user, device) = (UserId([3; 32]), DeviceId([4; 32]));
        let proof = keys.prove(&user, &device);
        assert_eq!(check_proof(&keys.id(), BOATS, &user, &device, &proof), Ok(()));
        let other = InviteKeys::derive(&Secret::new([9; 32]), BOATS).id();
        assert!(check_proof(&other, BOATS, &user, &device, &proof).is_err());
        for to in [InvitedTo::Conversation(ConversationId([9; 32])), InvitedTo::Contact(UserId([1; 32]))] {
            assert!(check_proof(&keys.id(), to, &user, &device, &proof).is_err());
        }
        assert!(check_proof(&keys.id(), BOATS, &UserId([9; 32]), &device, &proof).is_err());
        assert!(check_proof(&keys.id(), BOATS, &user, &DeviceId([9; 32]), &proof).is_err());
    }

    #[test]
    fn each_place_has_keys_of_its_own_and_they_stay() {
        let seed = Secret::new([2; 32]);
        let keys = InviteKeys::derive(&seed, BOATS);
        let contact = InviteKeys::derive(&seed, InvitedTo::Contact(UserId([1; 32])));
        assert_ne!(keys.id(), contact.id());
        assert_ne!(keys.box_key().address(), contact.box_key().address());
        assert_eq!(keys.id().to_string(), "de970dd2ff2972e2e89d489ee7c065da1fa1dc73f7a1eaf5d450c1ffe22a8f81");
        assert_eq!(
            data_encoding::HEXLOWER.encode(&keys.box_key().address().0),
            "086126161a43904a0b84b35501b0b40aa3782c52244668c087bb0f1ef04b8e1e"
        );
        assert_eq!(format!("{keys:?}"), format!("InviteKeys({}, redacted)", keys.id().fmt_short()));
    }

    #[test]
    fn a_request_opens_for_who_holds_the_link() {
        let keys_of = |seed| InviteKeys::derive(&Secret::new([seed; 32]), BOATS);
        let (keys, other) = (keys_of(2), keys_of(9));
        let request = seal_to(&keys.box_key().address(), "join", b"", b"me", &mut Entropy::from_seed([7; 32])).unwrap();
        assert_eq!(keys.box_key().open("join", b"", &request).as_deref(), Ok(b"me".as_slice()));
        assert!(other.box_key().open("join", b"", &request).is_err());
    }
}
