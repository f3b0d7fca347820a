//! The page, as `npm run build` in `desktop/ui` makes it.
//!
//! A release build carries it; a debug build reads it off the disk, so that it need not be built anew with the page.

use hyper::header::HeaderValue;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../desktop/ui/dist"]
#[allow_missing = true]
struct Page;

/// One file of the page.
pub(super) struct Asset {
    pub(super) bytes: Vec<u8>,
    pub(super) kind: HeaderValue,
    /// Whether its name changes with what is in it, so that it can be kept.
    pub(super) is_lasting: bool,
}

/// Finds what a path names. Paths without an ending are places within the page.
pub(super) fn find(path: &str) -> Option<Asset> {
    let path = path.strip_prefix('/')?;
    let is_odd = |part: &str| part.is_empty() || part.starts_with('.') || part.contains(['\\', '%', ':']);
    if !path.is_empty() && path.split('/').any(is_odd) {
        return None;
    }
    let is_place = !path.rsplit('/').next().unwrap_or_default().contains('.');
    let path = if is_place { "index.html" } else { path };
    let bytes = Page::get(path)?.data.into_owned();
    Some(Asset { bytes, kind: HeaderValue::from_static(kind(path)), is_lasting: path.starts_with("assets/") })
}

/// Said in place of the page where it was not built.
pub(super) const MISSING: &str = "\
The page of the web UI was not built. In the folder of the sources:

    cd desktop/ui && npm ci && npm run build

and then, for a release, build `bayou` again.
";

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/vnd.microsoft.icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "ftl" | "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
