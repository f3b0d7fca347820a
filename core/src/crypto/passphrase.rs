//! From a passphrase to a key: Argon2id (RFC 9106), slow and hungry on purpose.

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};

use super::Secret;

/// How dear one guess is. Kept beside what the key seals, so that it can be raised later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuessCost {
    /// Memory, in KiB.
    pub memory: u32,
    /// Passes over the memory.
    pub passes: u32,
}

impl GuessCost {
    /// 64 MiB, three passes: about 0.16 s on a small machine.
    pub const DEFAULT: GuessCost = GuessCost { memory: 64 * 1024, passes: 3 };

    /// The most that a home may ask for: 1 GiB, 16 passes. A damaged file must not stop the machine.
    const MAX: GuessCost = GuessCost { memory: 1024 * 1024, passes: 16 };
}

/// The cost is outside of what this program computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cost of a guess is out of bounds")]
pub struct BadCost;

/// Derives the key that belongs to a passphrase and a salt.
///
/// # Errors
/// [`BadCost`] when the cost is out of bounds.
pub fn stretch(passphrase: &str, salt: &[u8; 16], cost: GuessCost) -> Result<Secret, BadCost> {
    if cost.memory > GuessCost::MAX.memory || cost.passes > GuessCost::MAX.passes {
        return Err(BadCost);
    }
    let params = Params::new(cost.memory, cost.passes, 1, Some(32)).map_err(|_| BadCost)?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut key)
        .map_err(|_| BadCost)?;
    Ok(Secret::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: GuessCost = GuessCost { memory: 64, passes: 1 };

    #[test]
    fn a_key_belongs_to_a_passphrase_a_salt_and_a_cost() {
        let key = stretch("correct horse", &[1; 16], CHEAP).unwrap();
        assert_eq!(key, stretch("correct horse", &[1; 16], CHEAP).unwrap());
        assert_ne!(key, stretch("correct horsf", &[1; 16], CHEAP).unwrap());
        assert_ne!(key, stretch("correct horse", &[2; 16], CHEAP).unwrap());
        assert_ne!(key, stretch("correct horse", &[1; 16], GuessCost { passes: 2, ..CHEAP }).unwrap());
        for (memory, passes) in [(0, 1), (64, 0), (u32::MAX, 1), (64, u32::MAX)] {
            assert_eq!(stretch("x", &[1; 16], GuessCost { memory, passes }), Err(BadCost));
        }
    }
}
