//! Every text of the screen exists in every language, with the same placeholders.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Finding;
use crate::workspace::SourceFile;

/// Where the languages of the screen stand, one file each.
const FOLDER: &str = "ui/messages/";

/// Compares every language with the first.
pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut tables: Vec<(&str, BTreeMap<String, BTreeSet<String>>)> = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with(FOLDER) && file.has_extension(&["json"])) {
        match serde_json::from_str::<Value>(&file.text) {
            Ok(Value::Object(table)) => {
                let texts = table.iter().filter(|(key, _)| !key.starts_with('$'));
                let texts = texts.map(|(key, text)| (key.clone(), placeholders(&text.to_string())));
                tables.push((&file.path, texts.collect()));
            }
            _ => findings.push(format!("{}: not a JSON object", file.path)),
        }
    }
    let Some(((first, expected), others)) = tables.split_first() else {
        return findings;
    };
    for (path, texts) in others {
        for key in expected.keys().filter(|key| !texts.contains_key(*key)) {
            findings.push(format!("{path}: `{key}` is missing"));
        }
        for (key, names) in texts {
            match expected.get(key) {
                None => findings.push(format!("{first}: `{key}` is missing")),
                Some(wanted) if wanted != names => {
                    findings.push(format!("{path}: `{key}` has other placeholders than {first}"));
                }
                Some(_) => {}
            }
        }
    }
    findings
}

/// The names in braces: `{count}`.
fn placeholders(text: &str) -> BTreeSet<String> {
    let pieces = text.split('{').skip(1).filter_map(|piece| piece.split_once('}'));
    pieces
        .map(|(name, _)| name.trim().to_owned())
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_text_and_another_placeholder_are_found() {
        let english = SourceFile::new("ui/messages/en.json", r#"{"$schema":"x","hello":"Hello {name}","bye":"Bye"}"#);
        let french = SourceFile::new("ui/messages/fr.json", r#"{"hello":"Bonjour {nom}","merci":"Merci"}"#);
        assert_eq!(
            check(&[english, french]),
            [
                "ui/messages/fr.json: `bye` is missing",
                "ui/messages/fr.json: `hello` has other placeholders than ui/messages/en.json",
                "ui/messages/en.json: `merci` is missing",
            ]
        );
    }
}
