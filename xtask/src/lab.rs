//! `cargo xtask lab`: the stories in network namespaces. Needs root, or a user namespace that may make networks.

use std::process::Command;

use crate::step::{self, Profile, cargo, step};

/// Runs the tests of `tests/it/lab.rs`; here a namespace that cannot be made is a failure. Each story about routers prints a
/// line: what was expected, what came, and how fast.
pub(crate) fn run() -> Result<(), String> {
    step::build(Profile::Dev)?;
    provide_iptables()?;
    // One after the other: each has some processes, and tells how long it took.
    let arguments = ["test", "--workspace", "--test", "it", "lab::", "--", "--nocapture", "--test-threads", "1"];
    let mut command = cargo(&arguments);
    command.env("BAYOU_LAB", "1").env("BAYOU_BIN", step::binary(Profile::Dev, "bayou")?);
    step("lab", &mut command)
}

/// The routers of the stories translate addresses with it.
fn provide_iptables() -> Result<(), String> {
    if Command::new("iptables").arg("--version").output().is_ok() {
        return Ok(());
    }
    let missing = |error| format!("iptables is missing, and cannot be installed ({error}): install it and try again");
    step("apt-get update", Command::new("apt-get").args(["update", "-qq"])).map_err(missing)?;
    let install = ["install", "-y", "-qq", "--no-install-recommends", "iptables"];
    step("apt-get install iptables", Command::new("apt-get").args(install)).map_err(missing)
}
