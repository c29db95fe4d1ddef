//! What a simulated disk remembers: its files, its next fault, and whether it still runs.
//!
//! Everything that would change the disk passes [`State::point`] first: that is the one place where faults strike.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::ffi;

use crate::disk::{Chance, Failure};
use crate::extent::Extent;

/// A disk, as the handles and the open files of SQLite share it.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
}

impl Shared {
    /// A test that panicked elsewhere must not hide behind a poisoned lock.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a file in [`State::files`]. A file that is made again under the same name has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(usize);

/// What SQLite wants to do to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Write,
    Truncate,
    Sync,
    Delete,
    /// The file of the shared memory grows.
    Share,
}

/// What happens at a write point to come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Fail { kind: Failure, once: bool },
    Freeze,
}

#[derive(Debug)]
struct FileState {
    path: PathBuf,
    extent: Extent,
    /// Whether the folder's entry is durable: without, a power cut may take the whole file.
    named: bool,
    /// How many connections have it open.
    open: usize,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    points: u64,
    fault: Option<(u64, Fault)>,
    frozen: bool,
    /// Operations that were refused.
    failures: u64,
    files: Vec<FileState>,
    by_path: BTreeMap<PathBuf, FileId>,
    /// Deleted without syncing the folder: may come back with this content.
    deleted: BTreeMap<PathBuf, Vec<u8>>,
}

impl Operation {
    fn io_error(self) -> i32 {
        match self {
            Self::Write => ffi::SQLITE_IOERR_WRITE,
            Self::Truncate => ffi::SQLITE_IOERR_TRUNCATE,
            Self::Sync => ffi::SQLITE_IOERR_FSYNC,
            Self::Delete => ffi::SQLITE_IOERR_DELETE,
            Self::Share => ffi::SQLITE_IOERR_SHMSIZE,
        }
    }

    /// What a full disk says; none if it does the work all the same.
    fn full(self) -> Option<i32> {
        match self {
            Self::Write => Some(ffi::SQLITE_FULL),
            Self::Share => Some(ffi::SQLITE_IOERR_SHMSIZE),
            Self::Truncate | Self::Sync | Self::Delete => None,
        }
    }
}

impl State {
    pub(crate) fn points(&self) -> u64 {
        self.points
    }

    /// Arms a fault for the write point that is `after` further ones away; disarms the one before.
    pub(crate) fn arm(&mut self, after: u64, fault: Fault) {
        self.fault = Some((self.points + after, fault));
    }

    /// How many operations were refused so far.
    pub(crate) fn failures(&self) -> u64 {
        self.failures
    }

    pub(crate) fn heal(&mut self) {
        self.fault = None;
    }

    pub(crate) fn freeze(&mut self) {
        self.frozen = true;
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// A write point: counts, and answers SQLite's error code if the operation must fail.
    pub(crate) fn point(&mut self, operation: Operation) -> Result<(), i32> {
        if self.frozen {
            return Err(operation.io_error());
        }
        let number = self.points;
        self.points += 1;
        let Some((_, fault)) = self.fault.filter(|(at, _)| number >= *at) else { return Ok(()) };
        let code = match fault {
            Fault::Freeze => {
                self.frozen = true;
                self.fault = None;
                return Err(operation.io_error());
            }
            Fault::Fail { kind: Failure::Io, .. } => Some(operation.io_error()),
            Fault::Fail { kind: Failure::Full, .. } => operation.full(),
        };
        let Some(code) = code else { return Ok(()) };
        if matches!(fault, Fault::Fail { once: true, .. }) {
            self.fault = None;
        }
        self.failures += 1;
        Err(code)
    }

    /// A connection has opened a file: that was there before, or that it made.
    pub(crate) fn opened(&mut self, path: &Path, existed: bool, len: u64) -> FileId {
        let known = self.by_path.get(path).copied().filter(|_| existed);
        let id = match known {
            Some(id) => {
                let file = &mut self.files[id.0];
                // Changed past SQLite while nobody had it open.
                if file.open == 0 && file.extent.len() != len {
                    file.extent = Extent::durable(len);
                }
                id
            }
            None => {
                let id = FileId(self.files.len());
                let extent = Extent::durable(len);
                self.files.push(FileState { path: path.to_owned(), extent, named: existed, open: 0 });
                self.by_path.insert(path.to_owned(), id);
                id
            }
        };
        self.files[id.0].open += 1;
        id
    }

    pub(crate) fn closed(&mut self, id: FileId) {
        self.files[id.0].open -= 1;
    }

    pub(crate) fn extent(&mut self, id: FileId) -> &mut Extent {
        &mut self.files[id.0].extent
    }

    /// A file was synced. Of a journal SQLite syncs the folder too, when the journal is new.
    pub(crate) fn synced(&mut self, id: FileId, journal: bool) {
        let file = &mut self.files[id.0];
        file.extent.synced();
        if file.named {
            return;
        }
        file.named = true;
        self.deleted.remove(&file.path);
        if journal {
            let folder = file.path.parent().map(Path::to_owned).unwrap_or_default();
            self.synced_folder(&folder);
        }
    }

    fn synced_folder(&mut self, folder: &Path) {
        self.deleted.retain(|path, _| path.parent() != Some(folder));
        for file in self.files.iter_mut().filter(|file| file.path.parent() == Some(folder)) {
            file.named = true;
        }
    }

    /// A file is about to be deleted: what may come back of it. `None` if nothing.
    pub(crate) fn deleting(&mut self, path: &Path, sync_folder: bool) -> Option<Vec<u8>> {
        let content = if sync_folder { None } else { fs::read(path).ok() }?;
        match self.by_path.get(path) {
            Some(id) if !self.files[id.0].named => None,
            Some(id) => Some(self.files[id.0].extent.durable_content(content)),
            None => Some(content),
        }
    }

    /// A file was deleted.
    pub(crate) fn deleted(&mut self, path: &Path, sync_folder: bool, old: Option<Vec<u8>>) {
        if let Some(id) = self.by_path.remove(path) {
            self.files[id.0].extent = Extent::default();
        }
        if let Some(old) = old {
            self.deleted.insert(path.to_owned(), old);
        }
        if sync_folder && let Some(folder) = path.parent() {
            self.synced_folder(folder);
        }
    }

    /// The files that connections have open.
    pub(crate) fn open_files(&self) -> Vec<PathBuf> {
        self.files.iter().filter(|file| file.open > 0).map(|file| file.path.clone()).collect()
    }

    /// The process is gone, the machine runs on.
    pub(crate) fn kill(&mut self) {
        self.frozen = false;
        self.fault = None;
    }

    /// The machine is gone: of what was not synced, chance decides.
    pub(crate) fn cut_power(&mut self, chance: &mut Chance<'_>) -> io::Result<()> {
        self.kill();
        // In the order of names, so that the same chance makes the same disk.
        for (path, id) in std::mem::take(&mut self.by_path) {
            let file = &mut self.files[id.0];
            if path.try_exists()? {
                if file.named || chance(2) == 1 {
                    file.extent.cut(&path, chance)?;
                    self.deleted.remove(&path);
                } else {
                    fs::remove_file(&path)?;
                }
            }
            let mut shared = path.into_os_string();
            shared.push("-shm");
            if let Err(error) = fs::remove_file(&shared)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
        }
        for (path, content) in std::mem::take(&mut self.deleted) {
            if chance(2) == 1 {
                fs::write(&path, content)?;
            }
        }
        self.files.clear();
        Ok(())
    }
}
