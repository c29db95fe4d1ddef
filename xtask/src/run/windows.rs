//! The desktop windows of the demo. They outlive this command, so their process numbers are kept in files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::Failure;
use crate::command::{command, is_running};
use crate::workspace::Workspace;

const PROGRAM: &str = "fil-desktop";

/// Whether a window can be opened here.
pub(super) fn has_display() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

/// Whether the window that an earlier run opened for this profile is still there.
pub(super) fn is_open(data: &Path, profile: &str) -> bool {
    let Some(process) = fs::read_to_string(file(data, profile, "pid")).ok().and_then(|text| text.trim().parse().ok())
    else {
        return false;
    };
    // Process numbers are used again, so the program's name is compared where the system tells it.
    match fs::read_to_string(format!("/proc/{process}/cmdline")) {
        Ok(line) => line.contains(PROGRAM),
        Err(_) if cfg!(target_os = "linux") => false,
        Err(_) => is_running(process),
    }
}

/// Opens a window on the profile.
pub(super) fn open(workspace: &Workspace, data: &Path, profile: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| format!("cannot open a window for {profile}: {error}");
    fs::create_dir_all(data.join("windows")).map_err(failed)?;
    let log = fs::File::create(file(data, profile, "log")).map_err(failed)?;
    let program = workspace.program(PROGRAM);
    let words = ["--data", &data.to_string_lossy(), "--profile", profile];
    let mut window = command(&workspace.root, &program.to_string_lossy(), &words);
    window.env("FIL_TOKENS", "file");
    window.stdout(Stdio::from(log.try_clone().map_err(failed)?)).stderr(Stdio::from(log));
    // In a group of its own, so that Ctrl-C stops the server and leaves the window.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut window, 0);
    let child = window.spawn().map_err(failed)?;
    fs::write(file(data, profile, "pid"), child.id().to_string()).map_err(failed)
}

fn file(data: &Path, profile: &str, kind: &str) -> PathBuf {
    data.join("windows").join(format!("{profile}.{kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_another_program_is_not_a_window() {
        let data = tempfile::tempdir().unwrap();
        assert!(!is_open(data.path(), "ada"), "no file");
        fs::create_dir_all(data.path().join("windows")).unwrap();
        fs::write(file(data.path(), "ada", "pid"), "1").unwrap();
        assert!(!is_open(data.path(), "ada"), "another program");
        fs::write(file(data.path(), "ada", "pid"), "nonsense").unwrap();
        assert!(!is_open(data.path(), "ada"), "a damaged file");
    }
}
