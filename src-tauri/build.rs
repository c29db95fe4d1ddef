//! Names the one command for the permissions, and says what to do where the screen is not built.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=../ui/dist");
    if !Path::new("../ui/dist/index.html").exists() {
        println!(
            "cargo::error=the screen is not built: run `npm ci && npm run build` in ui, or `cargo xtask run`, which does it"
        );
        return;
    }
    let manifest = tauri_build::AppManifest::new().commands(&["request"]);
    if let Err(error) = tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest)) {
        println!("cargo::error={error:#}");
    }
}
