//! Links that were clicked elsewhere, and second starts of the app: both end up in the window that is there.

use std::path::Path;
use std::sync::Mutex;

use tauri::plugin::TauriPlugin;
use tauri::{AppHandle, Manager, Wry};
use tauri_plugin_deep_link::DeepLinkExt;

use crate::{pipe, window};

/// The link that the app was started with, until a page listens.
struct First(Mutex<Option<String>>);

/// Ends a second start for the same home, and raises the window of the first, which gets its link.
pub(crate) fn single_instance(home: &Path) -> TauriPlugin<Wry> {
    tauri_plugin_single_instance::Builder::new()
        .dbus_id(name(home))
        .callback(|app, arguments, _| {
            window::raise(app);
            if let Some(link) = arguments.iter().find(|argument| argument.starts_with("bayou://")) {
                tell(app, link);
            }
        })
        .build()
}

/// Names the home on the session's bus: two homes may be open at a time, one home only once.
fn name(home: &Path) -> String {
    let letters = home.as_os_str().as_encoded_bytes().iter().map(|byte| format!("{byte:02x}"));
    let letters: Vec<String> = letters.collect();
    // A name on the bus has at most 255 bytes; paths differ most at their ends.
    let start = letters.len().saturating_sub(80);
    format!("chat.bayou.Bayou.h{}", letters.get(start..).unwrap_or_default().concat())
}

/// Hands links on to the page, and keeps the one that the app was started with.
pub(crate) fn watch(app: &AppHandle, first: Option<String>) {
    app.manage(First(Mutex::new(first)));
    let handle = app.clone();
    app.deep_link().on_open_url(move |event| {
        for link in event.urls() {
            window::raise(&handle);
            tell(&handle, link.as_str());
        }
    });
    // An installed package registers the scheme itself; where it cannot be registered, links are pasted.
    if cfg!(debug_assertions) {
        app.deep_link().register_all().ok();
    }
}

/// Gives the page the link that the app was started with, once.
pub(crate) fn hand_over_first(app: &AppHandle) {
    let first = app.try_state::<First>().and_then(|first| first.0.lock().ok().and_then(|mut link| link.take()));
    if let Some(link) = first {
        tell(app, &link);
    }
}

fn tell(app: &AppHandle, link: &str) {
    pipe::tell(app, "host_link", &serde_json::json!({ "link": link }));
}
