//! Golden databases: what a release left on people's disks, with everything that is awkward in it.
//!
//! `cargo xtask fixtures` runs the test below with a folder in `FIL_FIXTURES`, and commits what it wrote as
//! `tests/fixtures/<release>/`. A release adds its folder and never changes an older one. The databases are as after a
//! kill, with a write-ahead log beside each, because that is how an update finds them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fil_engine::Input;
use fil_protocol::{Command, ConversationKind, ServerFrame};
use fil_server::node::{Idempotency, Input as ServerInput, RequestId};
use fil_server::store::sqlite::{SqliteStore, inspect};
use fil_server::store::{AccountRow, InviteRow, OrganisationRow, Store};
use rusqlite::Connection;

use crate::check::all_agree;
use crate::script::{ADA, BEN, DAY, act, direct, group, send};
use crate::server::{START_MS, Server, people};
use crate::stage::{Stage, folder};

/// Texts that have broken programs.
const NASTY: &[&str] = &[
    "'; DROP TABLE item; --",
    "\u{feff}begins with a byte order mark",
    "e\u{301}\u{327}\u{fe0f}\u{20e3} combined, \u{1f469}\u{200d}\u{1f680} joined, \u{1f1eb}\u{1f1f7} paired",
    "\u{202e}from right to left\u{202c} \u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{645}\u{631}\u{62d}\u{628}\u{627}",
    "\u{fffd}\u{fffe}\u{10ffff}\u{1}\u{7f}",
    "two\r\nlines\tand a tab",
    "{\"type\":\"message\",\"text\":null}",
    "\u{1f600}",
];

/// One golden database: its path below `tests/fixtures/<release>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Server,
    Local,
    Cache,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Server, Self::Local, Self::Cache];

    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Server => "server/fil.db",
            Self::Local => "client/local.db",
            Self::Cache => "client/cache.db",
        }
    }

    /// The version that this build writes.
    pub(crate) fn newest(self, folder: &Path) -> i64 {
        match self {
            Self::Server => {
                let path = folder.join("newest.db");
                drop(SqliteStore::open(&path, fil_protocol::Epoch::from([1; 16])).expect("a new database"));
                inspect(&path).expect("a new database").newest.into()
            }
            Self::Local => fil_client::store::VERSIONS.0,
            Self::Cache => fil_client::store::VERSIONS.1,
        }
    }
}

/// The folders of all releases that are committed.
pub(crate) fn releases() -> Vec<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let entries = std::fs::read_dir(&all).expect("tests/fixtures is there");
    let mut releases: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    releases.retain(|path| path.is_dir());
    releases.sort();
    releases
}

/// Copies all files of a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder can be made");
    for entry in std::fs::read_dir(from).expect("the folder is there") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("the file can be copied");
    }
}

/// The version of a database as SQLite has it, without any of the product's code.
pub(crate) fn version(file: &Path) -> i64 {
    let db = Connection::open(file).expect("the fixture opens");
    db.pragma_query_value(None, "user_version", |row| row.get(0)).expect("the fixture has a version")
}

/// Before a migration is added, the databases of the version before it are kept: without them nobody would know that it
/// works on what people have (row 56 of the failure catalogue). If this fails: `cargo xtask fixtures` on the commit
/// before the migration, and commit the folder.
#[test]
fn every_version_that_can_be_migrated_from_has_a_fixture() {
    let folder = folder();
    for kind in Kind::ALL {
        let found: BTreeSet<i64> = releases()
            .iter()
            .enumerate()
            .map(|(number, release)| {
                let (from, to) = (release.join(kind.file()), folder.path().join(number.to_string()));
                copy(from.parent().expect("a folder"), &to);
                version(&to.join(from.file_name().expect("a name")))
            })
            .collect();
        let newest = kind.newest(folder.path());
        let missing: Vec<i64> = (1..newest).filter(|version| !found.contains(version)).collect();
        assert!(missing.is_empty(), "{kind:?}: no fixture of version {missing:?}");
        assert!(found.iter().all(|version| *version >= 1), "{kind:?}: {found:?}");
        assert!(!found.is_empty(), "{kind:?}: no fixture at all");
    }
}

/// The script that makes fixtures makes sound databases of the newest version, with everything awkward in them.
#[test]
fn the_script_makes_fixtures_of_this_version() {
    let made = folder();
    make(made.path());
    for kind in Kind::ALL {
        let file = made.path().join(kind.file());
        assert_eq!(version(&file), kind.newest(made.path()), "{kind:?}");
        let db = Connection::open(&file).expect("it opens");
        let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("it can be counted");
        let awkward = match kind {
            Kind::Server => vec![
                "SELECT count(*) FROM invite",
                "SELECT count(*) FROM idempotency",
                "SELECT count(*) FROM account WHERE disabled_at_ms IS NOT NULL",
                "SELECT count(*) FROM event WHERE body LIKE '%tombstone%'",
                "SELECT count(*) FROM device WHERE verdicts <> '[]'",
            ],
            Kind::Local => vec![
                "SELECT count(*) FROM command WHERE state = 'waiting'",
                "SELECT count(*) FROM command WHERE state = 'rejected'",
                "SELECT count(*) FROM command WHERE state = 'settled'",
                "SELECT count(*) FROM draft",
            ],
            Kind::Cache => vec![
                "SELECT count(*) FROM unknown_event",
                "SELECT count(*) FROM unknown_entry",
                "SELECT count(*) FROM deletion",
                "SELECT count(*) FROM item",
            ],
        };
        for sql in awkward {
            assert!(count(sql) > 0, "{kind:?}: {sql}");
        }
        drop(db);
    }
    if let Some(folder) = std::env::var_os("FIL_FIXTURES").map(PathBuf::from) {
        // Made again: looking into the databases has tidied their logs.
        make(&folder);
    }
}

/// A server and a device with a day behind them and everything that is awkward.
fn make(to: &Path) {
    let mut stage = Stage::new(0);
    for at in 0..DAY.len() {
        act(&mut stage, at);
    }
    for (number, text) in NASTY.iter().enumerate() {
        stage.give(ADA, send(direct(), 100 + number as u8, text));
        stage.pump();
    }
    let title = (0..256).map(|_| 't').collect();
    stage.give(ADA, Command::SetTitle { conversation: group(), title });
    let request = ServerInput::Command {
        request: RequestId(1),
        actor: people()[ADA].0,
        idempotency: Some(Idempotency { key: "POST /x \u{e9}".to_owned(), body_hash: [7; 32] }),
        command: Command::CreateConversation {
            conversation: fil_protocol::ConversationId::from([8; 16]),
            kind: ConversationKind::Group,
            title: Some("nobody else".to_owned()),
            members: Vec::new(),
        },
    };
    stage.server.put(request);
    stage.settle();
    all_agree(&stage);

    // Everything goes down in order, so that the logs are short, and comes up for a last few commits.
    let now_ms = stage.now_ms;
    stage.hang_up(BEN);
    stage.devices[BEN].stop();
    stage.devices[BEN].start(now_ms).expect("the device starts");
    stage.settle();
    newer_server(&mut stage);
    stage.devices[BEN].offline = true;
    stage.hang_up(BEN);
    for (number, text) in NASTY.iter().enumerate().take(3) {
        stage.give(BEN, send(direct(), 200 + number as u8, text));
    }
    stage.type_draft(BEN, direct(), NASTY[2]);
    stage.devices[BEN].disk.freeze();
    stage.devices[BEN].stop();
    stage.devices[BEN].disk.kill();

    // Applied, and the verdict was never heard.
    stage.give(ADA, send(group(), 150, "is anybody there?"));
    stage.server.step(stage.now_ms);
    stage.server.stop();
    administration(&stage.server);
    copy(&stage.devices[BEN].folder, &to.join("client"));
    copy(stage.server.path.parent().expect("a folder"), &to.join("server"));
    for shared in ["client/local.db-shm", "client/cache.db-shm", "server/fil.db-shm"] {
        // Shared memory is of no use to another process at another time.
        let _ = std::fs::remove_file(to.join(shared));
    }
}

/// Ben hears what only a newer server says: an event and an entry of types that this version does not know.
fn newer_server(stage: &mut Stage) {
    let head = stage.devices[BEN].projections().into_iter().find(|known| known.conversation == direct());
    let seq = head.expect("the conversation is there").cursor.next();
    let cache = Connection::open(stage.devices[BEN].folder.join("cache.db")).expect("the cache opens");
    let rev: u64 = cache.query_row("SELECT account_rev FROM state", [], |row| row.get(0)).expect("a revision");
    drop(cache);
    let event = serde_json::json!({
        "type": "event", "conversation": direct(),
        "event": {"seq": seq, "at_ms": START_MS, "author": people()[ADA].0.account, "type": "poll", "choices": ["\u{e9}"]},
    });
    let entry = serde_json::json!({
        "type": "account", "after": rev, "rev": rev + 1, "full": false, "entries": [{"type": "theme", "dark": true}],
    });
    for frame in [event, entry] {
        let frame = ServerFrame::decode(&frame.to_string()).expect("the frame decodes");
        assert!(stage.step_device(BEN, Input::Frame(frame)).is_none());
    }
}

/// What administrators leave behind: a second organisation, a disabled account, invites. The process is then killed.
fn administration(server: &Server) {
    let mut store = SqliteStore::open(&server.path, fil_protocol::Epoch::from([9; 16])).expect("the database opens");
    let work = |store: &mut SqliteStore| {
        let transaction = store.begin()?;
        let id = fil_protocol::OrganisationId::from([2; 16]);
        let name = "\u{c9}cole \u{1f3eb} n\u{ba} 5".to_owned();
        transaction.create_organisation(&OrganisationRow { id, name, slug: "ecole-5".to_owned() })?;
        let writer = transaction.organisation(people()[0].0.organisation)?;
        let account = fil_protocol::AccountId::from([12; 16]);
        let profile = fil_protocol::Profile { account, handle: "a.b_c-d".to_owned(), name: NASTY[3].to_owned() };
        let password_hash = Some("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA".to_owned());
        let (created_at_ms, disabled_at_ms) = (START_MS, Some(START_MS + 1));
        writer.create_account(&AccountRow { profile, password_hash, created_at_ms, disabled_at_ms })?;
        for (number, used_at_ms) in [(1, None), (2, Some(START_MS))] {
            writer.create_invite(&InviteRow {
                hash: [number; 32],
                account,
                expires_at_ms: START_MS + 2,
                used_at_ms,
            })?;
        }
        drop(writer);
        transaction.commit()
    };
    work(&mut store).expect("administration works");
    server.disk.freeze();
    drop(store);
    server.disk.kill();
}
