//! `cargo xtask test`: everything that CI does, in the order of its cost.

use std::path::Path;

use crate::packages::{self, BROWSER, NAMESPACES, SCREEN, selection};
use crate::step::{self, Profile, cargo, step};
use crate::{check, page};

/// Checks, builds, tests, documents.
pub(crate) fn run() -> Result<(), String> {
    // Without them the stories in network namespaces are skipped. (A missing C compiler is `.ci/run`'s business: without one
    // this program could not have been built.)
    if let Err(reason) = packages::provide(&NAMESPACES) {
        println!("The stories in network namespaces will be skipped. {reason}\n");
    }
    check::run()?;
    page::test()?;
    step::build(Profile::Dev)?;
    let bayou = step::binary(Profile::Dev, "bayou")?;
    step("tests", cargo(&["test"]).args(selection()).env("BAYOU_BIN", &bayou))?;
    in_a_browser(&bayou)?;
    in_a_window(&bayou)?;
    // Written for who works on it, so links from public to private things lead somewhere.
    let flags = "-D warnings -A rustdoc::private-intra-doc-links";
    let mut documents = cargo(&["doc"]);
    documents.args(selection()).args(["--no-deps", "--document-private-items"]);
    step("documents", documents.env("RUSTDOCFLAGS", flags))?;
    println!("All of it passed.");
    Ok(())
}

/// The page in Chromium: before a stand-in for a peer, then before real ones.
fn in_a_browser(bayou: &Path) -> Result<(), String> {
    packages::provide(&BROWSER)?;
    step("page: alone", page::npm().args(["run", "e2e"]))?;
    step("page: with peers", page::npm().args(["run", "e2e:peers"]).env("BAYOU_BIN", bayou))
}

/// The real window, on a screen that nobody sees.
fn in_a_window(bayou: &Path) -> Result<(), String> {
    if !packages::builds_window() {
        return Ok(());
    }
    packages::provide(&SCREEN)?;
    let app = step::binary(Profile::Dev, "bayou-desktop")?;
    step("window", page::npm().args(["run", "e2e:window"]).env("BAYOU_DESKTOP_BIN", app).env("BAYOU_BIN", bayou))
}
