//! The bytes of the handshake. Pure: no waiting, no sockets.
//!
//! Each part travels as a frame: its length in four bytes, big-endian, then itself. A hello is
//!
//! ```text
//!  0       5         7            15      16                      2 + length
//!  +-------+---------+------------+-------+--- for each address --------+---
//!  | bayou | version | boot nonce | count | length (2) | text of address | …
//!  +-------+---------+------------+-------+-----------------------------+---
//!          big-endian numbers
//! ```
//!
//! Magic and version stand first in all versions to come, so that any version can tell that it meets another one.
//! A verdict is one byte: 1 keeps the link, 0 spares it because another one is kept; 2 confirms the keeping.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::id::{Address, PeerId};

/// The version of the link that we speak.
pub(in crate::net) const VERSION: u16 = 1;

/// The longest part of a handshake.
pub(in crate::net) const MAX_HELLO: usize = 8 * 1024;

/// Addresses in one hello; further ones are left out.
pub(in crate::net) const MAX_LISTENS: usize = 16;

/// The longest address.
const MAX_ADDRESS: usize = 256;

const MAGIC: &[u8; 5] = b"bayou";

/// What an end says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::net) struct Hello {
    /// Random for each start.
    pub(in crate::net) boot: u64,
    /// Where it listens.
    pub(in crate::net) listens: Vec<Address>,
}

/// Why something is no handshake of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::net) enum HandshakeError {
    #[error("it is not a Bayou peer")]
    Foreign,
    #[error("it speaks version {0} of the link and this is version {VERSION}: update the older one")]
    Version(u16),
    #[error("its hello is malformed")]
    Malformed,
}

impl Hello {
    /// Returns the bytes of the hello. Addresses over the bounds are left out.
    pub(in crate::net) fn encode(&self) -> Bytes {
        let listens = || self.listens.iter().filter(|a| a.0.len() <= MAX_ADDRESS).take(MAX_LISTENS);
        let mut bytes = BytesMut::new();
        bytes.put_slice(MAGIC);
        bytes.put_u16(VERSION);
        bytes.put_u64(self.boot);
        bytes.put_u8(listens().count() as u8);
        for address in listens() {
            bytes.put_u16(address.0.len() as u16);
            bytes.put_slice(address.0.as_bytes());
        }
        bytes.freeze()
    }

    /// Reads a hello.
    pub(in crate::net) fn decode(mut bytes: &[u8]) -> Result<Hello, HandshakeError> {
        bytes = bytes.strip_prefix(MAGIC).ok_or(HandshakeError::Foreign)?;
        let version = bytes.try_get_u16().map_err(|_| HandshakeError::Malformed)?;
        if version != VERSION {
            return Err(HandshakeError::Version(version));
        }
        let boot = bytes.try_get_u64().map_err(|_| HandshakeError::Malformed)?;
        let count = usize::from(bytes.try_get_u8().map_err(|_| HandshakeError::Malformed)?);
        if count > MAX_LISTENS {
            return Err(HandshakeError::Malformed);
        }
        let listens = (0..count).map(|_| take_address(&mut bytes)).collect::<Option<_>>();
        match listens {
            Some(listens) if bytes.is_empty() => Ok(Hello { boot, listens }),
            _ => Err(HandshakeError::Malformed),
        }
    }
}

fn take_address(bytes: &mut &[u8]) -> Option<Address> {
    let length = usize::from(bytes.try_get_u16().ok()?);
    let (text, rest) = bytes.split_at_checked(length).filter(|_| length <= MAX_ADDRESS)?;
    *bytes = rest;
    Some(Address(std::str::from_utf8(text).ok()?.to_owned()))
}

/// What is said about a link after the hellos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) enum Verdict {
    /// Another link is kept.
    Spare,
    /// This link is kept, says the one that chooses.
    Keep,
    /// So be it, says the other.
    Kept,
}

impl Verdict {
    pub(in crate::net) fn encode(self) -> [u8; 1] {
        match self {
            Verdict::Spare => [0],
            Verdict::Keep => [1],
            Verdict::Kept => [2],
        }
    }

    pub(in crate::net) fn decode(bytes: &[u8]) -> Result<Verdict, HandshakeError> {
        match bytes {
            [0] => Ok(Verdict::Spare),
            [1] => Ok(Verdict::Keep),
            [2] => Ok(Verdict::Kept),
            _ => Err(HandshakeError::Malformed),
        }
    }
}

/// Returns the value that names this meeting of these two peers: the same at both ends, another after a restart.
pub(in crate::net) fn binding(me: (PeerId, u64), other: (PeerId, u64)) -> [u8; 32] {
    let (first, second) = if me.0 < other.0 { (me, other) } else { (other, me) };
    let mut hash = blake3::Hasher::new_derive_key("bayou 2026 link binding");
    for (peer, boot) in [first, second] {
        hash.update(peer.as_bytes()).update(&boot.to_be_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    fn hello() -> Hello {
        let listens =
            vec![Address("/ip4/192.0.2.7/udp/4001/quic-v1".into()), Address("/ip4/192.0.2.7/tcp/4001".into())];
        Hello { boot: 0x0102_0304_0506_0708, listens }
    }

    #[test]
    fn a_hello_is_read_as_it_was_written() {
        assert_eq!(Hello::decode(&hello().encode()), Ok(hello()));
        assert_eq!(&hello().encode()[..16], b"bayou\0\x01\x01\x02\x03\x04\x05\x06\x07\x08\x02");
    }

    #[test]
    fn addresses_over_the_bounds_are_left_out() {
        let long = Address("/".repeat(MAX_ADDRESS + 1));
        let many =
            Hello { boot: 1, listens: std::iter::repeat_n(hello().listens[0].clone(), 300).chain([long]).collect() };
        let bytes = many.encode();
        assert!(bytes.len() <= MAX_HELLO);
        assert_eq!(Hello::decode(&bytes).unwrap().listens.len(), MAX_LISTENS);
    }

    #[test]
    fn strangers_and_other_versions_are_told_apart() {
        let mut bytes = hello().encode().to_vec();
        bytes[6] = 9;
        bytes.truncate(7);
        assert_eq!(Hello::decode(&bytes), Err(HandshakeError::Version(9)));
        assert_eq!(Hello::decode(b"\x13/multistream/1.0.0\n"), Err(HandshakeError::Foreign));
    }

    #[test]
    fn every_truncation_is_refused() {
        let whole = hello().encode();
        for end in 0..whole.len() {
            assert!(Hello::decode(&whole[..end]).is_err(), "cut at {end}");
        }
        assert!(Hello::decode(&[&whole[..], &[0]].concat()).is_err(), "bytes behind the end");
    }

    #[test]
    fn twenty_thousand_damaged_hellos_do_no_harm() {
        let seed = 7;
        println!("seed {seed}");
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..10_000 {
            let mut bytes = hello().encode().to_vec();
            for _ in 0..1 + random.next_u32() % 4 {
                let at = random.next_u32() as usize % bytes.len();
                bytes[at] = random.next_u32() as u8;
            }
            bytes.truncate(random.next_u32() as usize % (bytes.len() + 1));
            // What is let in says the same when it is written again.
            if let Ok(read) = Hello::decode(&bytes) {
                assert_eq!(read.encode(), bytes);
            }
            let mut noise = vec![0; random.next_u32() as usize % 64];
            random.fill_bytes(&mut noise);
            assert!(Hello::decode(&noise).is_err());
            assert!(noise.len() == 1 || Verdict::decode(&noise).is_err());
        }
    }

    #[test]
    fn both_ends_compute_one_binding_and_a_restart_another() {
        let (alice, bob) = (PeerId([1; 32]), PeerId([2; 32]));
        assert_eq!(binding((alice, 5), (bob, 6)), binding((bob, 6), (alice, 5)));
        assert_ne!(binding((alice, 5), (bob, 6)), binding((alice, 6), (bob, 5)));
        assert_ne!(binding((alice, 5), (bob, 6)), binding((alice, 5), (bob, 7)));
    }
}
