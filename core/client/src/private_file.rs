//! Files and folders that only their owner can read, replaced as a whole or not at all.
//!
//! A file is written beside its place, flushed, and renamed over it, so a crash leaves the old one or the new one. The
//! rights are given at creation, never afterwards, so there is no moment in which others could open it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// Makes a folder and those above it, for its owner alone. One that exists is taken as it is.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Opens a file for its owner alone, making it if it does not exist.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    private().create(true).truncate(false).open(path)
}

/// Replaces a file, durably.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    // One that a crash left behind may have other rights than a new one would get.
    remove(&beside)?;
    let mut file = private().create_new(true).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, path)?;
    sync_folder_of(path)
}

/// Removes a file; one that is gone already is as good.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What [`replace`] ever wrote is far smaller; a larger file is something else's, and is not read into memory.
const BYTES_MAX: u64 = 64 * 1024;

/// Reads a file; none if it does not exist. One that is no text, or too large, is `InvalidData`.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    let mut content = String::new();
    match File::open(path).and_then(|file| file.take(BYTES_MAX + 1).read_to_string(&mut content)) {
        Ok(_) if content.len() as u64 > BYTES_MAX => {
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("it has more than {BYTES_MAX} bytes")))
        }
        Ok(_) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Elsewhere a folder cannot be opened as a file, and a rename is on disk with its folder.
#[cfg(not(unix))]
fn sync_folder_of(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_private_from_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        make_folder(&inner).unwrap();
        let path = inner.join("file.json");
        assert_eq!(read(&path).unwrap(), None);
        for content in ["one", "two"] {
            replace(&path, content.as_bytes()).unwrap();
            assert_eq!(read(&path).unwrap().as_deref(), Some(content));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(&inner), 0o700);
        }
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 1, "nothing is left beside it");
        remove(&path).unwrap();
        remove(&path).unwrap();
    }
}
