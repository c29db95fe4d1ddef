//! What the cache holds of a conversation, whole: for comparing it with what the server holds.
//!
//! This is the client's side of the second and third invariants (docs/ARCHITECTURE.md). The simulation asks for it after
//! every settled moment, and the tests on simulated disks after every fault.

use fil_protocol::{ConversationId, ConversationKind, Item, Member, Profile, Seq};
use rusqlite::{Connection, params};

use super::{conversation, item};
use crate::store::cache::member::role_from;
use crate::store::local::command::{WRITTEN, Written};
use crate::store::{Reader, StoreError};
use fil_protocol::AccountId;

/// One conversation as the cache has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// Which.
    pub conversation: ConversationId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// The title of a group.
    pub title: Option<String>,
    /// The last event applied.
    pub cursor: Seq,
    /// Members by account id.
    pub members: Vec<Member>,
    /// The ranges of numbers that are kept.
    pub kept: Vec<(Seq, Seq)>,
    /// All items kept, oldest first.
    pub items: Vec<Item>,
    /// Unread messages, by the formula.
    pub unread: u64,
    /// How far the person has read, on any device.
    pub read: Seq,
}

impl Reader {
    /// Every conversation in the cache, by id.
    pub fn projections(&mut self) -> Result<Vec<Projection>, StoreError> {
        let me = self.me;
        self.snapshot(|db| {
            let mut all = conversation::all(db, me)?;
            all.sort_by_key(|known| known.id);
            all.into_iter().map(|known| project(db, &known)).collect()
        })
    }

    /// One conversation in the cache; none if it is not there.
    pub fn projection(&mut self, id: ConversationId) -> Result<Option<Projection>, StoreError> {
        let me = self.me;
        self.snapshot(|db| conversation::one(db, me, id)?.map(|known| project(db, &known)).transpose())
    }

    /// The commands of one conversation in the outbox and the journal, in the order of pressing send.
    pub fn commands_in(&mut self, id: ConversationId) -> Result<Vec<Written>, StoreError> {
        self.snapshot(|db| {
            let sql = format!("SELECT {WRITTEN} FROM main.command WHERE conversation = ? ORDER BY row");
            let mut statement = db.prepare_cached(&sql)?;
            let rows = statement.query_map([id.as_bytes()], Written::read)?;
            rows.collect()
        })
    }

    /// Every command in the outbox and the journal, in the order of pressing send.
    pub fn commands(&mut self) -> Result<Vec<Written>, StoreError> {
        self.snapshot(|db| {
            let mut statement = db.prepare_cached(&format!("SELECT {WRITTEN} FROM main.command ORDER BY row"))?;
            let rows = statement.query_map([], Written::read)?;
            rows.collect()
        })
    }
}

fn project(db: &Connection, known: &conversation::Conversation) -> rusqlite::Result<Projection> {
    Ok(Projection {
        conversation: known.id,
        kind: known.kind,
        title: known.title.clone(),
        cursor: known.head.seq,
        members: members(db, known.id)?,
        kept: kept(db, known.id)?,
        items: item::between(db, known.id, Seq::ZERO, Seq(i64::MAX as u64))?,
        unread: known.unread(db)?,
        read: known.read_position(db)?.seq,
    })
}

fn members(db: &Connection, id: ConversationId) -> rusqlite::Result<Vec<Member>> {
    let sql = "SELECT m.account, p.handle, p.name, m.role FROM cache.member m JOIN cache.profile p USING (account)
               WHERE m.conversation = ? ORDER BY m.account";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![id.as_bytes()], |row| {
        let account = AccountId::from(row.get::<_, [u8; 16]>(0)?);
        let profile = Profile { account, handle: row.get(1)?, name: row.get(2)? };
        Ok(Member { profile, role: role_from(row.get_ref(3)?.as_str()?) })
    })?;
    rows.collect()
}

fn kept(db: &Connection, id: ConversationId) -> rusqlite::Result<Vec<(Seq, Seq)>> {
    let mut statement =
        db.prepare_cached("SELECT low, high FROM cache.kept_range WHERE conversation = ? ORDER BY low")?;
    let rows = statement.query_map(params![id.as_bytes()], |row| Ok((Seq(row.get(0)?), Seq(row.get(1)?))))?;
    rows.collect()
}
