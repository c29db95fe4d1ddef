//! SQL stands in the two stores and nowhere else, so that a question about a table has two folders to look in.

use super::Finding;
use crate::workspace::SourceFile;

const STORES: &[&str] = &["core/client/src/store/", "server/src/store/"];

/// Beginnings of statements. The quotation mark tells a statement from a sentence; statements begin a string.
const STATEMENTS: &[&str] = &[
    concat!("\"SEL", "ECT "),
    concat!("\"INS", "ERT "),
    concat!("\"UPD", "ATE "),
    concat!("\"DEL", "ETE FROM "),
    concat!("\"CREA", "TE TABLE "),
    concat!("\"PRA", "GMA "),
    concat!("\"BEG", "IN IMMEDIATE"),
];

/// Finds statements in Rust code outside the stores. Tests may look into a database.
pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.has_extension(&["rs"])) {
        if STORES.iter().any(|store| file.path.starts_with(store)) || file.is_test() {
            continue;
        }
        let code = file.text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        for (number, line) in code.enumerate() {
            if STATEMENTS.iter().any(|statement| line.contains(statement)) {
                findings.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_outside_the_stores_is_found() {
        let statement = format!("    query({}seq FROM event\")", STATEMENTS[0]);
        let files = [
            SourceFile::new("server/src/relay/send.rs", &statement),
            SourceFile::new("server/src/store/event.rs", &statement),
            SourceFile::new("server/src/relay/tests.rs", &statement),
            SourceFile::new("server/src/relay/edit.rs", &format!("#[cfg(test)]\nmod tests {{\n{statement}\n}}")),
        ];
        let found = check(&files);
        assert!(found.len() == 1 && found[0].starts_with("server/src/relay/send.rs:1:"), "{found:?}");
    }
}
