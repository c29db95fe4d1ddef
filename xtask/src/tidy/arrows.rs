//! The arrows of the house: which crate may use which (docs/ARCHITECTURE.md shows the picture).
//!
//! The members' own dependencies are compared with a table, and what reaches the pure crates through other crates is
//! compared with a list of words for input, output, time and chance.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Finding;
use crate::Failure;
use crate::command::capture;
use crate::workspace::Workspace;

/// Per member: the members that it may use, also for its tests and its build. A member that is not here is a finding.
const MAY_USE: &[(&str, &[&str])] = &[
    ("fil-protocol", &[]),
    ("fil-words", &[]),
    ("fil-engine", &["fil-protocol"]),
    ("fil-client", &["fil-engine", "fil-protocol", "fil-words"]),
    ("fil-cli", &["fil-client"]),
    ("fil-desktop", &["fil-client"]),
    ("fil-server", &["fil-protocol", "fil-words"]),
    ("fil-disk", &["fil-client", "fil-engine", "fil-protocol", "fil-server"]),
    ("fil-simulation", &["fil-client", "fil-disk", "fil-engine", "fil-protocol", "fil-server", "fil-words"]),
    ("fil-end-to-end", &["fil-client", "fil-protocol"]),
    ("fil-load", &["fil-client", "fil-engine", "fil-protocol", "fil-server", "fil-words"]),
    ("fil-hostile", &["fil-client", "fil-engine", "fil-protocol", "fil-server", "fil-words"]),
    ("xtask", &[]),
];

/// Crates that decide and never act: nothing that they reach, at any distance, is one of [`ACTING`].
const PURE: &[&str] = &["fil-protocol", "fil-engine", "fil-words"];

/// Input, output, time and chance.
const ACTING: &[&str] = &[
    "async-std",
    "axum",
    "chrono",
    "fastrand",
    "getrandom",
    "hyper",
    "mio",
    "rand",
    "rand_core",
    "reqwest",
    "rusqlite",
    "smol",
    "socket2",
    "time",
    "tokio",
    "tokio-tungstenite",
    "tungstenite",
    "ureq",
    "webrtc",
];

/// The only crates that the engine names besides the protocol: none.
const ENGINE_NAMES: &[&str] = &["fil-protocol"];

/// Parts that exactly one member may name.
const ONE_MEMBER: &[(&str, &str)] =
    &[("tauri", "fil-desktop"), ("tauri-build", "fil-desktop"), ("uniffi", "fil-ffi"), ("axum", "fil-server")];

/// Checks the members' own dependencies, as `cargo metadata` lists them.
pub(super) fn check(metadata: &Value) -> Vec<Finding> {
    let ids: Vec<&Value> = list(&metadata["workspace_members"]).collect();
    let members: BTreeMap<&str, &Value> = list(&metadata["packages"])
        .filter(|package| ids.contains(&&package["id"]))
        .filter_map(|package| Some((package["name"].as_str()?, package)))
        .collect();
    members.iter().flat_map(|(name, package)| check_member(name, package, &members)).collect()
}

/// Checks what reaches the pure crates at any distance, as `cargo tree` lists it with their own features.
pub(super) fn check_purity(workspace: &Workspace) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for name in PURE {
        let tree = ["tree", "--package", name, "--edges", "normal", "--prefix", "none", "--format", "{p}"];
        findings.extend(acting(name, &capture(&workspace.root, "cargo", &tree)?));
    }
    Ok(findings)
}

fn acting(name: &str, tree: &str) -> Vec<Finding> {
    let reached: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    let found = reached.into_iter().filter(|reached| ACTING.contains(reached));
    found.map(|reached| format!("{name} reaches {reached}; it decides and never acts")).collect()
}

fn check_member(name: &str, package: &Value, members: &BTreeMap<&str, &Value>) -> Vec<Finding> {
    let Some((_, may_use)) = MAY_USE.iter().find(|(member, _)| *member == name) else {
        return vec![format!("{name} is not in the table of arrows (xtask/src/tidy/arrows.rs)")];
    };
    let mut findings = Vec::new();
    for dependency in list(&package["dependencies"]) {
        let used = dependency["name"].as_str().unwrap_or_default();
        if members.contains_key(used) && !may_use.contains(&used) {
            findings.push(format!("{name} uses {used}, against the arrows"));
        }
        if name == "fil-engine" && dependency["kind"].is_null() && !ENGINE_NAMES.contains(&used) {
            findings.push(format!("fil-engine names {used}; it may name the protocol alone"));
        }
        if let Some((_, only)) = ONE_MEMBER.iter().find(|(part, only)| *part == used && *only != name) {
            findings.push(format!("{name} names {used}, which only {only} may"));
        }
    }
    findings
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A member: its name, and its dependencies with their kind.
    type Row<'a> = (&'a str, &'a [(&'a str, Option<&'a str>)]);

    /// Metadata of a house with these members.
    fn house(members: &[Row<'_>]) -> Value {
        let package = |(name, dependencies): &Row<'_>| {
            let list = dependencies.iter().map(|(name, kind)| json!({ "name": name, "kind": kind }));
            json!({ "id": name, "name": name, "dependencies": list.collect::<Vec<_>>() })
        };
        json!({
            "workspace_members": members.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            "packages": members.iter().map(package).collect::<Vec<_>>(),
        })
    }

    #[test]
    fn arrows_that_the_picture_does_not_have_are_found() {
        let none: Vec<Finding> = Vec::new();
        let check = |members: &[Row<'_>]| super::check(&house(members));
        let protocol: Row<'_> = ("fil-protocol", &[("serde", None)]);
        assert_eq!(check(&[protocol, ("fil-engine", &[("fil-protocol", None), ("proptest", Some("dev"))])]), none);
        assert_eq!(
            check(&[protocol, ("fil-engine", &[("fil-protocol", None), ("serde", None)])]),
            ["fil-engine names serde; it may name the protocol alone"]
        );
        assert_eq!(
            check(&[protocol, ("fil-client", &[]), ("fil-server", &[("fil-client", Some("dev"))])]),
            ["fil-server uses fil-client, against the arrows"]
        );
        assert_eq!(check(&[("fil-cli", &[("tauri", None)])]), ["fil-cli names tauri, which only fil-desktop may"]);
        assert_eq!(
            check(&[("fil-attic", &[])]),
            ["fil-attic is not in the table of arrows (xtask/src/tidy/arrows.rs)"]
        );
    }

    #[test]
    fn input_output_time_and_chance_in_a_pure_crate_are_found() {
        let tree = "fil-engine v0.1.0\nserde v1.0.229\nrand v0.9.0 (*)\nrand v0.9.0\n";
        assert_eq!(acting("fil-engine", tree), ["fil-engine reaches rand; it decides and never acts"]);
    }
}
