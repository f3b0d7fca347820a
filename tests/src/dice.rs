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

/// Changes bytes a little: flipped, replaced, cut, taken out, doubled, made longer.
pub fn damage(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len() as u64) as usize;
        let end = at + dice.below((bytes.len() - at).min(40) as u64) as usize;
        match dice.below(6) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
            1 if !bytes.is_empty() => bytes[at] = *dice.pick(&[0, 1, 2, 0x7f, 0x80, 0xff]).unwrap_or(&0),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => bytes.splice(at..at, bytes[at..end].to_vec()).for_each(drop),
            _ => bytes.splice(at..at, vec![0xff; dice.below(12) as usize]).for_each(drop),
        }
    }
    bytes
}
