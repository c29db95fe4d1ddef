//! Where things are: the repository, the build folder, and the files that are under version control.

use std::path::{Path, PathBuf};

use crate::Failure;
use crate::command::capture;

/// The repository on this machine.
pub(crate) struct Workspace {
    /// The folder with the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo builds, and where tools and stamps of this crate live.
    pub(crate) target: PathBuf,
}

/// A file under version control, with its text.
pub(crate) struct SourceFile {
    /// Relative to the root, with forward slashes.
    pub(crate) path: String,
    /// Its text; empty for a file that is not UTF-8.
    pub(crate) text: String,
}

impl SourceFile {
    /// Whether the name ends in one of these extensions.
    pub(crate) fn has_extension(&self, extensions: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
    }

    /// Whether the whole file is for tests. Tests at the end of a file begin with `#[cfg(test)]` instead.
    pub(crate) fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.path.starts_with("tests/") || self.path.contains("/tests/") || ["tests.rs", "testing.rs"].contains(&name)
    }

    /// A file made of a path and a text, for the tests of the checks.
    #[cfg(test)]
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
}

impl Workspace {
    /// The workspace that this crate was started from. Cargo tells where; the crate lies one folder below the root.
    pub(crate) fn find() -> Self {
        let manifest = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let root = Path::new(&manifest).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Self { root, target }
    }

    /// The path of a program that `cargo build` made.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name)
    }

    /// Every file under version control, and new ones that are not ignored, sorted by path.
    pub(crate) fn tracked(&self) -> Result<Vec<SourceFile>, Failure> {
        let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
        let listing = capture(&self.root, "git", &arguments)?;
        let mut paths: Vec<&str> = listing.lines().collect();
        paths.sort_unstable();
        paths.dedup();
        Ok(paths
            .into_iter()
            // A file may be listed and deleted in the work tree.
            .filter(|path| self.root.join(path).is_file())
            .map(|path| SourceFile {
                path: path.to_owned(),
                text: std::fs::read_to_string(self.root.join(path)).unwrap_or_default(),
            })
            .collect())
    }
}
