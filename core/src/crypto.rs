//! Cryptography: bytes in, bytes out. The only room that names a cryptographic crate.
//!
//! | what | algorithm | why |
//! |---|---|---|
//! | names of things | BLAKE3 with a context | fast, and a hash for one purpose is never one for another |
//! | signatures | Ed25519, `verify_strict` | every peer must judge alike; `verify` and `verify_batch` do not (ed25519-dalek's README) |
//! | checksum of a change | SHA-256 | Automerge's own format |
//! | randomness | ChaCha20 from a seed | handed in from outside, so that a test can replay everything |
//!
//! Sealing (XChaCha20-Poly1305, HPKE, Argon2id) comes with group keys.

mod hash;
mod rng;
mod sign;

pub use hash::{hash, keyed_hash, sha256};
pub use rng::Entropy;
pub use sign::{BadSignature, DeviceKey, Signature, verify};
