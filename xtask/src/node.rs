//! `cargo xtask node`: a public node on this machine, in a home that is gone afterwards.

use std::process::Command;

use crate::step::{self, Profile};

/// Builds, then starts a node on loopback that prints its addresses. Ctrl-C ends it.
pub(crate) fn run() -> Result<(), String> {
    step::build(Profile::Dev)?;
    let home = std::env::temp_dir().join(format!("bayou-node-{}", std::process::id()));
    let mut node = Command::new(step::binary(Profile::Dev, "bayou-bootstrap")?);
    node.arg("--home").arg(&home);
    node.args(["--listen", "/ip4/127.0.0.1/udp/0/quic-v1,/ip4/127.0.0.1/tcp/0"]);
    node.args(["--set", "status=127.0.0.1:0", "--set", "log.json=false"]);
    let ran = step::hand_over("node", &mut node);
    // What is left is a folder among the system's temporary things.
    std::fs::remove_dir_all(&home).ok();
    ran
}
