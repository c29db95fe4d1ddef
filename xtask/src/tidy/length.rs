//! No source file is longer than a person reads in one sitting. A longer one has a second noun inside.

use super::Finding;
use crate::workspace::SourceFile;

const LINES_MAX: usize = 600;

/// Finds Rust, TypeScript and Svelte files that are too long.
pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.has_extension(&["rs", "ts", "mjs", "svelte"]))
        .filter_map(|file| {
            let lines = file.text.lines().count();
            (lines > LINES_MAX).then(|| format!("{}: {lines} lines, the limit is {LINES_MAX}", file.path))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_over_the_limit_is_found_and_a_document_is_not() {
        let long = "x\n".repeat(601);
        let files = [
            SourceFile::new("a/long.rs", &long),
            SourceFile::new("a/long.md", &long),
            SourceFile::new("a/short.ts", "x\n"),
        ];
        assert_eq!(check(&files), ["a/long.rs: 601 lines, the limit is 600"]);
    }
}
