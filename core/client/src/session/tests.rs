//! What happens to a session when its databases are damaged, newer, locked or out of room.
//!
//! Every case ends with the same question: is everything that a person has written still there?

use std::fs;
use std::path::Path;

use fil_protocol::{AccountChanges, Command, Epoch, MessageId, Profile, ServerFrame, Welcome};

use super::*;
use crate::store::CommandState;

const NOW: Now = Now { monotonic_ms: 0, wall_ms: 1_700_000_000_000 };

fn open(folder: &Path) -> Result<(Session, Opened), OpenError> {
    Session::open(folder, "test", AccountId::from([9; 16]), 1, NOW)
}

fn message(number: u8) -> Command {
    Command::SendMessage {
        conversation: ConversationId::from([1; 16]),
        message: MessageId::from([number; 16]),
        text: format!("message {number}"),
        composed_at_ms: 0,
    }
}

fn send(session: &mut Session, number: u8) -> Result<Vec<Effect>, StoreError> {
    let row = session.next_row();
    session.step(NOW, vec![Input::Enqueue { row, command: message(number) }])
}

/// The commands in the outbox, as the databases have them.
fn waiting(session: &Session) -> Vec<Command> {
    let commands = session.reader().unwrap().commands().unwrap();
    commands.into_iter().filter(|row| row.state == CommandState::Waiting).map(|row| row.command).collect()
}

fn welcome(session: &mut Session) -> Vec<Effect> {
    session.step(NOW, vec![Input::Tick, Input::Connected]).unwrap();
    let welcome = ServerFrame::Welcome(Welcome {
        protocol: 1,
        server_time_ms: 0,
        epoch: Epoch::from([1; 16]),
        horizon: 0,
        profile: Profile { account: AccountId::from([9; 16]), handle: "me".into(), name: "Me".into() },
        applied: 0,
        verdicts: Vec::new(),
        account_rev: 0,
        heads: Vec::new(),
        diverged: false,
        stamp: None,
    });
    session.step(NOW, vec![Input::Frame(welcome)]).unwrap()
}

fn sent(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Send(ClientFrame::Command { .. }))).count()
}

/// Every file of the folder with its bytes.
fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".db"))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_message_survives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let (mut session, _) = open(folder.path()).unwrap();
    send(&mut session, 1).unwrap();
    drop(session);
    let (session, opened) = open(folder.path()).unwrap();
    assert!(!opened.cache_rebuilt);
    assert_eq!(waiting(&session), [message(1)]);
    assert_eq!(session.status().waiting, 1);
}

/// Row 55 of the failure catalogue: a newer version's precious database is refused, and not a byte changes.
#[test]
fn a_newer_local_database_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let db = rusqlite::Connection::open(folder.path().join("local.db")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(db);
    let before = bytes(folder.path());
    let error = open(folder.path()).map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, known: 2 }), "{error}");
    assert_eq!(bytes(folder.path()), before);
}

/// Row 52: damage to the precious database is refused with a clear text, and not a byte changes.
#[test]
fn a_damaged_local_database_is_refused_untouched() {
    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes.truncate(5_000),
        |bytes| bytes[..100].fill(0),
        |bytes| bytes[4_096..].fill(0xff),
        |bytes| *bytes = b"this is not a database, it is a letter".to_vec(),
    ];
    for (case, damage) in damages.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()).unwrap());
        let path = folder.path().join("local.db");
        let mut content = fs::read(&path).unwrap();
        damage(&mut content);
        fs::write(&path, &content).unwrap();
        let before = bytes(folder.path());
        let error = open(folder.path()).map(drop).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "case {case}: {error}");
        assert_eq!(bytes(folder.path()), before, "case {case}");
    }
}

/// Rows 52 and 55: a damaged or newer cache is moved aside and built again, and nothing unsent is lost.
#[test]
fn a_damaged_or_newer_cache_is_rebuilt_and_nothing_unsent_is_lost() {
    let damages: [fn(&Path); 3] = [
        |path| fs::write(path, "this is not a database, it is a letter").unwrap(),
        |path| {
            let mut content = fs::read(path).unwrap();
            content.truncate(content.len() / 2);
            content[..4_096].fill(7);
            fs::write(path, content).unwrap();
        },
        |path| {
            let db = rusqlite::Connection::open(path).unwrap();
            db.pragma_update(None, "user_version", 99).unwrap();
        },
    ];
    for (case, damage) in damages.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let (mut session, _) = open(folder.path()).unwrap();
        send(&mut session, 1).unwrap();
        drop(session);
        damage(&folder.path().join("cache.db"));
        let (mut session, opened) = open(folder.path()).unwrap();
        assert!(opened.cache_rebuilt, "case {case}");
        assert!(folder.path().join("damaged-cache.db").exists(), "case {case}: the damaged file was not kept");
        assert_eq!(waiting(&session), [message(1)], "case {case}");
        assert_eq!(sent(&welcome(&mut session)), 1, "case {case}");
    }
}

/// Damage that shows only while the session runs: the step fails as a whole, the cache is rebuilt, and goes on.
#[test]
fn a_cache_that_breaks_while_running_is_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let (mut session, _) = open(folder.path()).unwrap();
    welcome(&mut session);
    send(&mut session, 1).unwrap();
    // A table that disappears is the one damage that can be made under an open connection without a race.
    session.store.break_cache();
    let change = ServerFrame::Account(AccountChanges {
        request: Some(1),
        after: 0,
        rev: 1,
        full: true,
        entries: Vec::new(),
        stamp: None,
    });
    let error = session.step(NOW, vec![Input::Frame(change)]).unwrap_err();
    assert!(matches!(error, StoreError::CacheDamaged), "{error}");
    assert!(session.cache_rebuilt());
    assert_eq!(waiting(&session), [message(1)]);
    assert_eq!(sent(&welcome(&mut session)), 1);
}

/// Row 51: on a full disk the person is told, nothing leaves the device that is not stored, and what was written
/// before is there.
#[test]
fn a_full_disk_refuses_the_message_and_keeps_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (mut session, _) = open(folder.path()).unwrap();
    welcome(&mut session);
    send(&mut session, 1).unwrap();
    session.store.fill_disk(true);
    let row = session.next_row();
    let long = Command::SendMessage {
        conversation: ConversationId::from([1; 16]),
        message: MessageId::from([2; 16]),
        text: "x".repeat(16_000),
        composed_at_ms: 0,
    };
    let error = session.step(NOW, vec![Input::Enqueue { row, command: long }]).unwrap_err();
    assert!(matches!(error, StoreError::DiskFull), "{error}");
    assert_eq!(waiting(&session), [message(1)]);

    // Room again: the session goes on with what it has.
    session.store.fill_disk(false);
    assert_eq!(sent(&welcome(&mut session)), 1);
    send(&mut session, 3).unwrap();
    assert_eq!(waiting(&session), [message(1), message(3)]);
}

/// Row 57: a second process that writes to the same files is an error with a name, not a lost message.
#[test]
fn a_database_that_another_process_holds_is_an_error_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut session, _) = open(folder.path()).unwrap();
    session.store.wait_for_nobody();
    let other = rusqlite::Connection::open(folder.path().join("local.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = send(&mut session, 1).unwrap_err();
    assert!(matches!(error, StoreError::Locked), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    send(&mut session, 2).unwrap();
    assert_eq!(waiting(&session), [message(2)]);
}

/// Damage to the precious database that shows only while the session runs is named, and the cache is left alone.
#[test]
fn damage_to_the_local_database_while_running_is_not_blamed_on_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let (mut session, _) = open(folder.path()).unwrap();
    send(&mut session, 1).unwrap();
    session.store.break_local();
    let error = send(&mut session, 2).unwrap_err();
    assert!(matches!(error, StoreError::LocalDamaged), "{error}");
    assert!(!session.cache_rebuilt());
    assert!(!folder.path().join("damaged-cache.db").exists());
}
