//! What the writer keeps in memory: small rows that it reads and changes all the time, and what its transaction has yet
//! to write.
//!
//! Written statement by statement, a message of 200 bytes cost 21 statements and 53 µs of CPU. The savepoint of each
//! command was a tenth of it, because SQLite then copies every page before it changes. So the common commands (send,
//! acknowledge, read) change what is here, and [`Working::write`] writes it before the commit, each row once. Undoing such a
//! command is dropping its layer.
//!
//! Two lanes lead to the database:
//!
//! - [`Organisation::sql`](super::organisation::Organisation::sql), for everything: what waits is written first, so a
//!   statement sees what was changed before it, and places to roll back to that SQLite does not know yet are made known
//!   to it. A statement that writes makes the kept rows be forgotten.
//! - [`Organisation::glance`](super::organisation::Organisation::glance), for reading one row that is not here: nothing
//!   that waits can be missed by it.
//!
//! Rows stay from one transaction to the next, as long as no other process has written (`PRAGMA data_version`). A
//! transaction that failed to write what waits is broken: it can only be rolled back as a whole.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use fil_protocol::{AccountId, ConversationId, DeviceId, Event, Item, KnownEvent, MessageId, OrganisationId, Seq};
use rusqlite::{Connection, Statement};

use super::device::Work;
use super::layers::{Layered, Layers};
use super::rows::Rows;
use super::words::WordsChange;
use super::{account, conversation, device, event, member, words};
use crate::store::{ConversationRow, MemberRow, StoreError};

/// The organisation's number, in front of every key.
pub(super) type Number = i64;
/// An event's place in its log.
pub(super) type EventKey = (Number, ConversationId, Seq);

/// What the writer keeps in memory.
#[derive(Default)]
pub(super) struct Working {
    pub(super) numbers: RefCell<HashMap<OrganisationId, Number>>,
    pub(super) conversations: RefCell<Rows<(Number, ConversationId), ConversationRow>>,
    pub(super) members: RefCell<Rows<(Number, ConversationId, AccountId), MemberRow>>,
    pub(super) revs: RefCell<Rows<(Number, AccountId), u64>>,
    pub(super) devices: RefCell<Rows<(Number, DeviceId), Work>>,
    /// With the place in the order in which they were appended, which is the order of hits.
    events: RefCell<Layers<EventKey, (u64, Event)>>,
    /// Which of them is a message.
    messages: RefCell<Layers<(Number, ConversationId, MessageId), Seq>>,
    /// By their order.
    words: RefCell<Layers<u64, WordsChange>>,
    /// Texts whose words were written and not merged for yet.
    unmerged: Cell<u64>,
    /// How much was put in order so far.
    appended: Cell<u64>,
    /// How many places there are to roll back to, and how many of them SQLite knows.
    places: Cell<usize>,
    opened: Cell<usize>,
    horizon: Cell<u64>,
    changed: Cell<bool>,
    /// The version of the data that the kept rows were read from.
    version: Cell<Option<i64>>,
    broken: Cell<bool>,
}

impl Working {
    /// A transaction begins on this version of the data, after this horizon.
    pub(super) fn begin(&self, version: i64, committed: u64) {
        if self.version.replace(Some(version)) != Some(version) {
            self.forget();
        }
        self.horizon.set(committed + 1);
        self.changed.set(false);
    }

    /// The transaction ended without a commit.
    pub(super) fn abandon(&self) {
        for layered in self.layered() {
            layered.borrow_mut().reset();
        }
        self.forget();
        self.places.set(0);
        self.opened.set(0);
        self.broken.set(false);
    }

    /// The horizon of this transaction.
    pub(super) fn horizon(&self) -> u64 {
        self.horizon.get()
    }

    /// A conversation or the stream of an account changed: the horizon moves with this commit.
    pub(super) fn change(&self) -> u64 {
        self.changed.set(true);
        self.horizon.get()
    }

    pub(super) fn new_horizon(&self) -> Option<u64> {
        self.changed.get().then(|| self.horizon.get())
    }

    /// An event waits to be appended.
    pub(super) fn append(&self, key: EventKey, event: Event) {
        if let Some(KnownEvent::Message { id, .. }) = event.known() {
            self.messages.borrow_mut().put((key.0, key.1, *id), key.2);
        }
        self.events.borrow_mut().put(key, (self.next_place(), event));
    }

    /// Whether an event of this number waits to be appended.
    pub(super) fn is_appended(&self, key: &EventKey) -> bool {
        self.events.borrow().get(key).is_some()
    }

    /// A message that waits to be appended.
    pub(super) fn message(&self, number: Number, conversation: ConversationId, message: MessageId) -> Option<Item> {
        let at = *self.messages.borrow().get(&(number, conversation, message))?;
        self.events.borrow().get(&(number, conversation, at)).and_then(|(_, event)| Item::from_event(event))
    }

    /// A change of the index of words, which is written last: FTS5 writes out what it has gathered at every savepoint,
    /// and makes a segment of its index each time. A search inside the transaction does not see it; nothing searches there.
    pub(super) fn index(&self, change: WordsChange) {
        self.words.borrow_mut().put(self.next_place(), change);
    }

    /// Before a statement that reads.
    pub(super) fn before_reading(&self, connection: &Connection) -> Result<(), StoreError> {
        if self.is_waiting() { self.write(connection) } else { self.usable() }
    }

    /// Before a statement that writes: what was read may no longer be so.
    pub(super) fn before_writing(&self, connection: &Connection) -> Result<(), StoreError> {
        self.write(connection)?;
        self.forget();
        Ok(())
    }

    /// Writes everything, before the commit.
    pub(super) fn finish(&self, connection: &Connection) -> Result<(), StoreError> {
        self.write(connection)?;
        let changes = self.words.borrow_mut().take(0);
        words::write(connection, changes.values())?;
        self.unmerged.set(words::merge(connection, self.unmerged.get() + changes.len() as u64)?);
        Ok(())
    }

    /// Marks a place. SQLite hears of it when something is written after it.
    pub(super) fn savepoint(&self) {
        self.places.set(self.places.get() + 1);
        for layered in self.layered() {
            layered.borrow_mut().savepoint();
        }
    }

    /// Undoes everything since the newest place.
    pub(super) fn roll_back(&self, connection: &Connection) -> Result<(), StoreError> {
        if self.close_place(connection, "ROLLBACK TO place")? {
            connection.prepare_cached("RELEASE place")?.execute([])?;
            self.forget();
        }
        for layered in self.layered() {
            layered.borrow_mut().roll_back();
        }
        Ok(())
    }

    /// Keeps everything since the newest place.
    pub(super) fn release(&self, connection: &Connection) -> Result<(), StoreError> {
        self.close_place(connection, "RELEASE place")?;
        for layered in self.layered() {
            layered.borrow_mut().release();
        }
        Ok(())
    }

    /// Ends the newest place; whether SQLite knew it.
    fn close_place(&self, connection: &Connection, sql: &str) -> Result<bool, StoreError> {
        self.usable()?;
        let known = self.opened.get() == self.places.get();
        if known {
            connection.prepare_cached(sql)?.execute([])?;
            self.opened.set(self.opened.get() - 1);
        }
        self.places.set(self.places.get() - 1);
        Ok(known)
    }

    /// Writes what waits, but for words: each layer after the place below it.
    fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        self.usable()?;
        // What was taken out of a layer and not written is nowhere.
        self.broken.set(true);
        for layer in 0..=self.places.get() {
            if layer > self.opened.get() {
                connection.prepare_cached("SAVEPOINT place")?.execute([])?;
                self.opened.set(layer);
            }
            self.write_layer(connection, layer)?;
        }
        self.broken.set(false);
        Ok(())
    }

    fn write_layer(&self, connection: &Connection, layer: usize) -> Result<(), StoreError> {
        self.messages.borrow_mut().take(layer);
        let mut events: Vec<_> = self.events.borrow_mut().take(layer).into_iter().collect();
        events.sort_unstable_by_key(|(_, (place, _))| *place);
        write_all(connection, event::INSERT, events, |statement, ((number, conversation, _), (place, event))| {
            if let Some(change) = event::insert(statement, number, conversation, &event)? {
                self.words.borrow_mut().put_in(layer, place, change);
            }
            Ok(())
        })?;
        let conversations = self.conversations.borrow_mut().take(layer);
        write_all(connection, conversation::UPDATE, conversations, |statement, ((number, _), row)| {
            conversation::update(statement, number, &row)
        })?;
        let members = self.members.borrow_mut().take(layer);
        write_all(connection, member::UPDATE_READ, members, |statement, ((number, conversation, account), row)| {
            member::update_read(statement, number, conversation, account, &row)
        })?;
        let revs = self.revs.borrow_mut().take(layer);
        write_all(connection, account::UPDATE_REV, revs, |statement, ((number, account), rev)| {
            account::update_rev(statement, number, account, rev)
        })?;
        let devices = self.devices.borrow_mut().take(layer);
        write_all(connection, device::UPDATE_WORK, devices, |statement, ((number, device), work)| {
            device::update_work(statement, number, device, &work)
        })
    }

    fn usable(&self) -> Result<(), StoreError> {
        if self.broken.get() { Err(StoreError::Engine("the transaction could not be written".into())) } else { Ok(()) }
    }

    fn is_waiting(&self) -> bool {
        let [_words, rows @ ..] = self.layered();
        rows.iter().any(|layered| !layered.borrow().is_empty())
    }

    fn next_place(&self) -> u64 {
        self.appended.replace(self.appended.get() + 1)
    }

    /// Forgets what the database has.
    fn forget(&self) {
        self.numbers.borrow_mut().clear();
        self.conversations.borrow_mut().forget();
        self.members.borrow_mut().forget();
        self.revs.borrow_mut().forget();
        self.devices.borrow_mut().forget();
    }

    fn layered(&self) -> [&RefCell<dyn Layered>; 7] {
        [&self.words, &self.conversations, &self.members, &self.revs, &self.devices, &self.events, &self.messages]
    }
}

/// Writes rows of one kind, with one statement for all of them.
fn write_all<R>(
    connection: &Connection,
    sql: &str,
    rows: impl IntoIterator<Item = R, IntoIter: ExactSizeIterator>,
    mut write: impl FnMut(&mut Statement<'_>, R) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut rows = rows.into_iter();
    if rows.len() == 0 {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(sql)?;
    rows.try_for_each(|row| write(&mut statement, row))
}
