//! Exit codes, and refusals that carry one. A code exists because a script does something else for it.

use std::fmt;
use std::process::ExitCode;

use crate::auth::keys::KeyError;
use crate::config::ConfigError;
use crate::data::DataError;
use crate::edge::StartError;
use crate::store::StoreError;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// The arguments are wrong.
    Usage,
    /// The configuration or a key file cannot be used.
    Config,
    /// The data folder is in use, empty, damaged or from a newer version.
    Data,
    /// There is no such organisation or account.
    NotFound,
    /// It exists already.
    Exists,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Config => 3,
            Exit::Data => 4,
            Exit::NotFound => 5,
            Exit::Exists => 6,
        })
    }
}

/// Why a command was refused, as a sentence for the operator.
#[derive(Debug)]
pub struct Refusal {
    /// The exit code.
    pub exit: Exit,
    /// The sentence.
    pub sentence: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self { exit, sentence: sentence.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentence)
    }
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Config, error.0)
    }
}

impl From<DataError> for Refusal {
    fn from(error: DataError) -> Self {
        Self::new(Exit::Data, error.to_string())
    }
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        Self::new(Exit::Config, error.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let exit = match error {
            StoreError::NewerDatabase { .. } | StoreError::Damaged(_) | StoreError::Busy => Exit::Data,
            StoreError::Exists(_) => Exit::Exists,
            StoreError::Missing(_) => Exit::NotFound,
            StoreError::EngineTooOld { .. } | StoreError::Full | StoreError::Engine(_) => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<StartError> for Refusal {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(error) => error.into(),
            StartError::Data(error) => error.into(),
            StartError::Keys(error) => error.into(),
            StartError::Store(error) => error.into(),
            error @ (StartError::Listen { .. } | StartError::Thread(_)) => Self::new(Exit::Failed, error.to_string()),
        }
    }
}

impl From<fil_protocol::ProtocolError> for Refusal {
    fn from(error: fil_protocol::ProtocolError) -> Self {
        Self::new(Exit::Usage, error.detail)
    }
}
