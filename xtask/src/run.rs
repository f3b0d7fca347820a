//! `cargo xtask run`: the desktop app, with what it needs; on a machine without a display, the page for a browser.

use std::process::Command;

use clap::Args;

use crate::packages;
use crate::step::{self, Profile};

/// For whom.
#[derive(Args)]
pub(crate) struct Options {
    /// The folder of the peer; the usual one when left out. Two folders are two people.
    #[arg(long)]
    home: Option<std::path::PathBuf>,
    /// The page for a browser, even if there is a display.
    #[arg(long)]
    web: bool,
}

/// Builds, then opens it.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    step::build(Profile::Dev)?;
    let home = options.home.iter().flat_map(|home| ["--home".as_ref(), home.as_os_str()]);
    if !options.web && has_display() && packages::builds_window() {
        let mut app = Command::new(step::binary(Profile::Dev, "bayou-desktop")?);
        return step::hand_over("bayou-desktop", app.args(home));
    }
    let mut peer = Command::new(step::binary(Profile::Dev, "bayou")?);
    step::hand_over("bayou serve --web", peer.args(home).args(["serve", "--web"]))
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
