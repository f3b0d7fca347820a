//! The harness: what the stories, the demo and the benchmarks are told with.

pub mod craft;
pub mod disk;
pub mod lan;
pub mod lines;
pub mod process;
pub mod socket;
