//! A small file system that a test may fill: memory with a limit (`tmpfs`), mounted for the test alone.
//!
//! Mounting needs rights that not every machine gives. Where it is refused, [`SmallDisk::mount`] says so aloud and
//! gives none, and a test that needs one ends there. Where every check counts (`CI` is set, as `.ci/run` sets it) that is a
//! failure, unless `FIL_NO_MOUNT=1` says that the machine is known to be such. A mount goes with its value, when a test panics, too; no other mount
//! is ever touched. Declare it before the house whose programs use it: they must be gone first.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A mounted file system.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one of this size, in MiB. None, with a line on standard error that nobody misses, where this machine does
    /// not allow it.
    pub fn mount(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("fil-small-").tempdir().expect("there is a temporary folder");
        let options = format!("size={mebibytes}m,mode=0700");
        let mounted = run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs"], folder.path());
        if let Err(said) = mounted {
            let counts = std::env::var_os("CI").is_some() && std::env::var("FIL_NO_MOUNT").as_deref() != Ok("1");
            assert!(
                !counts,
                "a small file system cannot be mounted here ({said}), so the full disk cannot be tested: give the checks the \
                 right to mount, or set FIL_NO_MOUNT=1 to go without"
            );
            // Past cargo's capture: a skipped test must not look like a passed one.
            let line =
                format!("SKIPPED: a small file system cannot be mounted here ({said}): the full disk is NOT tested");
            let _ = writeln!(File::options().append(true).open("/dev/stderr").unwrap_or_else(|_| sink()), "{line}");
            return None;
        }
        Some(Self { folder })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it until this many KiB are left; gives the file that does.
    pub fn fill(&self, kibibytes_left: usize) -> Filler {
        let path = self.path().join("filler");
        let mut file = File::create(&path).expect("the file system is ours");
        let block = [7_u8; 4096];
        while file.write_all(&block).is_ok() {}
        let full = file.metadata().expect("an open file").len();
        file.set_len(full.saturating_sub(kibibytes_left as u64 * 1024)).expect("less is always possible");
        Filler { path }
    }

    /// Makes it read-only. Nobody may have a file open for writing.
    pub fn make_read_only(&self) {
        run("mount", &["-o", "remount,ro"], self.path()).expect("it is ours, and no file in it is open");
    }

    /// Makes it writable again.
    pub fn make_writable(&self) {
        run("mount", &["-o", "remount,rw"], self.path()).expect("it is ours");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A program that is still being killed may have files open; then it goes as soon as they are closed.
        if run("umount", &[], self.path()).is_err() {
            let _ = run("umount", &["--lazy"], self.path());
        }
    }
}

/// What fills the disk. It stays when this goes: freeing is a deed.
#[derive(Debug)]
pub struct Filler {
    path: PathBuf,
}

impl Filler {
    /// Makes room again.
    pub fn free(self) {
        std::fs::remove_file(&self.path).expect("it was there");
    }
}

fn sink() -> File {
    File::options().write(true).open("/dev/null").expect("there is always /dev/null")
}

fn run(program: &str, words: &[&str], path: &Path) -> Result<(), String> {
    let output = Command::new(program).args(words).arg(path).output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}
