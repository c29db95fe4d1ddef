//! `cargo xtask simulate`: builds the simulation with optimisation and assertions, and runs it.

use std::path::PathBuf;

use crate::Failure;
use crate::command::{call, command, execute};
use crate::workspace::Workspace;

/// The profile: as fast as a release, with every assertion on.
pub(crate) const PROFILE: &str = "simulation";

/// The verb. The arguments are those of the simulation; `--help` tells them.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    let program = build(workspace)?;
    execute(&mut command(&workspace.root, &program.to_string_lossy(), arguments))
}

/// Builds the simulation; answers its program.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf, Failure> {
    call(&workspace.root, "cargo", &["build", "--profile", PROFILE, "--package", "fil-simulation"])?;
    Ok(workspace.root.join("target").join(PROFILE).join(format!("fil-simulate{}", std::env::consts::EXE_SUFFIX)))
}
