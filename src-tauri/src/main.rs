//! The desktop shell: one window, one command, one event. No logic: what the screen asks goes to the core, what the core
//! tells goes to the screen.
//!
//! | file | what it holds |
//! |---|---|
//! | `arguments` | the profile and the folder, from the command line or the system's conventions |
//! | `core` | the profile, opened once, and its updates |
//! | `window` | the one window |

// A window needs no console beside it.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod arguments;
mod core;
mod window;

use std::process::ExitCode;

use clap::Parser;
use fil_client::bridge::types::{Failure, Request, Response};
use tauri::{Manager, RunEvent, State};

use crate::arguments::Arguments;
use crate::core::Core;

/// The one command. Where the profile could not be opened, every request is refused with the reason.
#[tauri::command]
async fn request(core: State<'_, Core>, request: Request) -> Result<Response, Failure> {
    core.request(request).await
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let data = match arguments.data() {
        Ok(data) => data,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::FAILURE;
        }
    };
    let app = tauri::Builder::default().invoke_handler(tauri::generate_handler![request]).setup(move |app| {
        app.manage(Core::new(app.handle().clone(), &data, &arguments.profile));
        // Opened while the window comes up. A failure is told to the screen, which asks again.
        let handle = app.handle().clone();
        tauri::async_runtime::spawn(async move { handle.state::<Core>().open().await.map(|_| ()) });
        window::open(app, &data, &arguments.profile)?;
        Ok(())
    });
    match app.build(tauri::generate_context!()) {
        Ok(app) => {
            app.run(|handle, event| {
                if let RunEvent::Exit = event {
                    tauri::async_runtime::block_on(handle.state::<Core>().close());
                }
            });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("Fil cannot open its window: {error}");
            ExitCode::FAILURE
        }
    }
}
