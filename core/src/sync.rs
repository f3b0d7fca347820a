//! What two peers lack of each other, and what came too early. Pure machines; no frames, no sockets.
//!
//! Two linked peers tell each other their **heads** (a short digest for each segment). Where digests differ, each asks
//! for what is beyond its own version vector ([`Pull`]), oldest segment first, a few at a time. What cannot be let in yet
//! (its chain has a gap, its author's membership or the segment before it is not known) waits in a bounded [`Waiting`]
//! room until its cause arrives.
//!
//! Gossip is a hint; this is the truth: whatever was lost on the way is found here at the next exchange of heads.

mod heads;
mod pull;
mod waiting;

pub use heads::{SegmentHeads, covers};
pub use pull::Pull;
pub use waiting::{Early, Waiting};
