//! `fil-server backup …`
//!
//! A backup is one file: the database as of one moment, taken while the server runs, and checked before it gets its
//! name. It holds everything except the secret keys, so whoever steals it cannot sign tokens; restored beside the old
//! keys, everybody stays signed in, with new keys everybody signs in again.
//!
//! A restore begins a new epoch: clients then forget their cursors and offer again what the server may have lost.

use std::fs::{self, File, OpenOptions};
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
use crate::store::start_new_epoch;

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
                    format!("restored {}{}", done.file.display(), kept.unwrap_or_default())
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
    let partial = beside(file, "partial");
    create_private(&partial)?;
    let done = (|| {
        back_up(&data.database(), &partial)?;
        let version = sound(&partial)?;
        sync(&partial)?;
        fs::rename(&partial, file).map_err(|error| failed(file, &error))?;
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
    create_private(&arriving)?;
    let done = (|| {
        let bytes = fs::copy(file, &arriving).map_err(|error| failed(file, &error))?;
        let epoch = Epoch::from_parts(now_ms(), &random()?);
        let mut store = SqliteStore::open(&arriving, epoch)?;
        start_new_epoch(&mut store, epoch)?;
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
        sync(data.path())?;
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

fn create_private(path: &Path) -> Result<(), Refusal> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|error| failed(path, &error))
}

fn sync(path: &Path) -> Result<(), Refusal> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| failed(path, &error))
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
