//! The shim between SQLite and the platform's files: the one file here with unsafe code.
//!
//! It copies the platform's VFS and replaces two functions, opening and deleting. A file on a simulated disk gets a table of
//! methods that tell the disk before they do the same to the real file, which lies behind ours in the memory that
//! SQLite gives for both. Every other file is opened by the platform into that memory and never seen again.
//!
//! What every function here relies on, by SQLite's contract (<https://sqlite.org/c3ref/vfs.html> and
//! <https://sqlite.org/c3ref/io_methods.html>): names are strings ended by zero that live as long as the file; a file's
//! memory has `szOsFile` bytes, is aligned to eight, and is used by one thread at a time; methods are called only
//! between a successful opening and the closing.

#![expect(unsafe_code, reason = "SQLite's files are a table of C functions; there is no safe wrapper for them")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_io_methods, sqlite3_vfs};

use crate::mounts;
use crate::state::{FileId, Operation, Shared};

/// The platform's own VFS.
struct Platform(*mut sqlite3_vfs);

// SAFETY: SQLite uses a registered VFS from any thread, and this one is never changed or taken away.
unsafe impl Send for Platform {}
// SAFETY: as above.
unsafe impl Sync for Platform {}

static PLATFORM: OnceLock<Platform> = OnceLock::new();

/// A file on a simulated disk, in front of the platform's file.
#[repr(C)]
struct File {
    base: sqlite3_file,
    /// From `Box::into_raw`; freed when the file is closed.
    open: *mut Open,
}

/// What is known of an open file.
struct Open {
    disk: Arc<Shared>,
    id: FileId,
    /// A journal or a write-ahead log, whose first sync is also one of its folder.
    journal: bool,
}

/// Puts the shim in front of the platform's files, for every connection that this process opens from now on. Costs
/// nothing for files that lie on no [`Disk`](crate::Disk). Called again it does nothing.
pub fn install() {
    PLATFORM.get_or_init(|| {
        // Nobody asks how much memory SQLite has taken, and the count costs a lock of the whole process for every piece.
        // SAFETY: takes one flag; where SQLite is in use already it refuses, and counts on.
        let _ = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0) };
        // SAFETY: finding a VFS initialises SQLite; the answer is the default one and lives as long as the process.
        let platform = unsafe { ffi::sqlite3_vfs_find(std::ptr::null()) };
        assert!(!platform.is_null(), "SQLite has a default VFS");
        // SAFETY: not null, and never changed after SQLite's initialisation.
        let mut ours = unsafe { *platform };
        ours.szOsFile += size_of::<File>() as c_int;
        ours.pNext = std::ptr::null_mut();
        ours.zName = c"simulated".as_ptr();
        ours.xOpen = Some(open);
        ours.xDelete = Some(delete);
        // SAFETY: SQLite keeps the pointer for ever, and the box is never freed.
        let code = unsafe { ffi::sqlite3_vfs_register(Box::into_raw(Box::new(ours)), 1) };
        assert_eq!(code, ffi::SQLITE_OK, "SQLite takes another VFS");
        Platform(platform)
    });
}

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    // Version 3 would add memory-mapped files, which no shim can watch.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// A function of the platform, which has them all.
macro_rules! platform {
    ($table:expr, $function:ident ( $($argument:expr),* )) => {
        ((*$table).$function.expect(concat!("the platform has ", stringify!($function))))($($argument),*)
    };
}

/// A method of the platform's file behind ours.
macro_rules! inner {
    ($file:expr, $function:ident ( $($argument:expr),* )) => {{
        let inner = inner($file);
        platform!((*inner).pMethods, $function(inner $(, $argument)*))
    }};
}

/// The platform's file behind ours.
unsafe fn inner(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: SQLite gives memory for both, one behind the other.
    unsafe { file.cast::<File>().add(1).cast() }
}

/// What is known of a file that was opened by us.
unsafe fn known<'a>(file: *mut sqlite3_file) -> &'a Open {
    // SAFETY: set by a successful opening, freed by the closing.
    unsafe { &*(*file.cast::<File>()).open }
}

/// The disk that a file lies on. Temporary files have no name and lie on none.
unsafe fn disk_of<'a>(name: *const c_char) -> Option<(Arc<Shared>, &'a Path)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: a name ended by zero.
    let path = Path::new(unsafe { CStr::from_ptr(name) }.to_str().ok()?);
    Some((mounts::find(path)?, path))
}

fn platform() -> *mut sqlite3_vfs {
    PLATFORM.get().expect("installed before SQLite knows these functions").0
}

/// SQLite's code of what was done.
fn code(done: Result<(), c_int>) -> c_int {
    done.err().unwrap_or(ffi::SQLITE_OK)
}

/// An SQLite code as a result.
fn checked(code: c_int) -> Result<(), c_int> {
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(code) }
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    const JOURNALS: c_int = ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_WAL;
    let platform = platform();
    // SAFETY: SQLite's contract above; the platform's file is opened in memory of its size, and closed on failure.
    unsafe {
        let place = disk_of(name).filter(|_| flags & (JOURNALS | ffi::SQLITE_OPEN_MAIN_DB) != 0);
        let Some((disk, path)) = place else {
            return platform!(platform, xOpen(platform, name, file, flags, flags_out));
        };
        (*file).pMethods = std::ptr::null();
        let inner = inner(file);
        (*inner).pMethods = std::ptr::null();
        let mut state = disk.lock();
        let existed = path.exists();
        if state.is_frozen() && !existed {
            return ffi::SQLITE_CANTOPEN;
        }
        let opened = platform!(platform, xOpen(platform, name, inner, flags, flags_out));
        let mut len = 0;
        let opened =
            checked(opened).and_then(|()| checked(platform!((*inner).pMethods, xFileSize(inner, &raw mut len))));
        if let Err(code) = opened {
            if !(*inner).pMethods.is_null() {
                platform!((*inner).pMethods, xClose(inner));
            }
            return code;
        }
        let id = state.opened(path, existed, len as u64);
        drop(state);
        (*file.cast::<File>()).open = Box::into_raw(Box::new(Open { disk, id, journal: flags & JOURNALS != 0 }));
        (*file).pMethods = &raw const METHODS;
        ffi::SQLITE_OK
    }
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    let platform = platform();
    // SAFETY: SQLite's contract above.
    unsafe {
        let Some((disk, path)) = disk_of(name) else {
            return platform!(platform, xDelete(platform, name, sync_folder));
        };
        let mut state = disk.lock();
        if !path.exists() {
            return ffi::SQLITE_IOERR_DELETE_NOENT;
        }
        if let Err(code) = state.point(Operation::Delete) {
            return code;
        }
        let old = state.deleting(path, sync_folder != 0);
        let deleted = platform!(platform, xDelete(platform, name, 0));
        if deleted == ffi::SQLITE_OK {
            state.deleted(path, sync_folder != 0, old);
        }
        deleted
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite's contract above; the box was made at the opening and is freed once.
    unsafe {
        let code = inner!(file, xClose());
        let open = Box::from_raw((*file.cast::<File>()).open);
        open.disk.lock().closed(open.id);
        (*file).pMethods = std::ptr::null();
        code
    }
}

unsafe extern "C" fn read(file: *mut sqlite3_file, to: *mut c_void, count: c_int, at: i64) -> c_int {
    // SAFETY: SQLite's contract above.
    unsafe { inner!(file, xRead(to, count, at)) }
}

/// Reads into a buffer; past the end of the file there are zeros.
unsafe fn read_old(file: *mut sqlite3_file, buffer: &mut [u8], at: u64) -> Result<(), c_int> {
    // SAFETY: SQLite's contract above, and the buffer has this many bytes.
    match unsafe { read(file, buffer.as_mut_ptr().cast(), buffer.len() as c_int, at as i64) } {
        ffi::SQLITE_IOERR_SHORT_READ => Ok(()),
        code => checked(code),
    }
}

unsafe extern "C" fn write(file: *mut sqlite3_file, from: *const c_void, count: c_int, at: i64) -> c_int {
    // SAFETY: SQLite's contract above.
    unsafe {
        let open = known(file);
        let mut state = open.disk.lock();
        let (place, len) = (at as u64, count as u64);
        code(state.point(Operation::Write).and_then(|()| {
            let extent = state.extent(open.id);
            extent.before_write(place, len, |buffer, at| read_old(file, buffer, at))?;
            checked(inner!(file, xWrite(from, count, at)))?;
            extent.written(place, len);
            Ok(())
        }))
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, len: i64) -> c_int {
    // SAFETY: SQLite's contract above.
    unsafe {
        let open = known(file);
        let mut state = open.disk.lock();
        code(state.point(Operation::Truncate).and_then(|()| {
            let extent = state.extent(open.id);
            extent.before_truncate(len as u64, |buffer, at| read_old(file, buffer, at))?;
            checked(inner!(file, xTruncate(len)))?;
            extent.truncated(len as u64);
            Ok(())
        }))
    }
}

/// The real disk has no part in this: what is durable is what the simulated one says.
unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite's contract above.
    let open = unsafe { known(file) };
    let mut state = open.disk.lock();
    code(state.point(Operation::Sync).map(|()| state.synced(open.id, open.journal)))
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, size: *mut i64) -> c_int {
    // SAFETY: SQLite's contract above.
    unsafe { inner!(file, xFileSize(size)) }
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite's contract above.
    unsafe { inner!(file, xLock(level)) }
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite's contract above.
    unsafe { inner!(file, xUnlock(level)) }
}

unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, answer: *mut c_int) -> c_int {
    // SAFETY: SQLite's contract above.
    unsafe { inner!(file, xCheckReservedLock(answer)) }
}

unsafe extern "C" fn file_control(file: *mut sqlite3_file, operation: c_int, argument: *mut c_void) -> c_int {
    if operation == ffi::SQLITE_FCNTL_MMAP_SIZE {
        return ffi::SQLITE_NOTFOUND;
    }
    // SAFETY: SQLite's contract above.
    unsafe { inner!(file, xFileControl(operation, argument)) }
}

unsafe extern "C" fn sector_size(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite's contract above.
    unsafe { inner!(file, xSectorSize()) }
}

unsafe extern "C" fn device_characteristics(file: *mut sqlite3_file) -> c_int {
    // What the tears honour, and what does not concern them; not the atomicity that a file system may promise.
    const KEPT: c_int = ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
        | ffi::SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN
        | ffi::SQLITE_IOCAP_SUBPAGE_READ;
    // SAFETY: SQLite's contract above.
    unsafe { inner!(file, xDeviceCharacteristics()) & KEPT }
}

unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    to: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite's contract above.
    unsafe {
        // Asked without extending first: only what grows the file is a write point.
        let there = inner!(file, xShmMap(region, size, 0, to));
        if extend == 0 || there != ffi::SQLITE_OK || !(*to).is_null() {
            return there;
        }
        if let Err(code) = known(file).disk.lock().point(Operation::Share) {
            return code;
        }
        inner!(file, xShmMap(region, size, extend, to))
    }
}

unsafe extern "C" fn shm_lock(file: *mut sqlite3_file, offset: c_int, count: c_int, flags: c_int) -> c_int {
    // SAFETY: SQLite's contract above.
    unsafe { inner!(file, xShmLock(offset, count, flags)) }
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    // SAFETY: SQLite's contract above.
    unsafe { inner!(file, xShmBarrier()) }
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, delete: c_int) -> c_int {
    // SAFETY: SQLite's contract above.
    unsafe {
        // A dead process deletes nothing.
        let delete = if known(file).disk.lock().is_frozen() { 0 } else { delete };
        inner!(file, xShmUnmap(delete))
    }
}
