//! What an operator writes: a configuration file, variables above it, and flags above those.

use std::collections::BTreeMap;

use fil_server::config::layers::{Layers, SECRET_KEYS, load, shown};

use super::CANARY;

/// The file, below a line `--env` variables, and below a line `--set` keys; each with its value, one per line.
pub(super) fn enter(bytes: &[u8]) {
    let Ok(input) = std::str::from_utf8(bytes) else { return };
    let (rest, flags) = input.split_once("\n--set\n").unwrap_or((input, ""));
    let (file, variables) = rest.split_once("\n--env\n").unwrap_or((rest, ""));
    let variables: BTreeMap<&str, &str> = variables.lines().filter_map(|line| line.split_once('=')).collect();
    // An input may not choose a file of this machine to be read.
    let environment = |name: &str| {
        let value = variables.get(name).filter(|_| !name.ends_with("_FILE"))?;
        Some((*value).to_owned())
    };
    let flags: Vec<(String, String, String)> = flags
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), value.to_owned(), "--set".to_owned()))
        .collect();
    let layers = || Layers {
        file: Some((file.to_owned(), "fil.toml".to_owned())),
        environment: Some(&environment),
        flags: flags.clone(),
    };
    // A change may have made a key or another value of it, which a sentence about them names: only the token is a secret.
    let places = ["\ntoken = '", "\ntoken = ['", "\nFIL_METRICS_TOKEN=", "\nmetrics.token="];
    let secret = |at: usize| places.iter().any(|place| input[..at].ends_with(place));
    let multiline = input.contains("'''") || input.contains("\"\"\"");
    let told = !multiline && input.match_indices(CANARY).all(|(at, _)| secret(at));
    match load(layers()) {
        Err(error) => {
            assert!(!error.0.is_empty(), "a refusal without a word");
            assert!(!told || !error.0.contains(CANARY), "a secret is told: {}", error.0);
        }
        Ok(loaded) => {
            loaded.config.check().expect("what was loaded was checked");
            let values = shown(&loaded.config);
            for key in SECRET_KEYS {
                let shown = values[key].to_string();
                assert!(["\"\"", "\"…\""].contains(&shown.as_str()), "{key} is shown: {shown}");
            }
            assert!(!told || !format!("{:?}", loaded.config).contains(CANARY), "a secret is told");
            assert_eq!(shown(&load(layers()).expect("it was loaded before").config), values);
        }
    }
}
