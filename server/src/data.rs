//! The data folder: what lies where, and who may use it.
//!
//! ```text
//! data/            0700
//!   fil.db         the database, with fil.db-wal and fil.db-shm while it is in use
//!   serve.lock     locked by the running server
//!   witness        how far the database had come, to notice an older copy in its place
//!   address        where the server was reached last, for invite links made beside it
//!   keys/          0700, secret keys, each 0600
//! ```
//!
//! The lock is the operating system's and ends with the process, however it ends. Administration beside a running
//! server takes no lock: SQLite keeps two writers apart.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::auth::keys::{KeyError, create_private_folder};

/// A data folder.
#[derive(Clone, Debug)]
pub struct DataFolder(PathBuf);

/// The lock of the running server. It ends when this is dropped.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "holding the file open is what holds the lock")] File);

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// Wrong permissions, or the operating system refuses.
    #[error(transparent)]
    Folder(#[from] KeyError),
    /// Another server runs on it.
    #[error("{0} is in use by another fil-server: stop it first, or use another folder")]
    Locked(PathBuf),
    /// There is nothing in it.
    #[error("{0} holds no data of fil-server: check --data, or run `fil-server serve` once")]
    Empty(PathBuf),
}

impl DataFolder {
    /// This folder, whether it exists or not.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Makes the folder, private, if it is not there; refuses one that others can enter.
    pub fn create(&self) -> Result<(), DataError> {
        Ok(create_private_folder(&self.0)?)
    }

    /// Makes an empty file that only its owner can read, if it is not there. SQLite gives its log the same permissions.
    pub fn create_file(&self, path: &Path) -> Result<(), DataError> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let io = |error| DataError::Folder(KeyError::Io { path: path.to_owned(), error });
        options.open(path).map(drop).map_err(io)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.0.join("fil.db")
    }

    /// How far the database had come.
    pub fn witness(&self) -> PathBuf {
        self.0.join("witness")
    }

    /// The secret keys.
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// Whether a database is there.
    pub fn exists(&self) -> Result<(), DataError> {
        if self.database().exists() { Ok(()) } else { Err(DataError::Empty(self.0.clone())) }
    }

    /// Where the server was reached last, if it ever ran and nobody configured an address.
    pub fn address(&self) -> Option<String> {
        std::fs::read_to_string(self.0.join("address")).ok().map(|text| text.trim().to_owned())
    }

    /// Notes where the server is reached.
    pub fn set_address(&self, url: &str) -> std::io::Result<()> {
        std::fs::write(self.0.join("address"), format!("{url}\n"))
    }

    /// Takes the lock of the running server.
    pub fn lock(&self) -> Result<Lock, DataError> {
        let path = self.0.join("serve.lock");
        let io = |error| DataError::Folder(KeyError::Io { path: path.clone(), error });
        self.create_file(&path)?;
        let file = OpenOptions::new().write(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(DataError::Locked(self.0.clone())),
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_at_a_time_uses_a_folder_and_the_lock_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path().join("data"));
        data.create().unwrap();
        assert!(matches!(data.exists(), Err(DataError::Empty(_))));
        let lock = data.lock().unwrap();
        assert!(matches!(data.lock(), Err(DataError::Locked(_))));
        drop(lock);
        data.lock().unwrap();
    }
}
