//! `cargo xtask lint`: formatting, clippy with warnings as errors, and what may be depended on.

use crate::Failure;
use crate::command::{call, command, execute};
use crate::screen;
use crate::tools;
use crate::workspace::Workspace;

/// The verb: all three, stopping at the first that fails.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    call(&workspace.root, "cargo", &["fmt", "--all", "--check"])?;
    // The desktop crate embeds the built screen, so it only compiles when there is one.
    screen::build(workspace)?;
    call(&workspace.root, "cargo", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    deny(workspace)
}

/// Checks licences, bans and sources. The advisory database needs a network that a check machine may not have.
pub(crate) fn deny(workspace: &Workspace) -> Result<(), Failure> {
    let deny = tools::cargo_deny(workspace)?;
    let arguments = ["--workspace", "check", "bans", "licenses", "sources"];
    execute(&mut command(&workspace.root, &deny.to_string_lossy(), &arguments))
}
