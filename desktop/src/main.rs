//! The desktop app: a window around a peer.
//!
//! The peer lives in this process and goes on when the window is closed; the window shows the page of `ui/`, the same
//! that `bayou serve --web` serves. Between the two go JSON-RPC messages as text, the same as over a socket:
//!
//! ```text
//! page ── rpc(message) ──► pipe ──► core's connection ──► peer
//!      ◄── channel ────────┘◄──────── answers, events ─────┘
//!      ── host(call) ────► host      notifications, links, start with the system: what a page cannot do
//! ```
//!
//! [`window`] makes the window and keeps it on this page; [`tray`] is what is left when it is closed; [`links`] brings in
//! what was clicked elsewhere. Nothing here knows what a message is.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod arguments;
mod host;
mod links;
mod notification;
mod pipe;
mod tray;
mod window;

use std::process::ExitCode;

use tauri::{Manager, RunEvent};

fn main() -> ExitCode {
    let arguments = match arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::from(2);
        }
    };
    match start(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the window cannot be opened: {error}. On a machine without a display: bayou serve --web");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: arguments::Arguments) -> tauri::Result<()> {
    let hidden = arguments.hidden;
    let app = tauri::Builder::default()
        // Must be the first: a second start ends in it.
        .plugin(links::single_instance(&arguments.home))
        .plugin(tauri_plugin_deep_link::init())
        .plugin(tauri_plugin_window_state::Builder::default().build())
        .plugin(tauri_plugin_opener::Builder::new().open_js_links_on_click(false).build())
        .plugin(tauri_plugin_autostart::Builder::new().arg("--hidden").build())
        .manage(pipe::Pipe::new(arguments.home))
        .invoke_handler(tauri::generate_handler![pipe::rpc, pipe::listen, host::host])
        .setup(move |app| {
            app.state::<pipe::Pipe>().start();
            end_in_order(app.handle().clone());
            window::open(app.handle(), !hidden)?;
            links::watch(app.handle(), arguments.link);
            if let Err(error) = tray::show(app.handle()) {
                // GNOME shows none without an extension; then closing the window ends the app.
                eprintln!("there is no tray here: {error}");
            }
            Ok(())
        })
        .build(tauri::generate_context!())?;
    app.run(|app, event| match event {
        RunEvent::ExitRequested { api, code: None, .. } if tray::is_shown(app) => api.prevent_exit(),
        RunEvent::Exit => pipe::stop(app),
        _ => {}
    });
    Ok(())
}

/// Ends the app when the system asks for it, as when its user logs out: the peer is to close its home.
#[cfg(unix)]
fn end_in_order(app: tauri::AppHandle) {
    use tokio::signal::unix::{SignalKind, signal};
    tauri::async_runtime::spawn(async move {
        if let Ok(mut asked) = signal(SignalKind::terminate()) {
            asked.recv().await;
            app.exit(0);
        }
    });
}

#[cfg(not(unix))]
fn end_in_order(_: tauri::AppHandle) {}
