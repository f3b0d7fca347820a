//! Verifying a person: 60 digits to read to each other, or a code to scan from each other's screen.
//!
//! ```text
//! digits of a user = 6 × (5 bytes of h mod 100,000)     h = SHA-512, 5200 times, over (hash so far ‖ root key),
//!                                                           begun with (version u16 (1) ‖ root key)
//! safety number    = the digits of both users, the smaller first: both see the same
//! code to scan     = bayou://v/# base64url( version u8 (1) ‖ mine 32 ‖ theirs 32 )
//! ```
//!
//! This is Signal's construction (libsignal, `fingerprint.rs`) without a phone number. The number speaks of root keys, so
//! it stays when devices come and go. 5200 rounds make a search for a key with similar digits so much dearer; 30 digits
//! are 99 bits.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::link::{self, BadLink};
use crate::crypto::sha512;
use crate::id::UserId;

const VERSION: u16 = 1;
const ROUNDS: usize = 5200;
const KIND: &str = "v";

/// The safety number of two users: 60 digits, printed in groups of five.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SafetyNumber(String);

impl SafetyNumber {
    /// Computes the number; the order of the users does not matter.
    pub fn of(one: &UserId, other: &UserId) -> Self {
        let mut halves = [digits(one), digits(other)];
        halves.sort_unstable();
        SafetyNumber(halves.concat())
    }

    /// Returns the 60 digits.
    pub fn digits(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, digit) in self.0.chars().enumerate() {
            if at > 0 && at % 5 == 0 {
                f.write_str(" ")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

fn digits(user: &UserId) -> String {
    let mut hash = sha512(&[&VERSION.to_be_bytes(), &user.0, &user.0]);
    for _ in 1..ROUNDS {
        hash = sha512(&[&hash, &user.0]);
    }
    let number = |five: &[u8]| five.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    hash.chunks_exact(5).take(6).map(|five| format!("{:05}", number(five) % 100_000)).collect()
}

/// What one shows to be scanned: whom one is, and for whom one takes the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VerifyCode {
    /// The root key of who shows the code.
    pub mine: UserId,
    /// The root key that they have of the other.
    pub theirs: UserId,
}

/// What came of scanning a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scanned {
    /// Both have the same keys of each other: the contact is verified.
    Same,
    /// It is the code of this screen, not of the other's.
    Mirror,
    /// The code is of another pair, or one of the two has a wrong key of the other: not verified.
    Other,
}

impl VerifyCode {
    /// Writes the code.
    pub fn to_link(&self) -> String {
        link::app_link(KIND, &link::code(self))
    }

    /// Reads a code.
    ///
    /// # Errors
    /// [`BadLink`], which says what to do.
    pub fn from_link(text: &str) -> Result<Self, BadLink> {
        link::read(link::code_of(text, KIND)?)
    }

    /// Compares a code that was scanned with the one shown here.
    pub fn compare(&self, scanned: &VerifyCode) -> Scanned {
        // First, so that nobody verifies themselves.
        if scanned == self {
            Scanned::Mirror
        } else if scanned.mine == self.theirs && scanned.theirs == self.mine {
            Scanned::Same
        } else {
            Scanned::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: UserId = UserId([1; 32]);
    const BOB: UserId = UserId([2; 32]);
    const MALLORY: UserId = UserId([3; 32]);

    #[test]
    fn both_see_the_same_sixty_digits_which_another_program_computes_as_well() {
        let number = SafetyNumber::of(&ALICE, &BOB);
        assert_eq!(number, SafetyNumber::of(&BOB, &ALICE));
        // Computed apart, with Python's hashlib.
        assert_eq!(number.digits(), "580295663638812672770371210594822631619482801037547021717211");
        assert_eq!(number.to_string().replace(' ', ""), number.digits());
        assert_eq!(number.to_string().len(), 71);
        assert_ne!(number, SafetyNumber::of(&ALICE, &MALLORY));
    }

    #[test]
    fn a_code_says_same_mirror_or_other() {
        let shown = |mine, theirs| VerifyCode { mine, theirs };
        let alice = shown(ALICE, BOB);
        assert_eq!(alice.compare(&shown(BOB, ALICE)), Scanned::Same);
        assert_eq!(alice.compare(&alice), Scanned::Mirror);
        for other in [shown(MALLORY, ALICE), shown(BOB, MALLORY), shown(ALICE, MALLORY), shown(MALLORY, BOB)] {
            assert_eq!(alice.compare(&other), Scanned::Other);
        }
        assert_eq!(shown(ALICE, ALICE).compare(&shown(ALICE, ALICE)), Scanned::Mirror);
    }

    #[test]
    fn a_code_is_written_as_it_always_was() {
        let code = VerifyCode { mine: ALICE, theirs: BOB };
        assert_eq!(
            code.to_link(),
            "bayou://v/#AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"
        );
        assert_eq!(VerifyCode::from_link(&code.to_link()), Ok(code));
        let text = code.to_link();
        for end in 0..text.len() {
            assert!(VerifyCode::from_link(&text[..end]).is_err(), "cut at {end}");
        }
    }
}
