//! Which folder lies on which simulated disk, for the whole process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use crate::state::Shared;

static MOUNTS: RwLock<Vec<(PathBuf, Weak<Shared>)>> = RwLock::new(Vec::new());

/// Puts a folder on a disk. Panics if it, or one around it, lies on another: a file must have one truth.
pub(crate) fn add(folder: &Path, disk: &Arc<Shared>) {
    let mut mounts = MOUNTS.write().unwrap_or_else(PoisonError::into_inner);
    mounts.retain(|(_, disk)| disk.strong_count() > 0);
    let taken = mounts.iter().any(|(other, _)| other.starts_with(folder) || folder.starts_with(other));
    if !taken {
        mounts.push((folder.to_owned(), Arc::downgrade(disk)));
    }
    // The lock is not held here, so that the tests beside this one go on.
    drop(mounts);
    assert!(!taken, "{} lies on a simulated disk already", folder.display());
}

/// From now on the folder is as any other.
pub(crate) fn remove(disk: &Arc<Shared>) {
    let mut mounts = MOUNTS.write().unwrap_or_else(PoisonError::into_inner);
    mounts.retain(|(_, other)| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(disk)));
}

/// The disk that a file lies on, if it lies on one.
pub(crate) fn find(file: &Path) -> Option<Arc<Shared>> {
    let mounts = MOUNTS.read().unwrap_or_else(PoisonError::into_inner);
    mounts.iter().find(|(folder, _)| file.starts_with(folder)).and_then(|(_, disk)| disk.upgrade())
}
