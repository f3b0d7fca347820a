//! Verifying a group: eight words that are the same for all who see the same members and the same rules.
//!
//! ```text
//! words = 8 × 11 bits of BLAKE3( number of members u64 ‖ root keys, sorted ‖ heads of the control records, sorted )
//! ```
//!
//! The words are of the list of BIP39: short, and different in their first four letters. Members read them to each other
//! in a call; who was shown another set of members, or was kept from a removal, has other words. 88 bits keep an outsider
//! from ever finding a group with the same words. A member who chooses keys for two groups at once needs 2^44 attempts for
//! a pair: against that one, the persons' [`SafetyNumber`](super::SafetyNumber)s stand.

use bip39::Language;

use crate::crypto::hash;
use crate::id::{RecordHash, UserId};

/// Words for a group.
pub const GROUP_WORDS: usize = 8;

/// Returns the words of a group; neither order nor repetition matters.
pub fn group_words(members: &[UserId], heads: &[RecordHash]) -> [&'static str; GROUP_WORDS] {
    let (mut members, mut heads) = (members.to_vec(), heads.to_vec());
    members.sort_unstable();
    members.dedup();
    heads.sort_unstable();
    heads.dedup();
    let count = (members.len() as u64).to_be_bytes();
    let names = members.iter().map(UserId::as_bytes).chain(heads.iter().map(RecordHash::as_bytes));
    let parts: Vec<&[u8]> = std::iter::once(count.as_slice()).chain(names).collect();
    let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash("bayou/1/group words", &parts);
    let bits = u128::from_be_bytes(first);
    std::array::from_fn(|at| {
        let index = (bits >> (117 - 11 * at)) & 0x7ff;
        Language::English.word_list().get(index as usize).copied().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_belong_to_a_set_of_members_and_heads() {
        let (alice, bob, carol) = (UserId([1; 32]), UserId([2; 32]), UserId([3; 32]));
        let (one, two) = (RecordHash([8; 32]), RecordHash([9; 32]));
        let words = group_words(&[alice, bob], &[one, two]);
        assert_eq!(words.join(" "), "festival plunge juice artwork trigger ugly fan frown");
        assert_eq!(words, group_words(&[bob, alice, bob], &[two, one, one]));
        assert_ne!(words, group_words(&[alice, bob, carol], &[one, two]));
        assert_ne!(words, group_words(&[alice], &[one, two]));
        assert_ne!(words, group_words(&[alice, bob], &[one]));
        // A key is not taken for a head.
        assert_ne!(group_words(&[alice, bob], &[]), group_words(&[alice], &[RecordHash(bob.0)]));
        assert_eq!(group_words(&[], &[]).iter().filter(|word| word.len() >= 3).count(), GROUP_WORDS);
    }
}
