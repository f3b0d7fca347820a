//! `cargo xtask lab`: the stories in network namespaces. Needs root, or a user namespace that may make networks.

use crate::packages::{NAMESPACES, provide, selection};
use crate::step::{self, Profile, cargo, step};

/// Runs the tests of `tests/it/lab.rs`; here a namespace that cannot be made is a failure. Each story about routers prints a
/// line: what was expected, what came, and how fast.
pub(crate) fn run() -> Result<(), String> {
    step::build(Profile::Dev)?;
    provide(&NAMESPACES)?;
    // One after the other: each has some processes, and tells how long it took.
    let mut command = cargo(&["test"]);
    command.args(selection()).args(["--test", "it", "lab::", "--", "--nocapture", "--test-threads", "1"]);
    command.env("BAYOU_LAB", "1").env("BAYOU_BIN", step::binary(Profile::Dev, "bayou")?);
    step("lab", &mut command)
}
