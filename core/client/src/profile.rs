//! Profiles: one folder each, `<data>/profiles/<name>/`, with who is signed in, the databases, and perhaps the token.
//!
//! A profile belongs to one process at a time: its folder is locked by the operating system, which frees the lock
//! however the process ends. A file with a process id was refused, because it outlives a crash.
//!
//! Signing out deletes in an order that a crash cannot turn into a half-open door: the token first, then the record is
//! renamed to [`GONE`], then the databases go, then [`GONE`] itself. A profile found with [`GONE`] is wiped on.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use fil_protocol::{AccountId, DeviceId, OrganisationId, http, text};
use serde::{Deserialize, Serialize};

use crate::address::ServerAddress;
use crate::bridge::types::{Failure, FailureKind};
use crate::failure::{failure, internal};
use crate::private_file;

const RECORD: &str = "profile.json";
const GONE: &str = "profile.gone";
const LOCK: &str = "lock";
const TOKEN: &str = "token";
/// The version of [`Record`] that this build writes, and the newest that it reads.
const VERSION: u32 = 1;

/// Who is signed in, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    version: u32,
    /// The server's address, normalised.
    pub(crate) server: String,
    /// The organisation.
    pub(crate) organisation: OrganisationId,
    /// Its short name.
    pub(crate) organisation_slug: String,
    /// The account.
    pub(crate) account: AccountId,
    /// The device that this profile is for the server.
    pub(crate) device: DeviceId,
    /// The account's handle.
    pub(crate) handle: String,
    /// The account's name.
    pub(crate) name: String,
}

impl Record {
    /// What the answer to a sign-in says.
    pub(crate) fn new(server: &ServerAddress, session: &http::Session) -> Self {
        Self {
            version: VERSION,
            server: server.to_string(),
            organisation: session.organisation,
            organisation_slug: session.organisation_slug.clone(),
            account: session.profile.account,
            device: session.device,
            handle: session.profile.handle.clone(),
            name: session.profile.name.clone(),
        }
    }

    /// Whether both are the same account of the same server; the device may be another one.
    pub(crate) fn is_same_account(&self, other: &Self) -> bool {
        self.account == other.account && self.server == other.server
    }
}

/// A profile's folder, locked for as long as this lives.
#[derive(Debug)]
pub struct ProfileFolder {
    path: PathBuf,
    _lock: File,
}

impl ProfileFolder {
    /// Opens and locks a profile's folder, making it if need be.
    pub fn open(data: &Path, name: &str) -> Result<Self, Failure> {
        text::check_handle(name).map_err(|_| failure(FailureKind::Invalid, "a profile is named like a handle"))?;
        if is_no_folder_on_windows(name) {
            return Err(failure(FailureKind::Invalid, "a system keeps this name for itself, choose another"));
        }
        let path = data.join("profiles").join(name);
        private_file::make_folder(&path).map_err(from_io)?;
        let lock = private_file::open(&path.join(LOCK)).map_err(from_io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(failure(FailureKind::Locked, format!("profile {name:?} is in use by another process")));
            }
            Err(TryLockError::Error(error)) => return Err(from_io(error)),
        }
        let folder = Self { path, _lock: lock };
        if folder.path.join(GONE).exists() {
            folder.wipe()?;
        }
        Ok(folder)
    }

    /// The folder with the databases.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the token is kept if there is no keyring.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.path.join(TOKEN)
    }

    /// Who is signed in; none if nobody is.
    pub(crate) fn record(&self) -> Result<Option<Record>, Failure> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Some(content) = private_file::read(&self.path.join(RECORD)).map_err(from_io)? else { return Ok(None) };
        let damaged = |error: serde_json::Error| failure(FailureKind::DamagedProfile, format!("{RECORD}: {error}"));
        let Version { version } = serde_json::from_str(&content).map_err(damaged)?;
        if version > VERSION {
            return Err(failure(FailureKind::NewerProfile, format!("{RECORD} has version {version}")));
        }
        serde_json::from_str(&content).map(Some).map_err(damaged)
    }

    /// Keeps who is signed in, durably.
    pub(crate) fn save(&self, record: &Record) -> Result<(), Failure> {
        let content = serde_json::to_string_pretty(record).map_err(internal)?;
        private_file::replace(&self.path.join(RECORD), content.as_bytes()).map_err(from_io)
    }

    /// Deletes everything but the lock. The token is gone already, and no database is open.
    pub(crate) fn wipe(&self) -> Result<(), Failure> {
        match fs::rename(self.path.join(RECORD), self.path.join(GONE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(from_io(error)),
            _ => {}
        }
        for entry in fs::read_dir(&self.path).map_err(from_io)? {
            let entry = entry.map_err(from_io)?;
            let name = entry.file_name();
            if name == LOCK || name == GONE {
                continue;
            }
            let removed = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                fs::remove_dir_all(entry.path())
            } else {
                private_file::remove(&entry.path())
            };
            removed.map_err(from_io)?;
        }
        private_file::remove(&self.path.join(GONE)).map_err(from_io)
    }
}

/// Names that are devices on Windows, whatever follows their first dot, and names whose last dot Windows drops, so that
/// two profiles would be one. They are refused everywhere: a data folder may move.
fn is_no_folder_on_windows(name: &str) -> bool {
    let device = name.split('.').next().unwrap_or_default();
    let numbered = |port: &str| device.strip_prefix(port).is_some_and(|number| number.len() == 1 && number != "0");
    ["con", "prn", "aux", "nul"].contains(&device) || numbered("com") || numbered("lpt") || name.ends_with('.')
}

/// What an error of the file system means for a person.
pub(crate) fn from_io(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => failure(FailureKind::DiskFull, error.to_string()),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            failure(FailureKind::Internal, format!("the profile's folder cannot be written: {error}"))
        }
        io::ErrorKind::InvalidData => failure(FailureKind::DamagedProfile, error.to_string()),
        _ => internal(error),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn record() -> Record {
        Record {
            version: VERSION,
            server: "http://127.0.0.1:1".to_owned(),
            organisation: OrganisationId::from_parts(1, &[1; 10]),
            organisation_slug: "acme".to_owned(),
            account: AccountId::from_parts(1, &[2; 10]),
            device: DeviceId::from_parts(1, &[3; 10]),
            handle: "ada".to_owned(),
            name: "Ada".to_owned(),
        }
    }

    fn kind<T>(result: Result<T, Failure>) -> Option<FailureKind> {
        result.err().map(|failure| failure.kind)
    }

    #[test]
    fn a_profile_belongs_to_one_holder_at_a_time() {
        let data = tempfile::tempdir().unwrap();
        let folder = ProfileFolder::open(data.path(), "ada").unwrap();
        assert_eq!(kind(ProfileFolder::open(data.path(), "ada")), Some(FailureKind::Locked));
        assert_eq!(kind(ProfileFolder::open(data.path(), "ben")), None);
        drop(folder);
        assert_eq!(kind(ProfileFolder::open(data.path(), "ada")), None);
    }

    #[test]
    fn a_name_cannot_leave_the_data_folder() {
        let data = tempfile::tempdir().unwrap();
        for name in ["", "..", "../ada", "a/b", "Ada", "a\\b", "con", "nul.txt", "com1", "lpt9.a.b", "ada."] {
            assert_eq!(kind(ProfileFolder::open(data.path(), name)), Some(FailureKind::Invalid), "{name:?}");
        }
        for name in ["console", "com", "com10", "null", "ada.b"] {
            assert!(ProfileFolder::open(data.path(), name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn a_record_is_kept_and_a_damaged_or_newer_one_is_said_and_not_touched() {
        let data = tempfile::tempdir().unwrap();
        let folder = ProfileFolder::open(data.path(), "ada").unwrap();
        assert_eq!(folder.record(), Ok(None));
        folder.save(&record()).unwrap();
        assert_eq!(folder.record(), Ok(Some(record())));
        let path = folder.path().join(RECORD);
        let huge = vec![b' '; 100_000];
        for (content, expected) in [
            (&br#"{"version":2,"who":"knows"}"#[..], FailureKind::NewerProfile),
            (b"{\"version\":1,", FailureKind::DamagedProfile),
            (b"", FailureKind::DamagedProfile),
            (b"\xff\xfe{\0", FailureKind::DamagedProfile),
            (&huge, FailureKind::DamagedProfile),
        ] {
            fs::write(&path, content).unwrap();
            assert_eq!(kind(folder.record()), Some(expected), "{content:?}");
            assert_eq!(fs::read(&path).unwrap(), content);
        }
    }

    /// Row of the catalogue: a crash in the middle of signing out. Whatever is left, the next start finishes it.
    #[test]
    fn a_wipe_that_was_interrupted_is_finished_at_the_next_start() {
        let data = tempfile::tempdir().unwrap();
        let folder = ProfileFolder::open(data.path(), "ada").unwrap();
        folder.save(&record()).unwrap();
        let path = folder.path().to_owned();
        fs::write(path.join("local.db"), "precious").unwrap();
        fs::create_dir(path.join("spool")).unwrap();
        fs::rename(path.join(RECORD), path.join(GONE)).unwrap();
        drop(folder);
        let folder = ProfileFolder::open(data.path(), "ada").unwrap();
        assert_eq!(folder.record(), Ok(None));
        let left: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [LOCK]);
    }
}
