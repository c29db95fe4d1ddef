//! Programs that the checks need and that no system package brings. Those that are missing are installed below the
//! build folder, never globally.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::Failure;
use crate::command::{call, command, succeeds};
use crate::workspace::Workspace;

const DENY_VERSION: &str = "0.20.2";
const TAURI_DRIVER_VERSION: &str = "^2";

/// The program that checks licences, bans and sources.
pub(crate) fn cargo_deny(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let wanted = |program: &Path| {
        let mut version = command(&workspace.root, &program.to_string_lossy(), &["--version"]);
        let output = version.stderr(Stdio::null()).output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim().ends_with(DENY_VERSION))
    };
    find_or_install(workspace, "cargo-deny", DENY_VERSION, wanted)
}

/// The program between a WebDriver client and the desktop app.
pub(crate) fn tauri_driver(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let wanted = |program: &Path| succeeds(&program.to_string_lossy(), &["--help"]);
    find_or_install(workspace, "tauri-driver", TAURI_DRIVER_VERSION, wanted)
}

/// A Python interpreter with the packages that a requirements file names, in its own virtual environment.
pub(crate) fn python(workspace: &Workspace, requirements: &Path) -> Result<PathBuf, Failure> {
    let text = std::fs::read_to_string(requirements).map_err(|error| format!("{}: {error}", requirements.display()))?;
    let environment = workspace.target.join("tools/python");
    let interpreter = environment.join("bin/python");
    let stamp = environment.join("installed-from");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == text) && interpreter.exists() {
        return Ok(interpreter);
    }
    call(&workspace.root, "python3", &["-m", "venv", "--clear", &environment.to_string_lossy()])?;
    let packages = ["-m", "pip", "install", "--quiet", "--requirement", &requirements.to_string_lossy()];
    call(&workspace.root, &interpreter.to_string_lossy(), &packages)?;
    std::fs::write(&stamp, text).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(interpreter)
}

fn find_or_install(
    workspace: &Workspace,
    name: &str,
    version: &str,
    wanted: impl Fn(&Path) -> bool,
) -> Result<PathBuf, Failure> {
    let tools = workspace.target.join("tools");
    let own = tools.join("bin").join(name);
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = vec![own.clone()];
    candidates.extend(std::env::split_paths(&on_path).map(|folder| folder.join(name)));
    if let Some(found) = candidates.into_iter().find(|program| program.is_file() && wanted(program)) {
        return Ok(found);
    }
    let root = tools.to_string_lossy();
    let arguments = ["install", "--quiet", "--locked", "--root", &root, "--version", version, name];
    call(&workspace.root, "cargo", &arguments)?;
    Ok(own)
}
