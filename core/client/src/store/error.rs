//! What can go wrong with a database, classified by what happens next.

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

/// Why a database could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full: nothing of the step was stored. Free some room and try again.
    #[error("the disk is full")]
    DiskFull,
    /// The cache is damaged. The session moves it aside and builds it again.
    #[error("the cache is damaged")]
    CacheDamaged,
    /// The precious database is damaged. Nothing was changed; only a person can go on.
    #[error("the profile's database local.db is damaged: restore it from a copy, or remove the profile")]
    LocalDamaged,
    /// Another process holds the database.
    #[error("another process is using the database")]
    Locked,
    /// Anything else: a failing disk, or a defect.
    #[error("the database failed: {0}")]
    Failed(#[source] rusqlite::Error),
}

impl StoreError {
    /// Whether building the cache again may mend it. Besides what SQLite calls damage these are rows that do not decode,
    /// broken constraints, and statements that do not fit the schema: the statements are always the same and the schema
    /// is ours, so one that fails has met a page that is not what it was.
    pub fn suggests_damage(&self) -> bool {
        match self {
            Self::CacheDamaged => true,
            Self::Failed(rusqlite::Error::SqliteFailure(failure, _)) => matches!(
                failure.code,
                ErrorCode::Unknown | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig
            ),
            Self::Failed(
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::Utf8Error(..)
                | rusqlite::Error::SqlInputError { .. },
            ) => true,
            _ => false,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        // The index of the log could not be given its room: SQLite calls that a failing disk.
        if error.sqlite_error().is_some_and(|failure| failure.extended_code == SQLITE_IOERR_SHMSIZE) {
            return Self::DiskFull;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::CacheDamaged,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            _ => Self::Failed(error),
        }
    }
}

/// Why a profile's databases could not be opened. In every case nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The precious database was written by a newer version of Fil.
    #[error(
        "the profile was written by a newer version of Fil (schema {found}, this version knows {known}): update Fil"
    )]
    Newer {
        /// The version found.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// The precious database is damaged.
    #[error("the profile's database local.db is damaged ({detail}): restore it from a copy, or remove the profile")]
    Damaged {
        /// What SQLite says.
        detail: String,
    },
    /// SQLite is too old to be trusted with a write-ahead log.
    #[error("SQLite {0} is too old: at least 3.51.3 is needed")]
    SqliteTooOld(String),
    /// The folder or a file in it cannot be used.
    #[error("the profile's folder cannot be used: {0}")]
    Folder(#[from] std::io::Error),
    /// Anything that also can go wrong later.
    #[error(transparent)]
    Store(#[from] StoreError),
}
