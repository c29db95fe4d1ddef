//! Where the configuration comes from: defaults, then the file, then environment variables, then flags.
//!
//! The environment variable of a key is `FIL_` and the key in capitals with `_` for the dot: `tls.key` is
//! `FIL_TLS_KEY`. A secret can also be read from a file named by the variable with `_FILE` at its end. Variables are
//! looked up by name, so a variable of another program that happens to begin with `FIL_` is no error; a misspelt one
//! is found by `fil-server config show`, which says where each value came from.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::{Config, ConfigError};

/// Keys whose value is a secret: never shown, and readable from a file named by `FIL_…_FILE`.
pub const SECRET_KEYS: [&str; 1] = ["metrics.token"];

/// A configuration together with where each of its values came from.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration, checked.
    pub config: Config,
    /// Per key that was set: the name of the file, variable or flag.
    pub origins: BTreeMap<String, String>,
}

/// Reads an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The layers above the defaults, lowest first.
#[derive(Default)]
pub struct Layers<'a> {
    /// The text of the file and its name.
    pub file: Option<(String, String)>,
    /// Reads an environment variable.
    pub environment: Option<Environment<'a>>,
    /// Keys and values of flags, with the name of the flag.
    pub flags: Vec<(String, String, String)>,
}

impl std::fmt::Debug for Layers<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Layers").finish_non_exhaustive()
    }
}

/// Puts the layers together.
pub fn load(layers: Layers<'_>) -> Result<Loaded, ConfigError> {
    let defaults = defaults();
    let mut table = Table::new();
    let mut origins = BTreeMap::new();
    if let Some((text, name)) = layers.file {
        table = text.parse().map_err(|error| ConfigError(format!("{name}: {}", place_and_reason(&text, &error))))?;
        for key in keys(&table) {
            origins.insert(key, name.clone());
        }
        // Checked by itself, so that an error names the file and not a later layer.
        decode(table.clone()).map_err(|error| ConfigError(format!("{name}: {error}")))?;
    }
    if let Some(environment) = layers.environment {
        for (key, default) in &defaults {
            let name = variable(key);
            if let Some(text) = environment(&name) {
                set(&mut table, key, value(&name, &text, default)?);
                origins.insert(key.clone(), name);
            } else if SECRET_KEYS.contains(&key.as_str())
                && let Some(path) = environment(&format!("{name}_FILE"))
            {
                let text = read(Path::new(&path)).map_err(|error| ConfigError(format!("{name}_FILE: {error}")))?;
                set(&mut table, key, Value::String(text.trim_end_matches(['\r', '\n']).to_owned()));
                origins.insert(key.clone(), format!("{name}_FILE"));
            }
        }
    }
    for (key, text, flag) in layers.flags {
        let Some(default) = defaults.get(&key) else {
            return Err(ConfigError(format!("{flag}: there is no key {key:?}{}", nearest(&key, &defaults))));
        };
        set(&mut table, &key, value(&flag, &text, default)?);
        origins.insert(key, flag);
    }
    let config = decode(table).map_err(ConfigError)?;
    config.check()?;
    Ok(Loaded { config, origins })
}

/// Reads a file, with its name in the error.
pub fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Every key with its default, in the order of the alphabet.
pub fn defaults() -> BTreeMap<String, Value> {
    let table = Table::try_from(Config::default()).expect("the defaults are plain data, which TOML can hold");
    flatten(&table)
}

/// Every key with its value in this configuration; secrets that are set are replaced by dots.
pub fn shown(config: &Config) -> BTreeMap<String, Value> {
    let table = Table::try_from(config).expect("a configuration is plain data, which TOML can hold");
    let mut values = flatten(&table);
    for key in SECRET_KEYS {
        if let Some(Value::String(secret)) = values.get_mut(key)
            && !secret.is_empty()
        {
            "…".clone_into(secret);
        }
    }
    values
}

/// The environment variable of a key.
pub fn variable(key: &str) -> String {
    format!("FIL_{}", key.to_uppercase().replace('.', "_"))
}

/// The keys of a table, sections joined by a dot.
pub fn keys(table: &Table) -> Vec<String> {
    flatten(table).into_keys().collect()
}

fn decode(table: Table) -> Result<Config, String> {
    Config::deserialize(Value::Table(table)).map_err(|error| error.to_string().trim_end().replace('\n', " "))
}

/// Where a text is no TOML, and why. The library's own sentence shows the line, and a secret may stand in it.
fn place_and_reason(text: &str, error: &toml::de::Error) -> String {
    let at = error.span().map_or(0, |span| span.start);
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    format!("line {line}, column {column}: {}", error.message())
}

fn flatten(table: &Table) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    for (key, value) in table {
        match value {
            Value::Table(section) => {
                flat.extend(flatten(section).into_iter().map(|(inner, value)| (format!("{key}.{inner}"), value)));
            }
            value => {
                flat.insert(key.clone(), value.clone());
            }
        }
    }
    flat
}

fn set(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                set(section, rest, value);
            }
        }
    }
}

/// Text from outside a TOML file as a value of the default's type. Lists are separated by commas.
fn value(origin: &str, text: &str, default: &Value) -> Result<Value, ConfigError> {
    let wrong = |wanted: &str| ConfigError(format!("{origin}: {text:?} is not {wanted}"));
    Ok(match default {
        Value::Integer(_) => Value::Integer(text.trim().parse().map_err(|_| wrong("a whole number"))?),
        Value::Boolean(_) => Value::Boolean(text.trim().parse().map_err(|_| wrong("true or false"))?),
        Value::Array(_) => Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(|part| Value::String(part.to_owned()))
                .collect(),
        ),
        _ => Value::String(text.to_owned()),
    })
}

/// ", did you mean …?" if some key shares its last word or most of its letters.
fn nearest(key: &str, defaults: &BTreeMap<String, Value>) -> String {
    let last = key.rsplit('.').next().unwrap_or(key);
    defaults
        .keys()
        .find(|known| known.rsplit('.').next() == Some(last) || known.starts_with(key))
        .map_or_else(String::new, |known| format!(", did you mean {known:?}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../fil-server.example.toml");

    fn file(text: &str) -> Layers<'static> {
        Layers { file: Some((text.to_owned(), "fil.toml".to_owned())), ..Layers::default() }
    }

    #[test]
    fn the_example_names_every_key_with_its_default() {
        let example = flatten(&EXAMPLE.parse::<Table>().unwrap());
        assert_eq!(example, defaults());
        load(file(EXAMPLE)).unwrap();
    }

    #[test]
    fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
        let mut layers = file("listen = '127.0.0.1:1'\n[limits]\nframes_burst = 7\nconnections_max = 8");
        let environment = |name: &str| match name {
            "FIL_LISTEN" => Some("127.0.0.1:2".to_owned()),
            "FIL_LIMITS_FRAMES_BURST" => Some("9".to_owned()),
            "FIL_TRUSTED_PROXIES" => Some("10.0.0.0/8, ::1".to_owned()),
            _ => None,
        };
        layers.environment = Some(&environment);
        layers.flags = vec![("listen".into(), "127.0.0.1:3".into(), "--listen".into())];
        let loaded = load(layers).unwrap();
        assert_eq!(loaded.config.listen.port(), 3);
        assert_eq!(loaded.config.limits.frames_burst, 9);
        assert_eq!(loaded.config.limits.connections_max, 8);
        assert_eq!(loaded.config.trusted_proxies.len(), 2);
        assert_eq!(loaded.origins["listen"], "--listen");
        assert_eq!(loaded.origins["limits.frames_burst"], "FIL_LIMITS_FRAMES_BURST");
        assert_eq!(loaded.origins["limits.connections_max"], "fil.toml");
    }

    #[test]
    fn what_is_wrong_is_named_together_with_where_it_stands() {
        let check = |layers: Layers<'_>, expected: &[&str]| {
            let sentence = load(layers).expect_err("must be refused").0;
            for part in expected {
                assert!(sentence.contains(part), "{sentence}");
            }
        };
        check(file("liste = 'x'"), &["fil.toml", "liste"]);
        check(file("[limits]\nframe_burst = 1"), &["fil.toml", "frame_burst"]);
        check(file("listen = 'here'"), &["fil.toml", "listen"]);
        check(file("listen = "), &["fil.toml", "line 1, column 10"]);
        check(file("# two\n[limits\n"), &["fil.toml", "line 2, column 8"]);
        check(file("trusted_proxies = ['ten']"), &["fil.toml", "ten"]);
        check(file("[limits]\nframes_burst = -1"), &["fil.toml", "frames_burst"]);
        let environment = |name: &str| (name == "FIL_LIMITS_FRAMES_BURST").then(|| "many".to_owned());
        check(
            Layers { environment: Some(&environment), ..Layers::default() },
            &["FIL_LIMITS_FRAMES_BURST", "many", "whole number"],
        );
        let flag = |key: &str, value: &str| Layers {
            flags: vec![(key.to_owned(), value.to_owned(), "--set".to_owned())],
            ..Layers::default()
        };
        check(flag("frames_burst", "1"), &["--set", "frames_burst", "did you mean \"limits.frames_burst\""]);
        check(flag("behind_proxy", "maybe"), &["--set", "true or false"]);
    }

    #[test]
    fn a_secret_comes_from_a_file_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "canary\n").unwrap();
        let environment = |name: &str| (name == "FIL_METRICS_TOKEN_FILE").then(|| path.display().to_string());
        let loaded = load(Layers { environment: Some(&environment), ..Layers::default() }).unwrap();
        assert_eq!(loaded.config.metrics.token.reveal(), "canary");
        assert_eq!(shown(&loaded.config)["metrics.token"], Value::String("…".to_owned()));
        assert!(!format!("{:?}", loaded.config).contains("canary"));
        // A forgotten quotation mark: the sentence goes to a terminal and to the journal.
        let broken = load(file("[metrics]\ntoken = 'canary\n")).unwrap_err().0;
        assert!(broken.contains("line 2") && !broken.contains("canary"), "{broken}");
    }
}
