//! Avatars: the pictures by which users show themselves.
//!
//! ```text
//! avatar = PNG, JPEG or WebP, at most 16 KiB      hash = BLAKE3("bayou/1/avatar", avatar)
//! ```
//!
//! One travels beside the profile that names it by its hash, as a cut does beside its record. Nobody's is held but the one
//! that the user's present profile names: so a user has one, whatever they had before. Nothing here looks into the picture
//! but for what kind it says that it is; who shows it decodes foreign bytes.

use std::sync::Arc;

use super::error::ControlError;
use crate::crypto;

/// The largest avatar, in bytes.
pub const MAX_AVATAR: usize = 16 * 1024;

/// A picture. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Avatar {
    bytes: Arc<[u8]>,
    hash: [u8; 32],
}

impl Avatar {
    /// Reads one.
    ///
    /// # Errors
    /// [`ControlError::Malformed`] when it is too large, or neither PNG, JPEG nor WebP.
    pub fn open(bytes: &[u8]) -> Result<Self, ControlError> {
        match kind(bytes) {
            Some(_) if bytes.len() <= MAX_AVATAR => Ok(Avatar { bytes: bytes.into(), hash: Avatar::hash_of(bytes) }),
            _ => Err(ControlError::Malformed),
        }
    }

    pub(super) fn hash_of(bytes: &[u8]) -> [u8; 32] {
        crypto::hash("bayou/1/avatar", &[bytes])
    }

    /// Returns what kind of picture it says that it is: `"image/png"`, `"image/jpeg"` or `"image/webp"`.
    pub fn kind(&self) -> &'static str {
        kind(&self.bytes).unwrap_or_default()
    }

    /// Returns its name.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// Returns the picture.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::fmt::Debug for Avatar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Avatar({}, {} bytes)", self.kind(), self.bytes.len())
    }
}

fn kind(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_told_by_its_first_bytes_and_bounded() {
        let of = |start: &[u8], length: usize| {
            let mut bytes = start.to_vec();
            bytes.resize(length, 0);
            Avatar::open(&bytes).map(|avatar| avatar.kind())
        };
        let png = b"\x89PNG\r\n\x1a\n";
        assert_eq!(of(png, MAX_AVATAR), Ok("image/png"));
        assert_eq!(of(&[0xff, 0xd8, 0xff, 0xe0], 100), Ok("image/jpeg"));
        assert_eq!(of(b"RIFF\x10\0\0\0WEBPVP8 ", 100), Ok("image/webp"));
        for refused in [of(png, MAX_AVATAR + 1), of(b"<svg>", 100), of(b"GIF89a", 100), of(&png[..7], 7), of(b"", 0)] {
            assert_eq!(refused, Err(ControlError::Malformed));
        }
    }
}
