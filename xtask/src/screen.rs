//! Builds the screen (`ui/dist`), which the desktop app embeds when it is compiled.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use crate::Failure;
use crate::npm;
use crate::workspace::Workspace;

/// Builds the screen if a source is newer than the last build.
pub(crate) fn build(workspace: &Workspace) -> Result<(), Failure> {
    let ui = workspace.root.join("ui");
    npm::install(&ui)?;
    let built = fs::metadata(ui.join("dist/index.html")).and_then(|file| file.modified()).ok();
    if built.is_some_and(|built| newest(&ui).is_some_and(|source| source <= built)) {
        return Ok(());
    }
    npm::npm(&ui, &["run", "build"])
}

/// The newest time of change of a source below the folder. What is made from sources does not count.
fn newest(folder: &Path) -> Option<SystemTime> {
    const MADE: &[&str] = &["node_modules", "dist", "paraglide", "test-results", "coverage"];
    let mut newest = None;
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let changed = if entry.path().is_dir() {
            if MADE.iter().any(|made| entry.file_name() == *made) { None } else { self::newest(&entry.path()) }
        } else {
            entry.metadata().and_then(|file| file.modified()).ok()
        };
        newest = newest.max(changed);
    }
    newest
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_changed_source_is_newer_and_a_made_file_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("src")).unwrap();
        fs::create_dir_all(folder.path().join("dist")).unwrap();
        let write = |path: &str, seconds: u64| {
            let file = fs::File::create(folder.path().join(path)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        };
        write("src/App.svelte", 100);
        write("dist/index.html", 200);
        assert_eq!(newest(folder.path()), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(100)));
    }
}
