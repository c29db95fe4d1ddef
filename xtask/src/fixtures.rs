//! `cargo xtask fixtures [RELEASE]`: golden databases of this version, which every later version must be able to open.
//!
//! A release runs this once, with its number, and commits the folder; whoever adds a migration between two releases runs
//! it on the commit before, under a name of their own. Folders that are there are never written again: they are what
//! people have on their disks. The products' own code makes the databases, in a test of `tests/disk`.

use crate::Failure;
use crate::command::{command, execute};
use crate::workspace::Workspace;

/// Where the fixtures are, relative to the root.
const FIXTURES: &str = "tests/fixtures";

/// The verb: writes the databases below `tests/fixtures/<release>`.
pub(crate) fn run(workspace: &Workspace, release: &str) -> Result<(), Failure> {
    let folder = workspace.root.join(FIXTURES).join(release);
    if folder.exists() {
        return Err(format!("{FIXTURES}/{release} is there already: fixtures are kept as they were made"));
    }
    let test = "fixtures::the_script_makes_fixtures_of_this_version";
    let arguments = ["test", "--quiet", "--package", "fil-disk", "--test", "products", test];
    execute(command(&workspace.root, "cargo", &arguments).env("FIL_FIXTURES", &folder))?;
    println!("{FIXTURES}/{release}: commit it");
    Ok(())
}
