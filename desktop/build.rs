//! Tells Tauri which commands the window may be allowed, and sees to it that there is a page to put into it.

use std::path::Path;

/// What the window shows when nobody built the page.
const NO_PAGE: &str = "<!doctype html><meta charset=utf-8><title>Bayou</title>\
    <p>The page was not built. Run <code>cargo xtask run</code>, which builds it first.</p>\n";

fn main() {
    let page = Path::new("ui/dist");
    if !page.join("index.html").exists() {
        std::fs::create_dir_all(page).expect("the folder ui/dist cannot be made");
        std::fs::write(page.join("index.html"), NO_PAGE).expect("ui/dist/index.html cannot be written");
    }
    // The page is put into the program when it is built.
    println!("cargo:rerun-if-changed=ui/dist");
    // Named here, the app's own commands are refused to every window that `capabilities/` does not allow them.
    let commands = tauri_build::AppManifest::new().commands(&["rpc", "listen", "host"]);
    tauri_build::try_build(tauri_build::Attributes::new().app_manifest(commands))
        .expect("tauri.conf.json does not fit");
}
