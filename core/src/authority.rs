//! Who may do what in a conversation: signed control records, and what follows from the set of them.
//!
//! Control records form a grow-only set outside the Automerge documents. What follows from them is a pure function of
//! the set, so every peer that has the same records comes to the same answer, in whatever order they arrived.
//!
//! Today the set is plain: a [`Control::Genesis`] names the conversation, and everyone who holds its link adds a
//! [`Control::Join`] for themselves. Roles, grants and removals will be further kinds of record.

mod members;
mod record;

pub use members::{Member, Members};
pub use record::{Control, ControlError, ControlRecord, MAX_NAME, MAX_TITLE};
