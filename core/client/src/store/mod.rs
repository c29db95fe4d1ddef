//! The client's two databases behind one writing connection.
//!
//! `local.db` is precious: it holds what exists nowhere else, and is synced to the disk with every commit. `cache.db`
//! is disposable: it holds what the server can give again. It is attached to the same connection, so a step is one
//! transaction; across a power cut the two files may end at different steps, and every combination is sound: cursors
//! live with their events, and an acknowledged command is drawn from the journal until its event is cached.
//!
//! A damaged or newer cache is moved aside and built again. A `local.db` that is damaged, newer, another program's, or gone
//! is refused, untouched.
//! There is one writer; [`Reader`]s see the last commit and never block it.

pub(crate) mod cache;
mod error;
pub(crate) mod inspect;
pub(crate) mod local;
pub(crate) mod read;
mod schema;

use std::fs;
use std::path::{Path, PathBuf};

use fil_engine::outbox::{Kept, Row, RowId};
use fil_engine::sync::Cursors;
use fil_engine::{Snapshot, StoreAction};
use fil_protocol::http::HistoryPage;
use fil_protocol::{AccountEntry, AccountId, Command, ConversationId, Generation, KnownAccountEntry, Profile, Seq};
use rusqlite::{Connection, TransactionBehavior, params};

use cache::state::State;
pub use error::{OpenError, StoreError};
pub use local::command::{State as CommandState, Written};
use local::{command, device, draft, opening, read_mark};
pub use read::projection::Projection;

pub use crate::views::bubbles::{Bubble, Mark};

/// The versions that this build writes: of `local.db`, and of `cache.db`.
pub const VERSIONS: (i64, i64) = (local::MIGRATIONS.len() as i64, cache::MIGRATIONS.len() as i64);

/// What the writer keeps of `cache.db` in memory, in KiB: SQLite's own 2 MiB are fewer pages than a step of a catch-up
/// touches, so each step would read again what the last one wrote.
const CACHE_KIB: i64 = 16 * 1024;
/// Pages in a write-ahead log before it is copied into its database: 16 MiB, as many as the log keeps on the disk.
const LOG_PAGES: i64 = 4_096;

/// The writer.
pub struct Store {
    folder: PathBuf,
    inspection_due: bool,
    me: AccountId,
    db: Connection,
}

/// A reader of both databases, as of the last commit.
pub struct Reader {
    /// The connection, with `main` = `local.db` and `cache` = `cache.db`.
    pub(crate) db: Connection,
    /// The signed-in account.
    pub(crate) me: AccountId,
}

impl Store {
    /// Opens the databases of a profile, making them if it has none. Answers whether the cache had to be rebuilt.
    pub fn open(folder: &Path, me: AccountId) -> Result<(Self, bool), OpenError> {
        schema::check_sqlite()?;
        fs::create_dir_all(folder)?;
        let inspection_due = inspect::is_due(folder);
        let db = opening::open(&folder.join("local.db"))?;
        let mut store = Self { folder: folder.to_owned(), inspection_due, me, db };
        let rebuilt = match store.attach_cache().and_then(|()| store.read_unknown_again()) {
            Ok(()) => false,
            Err(error) if error.suggests_damage() => {
                store.rebuild_cache()?;
                true
            }
            Err(error) => return Err(error.into()),
        };
        Ok((store, rebuilt))
    }

    /// Opens, checks and migrates `cache.db` on a connection of its own, then attaches it.
    fn attach_cache(&mut self) -> Result<(), StoreError> {
        let path = self.folder.join("cache.db");
        let known = cache::MIGRATIONS.len() as i64;
        let mut cache = schema::open(&path, "NORMAL")?;
        if schema::version(&cache)? > known {
            return Err(StoreError::CacheDamaged);
        }
        schema::migrate(&mut cache, cache::MIGRATIONS)?;
        // Reads a page of every table and index; a full check would take seconds on a large cache.
        cache.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
        drop(cache);
        self.db.execute("ATTACH DATABASE ? AS cache", params![path.to_string_lossy()])?;
        self.db.pragma_update(Some("cache"), "synchronous", "NORMAL")?;
        self.db.pragma_update(Some("cache"), "cache_size", -CACHE_KIB)?;
        // Of the whole connection. A page that many steps change in a row is copied into the database once in so many.
        self.db.pragma_update_and_check(None, "wal_autocheckpoint", LOG_PAGES, |_| Ok(()))?;
        self.db.pragma_update(Some("cache"), "secure_delete", true)?;
        cache::state::load(&self.db)?;
        Ok(())
    }

    /// What an older version of this app could not read, this one may.
    fn read_unknown_again(&mut self) -> Result<(), StoreError> {
        let me = self.me;
        self.write(|db| cache::unknown::read_again(db, me))
    }

    /// Moves the cache aside and begins an empty one. Nothing unsent is in it.
    pub fn rebuild_cache(&mut self) -> Result<(), StoreError> {
        // A damaged schema keeps SQLite from detaching it, so the whole connection is closed and opened again.
        self.db = Connection::open_in_memory()?;
        let aside = |name: &str| (self.folder.join(name), self.folder.join(format!("damaged-{name}")));
        for name in ["cache.db", "cache.db-wal", "cache.db-shm"] {
            let (from, to) = aside(name);
            if from.exists() && fs::rename(&from, &to).is_err() {
                // What cannot be moved must at least not be used.
                let _ = fs::remove_file(&from);
            }
        }
        self.db = schema::open(&self.folder.join("local.db"), "FULL")?;
        self.attach_cache()
    }

    /// Everything that an engine begins with. `first` names the generation of a new profile.
    pub fn snapshot(&self, first: Generation) -> Result<Snapshot, StoreError> {
        let device = device::load(&self.db, first)?;
        let state = cache::state::load(&self.db)?;
        let (conversations, unnamed) = (cache::conversation::cursors(&self.db)?, command::unnamed(&self.db)?);
        Ok(Snapshot {
            outbox: Kept {
                generation: device.generation,
                epoch: device.epoch,
                last_no: device.last_no,
                acknowledged: device.acknowledged,
                rows: command::waiting(&self.db)?,
            },
            cursors: match state {
                Some(State { epoch, horizon, account_rev, stamp }) => {
                    Cursors { epoch: Some(epoch), horizon, account_rev, stamp, conversations, unnamed }
                }
                None => Cursors { unnamed, ..Cursors::default() },
            },
            read_marks: read_mark::all(&self.db)?,
        })
    }

    /// The highest outbox row id ever given out.
    pub fn last_row(&self) -> Result<RowId, StoreError> {
        Ok(command::last_row(&self.db)?)
    }

    /// The journal rows with a higher number than this, and those of earlier generations.
    pub fn journal(&self, after: u64) -> Result<Vec<Row>, StoreError> {
        Ok(command::journal(&self.db, after)?)
    }

    /// The conversations of the journal that the cache does not know.
    pub fn unnamed(&self) -> Result<Vec<ConversationId>, StoreError> {
        Ok(command::unnamed(&self.db)?)
    }

    /// Carries out the store actions of one step: all of them or none.
    pub fn apply(&mut self, actions: &[StoreAction]) -> Result<(), StoreError> {
        if actions.is_empty() {
            return Ok(());
        }
        let me = self.me;
        self.write(|db| actions.iter().try_for_each(|action| apply(db, me, action)))
    }

    /// Keeps a draft.
    pub fn save_draft(&mut self, conversation: ConversationId, text: &str, wall_ms: u64) -> Result<(), StoreError> {
        self.write(|db| draft::save(db, conversation, text, wall_ms))
    }

    /// Remembers people, so that a conversation begun with them has a name before the server has it.
    pub fn meet(&mut self, people: &[Profile]) -> Result<(), StoreError> {
        self.write(|db| people.iter().try_for_each(|profile| cache::member::meet(db, profile)))
    }

    /// Merges a page of older items. Answers false if the page is older than the cursor and has to be asked for again.
    pub fn merge_history(
        &mut self,
        conversation: ConversationId,
        before: Seq,
        page: &HistoryPage,
    ) -> Result<bool, StoreError> {
        self.write(|db| cache::window::merge(db, conversation, before, page))
    }

    /// One transaction. SQLite does not say which file is damaged, so `local.db` is looked at before the cache is blamed.
    fn write<T>(&mut self, change: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let done = transact(&mut self.db, change).map_err(StoreError::from);
        match done {
            Err(StoreError::CacheDamaged) if opening::is_damaged(&self.folder.join("local.db")) => {
                Err(StoreError::LocalDamaged)
            }
            done => done,
        }
    }

    /// Whether the cache wants a thorough look ([`Reader::inspect`]): once a week.
    pub fn inspection_due(&self) -> bool {
        self.inspection_due
    }

    /// A reader of both databases. Open a few and keep them: opening costs about a millisecond.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        let db = schema::open_reader(&self.folder.join("local.db"))?;
        let cache = format!("file:{}?mode=ro", uri_path(&self.folder.join("cache.db")));
        db.execute("ATTACH DATABASE ? AS cache", params![cache])?;
        Ok(Reader { db, me: self.me })
    }
}

/// Faults that tests make under an open store.
#[cfg(test)]
impl Store {
    /// Makes the cache unreadable in the way that SQLite reports as damage.
    pub(crate) fn break_cache(&self) {
        self.break_table("cache", "state");
    }

    /// The same for `local.db`.
    pub(crate) fn break_local(&self) {
        self.break_table("main", "command");
    }

    fn break_table(&self, database: &str, table: &str) {
        let sql = format!(
            "PRAGMA {database}.writable_schema = ON;
             UPDATE {database}.sqlite_schema SET rootpage = 999999 WHERE name = '{table}';
             PRAGMA {database}.writable_schema = RESET;"
        );
        self.db.execute_batch(&sql).expect("the schema can be overwritten");
    }

    /// The databases cannot grow any more, or can again.
    pub(crate) fn fill_disk(&self, full: bool) {
        let pages: i64 = if full { 1 } else { 1 << 30 };
        self.db
            .query_row(&format!("PRAGMA main.max_page_count = {pages}"), [], |_| Ok(()))
            .expect("a limit can be set");
    }

    /// A locked database is reported at once.
    pub(crate) fn wait_for_nobody(&self) {
        self.db.busy_timeout(std::time::Duration::ZERO).expect("a time-out can be set");
    }
}

fn transact<T>(db: &mut Connection, change: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = change(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

/// A path as SQLite's URI file names want it.
fn uri_path(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

fn apply(db: &Connection, me: AccountId, action: &StoreAction) -> rusqlite::Result<()> {
    match action {
        StoreAction::InsertCommand { row, command, wall_ms } => {
            command::insert(db, *row, command, *wall_ms)?;
            if matches!(command, Command::SendMessage { .. }) {
                draft::save(db, command.conversation(), "", *wall_ms)?;
            }
            Ok(())
        }
        StoreAction::RewriteCommand { row, command } => command::rewrite(db, *row, command),
        StoreAction::RemoveCommand { row } => command::remove(db, *row),
        StoreAction::NumberCommand { row, no } => {
            command::number(db, *row, *no)?;
            device::set_last_no(db, *no)
        }
        StoreAction::SettleCommand { row, seq, wall_ms } => command::settle(db, *row, *seq, *wall_ms),
        StoreAction::RejectCommand { row, code } => command::reject(db, *row, *code),
        StoreAction::ReopenJournal { rows } => command::reopen(db, rows),
        StoreAction::StartGeneration { generation } => {
            command::forget_numbers(db)?;
            device::start_generation(db, *generation)
        }
        StoreAction::SetEpoch { epoch } => device::set_epoch(db, *epoch),
        StoreAction::SetAcknowledged { no } => device::set_acknowledged(db, *no),
        StoreAction::PruneJournal { before_ms } => command::prune(db, *before_ms),
        StoreAction::SetReadMark { conversation, seq } => read_mark::set(db, *conversation, *seq),
        StoreAction::ClearReadMark { conversation } => read_mark::clear(db, *conversation),
        StoreAction::ApplyEvents { conversation, events } => cache::event::apply(db, me, *conversation, events),
        StoreAction::ApplyWindow(window) => cache::window::apply(db, window),
        StoreAction::ApplyAccount(changes) => {
            for entry in &changes.entries {
                match entry {
                    AccountEntry::Known(KnownAccountEntry::Conversation(entry)) if entry.member => {
                        cache::conversation::enter(db, entry)?;
                    }
                    AccountEntry::Known(_) => {}
                    AccountEntry::Unknown(body) => cache::unknown::keep_entry(db, body)?,
                }
            }
            cache::state::set_account_rev(db, changes.rev)
        }
        StoreAction::ForgetConversation { conversation } => {
            // Every trace, the journal's and the composer's too; what was not sent stays for the person to decide.
            command::forget_settled(db, *conversation)?;
            draft::save(db, *conversation, "", 0)?;
            cache::conversation::forget(db, *conversation)
        }
        StoreAction::ResetCache { epoch } => cache::state::reset(db, *epoch),
        StoreAction::SetHorizon { horizon } => cache::state::set_horizon(db, *horizon),
        StoreAction::SetStamp { stamp } => cache::state::set_stamp(db, *stamp),
    }
}
