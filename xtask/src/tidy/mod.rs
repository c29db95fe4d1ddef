//! `cargo xtask tidy`: the rules of the house that no compiler checks.
//!
//! Every check is a function from the repository's files (or cargo's metadata) to findings, one file per check, and
//! each has a test in which it finds something: a check that cannot fail is decoration.

mod arrows;
mod documents;
mod failures;
mod generated;
mod languages;
mod length;
mod licences;
mod markers;
mod places;
mod sql;

use crate::command::capture;
use crate::workspace::Workspace;
use crate::{Failure, mutants};

/// One broken rule: where, and what is wrong there.
type Finding = String;

/// The verb: runs every check, prints every finding.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let files = workspace.tracked()?;
    let metadata = capture(&workspace.root, "cargo", &["metadata", "--format-version", "1", "--no-deps", "--locked"])?;
    let metadata = serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let exists = |path: &str| workspace.root.join(path).exists();
    let checks = [
        ("dependency arrows", arrows::check(&metadata)),
        ("pure crates", arrows::check_purity(workspace)?),
        ("licences", licences::check(&metadata, &files)),
        ("file length", length::check(&files)),
        ("unfinished work and sleeping tests", markers::check(&files)),
        ("machine paths and registry hosts", places::check(&files)),
        ("SQL outside the stores", sql::check(&files)),
        ("languages", languages::check(&files)),
        ("documents", documents::check(&files, exists)),
        ("mutants", mutants::check(&files)),
        ("failure catalogue", failures::check(&files)),
        ("generated TypeScript", generated::check(workspace, &files)?),
    ];
    let mut found = 0;
    for (name, findings) in checks {
        println!("{name}: {}", if findings.is_empty() { "ok" } else { "not tidy" });
        for finding in &findings {
            println!("  {finding}");
        }
        found += findings.len();
    }
    if found == 0 { Ok(()) } else { Err(format!("{found} untidy places")) }
}
