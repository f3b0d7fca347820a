//! The simulation of gossip alone: a thousand peers, their links, and nothing else of a messenger.
//!
//! Each peer is a real [`Gossip`](bayou_core::gossip::Gossip) machine. Around it stands what the engine and the network would
//! be: an address book, a disk that takes some milliseconds, sync in its barest form. One queue of events holds everything
//! that is still to happen, in order of time; the same seed gives the same run.
//!
//! | file | what is there |
//! |---|---|
//! | `event` | what can happen, and what travels |
//! | `peer` | one peer: the machine, and what it holds |
//! | `run` | the queue, the links, what befalls them |
//! | `scenario` | what is tried, and what must come out |
//! | `tally` | what is counted |

pub mod event;
pub mod peer;
pub mod run;
pub mod scenario;
pub mod tally;
