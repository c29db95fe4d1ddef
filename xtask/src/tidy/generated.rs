//! The committed TypeScript is what the Rust types generate today.

use std::collections::BTreeMap;
use std::fs;

use super::Finding;
use crate::workspace::{SourceFile, Workspace};
use crate::{Failure, codegen};

/// Generates into the build folder and compares with what is committed.
pub(super) fn check(workspace: &Workspace, files: &[SourceFile]) -> Result<Vec<Finding>, Failure> {
    let folder = workspace.target.join("tidy/bridge");
    codegen::export(workspace, &folder)?;
    let mut generated = BTreeMap::new();
    for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?.flatten() {
        let text = fs::read_to_string(entry.path()).map_err(|error| error.to_string())?;
        generated.insert(entry.file_name().to_string_lossy().into_owned(), text);
    }
    let prefix = format!("{}/", codegen::COMMITTED);
    let committed = files
        .iter()
        .filter(|file| file.text.starts_with(codegen::HEADER))
        .filter_map(|file| Some((file.path.strip_prefix(&prefix)?.to_owned(), file.text.clone())))
        .collect();
    Ok(differences(&generated, &committed))
}

fn differences(generated: &BTreeMap<String, String>, committed: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, text) in generated {
        match committed.get(name) {
            None => findings.push(format!("{name} is generated but not committed: cargo xtask codegen")),
            Some(other) if other != text => findings.push(format!("{name} is out of date: cargo xtask codegen")),
            Some(_) => {}
        }
    }
    let orphans = committed.keys().filter(|name| !generated.contains_key(*name));
    findings.extend(orphans.map(|name| format!("{name} is committed but no longer generated")));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_old_and_orphaned_files_are_found() {
        let table = |rows: &[(&str, &str)]| -> BTreeMap<String, String> {
            rows.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        let generated = table(&[("A.ts", "1"), ("B.ts", "2"), ("C.ts", "3")]);
        let committed = table(&[("A.ts", "1"), ("B.ts", "old"), ("D.ts", "4")]);
        assert_eq!(differences(&generated, &generated), [""; 0]);
        assert_eq!(
            differences(&generated, &committed),
            [
                "B.ts is out of date: cargo xtask codegen",
                "C.ts is generated but not committed: cargo xtask codegen",
                "D.ts is committed but no longer generated",
            ]
        );
    }
}
