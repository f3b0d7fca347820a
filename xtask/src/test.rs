//! `cargo xtask test`: everything that CI does, in the order of its cost.

use crate::check;
use crate::namespaces;
use crate::step::{self, Profile, cargo, step};

/// Checks, builds, tests, documents.
pub(crate) fn run() -> Result<(), String> {
    // Without them the stories in network namespaces are skipped. (A missing C compiler is `.ci/run`'s business: without one
    // this program could not have been built.)
    if let Err(reason) = namespaces::provide() {
        println!("The stories in network namespaces will be skipped. {reason}\n");
    }
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
