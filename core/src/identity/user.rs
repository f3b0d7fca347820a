//! A user: a root key, and what others call them by.
//!
//! The root signs certificates of devices and nothing else. It is made from the recovery phrase when a profile is set up
//! or restored, used, and dropped; no device keeps it.

use crate::crypto::{DeviceKey, Secret, Signature, hash};
use crate::id::{UserFingerprint, UserId};

/// A user's root key. Wiped when dropped, redacted when printed.
#[derive(Clone)]
pub struct RootKey(DeviceKey);

impl RootKey {
    pub(super) fn from_seed(seed: &Secret) -> Self {
        RootKey(DeviceKey::from_seed(seed.expose()))
    }

    /// Returns the user that this root is.
    pub fn user(&self) -> UserId {
        UserId(self.0.device().0)
    }

    /// Signs the concatenation of `context` and `parts`, as [`DeviceKey::sign`] does.
    pub fn sign(&self, context: &'static str, parts: &[&[u8]]) -> Signature {
        self.0.sign(context, parts)
    }

    /// Returns the key itself, for a room that signs records and cannot know this one.
    pub fn signing_key(&self) -> &DeviceKey {
        &self.0
    }
}

impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RootKey({}, redacted)", self.user().fmt_short())
    }
}

/// Abbreviates a user for a link. Sixteen bytes: nobody finds a second user with the same.
pub fn fingerprint(user: &UserId) -> UserFingerprint {
    let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash("bayou/1/user fingerprint", &[&user.0]);
    UserFingerprint(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::verify;
    use crate::id::DeviceId;

    #[test]
    fn a_root_signs_as_its_user_and_shows_nothing() {
        let root = RootKey::from_seed(&Secret::new([1; 32]));
        let signature = root.sign("test", &[b"bytes"]);
        assert_eq!(verify(&DeviceId(root.user().0), "test", &[b"bytes"], &signature), Ok(()));
        assert_eq!(signature, root.signing_key().sign("test", &[b"bytes"]));
        assert_eq!(format!("{root:?}"), format!("RootKey({}, redacted)", root.user().fmt_short()));
    }

    #[test]
    fn a_fingerprint_stays_what_it_is() {
        assert_eq!(fingerprint(&UserId([1; 32])).to_string(), "42a4683faf9e2a5927634424bb0ec0ac");
        assert_ne!(fingerprint(&UserId([1; 32])), fingerprint(&UserId([2; 32])));
    }
}
