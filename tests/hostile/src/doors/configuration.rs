//! What an operator writes: a configuration file, and flags above it.

use fil_server::config::layers::{Layers, SECRET_KEYS, load, shown};

use super::CANARY;

/// The file, and below a line `--set` keys and values, one per line.
pub(super) fn enter(bytes: &[u8]) {
    let Ok(input) = std::str::from_utf8(bytes) else { return };
    let (file, flags) = input.split_once("\n--set\n").unwrap_or((input, ""));
    let flags: Vec<(String, String, String)> = flags
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), value.to_owned(), "--set".to_owned()))
        .collect();
    let layers =
        || Layers { file: Some((file.to_owned(), "fil.toml".to_owned())), flags: flags.clone(), ..Layers::default() };
    // A change may have made a key or another value of it, which a sentence about them names: only the token is a secret.
    let secret = |at: usize| input[..at].ends_with("\ntoken = '") || input[..at].ends_with("\ntoken = ['");
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
