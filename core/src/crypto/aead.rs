//! Sealing with a shared key: XChaCha20-Poly1305 with random nonces (draft-irtf-cfrg-xchacha).
//!
//! ```text
//! sealed = nonce 24 ‖ ciphertext ‖ tag 16
//! ```
//!
//! The cipher does not commit to its key: one sealed text can be made to open under two keys. Where that matters (an
//! envelope for a group) a commitment goes beside it; at rest there is one key, and it does not.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

use super::Secret;

/// Bytes of a nonce. Long enough to be drawn at random for every sealing.
pub const NONCE: usize = 24;

/// By how many bytes [`seal`] makes a text longer.
pub const SEAL_OVERHEAD: usize = NONCE + 16;

/// The bytes were not sealed with this key for this place, or were changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not open: another key, another place, or changed bytes")]
pub struct BadSeal;

/// Seals `plain`, bound to `place`: it opens nowhere else.
pub fn seal(key: &Secret, nonce: [u8; NONCE], place: &[u8], plain: &[u8]) -> Vec<u8> {
    let message = Payload { msg: plain, aad: place };
    let sealed =
        cipher(key).encrypt(&XNonce::from(nonce), message).expect("shorter than the cipher's limit of 256 GiB");
    [nonce.as_slice(), &sealed].concat()
}

/// Opens what [`seal`] made.
///
/// # Errors
/// [`BadSeal`] when key, place or bytes are not the same.
pub fn open(key: &Secret, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, BadSeal> {
    let (nonce, text) = sealed.split_first_chunk::<NONCE>().ok_or(BadSeal)?;
    cipher(key).decrypt(&XNonce::from(*nonce), Payload { msg: text, aad: place }).map_err(|_| BadSeal)
}

fn cipher(key: &Secret) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_place_open_unchanged_bytes() {
        let key = Secret::new([1; 32]);
        let sealed = seal(&key, [7; NONCE], b"here", b"plain");
        assert_eq!(sealed.len(), 5 + SEAL_OVERHEAD);
        assert_eq!(open(&key, b"here", &sealed).as_deref(), Ok(b"plain".as_slice()));
        assert_eq!(open(&key, b"there", &sealed), Err(BadSeal));
        assert_eq!(open(&Secret::new([2; 32]), b"here", &sealed), Err(BadSeal));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&key, b"here", &changed), Err(BadSeal), "byte {at}");
            assert_eq!(open(&key, b"here", &sealed[..at]), Err(BadSeal), "cut at {at}");
        }
    }
}
