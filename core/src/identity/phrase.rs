//! The recovery phrase: 24 words on paper from which a user's root key comes back (BIP39, English list).
//!
//! ```text
//! 32 random bytes E ──> 24 words (256 bits and a checksum of 8)
//!        ├── HKDF "bayou/1/root"   ──> seed of the Ed25519 root key
//!        └── HKDF "bayou/1/backup" ──> key of the user's backups
//! ```
//!
//! The phrase exists while a profile is made or restored, and nowhere afterwards: the device keeps keys of its own. Only
//! BIP39's words and checksum are used, not its passphrase and PBKDF2: 256 random bits need no stretching.
//!
//! What is read was copied by hand, so reading forgives case, spacing, punctuation and numbering, and an error names the
//! place on the paper. It never names a word.

use bip39::{Language, Mnemonic};
use zeroize::{Zeroize as _, Zeroizing};

use super::RootKey;
use crate::crypto::{Entropy, Secret};

/// Words of a phrase.
pub const PHRASE_WORDS: usize = 24;

/// The longest text that is read as a phrase, in bytes: 24 words are about 200, with numbers and line breaks 300.
pub const MAX_PHRASE_TEXT: usize = 2048;

/// The longest word of the English list has 8 letters; with its space, this is the most that 24 take.
const MAX_PHRASE: usize = PHRASE_WORDS * 9;

/// A recovery phrase. Wiped when dropped, redacted when printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Phrase(Secret);

/// The text is not a phrase. Says where to look on the paper, never what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPhrase {
    /// A word is not of the list; positions count from 1.
    #[error("word {position} is not one of the list: compare it with what you wrote down, letter by letter")]
    UnknownWord {
        /// The position of the first such word, from 1.
        position: usize,
    },
    /// All words are known, but they are too few or too many.
    #[error("a recovery phrase has 24 words, here are {found}: look for words that are missing or there twice")]
    Count {
        /// How many words there are.
        found: usize,
    },
    /// There are 24 known words, and their checksum is wrong.
    #[error(
        "each word is one of the list, but together they are no phrase: one was mistaken for another, or two changed places"
    )]
    Checksum,
    /// The text is longer than a phrase can be.
    #[error("this is far too long for a recovery phrase: enter its 24 words and nothing else")]
    TooLong,
}

impl Phrase {
    /// Makes the phrase that belongs to 32 random bytes.
    pub fn new(entropy: Secret) -> Self {
        Phrase(entropy)
    }

    /// Reads a phrase as people write it: in any case, with any spaces, line breaks, punctuation and numbers between.
    ///
    /// # Errors
    /// [`BadPhrase`], which names the place to look at.
    pub fn parse(text: &str) -> Result<Self, BadPhrase> {
        if text.len() > MAX_PHRASE_TEXT {
            return Err(BadPhrase::TooLong);
        }
        // With room for all, so that it never moves and leaves a copy behind.
        let mut phrase = Zeroizing::new(String::with_capacity(MAX_PHRASE));
        let mut found = 0;
        for word in text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
            found += 1;
            let known = known(word).ok_or(BadPhrase::UnknownWord { position: found })?;
            if found <= PHRASE_WORDS {
                phrase.push_str(known);
                phrase.push(' ');
            }
        }
        if found != PHRASE_WORDS {
            return Err(BadPhrase::Count { found });
        }
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &phrase).map_err(|_| BadPhrase::Checksum)?;
        let (mut bytes, _) = mnemonic.to_entropy_array();
        let entropy = bytes.first_chunk().map(|entropy| Secret::new(*entropy)).ok_or(BadPhrase::Checksum);
        bytes.zeroize();
        entropy.map(Phrase)
    }

    /// Returns the words, in order. They are the user: show them once, and keep no copy.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        let mnemonic = Mnemonic::from_entropy_in(Language::English, self.0.expose()).expect("32 bytes make 24 words");
        (0..PHRASE_WORDS).filter_map(move |at| mnemonic.words().nth(at))
    }

    /// Draws three different positions, from 1 and rising: the words that the person is asked for, to see that they were
    /// written down.
    pub fn ask_back(entropy: &mut Entropy) -> [usize; 3] {
        let mut left: Vec<usize> = (1..=PHRASE_WORDS).collect();
        let mut asked = std::array::from_fn(|_| {
            let throw = u64::from_be_bytes(entropy.bytes()) % left.len() as u64;
            left.swap_remove(throw as usize)
        });
        asked.sort_unstable();
        asked
    }

    /// Tells whether `word`, in any case, is the one at `position` (from 1).
    pub fn confirms(&self, position: usize, word: &str) -> bool {
        let expected = position.checked_sub(1).and_then(|at| self.words().nth(at));
        expected.is_some_and(|expected| expected.eq_ignore_ascii_case(word.trim()))
    }

    /// Returns the user's root key. It signs certificates while a profile is set up; afterwards it is dropped.
    pub fn root(&self) -> RootKey {
        RootKey::from_seed(&self.0.derive("bayou/1/root", &[]))
    }

    /// Returns the secret that the user's devices share: by it they find each other, and nothing else.
    pub fn devices_secret(&self) -> Secret {
        self.0.derive("bayou/1/own devices", &[])
    }

    /// Returns the key that seals the user's backups.
    pub fn backup_key(&self) -> Secret {
        self.0.derive("bayou/1/backup", &[])
    }
}

impl std::fmt::Debug for Phrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Phrase(redacted)")
    }
}

/// Returns the word of the list that was meant, if there is one.
fn known(word: &str) -> Option<&'static str> {
    let lower = Zeroizing::new(word.to_lowercase());
    let at = Language::English.find_word(&lower)?;
    Language::English.word_list().get(usize::from(at)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BIP39's own test vector: 32 bytes of 0x7f.
    const LEGAL: &str = "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth \
                         useful legal winner thank year wave sausage worth title";

    #[test]
    fn the_vectors_of_bip39_hold_and_lead_to_fixed_keys() {
        let phrase = Phrase::new(Secret::new([0x7f; 32]));
        assert_eq!(phrase.words().collect::<Vec<_>>().join(" "), LEGAL);
        assert_eq!(Phrase::parse(LEGAL), Ok(phrase.clone()));
        // Computed apart, with Python's hmac and cryptography.
        assert_eq!(
            phrase.root().user().to_string(),
            "80087cb1199dfb539074dd5d8b948c1c8f3903ef8b25ea086f7c7006ab838efe"
        );
        assert_eq!(
            data_encoding::HEXLOWER.encode(phrase.backup_key().expose()),
            "1d71b4c1a10f7c43f7136899eee3d392a2f60f6e53df67b217296ac6e5fc38aa"
        );
    }

    #[test]
    fn what_people_write_down_is_read() {
        let phrase = Phrase::new(Secret::new([0x7f; 32]));
        let numbered: Vec<String> = LEGAL.split(' ').zip(1..).map(|(word, n)| format!("{n:02}. {word}")).collect();
        for text in [
            LEGAL.to_uppercase(),
            format!("\u{feff}\t{}\r\n", LEGAL.replace(' ', "\r\n\r\n")),
            numbered.join("\n"),
            numbered.join(", ").replace(". ", ")"),
            LEGAL.replace(' ', " \u{a0}— "),
        ] {
            assert_eq!(Phrase::parse(&text), Ok(phrase.clone()), "{text}");
        }
    }

    #[test]
    fn a_mistake_is_named_by_its_place_and_never_by_its_word() {
        let wrong = LEGAL.replacen("year", "yaer", 1);
        let error = Phrase::parse(&wrong).unwrap_err();
        assert_eq!(error, BadPhrase::UnknownWord { position: 4 });
        assert!(error.to_string().starts_with("word 4 ") && !error.to_string().contains("yaer"));
        assert_eq!(Phrase::parse(&LEGAL.replacen("legal ", "", 1)), Err(BadPhrase::Count { found: 23 }));
        assert_eq!(Phrase::parse(&format!("{LEGAL} legal")), Err(BadPhrase::Count { found: 25 }));
        assert_eq!(Phrase::parse(&LEGAL.replacen("legal winner", "winner legal", 1)), Err(BadPhrase::Checksum));
        assert_eq!(Phrase::parse(&"legal ".repeat(400)), Err(BadPhrase::TooLong));
        assert_eq!(Phrase::parse(""), Err(BadPhrase::Count { found: 0 }));
        assert_eq!(format!("{:?}", Phrase::parse(LEGAL)), "Ok(Phrase(redacted))");
    }

    #[test]
    fn three_different_words_are_asked_back_and_each_place_has_its_turn() {
        let phrase = Phrase::new(Secret::new([5; 32]));
        let mut entropy = Entropy::from_seed([6; 32]);
        let mut seen = [0_usize; PHRASE_WORDS];
        for _ in 0..1000 {
            let asked = Phrase::ask_back(&mut entropy);
            assert!(asked[0] >= 1 && asked[0] < asked[1] && asked[1] < asked[2] && asked[2] <= PHRASE_WORDS);
            asked.iter().for_each(|position| seen[position - 1] += 1);
        }
        // 125 each on average; six standard deviations are 63.
        assert!(seen.iter().all(|times| (62..=188).contains(times)), "{seen:?}");
        let words: Vec<_> = phrase.words().collect();
        assert!(phrase.confirms(24, &format!(" {} ", words[23].to_uppercase())));
        assert!(!phrase.confirms(1, words[1]) && !phrase.confirms(0, words[0]) && !phrase.confirms(25, words[0]));
    }
}
