//! What is said: a conversation's segments as Automerge documents, and the gate in front of them. The only room that
//! names automerge.
//!
//! A conversation is a row of **segments** 0, 1, 2 …, each one Automerge document of about 2,000 changes with two flat
//! maps: `m` (messages) and `x` (what is said about messages). Entries are written once and never overwritten; keys sort
//! newest first, because Automerge 0.12 walks a map from its start.
//!
//! Each device writes its own **chain**: a change depends only on its author's previous change in that segment, the
//! first one on the segment's genesis. So whatever befalls one chain (a fork, a removal) touches nobody else's, one
//! signature proves all earlier changes of its chain, and what a peer has is told by a version vector.
//!
//! ```text
//! draft ─► bytes ─► gate ─► Gated ─► proof ─► Verified ─► Segment::apply ─► Entry …
//!                     ▲ the only way in, for our own changes too
//! ```
//!
//! Automerge never sees a byte that did not pass the [`gate`](mod@gate): it panics on some well-formed hostile changes,
//! accepts others that make its file unloadable, and hangs on a few more.

mod chain;
mod draft;
mod fork;
pub mod gate;
mod image;
mod key;
mod payload;
mod prescan;
mod proof;
mod record;
mod schema;
mod segment;

pub use chain::{Chain, ChainHeader, Chains, Vector};
pub use draft::draft;
pub use fork::{BadProof, End, Fork, ForkProof};
pub use gate::{Gated, Outcome, Refusal, Sent};
pub use key::{BadEntryId, EntryId};
pub use payload::{AuthoredPayload, MAX_BODY, Payload, Payloads};
pub use proof::{Verified, sign};
pub use record::{Annotation, Entry, MAX_EMOJI, Place, Record, Target};
pub use schema::{Genesis, MAX_CHAIN_BYTES, MAX_CHAIN_CHANGES, MAX_CHANGE, MAX_OPS, SEGMENT_CHANGES, SegmentId};
pub use segment::{Moved, Segment, SegmentError, Settled, Tail};
