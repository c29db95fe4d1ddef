//! The handle on a simulated disk, and what can be done to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::state::{Fault, Shared};
use crate::{extent, mounts, shim};

/// Where chance comes from: `chance(n)` is at least 0 and less than `n`. The disk has none of its own.
pub type Chance<'a> = dyn FnMut(u64) -> u64 + 'a;

/// How a disk refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No room: writes fail with `SQLITE_FULL`; syncs, truncations and deletions work.
    Full,
    /// The device fails: writes, syncs, truncations and deletions fail with `SQLITE_IOERR`.
    Io,
}

/// The simulated disk of a folder and everything below it. Clones are handles on the same disk; with the last one the
/// folder becomes a folder as any other.
#[derive(Clone, Debug)]
pub struct Disk {
    shared: Arc<Shared>,
    _mount: Arc<Mount>,
}

/// Takes the folder off the disk when the last handle goes.
#[derive(Debug)]
struct Mount(Arc<Shared>);

impl Drop for Mount {
    fn drop(&mut self) {
        mounts::remove(&self.0);
    }
}

impl Disk {
    /// Puts an existing folder on a new disk, on which everything that is there is durable. Connections opened
    /// before are not on it. Panics if the folder does not exist or lies on a simulated disk already.
    #[must_use]
    pub fn mount(folder: &Path) -> Self {
        shim::install();
        let folder = absolute(folder);
        let shared = Arc::new(Shared::default());
        mounts::add(&folder, &shared);
        Self { _mount: Arc::new(Mount(shared.clone())), shared }
    }

    /// The write points passed so far: writes, truncations, syncs, deletions, and growths of the shared memory.
    pub fn writes(&self) -> u64 {
        self.shared.lock().points()
    }

    /// Lets `writes` further write points pass, then fails every one until [`heal`](Self::heal).
    pub fn fail_after(&self, writes: u64, kind: Failure) {
        self.shared.lock().arm(writes, Fault::Fail { kind, once: false });
    }

    /// Lets `writes` further write points pass, then fails one: the first that this kind can fail.
    pub fn fail_once(&self, writes: u64, kind: Failure) {
        self.shared.lock().arm(writes, Fault::Fail { kind, once: true });
    }

    /// Lets `writes` further write points pass, then freezes in front of the next.
    pub fn freeze_after(&self, writes: u64) {
        self.shared.lock().arm(writes, Fault::Freeze);
    }

    /// How many operations were refused so far, by [`fail_after`](Self::fail_after) and [`fail_once`](Self::fail_once).
    pub fn failures(&self) -> u64 {
        self.shared.lock().failures()
    }

    /// Everything works again. A frozen disk stays frozen.
    pub fn heal(&self) {
        self.shared.lock().heal();
    }

    /// The process dies: nothing reaches the files any more, so that closing its connections changes nothing. Reads
    /// still work. What follows is [`kill`](Self::kill) or [`cut_power`](Self::cut_power).
    pub fn freeze(&self) {
        self.shared.lock().freeze();
    }

    /// Whether it is frozen, by [`freeze`](Self::freeze) or [`freeze_after`](Self::freeze_after).
    pub fn is_frozen(&self) -> bool {
        self.shared.lock().is_frozen()
    }

    /// The process is gone: all its writes are in the files, synced or not, and the disk works again. Panics if a
    /// connection is still open.
    pub fn kill(&self) {
        let mut state = self.shared.lock();
        let open = state.open_files();
        if open.is_empty() {
            state.kill();
        }
        drop(state);
        expect_closed(&open);
    }

    /// The machine is gone: of what was not synced, `chance` picks what survives. The disk works again. Panics if a
    /// connection is still open, or if the real disk fails.
    pub fn cut_power(&self, chance: &mut Chance<'_>) {
        let mut state = self.shared.lock();
        let open = state.open_files();
        let done = if open.is_empty() { state.cut_power(chance) } else { Ok(()) };
        drop(state);
        expect_closed(&open);
        done.expect("the files of the simulated disk can be changed");
    }

    /// Damage at rest: turns `count` bits of a file over. Panics if a connection has the file open (opening it past
    /// SQLite would let go of SQLite's locks), or if it cannot be changed.
    pub fn flip_bits(&self, file: &Path, count: u64, chance: &mut Chance<'_>) {
        let file = absolute(file);
        let open: Vec<PathBuf> = self.shared.lock().open_files().into_iter().filter(|open| *open == file).collect();
        expect_closed(&open);
        extent::flip_bits(&file, count, chance).expect("the file can be changed");
    }
}

fn expect_closed(open: &[PathBuf]) {
    assert!(open.is_empty(), "connections are still open: {open:?}");
}

/// A path as SQLite names it: without links, and on Windows without the prefix of long paths.
fn absolute(path: &Path) -> PathBuf {
    let path = path.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    match path.to_str().and_then(|text| text.strip_prefix(r"\\?\")) {
        Some(short) => PathBuf::from(short),
        None => path,
    }
}
