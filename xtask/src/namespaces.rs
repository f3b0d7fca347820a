//! What the stories in network namespaces are set up with: `ip` makes hosts and cables, `iptables` makes routers
//! of them, `miniupnpd` lets one of these open ports.

use std::process::{Command, Stdio};

use crate::step::step;

/// Programs, and the packages of Debian that bring them.
const PROGRAMS: [(&str, &str); 4] =
    [("ip", "iproute2"), ("iptables", "iptables"), ("nft", "nftables"), ("miniupnpd", "miniupnpd-nftables")];

/// Installs what is missing.
///
/// # Errors
/// When something is missing and cannot be installed; says what, and how to.
pub(crate) fn provide() -> Result<(), String> {
    let missing: Vec<&str> =
        PROGRAMS.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let install = [&["install", "-y", "-qq", "--no-install-recommends"], &missing[..]].concat();
    let installed = step("apt-get update", Command::new("apt-get").args(["update", "-qq"]))
        .and_then(|()| step("apt-get install", Command::new("apt-get").args(install)));
    installed.map_err(|error| format!("{error}\nInstall it as root: apt-get install {}", missing.join(" ")))
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}
