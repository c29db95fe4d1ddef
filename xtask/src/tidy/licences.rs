//! Every crate is under the licence of the house, and the lock file is under version control.

use serde_json::Value;

use super::Finding;
use crate::workspace::SourceFile;

const LICENCE: &str = "Apache-2.0";

/// Checks the members' licence, the licence file and the lock file.
pub(super) fn check(metadata: &Value, files: &[SourceFile]) -> Vec<Finding> {
    let members = metadata["workspace_members"].as_array().cloned().unwrap_or_default();
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let mut findings: Vec<Finding> = packages
        .iter()
        .filter(|package| members.contains(&package["id"]) && package["license"] != LICENCE)
        .map(|package| format!("{}: the licence is not {LICENCE}", package["name"].as_str().unwrap_or_default()))
        .collect();
    for needed in ["Cargo.lock", "LICENSE"] {
        if !files.iter().any(|file| file.path == needed) {
            findings.push(format!("{needed} is not under version control"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_licence_and_a_missing_lock_file_are_found() {
        let metadata = json!({
            "workspace_members": ["a", "b"],
            "packages": [
                { "id": "a", "name": "a", "license": "Apache-2.0" },
                { "id": "b", "name": "b", "license": null },
                { "id": "c", "name": "c", "license": "MIT" },
            ],
        });
        let files = [SourceFile::new("LICENSE", "")];
        assert_eq!(
            check(&metadata, &files),
            ["b: the licence is not Apache-2.0", "Cargo.lock is not under version control"]
        );
    }
}
