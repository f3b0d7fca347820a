//! The harness: what the stories, the demo and the benchmarks are told with.
//!
//! `process`, `browser`, `node`, `public_node`, `lan`, `town`, `socket` and `lines` tell them with real processes. `world` tells them with real engines in a
//! simulated network, where a seed decides everything: [`world::World`] holds [`peer::Peer`]s, a [`network::Network`]
//! and one clock that is turned by hand; [`truth`] reads what became
//! of it from the stores, and [`verdict`] judges it.

pub mod board;
pub mod browser;
pub mod certificate;
pub mod craft;
pub mod dice;
pub mod disk;
pub mod flooder;
mod igd;
pub mod lan;
pub mod lines;
pub mod machine;
pub mod mailboxes;
pub mod mallory;
pub mod network;
pub mod node;
pub mod peer;
pub mod process;
pub mod public_node;
pub mod sim;
pub mod socket;
pub mod town;
pub mod truth;
pub mod verdict;
pub mod world;
