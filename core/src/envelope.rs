//! How things travel: frames between two linked peers, versioned and bounded.
//!
//! Links are encrypted and authenticated by the transport, and both ends prove their device over the link's own binding.
//! Sealing under a group's epoch key, for what passes through mailboxes and others' hands, comes with group keys and
//! will stand between [`Frame`] and its bytes.

mod wire;

pub use wire::{Answer, BadFrame, Frame, MAX_FRAME, Tips, Told};
