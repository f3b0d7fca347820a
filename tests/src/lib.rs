//! Harness.

pub mod craft;
