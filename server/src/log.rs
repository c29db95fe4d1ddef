//! The log: to standard error, for people or as JSON. Ids only; no text that anybody wrote, no token, no password.
//!
//! What must not be logged is kept from it by types ([`crate::secret::Secret`]) and by a test that searches the log of
//! a whole conversation for what was said in it.

use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, Log, LogFormat};

/// Whether the filter is one.
pub fn check(log: &Log) -> Result<(), ConfigError> {
    filter(log).map(|_| ())
}

/// Starts the log of this process. A second start changes nothing.
pub fn start(log: &Log) -> Result<(), ConfigError> {
    let filter = filter(log)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error means that the process has a log already.
    let _ = match log.format {
        LogFormat::Pretty => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

fn filter(log: &Log) -> Result<EnvFilter, ConfigError> {
    EnvFilter::try_new(&log.level)
        .map_err(|error| ConfigError(format!("log.level: {:?} is no filter: {error}", log.level)))
}
