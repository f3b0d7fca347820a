//! What people see: entries folded into rows, one row a message.
//!
//! A fold is a pure function of the set of entries and bodies: whatever the order of arrival, and however often an entry
//! comes, the rows come out the same. An annotation that arrives before its message waits beside the rows under the
//! message's id (as *orphan*) and is folded in when the message comes.
//!
//! Messages that disappear are the one thing that time changes: a fold is told what time it is, and whose time has come is
//! marked as gone. An edit does not prolong them.
//!
//! Rows live in the store's index and can be thrown away: this room reads them through [`Rows`] and returns the changed
//! ones. The compared order is always that of [`EntryId`](crate::conversation::EntryId): time, then author's chain.

mod fold;
mod row;
mod text;

pub use fold::{Change, Fold, Rows};
pub use row::{Edit, Mark, Row, Text};
pub use text::{Printed, print};
