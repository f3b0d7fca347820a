//! Who we are, and how others come to know it: users, devices, links and verification.
//!
//! ```text
//! phrase ──> root key = user ──> (certificates, in authority) ──> devices ──> prekeys
//! ```
//!
//! | file | what |
//! |---|---|
//! | `phrase` | 24 words on paper, from which the root key and the backup key come |
//! | `user` | the root key, and a user's fingerprint |
//! | `profile`, `prekey` | what a home keeps of its user and its device |
//! | `register` | what a user's devices agree on among themselves |
//! | `linking` | how a new device becomes one of a user's |
//! | `join_link`, `contact_link`, `invite_key` | links that invite, and what one proves and opens with them |
//! | `safety_number`, `words` | how people verify each other and their group |
//!
//! Here are keys and links only. The records that are signed with the keys, and what they are worth, are the business of
//! `authority`.

mod contact_link;
mod invite_key;
mod join_link;
mod link;
pub mod linking;
mod phrase;
mod prekey;
mod profile;
mod register;
mod safety_number;
mod user;
mod words;

pub use contact_link::ContactLink;
pub use invite_key::{InviteKeys, InvitedTo, check_proof};
pub use join_link::{Admission, EXPIRY_GRACE_MS, JoinLink};
pub use link::{BadHost, BadLink, LinkPeers, MAX_LINK, MAX_LINK_ADDRESS, MAX_LINK_ADDRESSES};
pub use phrase::{BadPhrase, MAX_PHRASE_TEXT, PHRASE_WORDS, Phrase};
pub use prekey::{MAX_PREKEYS, PREKEY_KEPT_MS, PREKEY_TURN_MS, PrekeyTurn, Prekeys};
pub use profile::{BadProfile, MAX_PROFILE, Profile};
pub use register::{
    BadRegister, MAX_REGISTER_VALUE, MAX_REGISTERS, MAX_SETTING_NAME, Register, RegisterKey, Registers,
};
pub use safety_number::{SafetyNumber, Scanned, VerifyCode};
pub use user::{RootKey, fingerprint};
pub use words::{GROUP_WORDS, group_words};
