//! `cargo xtask package`: the desktop app as a Debian package, in release build.

use std::process::Command;

use crate::packages::{self, WINDOW};
use crate::page;
use crate::step::{root, step};

/// Builds the page and the app, and packs them; prints where the package is.
pub(crate) fn run() -> Result<(), String> {
    packages::provide(&WINDOW)?;
    page::build()?;
    // Tauri's own packer comes with the page's packages, as a program that was built already.
    let mut pack = Command::new(root().join("desktop/ui/node_modules/.bin/tauri"));
    pack.current_dir(root().join("desktop")).args(["build", "--bundles", "deb", "--ci"]);
    step("package", &mut pack)
}
