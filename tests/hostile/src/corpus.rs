//! The corpus: what the doors are fuzzed from. Files that are committed, and [`samples`] that the house makes of itself.

use std::fs;
use std::path::{Path, PathBuf};

use crate::samples;

/// The folder of a door's corpus.
pub fn folder(door: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(door)
}

/// The files of a door's corpus, by name, and behind them its samples.
pub fn entries(door: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder(door);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut entries: Vec<(String, Vec<u8>)> = files
        .map(|file| file.expect("the folder can be read").path())
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        })
        .collect();
    entries.sort_unstable();
    let samples = samples::of(door).into_iter().enumerate();
    entries.extend(samples.map(|(number, bytes)| (format!("sample {number}"), bytes)));
    entries
}
