//! The one window. It shows the embedded screen and goes nowhere else.

use std::path::Path;

use tauri::{App, WebviewUrl, WebviewWindowBuilder};

/// Opens it. What the web view keeps (language, theme) lies beside the profiles, apart for each: a name that begins with
/// a dot is no profile's name.
pub(crate) fn open(app: &App, data: &Path, profile: &str) -> tauri::Result<()> {
    WebviewWindowBuilder::new(app, "main", WebviewUrl::default())
        .title("Fil")
        .inner_size(1100.0, 720.0)
        .min_inner_size(360.0, 480.0)
        .data_directory(data.join(".webview").join(profile))
        .on_document_title_changed(|window, title| {
            // A title that cannot be set is not worth more than a word in the log.
            if let Err(error) = window.set_title(&title) {
                eprintln!("the window's title: {error}");
            }
        })
        .on_navigation(|url| url.scheme() == "tauri" || url.host_str() == Some("tauri.localhost"))
        .build()?;
    Ok(())
}
