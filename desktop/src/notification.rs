//! Notifications with a click that opens, which the web view has not.

use std::sync::atomic::{AtomicUsize, Ordering};

use notify_rust::Notification;
use serde_json::json;
use tauri::AppHandle;

use crate::{pipe, window};

/// Notifications whose end is waited for, each by a thread; further ones are shown, and clicks on them do nothing.
const MAX_WAITING: usize = 16;

static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Shows one. Where no notification service runs, nothing is shown: the window and the tray still say it.
pub(crate) fn show(app: &AppHandle, title: String, body: String, conversation: String) {
    let app = app.clone();
    let wait = WAITING.fetch_add(1, Ordering::Relaxed) < MAX_WAITING;
    std::thread::spawn(move || {
        let mut notification = Notification::new();
        notification.appname("Bayou").summary(&title).body(&plain(&body)).icon("bayou");
        notification.action("default", "Bayou");
        if let Ok(shown) = notification.show()
            && wait
        {
            shown.wait_for_action(|action| clicked(&app, action, &conversation));
        }
        WAITING.fetch_sub(1, Ordering::Relaxed);
    });
}

fn clicked(app: &AppHandle, action: &str, conversation: &str) {
    if action == "default" {
        window::raise(app);
        pipe::tell(app, "host_open", &json!({ "conversation": conversation }));
    }
}

/// Some services read the body as markup; what somebody wrote is text.
fn plain(body: &str) -> String {
    body.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_somebody_wrote_is_no_markup() {
        assert_eq!(super::plain("<b>a</b> & b"), "&lt;b&gt;a&lt;/b&gt; &amp; b");
    }
}
