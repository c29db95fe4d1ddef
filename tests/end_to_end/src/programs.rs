//! Where the programs under test are.

use std::path::PathBuf;

/// The server.
pub(crate) fn fil_server() -> PathBuf {
    find("FIL_SERVER_BIN", "fil-server")
}

/// The terminal client.
pub(crate) fn fil() -> PathBuf {
    find("FIL_BIN", "fil")
}

/// The path in the environment, or the program that was built beside this test: `target/<profile>/`.
fn find(variable: &str, name: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        return PathBuf::from(path);
    }
    let test = std::env::current_exe().expect("a running program has a path");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("tests are in target/<profile>/deps");
    let path = profile.join(name);
    assert!(path.is_file(), "{name} is not built: run `cargo build --workspace --bins`, or set {variable}");
    path
}
