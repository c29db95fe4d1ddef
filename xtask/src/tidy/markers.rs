//! Nothing unfinished, nothing skipped, and no test that waits for time to pass.

use super::Finding;
use crate::workspace::SourceFile;

/// What must not stand in Rust code. Written in two halves, so that this file does not find itself.
const RUST: &[(&str, &str)] = &[
    (concat!("todo", "!("), "unfinished"),
    (concat!("unimplemented", "!("), "unfinished"),
    (concat!("#[", "ignore"), "a test that is skipped"),
];

/// What must not stand in TypeScript, JavaScript and Svelte.
const SCRIPT: &[(&str, &str)] = &[
    (concat!(".on", "ly("), "a test that hides the others"),
    (concat!("it.sk", "ip("), "a test that is skipped"),
    (concat!("test.sk", "ip("), "a test that is skipped"),
    (concat!("waitFor", "Timeout("), "a sleep in a test"),
];

/// What must not stand in Rust tests.
const RUST_TEST: &[(&str, &str)] =
    &[(concat!("thread::", "sleep("), "a sleep in a test"), (concat!("time::", "sleep("), "a sleep in a test")];

/// What must not stand in any text file.
const ANYWHERE: &[(&str, &str)] = &[(concat!("TO", "DO"), "unfinished"), (concat!("FIX", "ME"), "unfinished")];

/// Finds markers, with file and line.
pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        let rust = file.has_extension(&["rs"]);
        let script = file.has_extension(&["ts", "js", "mjs", "svelte"]);
        if !rust && !script {
            continue;
        }
        let mut in_test = file.is_test();
        for (number, line) in file.text.lines().enumerate() {
            // Tests stand last in a file, so everything after this line is one.
            in_test |= line.trim() == "#[cfg(test)]";
            let mut lists = vec![ANYWHERE];
            lists.push(if rust { RUST } else { SCRIPT });
            if rust && in_test {
                lists.push(RUST_TEST);
            }
            for (marker, reason) in lists.into_iter().flatten() {
                if line.contains(marker) {
                    findings.push(format!("{}:{}: {reason}: `{marker}`", file.path, number + 1));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_code_skipped_tests_and_sleeps_in_tests_are_found() {
        let sleep = format!("    std::{}millis);", RUST_TEST[0].0);
        let found = |path: &str, text: &str| check(&[SourceFile::new(path, text)]).len();
        assert_eq!(found("a/src/x.rs", &format!("fn f() {{ {}) }}", RUST[0].0)), 1);
        assert_eq!(found("a/src/x.rs", &sleep), 0, "a program may wait");
        assert_eq!(found("a/src/x.rs", &format!("#[cfg(test)]\nmod tests {{\n{sleep}\n}}")), 1);
        assert_eq!(found("tests/end_to_end/tests/story.rs", &sleep), 1);
        assert_eq!(found("a/src/x.rs", RUST[2].0), 1);
        assert_eq!(found("ui/src/x.test.ts", &format!("test{}'x')", SCRIPT[0].0)), 1);
        assert_eq!(found("docs/x.md", RUST[0].0), 0, "prose may name them");
    }
}
