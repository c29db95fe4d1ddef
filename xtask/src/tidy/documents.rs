//! Documents mention what exists: every path in backquotes and every relative link leads somewhere.

use super::Finding;
use crate::workspace::SourceFile;

/// What a word in backquotes begins with when it is a path of the repository.
const TOP: &[&str] =
    &["core/", "server/", "src-tauri/", "ui/", "tests/", "xtask/", "docs/", "deploy/", "mobile/", ".ci/", ".cargo/"];

/// Checks README, CONTRIBUTING, CHANGELOG and everything in `docs/`.
pub(super) fn check(files: &[SourceFile], exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.has_extension(&["md"])) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut fenced = false;
        for (number, line) in file.text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            } else if !fenced {
                let named = mentioned(line).into_iter().map(str::to_owned);
                let linked = linked(line).into_iter().map(|link| join(folder, link));
                for path in named.chain(linked).filter(|path| !exists(path)) {
                    findings.push(format!("{}:{}: {path} does not exist", file.path, number + 1));
                }
            }
        }
    }
    findings
}

/// Paths of the repository in backquotes. One with a placeholder or a pattern is not a path.
fn mentioned(line: &str) -> Vec<&str> {
    line.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| TOP.iter().any(|top| word.starts_with(top)))
        .filter(|word| !word.contains([' ', '*', '<', '{', '…']))
        .map(|word| word.trim_end_matches('/'))
        .collect()
}

/// Relative targets of links and pictures.
fn linked(line: &str) -> Vec<&str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
        .collect()
}

fn join(folder: &str, link: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_a_link_to_nothing_are_found() {
        let text = "See `core/engine` and `core/attic/`, `core/*/src`, `fil send`.\n\
                    [a](ARCHITECTURE.md#layers) [b](../README.md) [c](gone.md) [d](https://example.org/x)\n\
                    ```\n`core/attic`\n```\n";
        let files = [SourceFile::new("docs/X.md", text)];
        let there = ["core/engine", "docs/ARCHITECTURE.md", "README.md"];
        assert_eq!(
            check(&files, |path| there.contains(&path)),
            ["docs/X.md:1: core/attic does not exist", "docs/X.md:2: docs/gone.md does not exist"]
        );
    }
}
