//! A bundle: what others lack of a conversation, as a file that is carried by hand.
//!
//! ```text
//! file   = "bayou bundle 1\n" ‖ block, block, …            block = length u32, big-endian ‖ bytes
//! blocks = head, then pieces, numbered from 0; the last one holds nothing
//! head   = header ‖ signature 64
//! header = postcard { conversation 32, device 32, at, salt 16, boxes [(device 32, prekey, HPKE box of the key 81)] }
//! signed : Sign("bayou/1/bundle", header) by the device that made it
//! piece  = nonce 24 ‖ XChaCha20-Poly1305(parcel) under the key
//!          authenticated: H("bayou/1/bundle head", head) ‖ number u64, big-endian ‖ whether it is the last u8
//! ```
//!
//! Whoever finds the file learns which device made it and when, for which devices, and how much is in it. Pieces open only
//! in their order and under their head, and the last one says that it is; so what is cut off or changed is noticed. The
//! signature is the maker's alone, and what is in the pieces is proven by those who wrote it, as everywhere.

use serde::{Deserialize, Serialize};

use super::{Parcel, Recipient};
use crate::crypto::{self, BOX_OVERHEAD, BoxKey, DeviceKey, Entropy, Secret, Signature};
use crate::id::{ConversationId, DeviceId};
use crate::time::Timestamp;

const CONTEXT: &str = "bayou/1/bundle";
const BOX_PURPOSE: &str = "bayou/1/bundle box";

/// The most devices for which a bundle may be.
const MAX_BOXES: usize = 8192;

/// The largest head, in bytes: as many boxes, and the rest.
pub const MAX_HEAD: usize = MAX_BOXES * 128;

/// About the largest piece, in bytes: as a line of the local socket it takes less than 1 MiB.
pub const MAX_PIECE: usize = 700 * 1024;

/// Why a bundle cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadBundle {
    /// The head is none.
    #[error("this is not a bundle, or its beginning is damaged: copy the file again")]
    Head,
    /// The head was changed, or made by another than it says.
    #[error("the signature of this bundle is wrong: it was changed after it was made")]
    Signature,
    /// It is for others.
    #[error("this bundle is not for this device: ask for one that is, bayou bundle export --for")]
    NotForUs,
    /// It was sealed to a key that is gone.
    #[error("this bundle is too old: the key that it was sealed to is gone; ask for a new one")]
    TooOld,
    /// A piece is not what was written there.
    #[error("the bundle is damaged")]
    Piece,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    conversation: ConversationId,
    device: DeviceId,
    at: Timestamp,
    salt: [u8; 16],
    boxes: Vec<KeyBox>,
}

/// The key in a box for one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeyBox {
    device: DeviceId,
    prekey: u32,
    #[serde(with = "serde_bytes")]
    sealed: Vec<u8>,
}

/// The head of a bundle, whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    header: Header,
    digest: [u8; 32],
}

/// What seals and opens the pieces of one bundle.
#[derive(Debug, Clone)]
pub struct BundleKey {
    secret: Secret,
    digest: [u8; 32],
}

impl Head {
    /// Makes the head of a bundle for some devices, and the key of its pieces. A device whose prekey is not usable gets no
    /// box.
    pub fn seal(
        conversation: ConversationId,
        to: impl IntoIterator<Item = Recipient>,
        at: Timestamp,
        key: &DeviceKey,
        rng: &mut Entropy,
    ) -> (Vec<u8>, BundleKey) {
        let (secret, salt) = (Secret::new(rng.bytes()), rng.bytes());
        let mut boxes = Vec::new();
        for Recipient { device, prekey, address } in to.into_iter().take(MAX_BOXES) {
            let place = place(&conversation, &salt, &device, prekey);
            let sealed = crypto::seal_to(&address, BOX_PURPOSE, &place, secret.expose(), rng);
            boxes.extend(sealed.ok().map(|sealed| KeyBox { device, prekey, sealed }));
        }
        let header = Header { conversation, device: key.device(), at, salt, boxes };
        let mut bytes = postcard::to_stdvec(&header).expect("a header always encodes");
        let signature = key.sign(CONTEXT, &[&bytes]);
        bytes.extend_from_slice(&signature.0);
        let digest = digest(&bytes);
        (bytes, BundleKey { secret, digest })
    }

    /// Reads and checks a head.
    ///
    /// # Errors
    /// [`BadBundle::Head`] when the bytes are none, [`BadBundle::Signature`] when it was not signed so.
    pub fn open(bytes: &[u8]) -> Result<Self, BadBundle> {
        let (encoded, signature) = bytes.split_last_chunk::<64>().ok_or(BadBundle::Head)?;
        if bytes.len() > MAX_HEAD {
            return Err(BadBundle::Head);
        }
        let header: Header = postcard::from_bytes(encoded).map_err(|_| BadBundle::Head)?;
        if header.boxes.len() > MAX_BOXES || postcard::to_stdvec(&header).ok().as_deref() != Some(encoded) {
            return Err(BadBundle::Head);
        }
        crypto::verify(&header.device, CONTEXT, &[encoded], &Signature(*signature))
            .map_err(|_| BadBundle::Signature)?;
        Ok(Head { header, digest: digest(bytes) })
    }

    /// Returns the conversation that it is about.
    pub fn conversation(&self) -> ConversationId {
        self.header.conversation
    }

    /// Returns the device that made it.
    pub fn device(&self) -> DeviceId {
        self.header.device
    }

    /// Finds the key of the pieces, in the box for one device. `key` finds that device's prekeys by number.
    ///
    /// # Errors
    /// When there is no box for it, or none that it can open any more.
    pub fn key(&self, device: &DeviceId, key: impl Fn(u32) -> Option<BoxKey>) -> Result<BundleKey, BadBundle> {
        let mut error = BadBundle::NotForUs;
        for KeyBox { device, prekey, sealed } in self.header.boxes.iter().filter(|one| one.device == *device) {
            let Some(key) = key(*prekey).filter(|_| sealed.len() == BOX_OVERHEAD + 32) else {
                error = BadBundle::TooOld;
                continue;
            };
            let place = place(&self.header.conversation, &self.header.salt, device, *prekey);
            match key.open(BOX_PURPOSE, &place, sealed) {
                Ok(plain) => {
                    let plain = zeroize::Zeroizing::new(plain);
                    let secret = plain.as_slice().try_into().map(Secret::new).map_err(|_| BadBundle::Head)?;
                    return Ok(BundleKey { secret, digest: self.digest });
                }
                Err(_) => error = BadBundle::TooOld,
            }
        }
        Err(error)
    }
}

impl BundleKey {
    /// Seals a piece.
    pub fn seal(&self, number: u64, is_last: bool, parcel: &Parcel, rng: &mut Entropy) -> Vec<u8> {
        crypto::seal(&self.secret, rng.bytes(), &self.place(number, is_last), &parcel.encode())
    }

    /// Opens a piece.
    ///
    /// # Errors
    /// [`BadBundle::Piece`] when it is not the one that was written there.
    pub fn open(&self, number: u64, is_last: bool, sealed: &[u8]) -> Result<Parcel, BadBundle> {
        let plain = crypto::open(&self.secret, &self.place(number, is_last), sealed).map_err(|_| BadBundle::Piece)?;
        Parcel::decode(&plain).map_err(|_| BadBundle::Piece)
    }

    fn place(&self, number: u64, is_last: bool) -> Vec<u8> {
        [&self.digest, number.to_be_bytes().as_slice(), &[u8::from(is_last)]].concat()
    }
}

fn place(conversation: &ConversationId, salt: &[u8; 16], device: &DeviceId, prekey: u32) -> Vec<u8> {
    [conversation.as_bytes(), salt, device.as_bytes(), &prekey.to_be_bytes()].concat()
}

fn digest(head: &[u8]) -> [u8; 32] {
    crypto::hash("bayou/1/bundle head", &[head])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Part;

    fn key(seed: u8) -> BoxKey {
        BoxKey::from_seed(&Secret::new([seed; 32]))
    }

    fn recipient(seed: u8) -> Recipient {
        Recipient { device: DeviceId([seed; 32]), prekey: 5, address: key(seed).address() }
    }

    fn sealed() -> (Vec<u8>, BundleKey, Entropy) {
        let (mut rng, maker) = (Entropy::from_seed([3; 32]), DeviceKey::from_seed(&[9; 32]));
        let to = [recipient(1), recipient(2)];
        let (head, bundle) = Head::seal(ConversationId([1; 32]), to, Timestamp(5), &maker, &mut rng);
        (head, bundle, rng)
    }

    #[test]
    fn a_bundle_opens_for_whom_it_was_made() {
        let (head, bundle, mut rng) = sealed();
        let parcel = Parcel { parts: vec![Part::Controls(vec![vec![1, 2, 3].into()])] };
        let piece = bundle.seal(0, false, &parcel, &mut rng);
        let opened = Head::open(&head).unwrap();
        assert_eq!(
            (opened.conversation(), opened.device()),
            (ConversationId([1; 32]), DeviceKey::from_seed(&[9; 32]).device())
        );
        let prekey = |seed: u8| move |number: u32| (number == 5).then(|| key(seed));
        for seed in [1, 2] {
            let theirs = opened.key(&DeviceId([seed; 32]), prekey(seed)).unwrap();
            assert_eq!(theirs.open(0, false, &piece), Ok(parcel.clone()));
            assert_eq!(theirs.open(1, false, &piece), Err(BadBundle::Piece), "another place");
            assert_eq!(theirs.open(0, true, &piece), Err(BadBundle::Piece), "it is not the last");
        }
        assert_eq!(opened.key(&DeviceId([3; 32]), prekey(3)).map(drop), Err(BadBundle::NotForUs));
        assert_eq!(opened.key(&DeviceId([1; 32]), |_| None).map(drop), Err(BadBundle::TooOld));
        assert_eq!(opened.key(&DeviceId([1; 32]), prekey(2)).map(drop), Err(BadBundle::TooOld));
    }

    #[test]
    fn no_changed_bit_of_head_or_piece_passes() {
        let (head, bundle, mut rng) = sealed();
        for at in 0..head.len() {
            let mut changed = head.clone();
            changed[at] ^= 1;
            assert!(Head::open(&changed).is_err(), "byte {at}");
            assert!(Head::open(&head[..at]).is_err(), "cut at {at}");
        }
        let piece = bundle.seal(0, true, &Parcel::default(), &mut rng);
        for at in 0..piece.len() {
            let mut changed = piece.clone();
            changed[at] ^= 1;
            assert_eq!(bundle.open(0, true, &changed), Err(BadBundle::Piece), "byte {at}");
            assert_eq!(bundle.open(0, true, &piece[..at]), Err(BadBundle::Piece), "cut at {at}");
        }
    }
}
