//! Killing a command in the middle of what it does to a folder.
//!
//! The moment is chosen by what the command has done, seen from outside: names and sizes of the files in a folder. Waiting
//! for a time would hit the same few instructions on every machine, and others on each.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::PATIENCE;

/// Runs a command with this input and kills it (SIGKILL) when the folder has changed so often. False if it had ended
/// before, or had made the file that says that it is ready, as a server does that would never end.
pub(crate) fn interrupt(mut command: Command, input: &str, folder: &Path, changes: u64, ready: Option<&Path>) -> bool {
    let mut seen = look(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program can be started");
    // One that reads nothing closes the pipe.
    let _ = child.stdin.take().map(|mut pipe| pipe.write_all(input.as_bytes()));
    let (mut count, deadline) = (0, Instant::now() + PATIENCE);
    while count < changes {
        if ready.is_some_and(Path::exists) {
            child.kill().expect("it runs for ever");
            child.wait().expect("the child is ours");
            return false;
        }
        if child.try_wait().expect("the child is ours").is_some() {
            return false;
        }
        let now = look(folder);
        count += u64::from(now != seen);
        seen = now;
        assert!(Instant::now() < deadline, "the command neither ends nor goes on");
    }
    let killed = child.kill().is_ok();
    child.wait().expect("the child is ours");
    killed
}

/// Every file below a folder, with its size.
fn look(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    // What goes away while it is looked at is a change like any other.
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            found.extend(look(&entry.path()));
        }
        found.insert(entry.path(), metadata.len());
    }
    found
}
