//! `cargo xtask test`: everything that CI does, in the order of its cost.

use std::process::{Command, Stdio};

use crate::check;
use crate::step::{self, Profile, cargo, step};

/// Checks, builds, tests, documents.
pub(crate) fn run() -> Result<(), String> {
    offer_namespaces();
    check::run()?;
    step::build(Profile::Dev)?;
    let bayou = step::binary(Profile::Dev, "bayou")?;
    step("tests", cargo(&["test", "--workspace"]).env("BAYOU_BIN", bayou))?;
    // Written for who works on it, so links from public to private things lead somewhere.
    let flags = "-D warnings -A rustdoc::private-intra-doc-links";
    let mut documents = cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"]);
    step("documents", documents.env("RUSTDOCFLAGS", flags))?;
    println!("All of it passed.");
    Ok(())
}

/// Installs `ip`, with which the stories in network namespaces are set up, if it is missing and we may.
///
/// Without it those stories are skipped, so this never fails. (A missing C compiler is `.ci/run`'s business: without
/// one this program could not have been built.)
fn offer_namespaces() {
    let present = Command::new("ip").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if present {
        return;
    }
    let update = Command::new("apt-get").args(["update", "-qq"]).status();
    let install =
        Command::new("apt-get").args(["install", "-y", "-qq", "--no-install-recommends", "iproute2"]).status();
    if !matches!((update, install), (Ok(_), Ok(status)) if status.success()) {
        println!("`ip` is missing: the stories in network namespaces will be skipped. To run them, as root:");
        println!("    apt-get install iproute2\n");
    }
}
