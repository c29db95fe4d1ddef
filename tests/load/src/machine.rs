//! The line that says what a run ran on: without it no absolute value means anything.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::Scale;

/// Processor, memory, kernel, disk, commit and build of this run. `FIL_COMMIT` is set by `cargo xtask bench`.
pub fn describe(data: &Path, scale: Scale) -> Value {
    let (device, filesystem) = mount_of(data);
    json!({
        "run": {
            "scale": format!("{scale:?}").to_lowercase(),
            "commit": std::env::var("FIL_COMMIT").unwrap_or_else(|_| "unknown".to_owned()),
            "build": if cfg!(debug_assertions) { "debug" } else { "release" },
            "processor": first_value("/proc/cpuinfo", "model name"),
            "cores": std::thread::available_parallelism().map_or(0, std::num::NonZeroUsize::get),
            "memory": first_value("/proc/meminfo", "MemTotal"),
            "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
            "load_average": fs::read_to_string("/proc/loadavg").unwrap_or_default().trim(),
            "disk": { "device": device, "filesystem": filesystem },
            "descriptors_max": crate::process::descriptors_max(),
        }
    })
}

fn first_value(file: &str, key: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key));
    line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned())).unwrap_or_default()
}

/// Device and kind of the file system that a folder lies on: the mount with the longest path that the folder begins with.
fn mount_of(folder: &Path) -> (String, String) {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mut found = (0, String::new(), String::new());
    for line in mounts.lines() {
        let mut fields = line.split(' ');
        let (Some(device), Some(path), Some(kind)) = (fields.next(), fields.next(), fields.next()) else { continue };
        if folder.starts_with(path) && path.len() >= found.0 {
            found = (path.len(), device.to_owned(), kind.to_owned());
        }
    }
    (found.1, found.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_says_what_it_runs_on() {
        let run = describe(Path::new("/proc/self"), Scale::Smoke)["run"].clone();
        assert_eq!(run["disk"]["filesystem"], "proc");
        assert_eq!(run["scale"], "smoke");
        assert!(run["cores"].as_u64().unwrap() >= 1);
    }
}
