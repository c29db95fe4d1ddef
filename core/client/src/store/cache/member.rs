//! Members of conversations, and the profile of everybody ever met in one.

use fil_protocol::{ConversationId, Member, Profile, Role};
use rusqlite::{Connection, params};

macro_rules! table {
    () => {
        "CREATE TABLE member (
            conversation BLOB NOT NULL,
            account BLOB NOT NULL,
            role TEXT NOT NULL CHECK (role IN ('member', 'owner')),
            PRIMARY KEY (conversation, account)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE profile (
            account BLOB PRIMARY KEY,
            handle TEXT NOT NULL,
            name TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;"
    };
}
pub(super) use table;

/// How a role is stored.
pub(crate) fn role_text(role: Role) -> &'static str {
    match role {
        Role::Member => "member",
        Role::Owner => "owner",
    }
}

/// The role behind its text.
pub(crate) fn role_from(text: &str) -> Role {
    if text == "owner" { Role::Owner } else { Role::Member }
}

/// Somebody's handle and name, the newest known.
pub(crate) fn meet(db: &Connection, profile: &Profile) -> rusqlite::Result<()> {
    let sql = "INSERT INTO cache.profile VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET handle = ?2, name = ?3";
    db.prepare_cached(sql)?.execute(params![profile.account.as_bytes(), profile.handle, profile.name]).map(drop)
}

pub(crate) fn join(db: &Connection, conversation: ConversationId, member: &Member) -> rusqlite::Result<()> {
    meet(db, &member.profile)?;
    let sql = "INSERT INTO cache.member VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET role = ?3";
    let account = member.account();
    db.prepare_cached(sql)?
        .execute(params![conversation.as_bytes(), account.as_bytes(), role_text(member.role)])
        .map(drop)
}

pub(crate) fn leave(db: &Connection, conversation: ConversationId, member: &Member) -> rusqlite::Result<()> {
    meet(db, &member.profile)?;
    let account = member.account();
    let sql = "DELETE FROM cache.member WHERE conversation = ? AND account = ?";
    db.prepare_cached(sql)?.execute(params![conversation.as_bytes(), account.as_bytes()]).map(drop)
}

/// A window names all members there are.
pub(crate) fn replace(db: &Connection, conversation: ConversationId, members: &[Member]) -> rusqlite::Result<()> {
    db.execute("DELETE FROM cache.member WHERE conversation = ?", [conversation.as_bytes()])?;
    members.iter().try_for_each(|member| join(db, conversation, member))
}
