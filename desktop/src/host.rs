//! What the page asks of the system around it.

use serde::Deserialize;
use serde_json::{Value, json};
use tauri::{AppHandle, Manager};
use tauri_plugin_autostart::ManagerExt;
use tauri_plugin_opener::OpenerExt;

use crate::notification;

/// One wish, by name.
#[derive(Deserialize)]
#[serde(tag = "call", content = "params", rename_all = "snake_case")]
enum Wish {
    /// Shows a notification; a click opens the conversation.
    Notify {
        /// The first line.
        title: String,
        /// The text.
        body: String,
        /// What to open.
        conversation: String,
    },
    /// Opens an address in the browser or the mail program.
    Open {
        /// `https:`, `http:` or `mailto:`.
        url: String,
    },
    /// Says whether the app starts with the system, and changes it. → a boolean
    Autostart {
        /// What it is to be; absent: as it is.
        on: Option<bool>,
    },
    /// Shows how many messages are unread, where the system shows such a thing.
    Badge {
        /// How many; 0: none.
        count: u32,
    },
}

/// Grants a wish.
///
/// # Errors
/// In words, for the person.
#[tauri::command]
pub(crate) async fn host(app: AppHandle, call: String, params: Value) -> Result<Value, String> {
    let wish = json!({ "call": call, "params": params });
    match serde_json::from_value(wish).map_err(|error| format!("the window does not know this wish: {error}"))? {
        Wish::Notify { title, body, conversation } => notification::show(&app, title, body, conversation),
        Wish::Open { url } if is_harmless(&url) => {
            app.opener().open_url(url, None::<&str>).map_err(|error| error.to_string())?;
        }
        Wish::Open { .. } => return Err("only addresses of the web and of mail are opened".into()),
        Wish::Autostart { on } => return autostart(&app, on).map(|on| json!(on)),
        Wish::Badge { count } => badge(&app, count),
    }
    Ok(Value::Null)
}

/// Tells whether an address leads to the web or to mail, and not to a program or a file of this machine.
fn is_harmless(url: &str) -> bool {
    tauri::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http" | "mailto"))
}

fn autostart(app: &AppHandle, on: Option<bool>) -> Result<bool, String> {
    let autostart = app.autolaunch();
    let done = match on {
        Some(true) => autostart.enable(),
        Some(false) if autostart.is_enabled().unwrap_or(false) => autostart.disable(),
        _ => Ok(()),
    };
    done.and_then(|()| autostart.is_enabled()).map_err(|error| format!("start with the system: {error}"))
}

/// Desktops that have no badge do not show it; the tray's tooltip says it everywhere.
fn badge(app: &AppHandle, count: u32) {
    for window in app.webview_windows().values() {
        window.set_badge_count((count > 0).then_some(count.into())).ok();
    }
    if let Some(icon) = app.tray_by_id("bayou") {
        let text = if count > 0 { format!("Bayou ({count})") } else { "Bayou".to_owned() };
        icon.set_tooltip(Some(text)).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_the_web_and_mail_and_nothing_else() {
        for fine in ["https://example.org/a?b#c", "http://example.org", "mailto:a@example.org"] {
            assert!(is_harmless(fine), "{fine}");
        }
        for bad in ["file:///etc/passwd", "javascript:alert(1)", "ssh://host", "/usr/bin/true", "data:text/html,x", ""]
        {
            assert!(!is_harmless(bad), "{bad}");
        }
    }
}
