//! `cargo xtask bench`: builds server and load generator as they are shipped, and measures.
//!
//! The measuring is `fil-load`'s (`tests/load`); its arguments are handed on as they are. Figures go to standard output,
//! one JSON line each, so nothing else is printed there.

use crate::Failure;
use crate::command::{capture, command};
use crate::workspace::Workspace;

/// The verb.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    let build = ["build", "--release", "--package", "fil-server", "--package", "fil-load", "--bins"];
    execute(command(&workspace.root, "cargo", &build))?;
    let mut bench = command(&workspace.root, &workspace.target.join("release/fil-load").to_string_lossy(), &["bench"]);
    bench.args(arguments).env("FIL_COMMIT", commit(workspace)?);
    execute(bench)
}

/// The commit that is measured, with a mark if the work tree differs from it.
fn commit(workspace: &Workspace) -> Result<String, Failure> {
    let commit = capture(&workspace.root, "git", &["rev-parse", "--short", "HEAD"])?;
    let changes = capture(&workspace.root, "git", &["status", "--porcelain", "--untracked-files=no"])?;
    Ok(format!("{}{}", commit.trim(), if changes.is_empty() { "" } else { " with changes" }))
}

/// Runs a command to its end; its standard output is this one's.
fn execute(mut command: std::process::Command) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("cannot start `{name}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{name}` failed ({status})")) }
}
