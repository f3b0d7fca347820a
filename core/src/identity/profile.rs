//! What a home knows of its user and its device, as it is kept.
//!
//! ```text
//! profile = version u8 (3) ‖ postcard { user 32, name, device seed 32, transport seed 32, devices secret 32, prekeys }
//! ```
//!
//! Version 1 was a device without a user; version 2 knew nothing of the user's other devices.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Prekeys;
use crate::crypto::{DeviceKey, Secret};
use crate::id::UserId;

const VERSION: u8 = 3;

/// The longest profile, in bytes. Eight prekeys take 400, a name less than that.
pub const MAX_PROFILE: usize = 2048;

/// The user and device of a home. Secret: wiped when dropped, redacted when printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Whose home this is.
    pub user: UserId,
    /// What they call themselves.
    pub name: String,
    /// The seed of the device key. Made here, and never leaves.
    device: Secret,
    /// The seed of the transport key. Not the device's: others learn which device it is only on a link.
    transport: Secret,
    /// What the user's devices share, see [`Phrase::devices_secret`](super::Phrase::devices_secret).
    devices: Secret,
    /// To what others seal for this device.
    pub prekeys: Prekeys,
}

/// The bytes are not a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProfile {
    /// They were written before profiles had users.
    #[error("this profile was made by an earlier version of Bayou, which knew no users: make a new home")]
    NoUser,
    /// They were written before a user's devices knew of each other.
    #[error("this profile was made by an earlier version of Bayou, which knew one device a user: make a new home")]
    OneDevice,
    /// They were written by a later version.
    #[error("this profile was written by a newer version of Bayou: update Bayou")]
    Newer,
    /// They are damaged.
    #[error("the profile's file is damaged: restore it from a backup, or link this device anew")]
    Damaged,
}

impl Profile {
    /// Makes a profile from two random seeds and what the user's devices share.
    pub fn new(
        user: UserId,
        name: String,
        (device, transport): (Secret, Secret),
        devices: Secret,
        prekeys: Prekeys,
    ) -> Self {
        Profile { user, name, device, transport, devices, prekeys }
    }

    /// Returns the device key.
    pub fn device_key(&self) -> DeviceKey {
        DeviceKey::from_seed(self.device.expose())
    }

    /// Returns the seed of the transport key.
    pub fn transport_seed(&self) -> &Secret {
        &self.transport
    }

    /// Returns what the user's devices share.
    pub fn devices_secret(&self) -> &Secret {
        &self.devices
    }

    /// Writes the profile.
    ///
    /// # Errors
    /// [`BadProfile::Damaged`] when the name is so long that it would not be read again.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, BadProfile> {
        // With room for all, so that it never moves and leaves a copy behind.
        let mut bytes = Zeroizing::new(vec![0; MAX_PROFILE]);
        let (version, rest) = bytes.split_first_mut().ok_or(BadProfile::Damaged)?;
        *version = VERSION;
        let length = postcard::to_slice(self, rest).map_err(|_| BadProfile::Damaged)?.len();
        bytes.truncate(length + 1);
        Ok(bytes)
    }

    /// Reads a profile.
    ///
    /// # Errors
    /// [`BadProfile`], which says what to do.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadProfile> {
        match bytes.split_first() {
            _ if bytes.len() > MAX_PROFILE => Err(BadProfile::Damaged),
            Some((&VERSION, bytes)) => match postcard::take_from_bytes::<Profile>(bytes) {
                Ok((profile, [])) if profile.prekeys.are_sound() => Ok(profile),
                _ => Err(BadProfile::Damaged),
            },
            Some((1, _)) => Err(BadProfile::NoUser),
            Some((2, _)) => Err(BadProfile::OneDevice),
            Some((version, _)) if *version > VERSION => Err(BadProfile::Newer),
            _ => Err(BadProfile::Damaged),
        }
    }
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Profile(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Entropy, sha256};
    use crate::time::Timestamp;

    fn profile(name: &str) -> Profile {
        let prekeys = Prekeys::new(Timestamp(1_800_000_000_000), &mut Entropy::from_seed([3; 32]));
        let seeds = (Secret::new([1; 32]), Secret::new([2; 32]));
        Profile::new(UserId([4; 32]), name.into(), seeds, Secret::new([5; 32]), prekeys)
    }

    #[test]
    fn a_profile_is_read_as_it_was_written_and_its_form_is_frozen() {
        let profile = profile("alice");
        let bytes = profile.to_bytes().unwrap();
        assert_eq!(data_encoding::HEXLOWER.encode(&sha256(&bytes)[..8]), "3f4b7df1bd09a196");
        assert_eq!(Profile::from_bytes(&bytes), Ok(profile.clone()));
        for end in 0..bytes.len() {
            assert!(Profile::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(Profile::from_bytes(&[&bytes[..], b"x"].concat()), Err(BadProfile::Damaged));
        assert_eq!(Profile::from_bytes(&[1, 0]), Err(BadProfile::NoUser));
        assert_eq!(Profile::from_bytes(&[2, 0]), Err(BadProfile::OneDevice));
        assert_eq!(Profile::from_bytes(&[4, 0]), Err(BadProfile::Newer));
        assert_eq!(profile.clone().to_bytes().map(|bytes| bytes.len()), Ok(bytes.len()));
        assert_eq!(format!("{profile:?}"), "Profile(redacted)");
    }

    #[test]
    fn a_name_that_could_not_be_read_again_is_not_written() {
        assert_eq!(profile(&"a".repeat(MAX_PROFILE)).to_bytes(), Err(BadProfile::Damaged));
    }
}
