//! The window: made in code, so that it goes nowhere but to its own page, and comes back when its page dies.

use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent};

use crate::tray;

/// Its label; `capabilities/` allows the app's commands to this one.
const LABEL: &str = "main";

/// Makes the window.
///
/// # Errors
/// When the system gives none.
pub(crate) fn open(app: &AppHandle, visible: bool) -> tauri::Result<()> {
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()))
        .title("Bayou")
        .inner_size(1180.0, 760.0)
        .min_inner_size(380.0, 480.0)
        .visible(visible)
        .on_navigation(is_ours)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .build()?;
    let shown = window.clone();
    window.on_window_event(move |event| {
        if let WindowEvent::CloseRequested { api, .. } = event
            && tray::is_shown(shown.app_handle())
        {
            api.prevent_close();
            // What cannot be hidden is still there, and the next click tries again.
            shown.hide().ok();
        }
    });
    revive(&window)
}

/// Brings the window to the front.
pub(crate) fn raise(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else {
        // It was closed where there is no tray to keep it.
        if let Err(error) = open(app, true) {
            eprintln!("the window cannot be opened: {error}");
        }
        return;
    };
    // Each may be refused by a window manager; what the person sees then is that manager's will.
    window.show().ok();
    window.unminimize().ok();
    window.set_focus().ok();
}

/// Tells whether an address is a part of the page.
fn is_ours(address: &Url) -> bool {
    matches!(address.scheme(), "tauri" | "about") || address.host_str() == Some("tauri.localhost")
}

/// Loads the page again when the process that shows it dies. The peer is in ours and does not notice.
#[cfg(target_os = "linux")]
fn revive(window: &WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::WebViewExt;
    window.with_webview(|view| {
        view.inner().connect_web_process_terminated(|view, reason| {
            eprintln!("the page's process ended ({reason:?}); it is loaded again");
            view.reload();
        });
    })
}

#[cfg(not(target_os = "linux"))]
fn revive(_: &WebviewWindow) -> tauri::Result<()> {
    Ok(())
}
