//! What can go wrong with a database, told apart by what happens next.

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database was written by a newer version of Fil. Nothing was touched; update the server.
    #[error("the database has version {found}, this server knows versions up to {known}: update fil-server")]
    NewerDatabase {
        /// The version of the database.
        found: u32,
        /// The newest version that this build knows.
        known: u32,
    },
    /// The database engine has a known fault.
    #[error("SQLite {found} is too old: at least 3.51.3 is needed")]
    EngineTooOld {
        /// Its version.
        found: String,
    },
    /// The database file is damaged, or holds something else. Restore a backup.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// No room is left to write. Nothing was changed; make room, then try again.
    #[error("the disk is full")]
    Full,
    /// Another process holds the database. Try again later.
    #[error("the database is in use by another process")]
    Busy,
    /// A row with this key exists already.
    #[error("{0} exists already")]
    Exists(&'static str),
    /// A row that must exist does not.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// Everything else that the engine may say.
    #[error("the database failed: {0}")]
    Engine(Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// The same error once more, for another one who waits for the same commit.
    #[must_use]
    pub fn repeat(&self) -> Self {
        match self {
            Self::NewerDatabase { found, known } => Self::NewerDatabase { found: *found, known: *known },
            Self::EngineTooOld { found } => Self::EngineTooOld { found: found.clone() },
            Self::Damaged(what) => Self::Damaged(what.clone()),
            Self::Full => Self::Full,
            Self::Busy => Self::Busy,
            Self::Exists(what) => Self::Exists(what),
            Self::Missing(what) => Self::Missing(what),
            Self::Engine(error) => Self::Engine(error.to_string().into()),
        }
    }
}
