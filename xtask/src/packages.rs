//! What a task needs of the system beyond Rust: what of it is missing, and Debian's packages that bring it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::step::step;

/// Something that is to be installed.
pub(crate) struct Need {
    /// Says whether it is there.
    is_there: fn() -> bool,
    /// The packages that bring it.
    packages: &'static [&'static str],
}

/// `ip` makes hosts and cables of network namespaces, `iptables` makes routers of them, `miniupnpd` lets one of these open
/// ports.
pub(crate) const NAMESPACES: Need = Need {
    is_there: || ["ip", "iptables", "nft", "miniupnpd"].iter().all(|program| runs(program, "-V")),
    packages: &["iproute2", "iptables", "nftables", "miniupnpd-nftables"],
};

/// What the window of the desktop app is built on.
pub(crate) const WINDOW: Need = Need {
    is_there: || library("webkit2gtk-4.1") && library("ayatana-appindicator3-0.1"),
    packages: &["libwebkit2gtk-4.1-dev", "librsvg2-dev", "libayatana-appindicator3-dev", "pkg-config"],
};

/// A browser that tests can drive, and letters for all that people write.
pub(crate) const BROWSER: Need = Need {
    is_there: || runs("chromium", "--version") && Path::new("/usr/share/fonts/opentype/noto").exists(),
    packages: &["chromium", "fonts-inter", "fonts-noto-cjk", "fonts-noto-color-emoji"],
};

/// A screen that nobody sees, and a hand on the window in it.
pub(crate) const SCREEN: Need = Need {
    is_there: || {
        runs("Xvfb", "-help")
            && runs("WebKitWebDriver", "--version")
            && runs("dbus-run-session", "--version")
            && runs("openbox", "--version")
    },
    packages: &["xvfb", "xauth", "webkit2gtk-driver", "dbus", "openbox"],
};

/// Installs what is missing, as far as this user may.
///
/// # Errors
/// When something is missing and cannot be installed; says what, and how to.
pub(crate) fn provide(need: &Need) -> Result<(), String> {
    if (need.is_there)() {
        return Ok(());
    }
    let by_hand = || format!("Install it as root: apt-get install {}", need.packages.join(" "));
    let install = [&["install", "-y", "-qq", "--no-install-recommends"], need.packages].concat();
    let installed = step("apt-get update", apt().args(["update", "-qq"]))
        .and_then(|()| step("apt-get install", apt().args(install)));
    installed.map_err(|error| format!("{error}\n{}", by_hand()))?;
    if (need.is_there)() { Ok(()) } else { Err(format!("it is not there after installing it. {}", by_hand())) }
}

/// Returns the selection of packages that every task builds: all, or all but the desktop app where it cannot be built.
///
/// Whatever a run builds it must select alike, or cargo compiles the dependencies once more with other features.
pub(crate) fn selection() -> &'static [&'static str] {
    static SELECTION: OnceLock<&[&str]> = OnceLock::new();
    SELECTION.get_or_init(|| {
        let Err(reason) = provide(&WINDOW) else { return &["--workspace"] };
        println!("The desktop app is left out, because its window cannot be built here. {reason}\n");
        &["--workspace", "--exclude", "bayou-desktop"]
    })
}

/// Tells whether the desktop app is built here.
pub(crate) fn builds_window() -> bool {
    selection().len() == 1
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    // Nobody is there to answer questions; and another installation may be under way.
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-o", "DPkg::Lock::Timeout=300"]);
    command
}

fn runs(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn library(name: &str) -> bool {
    let asked = Command::new("pkg-config").args(["--exists", name]).status();
    asked.is_ok_and(|status| status.success())
}
