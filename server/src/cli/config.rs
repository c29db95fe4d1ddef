//! `fil-server config …`

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::open::print;
use super::{Exit, Refusal};
use crate::config::layers::{Loaded, shown, variable};

/// Show or check the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print every key with its value and where that came from. Secrets are not shown.
    Show {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say whether the configuration can be used.
    Check,
}

impl ConfigCommand {
    pub(super) fn run(self, loaded: Result<Loaded, Refusal>) -> Result<Exit, Refusal> {
        let loaded = loaded?;
        match self {
            Self::Check => {
                if loaded.config.has_tls() {
                    crate::tls::acceptor(&loaded.config.tls)?;
                }
                crate::log::check(&loaded.config.log)?;
                println!("the configuration can be used");
                Ok(Exit::Done)
            }
            Self::Show { json } => {
                let mut keys = Map::new();
                let mut lines = Vec::new();
                for (key, value) in shown(&loaded.config) {
                    let origin = loaded.origins.get(&key).map_or("default", String::as_str);
                    lines.push(format!("{key} = {value}  # {origin}; {}", variable(&key)));
                    let value = serde_json::to_value(&value).unwrap_or(Value::Null);
                    keys.insert(key, json!({ "value": value, "origin": origin }));
                }
                print(json, &keys, |_| lines.join("\n"))
            }
        }
    }
}
