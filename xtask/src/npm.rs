//! Node packages: `npm ci` in a folder, only when its lock file changed since the last time.

use std::fs;
use std::path::Path;

use crate::Failure;
use crate::command::{command, execute};

const STAMP: &str = "node_modules/.installed-from";

/// Installs the packages of `folder` as its lock file names them.
pub(crate) fn install(folder: &Path) -> Result<(), Failure> {
    let lock = fs::read_to_string(folder.join("package-lock.json"))
        .map_err(|error| format!("{}: package-lock.json: {error}", folder.display()))?;
    let stamp = folder.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    npm(folder, &["ci", "--no-audit", "--no-fund"])?;
    fs::write(&stamp, lock).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// Runs npm in a folder.
pub(crate) fn npm(folder: &Path, arguments: &[&str]) -> Result<(), Failure> {
    execute(command(folder, "npm", arguments).env("CI", "true"))
}
