//! A step: one command with a name, whose time is told.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::packages::selection;
use crate::page;

/// Where a build of ours ends up.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    Dev,
    Release,
}

/// A cargo call in the workspace's root, with the cargo that runs us.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    // What cargo says of this package is not said of others: a build script that looks at it would run again, and all that
    // is built on it, at each change between `cargo xtask` and `cargo`.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_this_package(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command
}

/// Tells whether cargo set this variable for us alone.
fn is_of_this_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
}

/// Builds the page, and every binary of the workspace, all with the same features.
pub(crate) fn build(profile: Profile) -> Result<(), String> {
    page::build()?;
    let mut command = cargo(&["build"]);
    command.args(selection()).arg("--bins");
    if matches!(profile, Profile::Release) {
        command.arg("--release");
    }
    step("build", &mut command)
}

/// Returns where [`build`] puts the binary `name`.
///
/// # Errors
/// When the system does not tell where this program itself stands.
pub(crate) fn binary(profile: Profile, name: &str) -> Result<PathBuf, String> {
    let me = std::env::current_exe().map_err(|e| format!("cannot tell where cargo builds: {e}"))?;
    let target = me.parent().and_then(Path::parent).ok_or("cannot tell where cargo builds")?;
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    };
    Ok(target.join(folder).join(name).with_extension(std::env::consts::EXE_EXTENSION))
}

/// Runs a command to its end and prints its name and time. The error names the command, so that it can be repeated.
pub(crate) fn step(name: &str, command: &mut Command) -> Result<(), String> {
    println!("── {name}");
    let seconds = timed(name, command)?;
    println!("── {name}: ok, {seconds:.1} s\n");
    Ok(())
}

/// Runs a command that has the terminal to itself: nothing is printed around it.
pub(crate) fn hand_over(name: &str, command: &mut Command) -> Result<(), String> {
    timed(name, command).map(|_| ())
}

#[allow(clippy::disallowed_methods, reason = "how long a step took is told to a person and decides nothing")]
fn timed(name: &str, command: &mut Command) -> Result<f64, String> {
    let start = Instant::now();
    let status = command.status().map_err(|e| format!("{name}: cannot start {command:?}: {e}"))?;
    if status.success() {
        Ok(start.elapsed().as_secs_f64())
    } else {
        Err(format!("{name} failed ({status}): {command:?}"))
    }
}

/// The folder that this workspace is in.
pub(crate) fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}
