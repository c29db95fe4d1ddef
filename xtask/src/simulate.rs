//! `cargo xtask simulate`: builds the simulation with optimisation and assertions, and runs it.

use std::path::{Path, PathBuf};

use crate::Failure;
use crate::command::{command, execute};
use crate::workspace::Workspace;

/// The verb. The arguments are those of the simulation; `--help` tells them.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    let folder = workspace.target.to_string_lossy();
    execute(command(&workspace.root, "cargo", BUILD).env("CARGO_TARGET_DIR", &*folder))?;
    let program = program(&workspace.target);
    execute(&mut command(&workspace.root, &program.to_string_lossy(), arguments))
}

/// What cargo is asked to build. It is optimised beside what everything else is built from, so that it costs no second
/// build of other people's crates.
pub(crate) const BUILD: &[&str] =
    &["build", "--package", "fil-simulation", "--config", "tests/simulation/profile.toml"];

/// The program, in cargo's folder.
pub(crate) fn program(target: &Path) -> PathBuf {
    target.join("debug").join(format!("fil-simulate{}", std::env::consts::EXE_SUFFIX))
}
