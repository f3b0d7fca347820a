//! Cryptography: bytes in, bytes out. The only room that names a cryptographic crate.
//!
//! | what | algorithm | why |
//! |---|---|---|
//! | names of things | BLAKE3 with a context | fast, and a hash for one purpose is never one for another |
//! | signatures | Ed25519, `verify_strict` | every peer must judge alike; `verify` and `verify_batch` do not (ed25519-dalek's README) |
//! | sealing with a key | XChaCha20-Poly1305 | nonces long enough to be random |
//! | sealing to a device | HPKE, X25519 | one message, no session, 49 bytes |
//! | deriving keys | HKDF-SHA256 | one secret, many purposes |
//! | from a passphrase | Argon2id, 64 MiB | a guess costs 0.16 s and memory |
//! | checksum of a change | SHA-256 | Automerge's own format |
//! | safety numbers | SHA-512, 5200 times | slow on purpose, as Signal's |
//! | randomness | ChaCha20 from a seed | handed in from outside, so that a test can replay everything |

mod aead;
mod hash;
mod kem;
mod passphrase;
mod rng;
mod secret;
mod sign;

pub use aead::{BadSeal, NONCE, SEAL_OVERHEAD, open, seal};
pub use hash::{hash, keyed_hash, sha256, sha512};
pub use kem::{BOX_OVERHEAD, BoxAddress, BoxKey, seal_to};
pub use passphrase::{BadCost, GuessCost, stretch};
pub use rng::Entropy;
pub use secret::Secret;
pub use sign::{BadSignature, DeviceKey, Signature, verify};
