//! `cargo xtask demo`: the demo (`tests/src/bin/demo.rs`) with the freshly built `bayou`.

use std::process::Command;

use crate::step::{self, Profile};

/// Builds, then lets three peers talk.
pub(crate) fn run() -> Result<(), String> {
    step::build(Profile::Dev)?;
    let mut demo = Command::new(step::binary(Profile::Dev, "demo")?);
    demo.env("BAYOU_BIN", step::binary(Profile::Dev, "bayou")?);
    step::hand_over("demo", &mut demo)
}
