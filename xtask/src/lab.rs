//! `cargo xtask lab`: the stories in network namespaces. Needs root, or a user namespace that may make networks.

use crate::step::{self, Profile, cargo, step};

/// Runs the tests of `tests/it/lab.rs`; here a namespace that cannot be made is a failure.
pub(crate) fn run() -> Result<(), String> {
    step::build(Profile::Dev)?;
    let mut command = cargo(&["test", "--workspace", "--test", "it", "lab::", "--", "--nocapture"]);
    command.env("BAYOU_LAB", "1").env("BAYOU_BIN", step::binary(Profile::Dev, "bayou")?);
    step("lab", &mut command)
}
