//! A simulated disk under SQLite: it fills up, fails, is cut from its power, and loses and tears what was not synced.
//!
//! [`install`] puts a shim between SQLite and the platform's files, for the whole process. Folders that are put on a
//! [`Disk`] are then written through it; all other files are untouched by it. The product's own code runs on it
//! unchanged: write-ahead logs, shared memory, attached databases, backups, several connections.
//!
//! # What is simulated
//!
//! - Writes go to the real file at once, as into the page cache of an operating system, and what they overwrote is
//!   remembered, by sectors of 512 bytes, until the file is synced. A sync costs nothing: the disk is simulated.
//! - [`Disk::freeze`] is the moment at which a process dies: from then on nothing reaches the files, so that closing the
//!   connections cannot tidy up. [`Disk::kill`] then goes on with the files as they are; what is not synced remains so.
//! - [`Disk::cut_power`] lets only a part of the unsynced sectors survive, each as a whole (SQLite's unix VFS promises
//!   that a write harms nothing beside it, and counts on it), in any order, with a file's length between the old and the
//!   new one. A file whose name was never synced may be missing; one that was deleted without syncing its folder may be
//!   back; shared memory is gone.
//! - A file's name becomes durable with its first sync (ext4, XFS, Btrfs and APFS do so), and the sync of a journal or
//!   a write-ahead log makes the names in its folder durable, because there SQLite syncs the folder too.
//! - [`Failure::Full`] refuses writes; a full disk still syncs, truncates and deletes. [`Failure::Io`] refuses all four.
//!
//! # What is not
//!
//! Of a sector that was written several times since the last sync, only the first and the last content exist.
//! A sync that failed may be tried again (Linux may forget what it could not write; SQLite cannot defend itself). Files
//! that are changed past SQLite (moved, copied, damaged by a test) are durable as they are. Memory-mapped files
//! are switched off. The shim claims none of the atomicity that a file system may offer.

mod dice;
mod disk;
mod extent;
mod mounts;
mod shim;
mod state;

pub use dice::Dice;
pub use disk::{Chance, Disk, Failure};
pub use shim::install;
