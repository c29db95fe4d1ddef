//! `fil-server backup …`
//!
//! A backup is one file: the database as of one moment, taken while the server runs, and checked before it gets its
//! name. It holds everything except the secret keys, so whoever steals it cannot sign tokens; restored beside the old
//! keys, everybody stays signed in, with new keys everybody signs in again.
//!
//! A restore begins a new epoch: clients then forget their cursors and offer again what the server may have lost.
//!
//! Only bytes are copied, never modes: what a backup's file may be read by says nothing about the database.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use fil_protocol::Epoch;
use serde::Serialize;

use super::open::{folder, print};
use super::{Exit, Refusal};
use crate::auth::keys::random;
use crate::clock::now_ms;
use crate::config::Config;
use crate::store::sqlite::{SqliteStore, back_up, inspect};
use crate::store::{Store, start_new_epoch};
use crate::witness::Witness;

/// Save everything into one file, and bring it back.
#[derive(Debug, Subcommand)]
pub(super) enum Backup {
    /// Save everything except the secret keys into one new file, also while the server runs.
    Create {
        /// The file. It must not exist.
        file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put a backup in the place of the database, while the server does not run.
    ///
    /// The database that is replaced is kept beside it, as replaced-<time>.db. Clients notice the new epoch and catch
    /// up by themselves.
    Restore {
        /// The backup.
        file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What a restore brings back besides the messages, to be done again by hand.
const AFTER_A_RESTORE: &str = "\
Rights are as they were when the backup was made. Since then, do again what you did:
  - devices that were signed out or revoked are signed in again: fil-server account sign-out
  - accounts that were disabled may sign in again: fil-server account disable
  - passwords that were changed are the old ones again: fil-server account password
  - invites that were used or withdrawn work until they expire: fil-server account invite makes earlier ones void
  - messages that were deleted are there again, until somebody deletes them again
docs/OPERATIONS.md says more under Restore.";

#[derive(Serialize)]
struct Done {
    file: PathBuf,
    bytes: u64,
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<Epoch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<PathBuf>,
}

impl Backup {
    pub(super) fn run(self, config: &Config) -> Result<Exit, Refusal> {
        match self {
            Self::Create { file, json } => {
                let done = create(config, &file)?;
                print(json, &done, |done| {
                    format!("saved {} bytes to {}, and checked them", done.bytes, done.file.display())
                })
            }
            Self::Restore { file, json } => {
                let done = restore(config, &file)?;
                print(json, &done, |done| {
                    let kept =
                        done.replaced.as_ref().map(|path| format!("; the database before is {}", path.display()));
                    format!("restored {}{}\n{AFTER_A_RESTORE}", done.file.display(), kept.unwrap_or_default())
                })
            }
        }
    }
}

fn create(config: &Config, file: &Path) -> Result<Done, Refusal> {
    let data = folder(config);
    data.exists()?;
    if file.exists() {
        return Err(Refusal::new(Exit::Exists, format!("{} exists already", file.display())));
    }
    // Two backups under one name at the same time must not write into one file.
    let partial = beside(file, &format!("{}.partial", std::process::id()));
    create_private(&partial)?;
    let done = (|| {
        back_up(&data.database(), &partial)?;
        let version = sound(&partial)?;
        sync(&partial)?;
        give_name(&partial, file)?;
        sync_folder(folder_of(file))?;
        let bytes = fs::metadata(file).map_err(|error| failed(file, &error))?.len();
        Ok(Done { file: file.to_owned(), bytes, version, epoch: None, replaced: None })
    })();
    if done.is_err() {
        // What is left of a failed backup helps nobody and fills the disk.
        let _ = fs::remove_file(&partial);
    }
    done
}

fn restore(config: &Config, file: &Path) -> Result<Done, Refusal> {
    let data = folder(config);
    if !file.exists() {
        return Err(Refusal::new(Exit::Failed, format!("{} does not exist", file.display())));
    }
    sound(file)?;
    data.create()?;
    let _lock = data.lock()?;
    let (database, arriving) = (data.database(), data.path().join("restoring.db"));
    for leftover in with_log(&arriving) {
        let _ = fs::remove_file(leftover);
    }
    let mut private = create_private(&arriving)?;
    let done = (|| {
        let mut backup = File::open(file).map_err(|error| failed(file, &error))?;
        let bytes = io::copy(&mut backup, &mut private).map_err(|error| failed(file, &error))?;
        private.sync_all().map_err(|error| failed(&arriving, &error))?;
        drop(private);
        let epoch = Epoch::from_parts(now_ms(), &random()?);
        let mut store = SqliteStore::open(&arriving, epoch)?;
        start_new_epoch(&mut store, epoch)?;
        let witness = Witness::of(&*store.open_reads()?.snapshot()?)?;
        // Closing the only connection moves the log into the file.
        drop(store);
        let version = sound(&arriving)?;
        // Reading leaves an empty log behind, which would have the wrong name after the rename.
        for leftover in with_log(&arriving).into_iter().skip(1) {
            let _ = fs::remove_file(leftover);
        }
        sync(&arriving)?;
        let replaced = set_aside(&database, data.path())?;
        fs::rename(&arriving, &database).map_err(|error| failed(&database, &error))?;
        // If it ends here, the server finds a witness of another epoch and begins one more: harmless.
        witness.save(&data.witness()).map_err(|error| failed(&data.witness(), &error))?;
        sync_folder(data.path())?;
        Ok(Done { file: file.to_owned(), bytes, version, epoch: Some(epoch), replaced })
    })();
    if done.is_err() {
        for leftover in with_log(&arriving) {
            let _ = fs::remove_file(leftover);
        }
    }
    done
}

/// Gives the old database a second name, so that the rename over the first loses nothing and there is a database under
/// that name at every moment. Its log must be gone before: SQLite would play it into the new file.
fn set_aside(database: &Path, folder: &Path) -> Result<Option<PathBuf>, Refusal> {
    if !database.exists() {
        return Ok(None);
    }
    let kept = folder.join(format!("replaced-{}.db", now_ms()));
    let epoch = Epoch::from_parts(now_ms(), &random()?);
    // Opening and closing a sound database moves its log into the file. A damaged one takes its log along.
    drop(SqliteStore::open(database, epoch));
    for (from, to) in with_log(database).into_iter().zip(with_log(&kept)).skip(1) {
        if from.exists() {
            fs::rename(&from, &to).map_err(|error| failed(&from, &error))?;
        }
    }
    fs::hard_link(database, &kept).map_err(|error| failed(&kept, &error))?;
    Ok(Some(kept))
}

fn sound(file: &Path) -> Result<u32, Refusal> {
    let inspection = inspect(file)?;
    if inspection.version == 0 {
        return Err(Refusal::new(Exit::Data, format!("{} is damaged: it holds nothing", file.display())));
    }
    match inspection.damage.first() {
        None => Ok(inspection.version),
        Some(first) => Err(Refusal::new(Exit::Data, format!("{} is damaged: {first}", file.display()))),
    }
}

/// Gives a finished backup its name, unless something has got it meanwhile: a rename would replace that silently.
fn give_name(partial: &Path, file: &Path) -> Result<(), Refusal> {
    let named = match fs::hard_link(partial, file) {
        Ok(()) => fs::remove_file(partial),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        // A file system without hard links: take the name first, then put the backup in its place.
        Err(_) => OpenOptions::new().write(true).create_new(true).open(file).and_then(|_| fs::rename(partial, file)),
    };
    named.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Refusal::new(Exit::Exists, format!("{} exists already", file.display())),
        _ => failed(file, &error),
    })
}

/// A new file for its owner alone.
fn create_private(path: &Path) -> Result<File, Refusal> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| failed(path, &error))
}

fn sync(path: &Path) -> Result<(), Refusal> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| failed(path, &error))
}

/// The folder that a file is in.
fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the names in a folder durable. Elsewhere than on Unix a folder cannot be opened, and renames need no help.
fn sync_folder(folder: &Path) -> Result<(), Refusal> {
    if cfg!(unix) { sync(folder) } else { Ok(()) }
}

/// A database file and the files that SQLite keeps beside it.
fn with_log(path: &Path) -> [PathBuf; 3] {
    [path.to_owned(), beside_with(path, "-wal"), beside_with(path, "-shm")]
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    beside_with(path, &format!(".{extension}"))
}

fn beside_with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn failed(path: &Path, error: &std::io::Error) -> Refusal {
    Refusal::new(Exit::Failed, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody made a file of that name between the check and the end of the backup.
    #[test]
    fn a_name_that_was_taken_meanwhile_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (partial, file) = (folder.path().join("partial"), folder.path().join("monday.fil"));
        fs::write(&partial, "the backup").unwrap();
        fs::write(&file, "something else").unwrap();
        assert_eq!(give_name(&partial, &file).unwrap_err().exit, Exit::Exists);
        assert_eq!(fs::read_to_string(&file).unwrap(), "something else");
        fs::remove_file(&file).unwrap();
        give_name(&partial, &file).unwrap();
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), partial.exists()), ("the backup", false));
    }

    #[test]
    fn the_folder_of_a_bare_name_is_this_one() {
        assert_eq!(folder_of(Path::new("monday.fil")), Path::new("."));
        assert_eq!(folder_of(Path::new("/backup/monday.fil")), Path::new("/backup"));
    }
}
