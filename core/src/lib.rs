//! The library of Bayou: everything but windows.
//!
//! The rooms stand in the order of a message's way; arrows point down this list, and no two rooms know each other.
//! `tests/it/tidy.rs` holds the table of who may know whom. Everything above `store` is pure: it does no I/O, reads no
//! clock and draws no randomness of its own, and builds with `--no-default-features`.

#![deny(rustdoc::broken_intra_doc_links)]

pub mod id;
pub mod time;

pub mod crypto;

pub mod authority;
pub mod conversation;
pub mod envelope;
pub mod gossip;
pub mod identity;
pub mod sync;
pub mod timeline;

pub mod rpc;
pub mod store;

pub mod engine;

#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "net")]
pub mod node;
