//! No path of somebody's machine and no address of a package registry in a file under version control.
//!
//! Either makes a clone behave differently from where it was written: lock files and configuration must work with
//! whatever registry or mirror the next machine is set up for.

use super::Finding;
use crate::workspace::SourceFile;

/// Folders that exist on one machine only. Written in two halves, so that this file does not find itself.
const FOLDERS: &[&str] = &[concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// Addresses of registries and mirrors. Cargo.lock's own name for its registry is not one of them.
const HOSTS: &[&str] = &[
    concat!("registry.", "npmjs"),
    concat!("registry.", "yarnpkg"),
    concat!("npmmirror", ".com"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("static.crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("deb.debian", ".org"),
];

/// Finds machine paths and registry hosts, with file and line.
pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let place = format!("{}:{}", file.path, number + 1);
            if let Some(folder) = FOLDERS.iter().find(|folder| names_folder(line, folder)) {
                findings.push(format!("{place}: a path of one machine: {folder}"));
            }
            if let Some(host) = HOSTS.iter().find(|host| line.contains(*host)) {
                findings.push(format!("{place}: the address of a registry: {host}"));
            }
        }
    }
    findings
}

/// Whether the folder stands in the line as the beginning of an absolute path.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() && !"._-/~*}".contains(before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_and_registry_hosts_are_found_and_look_alikes_are_not() {
        let found = |text: &str| check(&[SourceFile::new("x", text)]).len();
        assert_eq!(found(&format!("cd {}main", FOLDERS[1])), 1);
        assert_eq!(found(&format!("\"resolved\": \"https://{}.org/x.tgz\"", HOSTS[0])), 1);
        assert_eq!(found(&format!("see frame{}item", FOLDERS[1])), 0);
        assert_eq!(found("source = \"registry+https://github.com/rust-lang/crates.io-index\""), 0);
    }
}
