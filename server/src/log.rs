//! The log: to standard error, for people or as JSON. Ids only; no text that anybody wrote, no token, no password.
//!
//! Only what this house writes is logged. The libraries below log whole frames at their finest level, and some of them
//! through another facade (`log`), which is therefore not connected. What must not be logged is kept out by types
//! ([`crate::secret::Secret`]) and by a test that searches the log of a whole conversation for what was said in it.

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterFn, Targets};
use tracing_subscriber::layer::SubscriberExt;

use crate::config::{ConfigError, Log, LogFormat};

/// Whether the level can be used.
pub fn check(log: &Log) -> Result<(), ConfigError> {
    targets(log).map(|_| ())
}

/// Starts the log of this process. A second start changes nothing.
pub fn start(log: &Log) -> Result<(), ConfigError> {
    let ours = FilterFn::new(|metadata| metadata.target().starts_with("fil_"));
    let subscriber = tracing_subscriber::registry().with(targets(log)?).with(ours);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match log.format {
        LogFormat::Pretty => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // An error means that the process has a log already.
    let _ = tracing::subscriber::set_global_default(subscriber.with(lines));
    Ok(())
}

fn targets(log: &Log) -> Result<Targets, ConfigError> {
    let refused = || {
        let sentence = "write one of error, warn, info, debug, trace, or finer: info,fil_server::socket=debug";
        ConfigError(format!("log.level: {:?}: {sentence}", log.level))
    };
    let targets: Targets = log.level.parse().map_err(|_| refused())?;
    // `Targets` takes an unknown word for the name of a module, which would silence the rest.
    let known = |name: &str| name.starts_with("fil_");
    let all_known = targets.iter().all(|(name, _)| known(name));
    if all_known { Ok(targets) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_none_is_refused() {
        let check = |level: &str| check(&Log { level: level.to_owned(), ..Log::default() }).is_ok();
        for good in ["error", "info", "TRACE", "info,fil_server::socket=debug", "fil_server=trace"] {
            assert!(check(good), "{good}");
        }
        for bad in ["loud", "info,tungstenite=trace", "fil_server=loud", "info,,=", "fil=loud"] {
            assert!(!check(bad), "{bad}");
        }
    }
}
