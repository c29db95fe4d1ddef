//! Members.

use fil_protocol::{AccountId, ConversationEntry, ConversationId, Member, Position, Profile, Seq};
use rusqlite::{OptionalExtension, Row, Statement, params};

use super::columns::{from_name, id, int, limit, number, seq, to_name};
use super::error::found;
use super::organisation::Organisation;
use super::working::Number;
use crate::store::{MemberRow, Membership, ReadMembers, StoreError, WriteMembers};

/// Version 1. `rev` is in no index: a message moves its author's `rev`, and one more index to write per message was
/// refused for the sake of the rare catch-up, which reads all rows of an account.
///
/// Questions about an account name their index: SQLite takes the organisation in front of a key for a narrow choice, and
/// would rather read all members of it.
pub(super) const TABLES: &str = "
    CREATE TABLE member (
        organisation INTEGER NOT NULL,
        conversation BLOB NOT NULL,
        account BLOB NOT NULL,
        member INTEGER NOT NULL,
        role TEXT NOT NULL,
        since INTEGER NOT NULL,
        read_seq INTEGER NOT NULL,
        read_sent INTEGER NOT NULL,
        rev INTEGER NOT NULL,
        PRIMARY KEY (organisation, conversation, account),
        FOREIGN KEY (organisation, conversation) REFERENCES conversation (organisation, id),
        FOREIGN KEY (organisation, account) REFERENCES account (organisation, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX member_of_account ON member (organisation, account);
";

/// The beginning of every question for entries of an account's stream.
const ENTRIES: &str = "SELECT c.id, c.kind, m.member, m.read_seq, m.read_sent
    FROM member m INDEXED BY member_of_account JOIN conversation c ON c.organisation = m.organisation AND c.id = m.conversation
    WHERE m.organisation = ?1 AND m.account = ?2";

impl ReadMembers for Organisation<'_> {
    fn member(&self, conversation: ConversationId, account: AccountId) -> Result<Option<MemberRow>, StoreError> {
        let key = (self.number, conversation, account);
        let kept = self.working.members.borrow().get(&key);
        if kept.is_some() {
            return Ok(kept);
        }
        let mut statement = self.glance(
            "SELECT member, role, since, read_seq, read_sent, rev FROM member
             WHERE organisation = ?1 AND conversation = ?2 AND account = ?3",
        )?;
        let parameters = params![self.number, conversation.as_bytes(), account.as_bytes()];
        let row = statement.query_row(parameters, |row| member_row(row, 0)).optional()?;
        if let Some(row) = row {
            self.working.members.borrow_mut().keep(key, row);
        }
        Ok(row)
    }

    fn members(&self, conversation: ConversationId) -> Result<Vec<Member>, StoreError> {
        let mut statement = self.sql(
            "SELECT a.id, a.handle, a.name, m.role
             FROM member m JOIN account a ON a.organisation = m.organisation AND a.id = m.account
             WHERE m.organisation = ?1 AND m.conversation = ?2 AND m.member ORDER BY m.account",
        )?;
        let rows = statement.query_map(params![self.number, conversation.as_bytes()], |row| {
            Ok(Member {
                profile: Profile { account: id(row, 0)?, handle: row.get(1)?, name: row.get(2)? },
                role: from_name(row.get_ref(3)?.as_str()?)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn count_members(&self, conversation: ConversationId) -> Result<u64, StoreError> {
        let mut statement =
            self.sql("SELECT count(*) FROM member WHERE organisation = ?1 AND conversation = ?2 AND member")?;
        Ok(statement.query_row(params![self.number, conversation.as_bytes()], |row| number(row, 0))?)
    }

    fn count_conversations(&self, account: AccountId) -> Result<u64, StoreError> {
        let mut statement = self.sql(
            "SELECT count(*) FROM member INDEXED BY member_of_account
             WHERE organisation = ?1 AND account = ?2 AND member",
        )?;
        Ok(statement.query_row(params![self.number, account.as_bytes()], |row| number(row, 0))?)
    }

    fn entries(&self, account: AccountId) -> Result<Vec<ConversationEntry>, StoreError> {
        let sql = format!("{ENTRIES} AND m.member ORDER BY m.rev");
        let mut statement = self.sql(&sql)?;
        let rows = statement.query_map(params![self.number, account.as_bytes()], entry_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn entries_after(
        &self,
        account: AccountId,
        after: u64,
        entries_max: usize,
    ) -> Result<Vec<ConversationEntry>, StoreError> {
        let sql = format!("{ENTRIES} AND m.rev > ?3 ORDER BY m.rev LIMIT ?4");
        let mut statement = self.sql(&sql)?;
        let key = params![self.number, account.as_bytes(), int(after), limit(entries_max)];
        let rows = statement.query_map(key, entry_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl WriteMembers for Organisation<'_> {
    fn set_membership(&self, membership: Membership) -> Result<u64, StoreError> {
        let rev = self.next_rev(membership.account)?;
        self.sql(
            "INSERT INTO member (organisation, conversation, account, member, role, since, read_seq, read_sent, rev)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8)
             ON CONFLICT DO UPDATE SET
                member = excluded.member,
                role = excluded.role,
                since = excluded.since,
                read_seq = iif(excluded.member, excluded.read_seq, read_seq),
                read_sent = iif(excluded.member, excluded.read_sent, read_sent),
                rev = excluded.rev",
        )?
        .execute(params![
            self.number,
            membership.conversation.as_bytes(),
            membership.account.as_bytes(),
            membership.member,
            to_name(&membership.role)?,
            seq(membership.at.seq),
            int(membership.at.sent),
            int(rev)
        ])?;
        Ok(rev)
    }

    fn set_read(&self, conversation: ConversationId, account: AccountId, read: Position) -> Result<u64, StoreError> {
        let row = self.member(conversation, account)?.ok_or(StoreError::Missing("member"))?;
        let rev = self.next_rev(account)?;
        self.working.members.borrow_mut().put((self.number, conversation, account), MemberRow { read, rev, ..row });
        Ok(rev)
    }
}

/// A member's read position.
pub(super) const UPDATE_READ: &str = "UPDATE member SET read_seq = ?4, read_sent = ?5, rev = ?6
    WHERE organisation = ?1 AND conversation = ?2 AND account = ?3";

/// Writes it, by [`UPDATE_READ`].
pub(super) fn update_read(
    statement: &mut Statement<'_>,
    number: Number,
    conversation: ConversationId,
    account: AccountId,
    row: &MemberRow,
) -> Result<(), StoreError> {
    let rows = statement.execute(params![
        number,
        conversation.as_bytes(),
        account.as_bytes(),
        seq(row.read.seq),
        int(row.read.sent),
        int(row.rev)
    ])?;
    found("member", rows)
}

fn entry_row(row: &Row<'_>) -> rusqlite::Result<ConversationEntry> {
    Ok(ConversationEntry {
        conversation: id(row, 0)?,
        kind: from_name(row.get_ref(1)?.as_str()?)?,
        member: row.get(2)?,
        read: Position { seq: Seq(number(row, 3)?), sent: number(row, 4)? },
    })
}

/// Six columns from `first` on: member, role, since, read_seq, read_sent, rev.
pub(super) fn member_row(row: &Row<'_>, first: usize) -> rusqlite::Result<MemberRow> {
    Ok(MemberRow {
        member: row.get(first)?,
        role: from_name(row.get_ref(first + 1)?.as_str()?)?,
        since: Seq(number(row, first + 2)?),
        read: Position { seq: Seq(number(row, first + 3)?), sent: number(row, first + 4)? },
        rev: number(row, first + 5)?,
    })
}
