//! What the server remembers: traits without SQL, and [`sqlite`] that keeps the promises.
//!
//! - A [`Store`] has one writer at a time: [`Store::begin`] hands out the write [`Transaction`]. Nothing in it is
//!   visible or durable before [`Transaction::commit`]; dropping it rolls back. [`nested`] makes one part of it roll
//!   back alone.
//! - Reads that need no writer go through [`ReadStore::snapshot`]: a [`Reader`] sees one committed state for as long as
//!   it lives. A `ReadStore` is cheap to keep and may be opened many times.
//! - What belongs to an organisation is reached only through [`Reader::organisation`] and [`Transaction::organisation`],
//!   and carries the organisation into every query, so a query cannot forget it. The few server-wide questions are
//!   [`ReadServer`] and [`WriteServer`].
//! - An implementation may keep writes back until the commit, as long as every read sees them. What the database then
//!   refuses is an error of the commit: the node tries each command of the batch alone.
//! - Every noun has its own file: row type, reads, writes. An implementation has a file per noun too.
//!
//! Methods take `&self`, so that several nouns can be used in one expression; an implementation whose connection wants
//! `&mut` (PostgreSQL) keeps it in a `RefCell`. Asynchronous traits were refused: the simulation runs the store in one
//! thread, and a single SQLite writer gains nothing from them.

mod account;
#[cfg(test)]
mod contract;
mod conversation;
mod device;
mod error;
mod event;
mod idempotency;
mod invite;
mod item;
mod member;
mod server;
pub mod sqlite;
mod verdict;

pub use account::{AccountRow, ReadAccounts, WriteAccounts};
pub use conversation::{ConversationRow, ReadConversations, WriteConversations};
pub use device::{DeviceRow, NewDevice, Progress, ReadDevices, WriteDevices};
pub use error::StoreError;
pub use event::{ReadEvents, WriteEvents};
pub use idempotency::{Answer, ReadIdempotency, WriteIdempotency};
pub use invite::{InviteHash, InviteRow, ReadInvites, WriteInvites};
pub use item::{Hit, HitNumber, ReadItems, WriteItems};
pub use member::{MemberRow, Membership, ReadMembers, WriteMembers};
pub use server::{OrganisationRow, ReadServer, WriteServer};
pub use verdict::{ReadVerdicts, WriteVerdicts};

use fil_protocol::{Epoch, OrganisationId};

/// The whole database, from its one writer's side.
pub trait Store: Send {
    /// Begins the write transaction. It excludes every other writer until it ends.
    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError>;

    /// Opens one more door for reads beside the writer.
    fn open_reads(&self) -> Result<Box<dyn ReadStore>, StoreError>;

    /// Moves everything committed into the main database file and empties the log, so that what was deleted is in no
    /// file. Readers in the middle of a snapshot may prevent it; then `false`, and a later call does the work.
    fn forget(&mut self) -> Result<bool, StoreError>;
}

/// One door for reads. Not shared between threads: a pool hands each to one reader at a time.
pub trait ReadStore: Send {
    /// What is committed at this moment, unchanging until dropped. Keep it for a request, not longer: it holds back
    /// the clean-up of the log.
    fn snapshot(&mut self) -> Result<Box<dyn Reader + '_>, StoreError>;
}

/// One committed state of the database.
pub trait Reader: ReadServer {
    /// What this organisation has.
    fn organisation(&self, organisation: OrganisationId) -> Result<Box<dyn OrganisationReader + '_>, StoreError>;
}

/// The write transaction.
pub trait Transaction: ReadServer + WriteServer {
    /// What this organisation has, to read and to change.
    fn organisation(&self, organisation: OrganisationId) -> Result<Box<dyn OrganisationWriter + '_>, StoreError>;

    /// The horizon that is committed with this transaction, if it has changed a conversation or the stream of an account
    /// so far.
    fn new_horizon(&self) -> Option<u64>;

    /// Marks a place to roll back to. Places nest. Use [`nested`].
    fn savepoint(&self) -> Result<(), StoreError>;

    /// Undoes everything since the newest place, and removes the place.
    fn roll_back(&self) -> Result<(), StoreError>;

    /// Keeps everything since the newest place, and removes the place.
    fn release(&self) -> Result<(), StoreError>;

    /// Makes everything durable, or nothing.
    fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// Everything that can be read inside one organisation.
pub trait OrganisationReader:
    ReadAccounts
    + ReadDevices
    + ReadInvites
    + ReadConversations
    + ReadMembers
    + ReadEvents
    + ReadItems
    + ReadVerdicts
    + ReadIdempotency
{
    /// Which organisation.
    fn id(&self) -> OrganisationId;
}

/// Everything that can be changed inside one organisation.
pub trait OrganisationWriter:
    OrganisationReader
    + WriteAccounts
    + WriteDevices
    + WriteInvites
    + WriteConversations
    + WriteMembers
    + WriteEvents
    + WriteItems
    + WriteVerdicts
    + WriteIdempotency
{
    /// The horizon that this transaction will have committed up to, if it changes a conversation or the stream of an
    /// account.
    fn horizon(&self) -> u64;
}

/// Runs a part of a transaction that keeps its changes only if it says so: `Ok((value, true))` keeps them, everything
/// else undoes them. The outer error means that the transaction itself is unusable.
pub fn nested<T>(
    transaction: &dyn Transaction,
    part: impl FnOnce() -> Result<(T, bool), StoreError>,
) -> Result<Result<T, StoreError>, StoreError> {
    transaction.savepoint()?;
    match part() {
        Ok((value, true)) => transaction.release().map(|()| Ok(value)),
        Ok((value, false)) => transaction.roll_back().map(|()| Ok(value)),
        Err(error) => transaction.roll_back().map(|()| Err(error)),
    }
}

/// Begins a new history: every client then forgets its cursors. Called once after a restore from a backup.
pub fn start_new_epoch(store: &mut dyn Store, epoch: Epoch) -> Result<(), StoreError> {
    let transaction = store.begin()?;
    transaction.set_epoch(epoch)?;
    transaction.commit()
}
