//! `cargo xtask types`: writes what the page knows of the calls. The test `types` fails when it was forgotten.

use crate::step::{cargo, step};

/// Writes `desktop/ui/src/lib/rpc/bindings.ts`.
pub(crate) fn run() -> Result<(), String> {
    let mut command = cargo(&["test", "--workspace", "--test", "it", "--", "types::"]);
    step("types", command.env("BAYOU_WRITE_TYPES", "1"))
}
