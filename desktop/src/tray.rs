//! What is left of the app when its window is closed: an icon with a menu.

use tauri::menu::{Menu, MenuItem};
use tauri::tray::{MouseButton, MouseButtonState, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager};

use crate::window;

/// There is a tray icon.
struct Shown;

/// Shows the icon.
///
/// # Errors
/// When this desktop has no place for it.
pub(crate) fn show(app: &AppHandle) -> tauri::Result<()> {
    let open = MenuItem::with_id(app, "open", "Bayou", true, None::<&str>)?;
    let quit = MenuItem::with_id(app, "quit", "Quit", true, None::<&str>)?;
    let icon = app.default_window_icon().cloned().ok_or(tauri::Error::WindowNotFound)?;
    TrayIconBuilder::with_id("bayou")
        .icon(icon)
        .tooltip("Bayou")
        .menu(&Menu::with_items(app, &[&open, &quit])?)
        .show_menu_on_left_click(false)
        .on_menu_event(|app, event| match event.id().as_ref() {
            "quit" => app.exit(0),
            _ => window::raise(app),
        })
        .on_tray_icon_event(|icon, event| {
            if let TrayIconEvent::Click { button: MouseButton::Left, button_state: MouseButtonState::Up, .. } = event {
                window::raise(icon.app_handle());
            }
        })
        .build(app)?;
    app.manage(Shown);
    Ok(())
}

/// Tells whether there is an icon by which the window can be had back.
pub(crate) fn is_shown(app: &AppHandle) -> bool {
    app.try_state::<Shown>().is_some()
}
