//! `cargo xtask check`: what fails fastest. Run it before each commit.

use crate::packages::selection;
use crate::step::{cargo, step};

/// Format, the build without I/O, lints.
pub(crate) fn run() -> Result<(), String> {
    step("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    step("pure core", &mut cargo(&["check", "-p", "bayou-core", "--no-default-features"]))?;
    step("lints", cargo(&["clippy"]).args(selection()).args(["--all-targets", "--", "-D", "warnings"]))
}
