//! The page (`desktop/ui/`): built by Node into `dist/`, which `bayou serve --web` and the window both show.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::SystemTime;

use crate::step::{root, step};

/// Builds it, unless what was built is newer than all that it is built from.
///
/// # Errors
/// When Node is missing, or the page does not compile.
pub(crate) fn build() -> Result<(), String> {
    // Not `index.html`: without a page the window's build script puts one there that says so.
    let built = modified(&folder().join("dist/assets"));
    if built.is_some() && built >= newest_source() {
        return Ok(());
    }
    install()?;
    step("page", npm().args(["run", "build"]))
}

/// Checks types, style and translations, and tests what needs no browser.
///
/// # Errors
/// When one of them fails.
pub(crate) fn test() -> Result<(), String> {
    install()?;
    step("page: types and style", npm().args(["run", "check"]))?;
    step("page: unit tests", npm().arg("test"))
}

/// Brings the packages that the lock file names, unless they are there.
pub(crate) fn install() -> Result<(), String> {
    let installed = modified(&folder().join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= modified(&folder().join("package-lock.json")) {
        return Ok(());
    }
    let hint = |error| format!("{error}\nThe page needs Node 20.19 or later, with npm.");
    step("page: packages", npm().args(["ci", "--no-audit", "--no-fund"])).map_err(hint)
}

/// A call of npm in the page's folder.
pub(crate) fn npm() -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder());
    command
}

fn folder() -> PathBuf {
    root().join("desktop/ui")
}

/// Says when the newest of the files was changed that the page is built from.
fn newest_source() -> Option<SystemTime> {
    let mut newest = None;
    let mut folders = vec![folder()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if ["node_modules", "dist", "dist-mock", "e2e"].iter().any(|skipped| name == *skipped) {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => newest = newest.max(modified(&entry.path())),
            }
        }
    }
    newest
}

fn modified(path: &std::path::Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|about| about.modified()).ok()
}
