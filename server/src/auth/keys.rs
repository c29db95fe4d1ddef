//! The secret keys of a server: files in `keys/` of the data folder, outside the database and outside its backups.
//!
//! - `access-<id>.pk8`: Ed25519, signs access tokens. The newest signs, all verify. The server adds one when the newest
//!   is older than [`ROTATE_AFTER_MS`]; a key two rotations old is removed at the start after that, long after the last
//!   token that it signed has expired.
//! - `refresh.key`: 32 random bytes for the HMAC in refresh tokens. Losing it signs everybody out and loses nothing else.
//!
//! A key file that others can read is a stolen key that nobody noticed, so the server does not start on one.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use uuid::Uuid;

/// Age at which the signing key gets a successor.
pub const ROTATE_AFTER_MS: u64 = 90 * 24 * 60 * 60 * 1000;

/// The keys, in memory.
pub struct Keys {
    /// Key pairs for access tokens, oldest first; the last one signs.
    pub access: Vec<AccessKey>,
    /// The key of refresh tokens.
    pub refresh: [u8; 32],
}

/// A key pair for access tokens.
pub struct AccessKey {
    /// Its name in the header of a token.
    pub id: String,
    /// PKCS #8, version 1 or 2.
    pub pkcs8: Vec<u8>,
    /// The 32 bytes that verify.
    pub public: Vec<u8>,
}

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Somebody else may have read it.
    #[error(
        "{path} can be read by others (mode {mode:03o}): if nobody else had access to this machine, run `chmod {wanted:03o} {path}`; \
         otherwise delete it, which signs everybody out, and start again"
    )]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// The permissions that it should have.
        wanted: u32,
    },
    /// It is not a key.
    #[error("{path} is damaged: restore it, or delete it, which signs everybody out, and start again")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The folder cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    Random,
}

impl Keys {
    /// Reads the keys in this folder, and makes those that are missing or due.
    pub fn load_or_create(folder: &Path, now_ms: u64) -> Result<Self, KeyError> {
        create_private_folder(folder)?;
        let mut access = read_access_keys(folder)?;
        let newest_ms = access.last().and_then(|key| created_ms(&key.id));
        if newest_ms.is_none_or(|created| now_ms.saturating_sub(created) >= ROTATE_AFTER_MS) {
            access.push(create_access_key(folder, now_ms)?);
        }
        while access.len() > 2 {
            let old = access.remove(0);
            let path = access_path(folder, &old.id);
            fs::remove_file(&path).map_err(|error| KeyError::Io { path, error })?;
        }
        let path = folder.join("refresh.key");
        if !path.exists() {
            write_private(&path, &random::<32>()?)?;
        }
        let bytes = read_private(&path)?;
        let refresh = bytes.try_into().map_err(|_| KeyError::Damaged { path })?;
        Ok(Self { access, refresh })
    }

    /// Looks at the key files without making any, for `doctor`. The number of files found.
    pub fn inspect(folder: &Path) -> Result<usize, KeyError> {
        if !folder.exists() {
            return Ok(0);
        }
        check_private(folder, 0o700)?;
        let mut found = read_access_keys(folder)?.len();
        let path = folder.join("refresh.key");
        if path.exists() {
            if read_private(&path)?.len() != 32 {
                return Err(KeyError::Damaged { path });
            }
            found += 1;
        }
        Ok(found)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Keys").field("access", &self.access.len()).finish_non_exhaustive()
    }
}

/// Random bytes from the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| KeyError::Random)?;
    Ok(bytes)
}

/// Makes a folder that only its owner can enter, and refuses one that others can.
pub fn create_private_folder(path: &Path) -> Result<(), KeyError> {
    let io = |error| KeyError::Io { path: path.to_owned(), error };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(io)?;
    check_private(path, 0o700)
}

fn read_access_keys(folder: &Path) -> Result<Vec<AccessKey>, KeyError> {
    let io = |error| KeyError::Io { path: folder.to_owned(), error };
    let mut keys = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.strip_prefix("access-")?.strip_suffix(".pk8")) else {
            continue;
        };
        let path = access_path(folder, id);
        let pkcs8 = read_private(&path)?;
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|_| KeyError::Damaged { path })?;
        keys.push(AccessKey { id: id.to_owned(), public: pair.public_key().as_ref().to_vec(), pkcs8 });
    }
    // An id begins with its time, so names sort by age.
    keys.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(keys)
}

fn create_access_key(folder: &Path, now_ms: u64) -> Result<AccessKey, KeyError> {
    let id = uuid::Builder::from_unix_timestamp_millis(now_ms, &random::<10>()?).into_uuid().simple().to_string();
    let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Random)?;
    let pkcs8 = pair.to_pkcs8v1().map_err(|_| KeyError::Random)?.as_ref().to_vec();
    write_private(&access_path(folder, &id), &pkcs8)?;
    Ok(AccessKey { id, public: pair.public_key().as_ref().to_vec(), pkcs8 })
}

fn access_path(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("access-{id}.pk8"))
}

fn created_ms(id: &str) -> Option<u64> {
    let (seconds, nanoseconds) = Uuid::parse_str(id).ok()?.get_timestamp()?.to_unix();
    Some(seconds * 1000 + u64::from(nanoseconds) / 1_000_000)
}

fn read_private(path: &Path) -> Result<Vec<u8>, KeyError> {
    check_private(path, 0o600)?;
    fs::read(path).map_err(|error| KeyError::Io { path: path.to_owned(), error })
}

/// Writes a file beside its place and moves it there, so that a crash leaves the whole key or none.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let io = |error| KeyError::Io { path: path.to_owned(), error };
    let beside = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside).map_err(io)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&beside, path).map_err(io)
}

#[cfg(unix)]
fn check_private(path: &Path, wanted: u32) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).map_err(|error| KeyError::Io { path: path.to_owned(), error })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyError::Exposed { path: path.to_owned(), mode, wanted }) }
}

#[cfg(not(unix))]
fn check_private(_path: &Path, _wanted: u32) -> Result<(), KeyError> {
    // Elsewhere the folder inherits the permissions of the account's profile.
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 60 * 60 * 1000;

    #[test]
    fn keys_stay_the_same_until_they_are_due_and_then_overlap() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("keys");
        let ids = |day: u64| {
            let keys = Keys::load_or_create(&folder, (20_000 + day) * DAY_MS).unwrap();
            keys.access.iter().map(|key| key.id.clone()).collect::<Vec<_>>()
        };
        let first = ids(0);
        assert_eq!(ids(89), first);
        let second = ids(90);
        assert_eq!((second.len(), &second[0]), (2, &first[0]));
        let third = ids(180);
        assert_eq!((third.len(), &third[0]), (2, &second[1]));
        assert_eq!(Keys::inspect(&folder).unwrap(), 3);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_or_that_is_damaged_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("keys");
        Keys::load_or_create(&folder, DAY_MS).unwrap();
        let file = folder.join("refresh.key");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let sentence = Keys::load_or_create(&folder, DAY_MS).unwrap_err().to_string();
        assert!(sentence.contains("chmod 600") && sentence.contains("refresh.key"), "{sentence}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, "short").unwrap();
        assert!(matches!(Keys::load_or_create(&folder, DAY_MS), Err(KeyError::Damaged { .. })));
        fs::remove_file(&file).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(Keys::load_or_create(&folder, DAY_MS), Err(KeyError::Exposed { wanted: 0o700, .. })));
    }
}
