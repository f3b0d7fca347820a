//! Who may do what in a conversation: signed control records, and what follows from the set of them.
//!
//! Control records form a grow-only set outside the Automerge documents. What follows from them is a pure function of
//! the set, so every peer that has the same records comes to the same answer, in whatever order they arrived, and
//! without asking any clock.
//!
//! ```text
//!  what is said      said (control records), user (a user's own log), cut (how far a removed one's chains count), avatar
//!  what is signed    signed
//!  what is held      graph (control records), user_log, together in set: Authority; item: how it is kept and travels
//!  what follows      devices (of one log)  ->  pass (over all grants)  ->  sum: Ruling  ->  verdict (on one change)
//! ```
//!
//! Two rules carry all of it. **Power comes from above**: each record cites the grant that allows it, up to the genesis,
//! and removals reach only downward. **What a removal has seen stands, what it has not seen is void**: so nobody who was
//! removed can add to their past, and nobody loses what they honestly did before.

mod avatar;
mod cut;
mod devices;
mod error;
mod graph;
mod item;
mod pass;
mod past;
mod ruling;
mod said;
mod set;
mod signed;
mod sum;
mod user;
mod user_log;
mod verdict;

#[cfg(test)]
mod tests;

pub use avatar::{Avatar, MAX_AVATAR};
pub use cut::{Cut, MAX_CUT, Mark};
pub use devices::{DeviceStatus, Devices, MAX_DEPTH};
pub use error::{ControlError, MAX_NAME, MAX_TITLE};
pub use graph::{MAX_EARLY, MAX_STRANGE};
pub use item::{Item, ItemName, abbreviate};
pub use pass::{MAX_MEMBERS, MAX_RECORDS};
pub use ruling::{EpochRecord, Grant, Offer, Participant, Ruling, Settings, Standing, Void};
pub use said::{History, MAX_MAILBOX, MAX_MAILBOXES, MAX_TOPIC, MAX_USES, MessageName, Role, Said, Setting, Via};
pub use set::{Authority, MAX_USERS, Missing};
pub use signed::{MAX_PARENTS, MAX_RECORD, Record, Standpoint};
pub use user::{MAX_DEVICES, MAX_PREKEY, MAX_STATUS, Prekey, UserRecord, UserSaid};
pub use user_log::MAX_LOG;
pub use verdict::{ChainOf, Reach, Refused, Verdict, Wait};
