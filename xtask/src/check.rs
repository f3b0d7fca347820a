//! `cargo xtask check`: what fails fastest. Run it before each commit.

use crate::step::{cargo, step};

/// Format, the build without I/O, lints.
pub(crate) fn run() -> Result<(), String> {
    step("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    step("pure core", &mut cargo(&["check", "-p", "bayou-core", "--no-default-features"]))?;
    step("lints", &mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}
