//! Chance that comes out the same for the same seed.

use bayou_core::crypto::Entropy;

/// A stream of throws.
#[derive(Debug)]
pub struct Dice(Entropy);

impl Dice {
    /// Returns the dice that belong to a seed and a purpose.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        bytes[8..16].copy_from_slice(&purpose.to_be_bytes());
        Dice(Entropy::from_seed(bytes))
    }

    /// Returns `N` bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        self.0.bytes()
    }

    /// Returns a number.
    pub fn number(&mut self) -> u64 {
        u64::from_be_bytes(self.bytes())
    }

    /// Returns a number below `end`; zero if `end` is zero.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number().checked_rem(end).unwrap_or(0)
    }

    /// Returns true with a chance of one in `n`.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Picks one of some things.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = usize::try_from(self.below(from.len() as u64)).ok()?;
        from.get(at)
    }
}
