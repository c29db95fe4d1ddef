//! Updates that are interrupted at every write point (row 56 of the failure catalogue).
//!
//! Generic over versions: every fixture of every release is opened by this build, and so is an empty folder, which is
//! the migration from version 0.

use std::collections::BTreeMap;
use std::path::Path;

use fil_client::store::Store;
use fil_disk::{Dice, Disk};
use fil_protocol::{Epoch, ItemBody, KnownEvent};
use fil_server::store::Store as _;
use fil_server::store::sqlite::SqliteStore;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OpenFlags};

use crate::check::integrity;
use crate::fixtures::{Kind, copy, releases, version};
use crate::server::people;
use crate::stage::{Crash, folder};

/// Tables and columns that a migration changes on purpose, as `table` or `table.column`, with the reason beside it.
const CHANGED: &[&str] = &[
    // Version 2 of the server: not when a refresh token was issued, but when it was first seen in use.
    "device.refresh_rotated_at_ms",
    "device.refresh_seen_at_ms",
    // Version 3 of the server: items lie in the rows of their events, and verdicts in the row of their device. That they
    // are what they were has a test of its own.
    "item",
    "verdict",
];

/// The rows of every table: column names, and each row as text. The index of words is left out, it has tests of its own.
pub(crate) type Content = BTreeMap<String, (Vec<String>, Vec<Vec<String>>)>;

/// The two programs that own databases.
#[derive(Clone, Copy, Debug)]
enum Program {
    Server,
    Client,
}

impl Program {
    const ALL: [Self; 2] = [Self::Server, Self::Client];

    fn folder(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }

    fn databases(self) -> &'static [Kind] {
        match self {
            Self::Server => &[Kind::Server],
            Self::Client => &[Kind::Local, Kind::Cache],
        }
    }

    /// What the program does with its folder when it starts, and then when it ends.
    fn open(self, folder: &Path) -> Result<(), String> {
        match self {
            Self::Server => {
                let store = SqliteStore::open(&folder.join("fil.db"), Epoch::from([1; 16])).map_err(text)?;
                let mut reads = store.open_reads().map_err(text)?;
                let snapshot = reads.snapshot().map_err(text)?;
                snapshot.organisations().map_err(text).map(drop)
            }
            Self::Client => {
                let (store, rebuilt) = Store::open(folder, people()[1].0.account).map_err(text)?;
                if rebuilt {
                    return Err("the cache was rebuilt".to_owned());
                }
                let mut reader = store.reader().map_err(text)?;
                reader.commands().map_err(text)?;
                reader.projections().map_err(text).map(drop)
            }
        }
    }

    /// Opens, and answers what is in the databases then: sound, and of the newest version.
    fn open_and_look(self, folder: &Path) -> Vec<Content> {
        self.open(folder).unwrap_or_else(|error| panic!("{self:?}: {error}"));
        let scratch = tempfile::tempdir().expect("a folder for the test");
        let look = |kind: &Kind| {
            let file = folder.join(Path::new(kind.file()).file_name().expect("a name"));
            assert_eq!(integrity(&file), "ok", "{}", file.display());
            assert_eq!(version(&file), kind.newest(scratch.path()), "{}", file.display());
            content(&file)
        };
        self.databases().iter().map(look).collect()
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub(crate) fn content(file: &Path) -> Content {
    let read = || {
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let sql = "SELECT name FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let mut tables = Content::new();
        for name in db.prepare(sql)?.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()? {
            let mut statement = db.prepare(&format!("SELECT * FROM \"{name}\""))?;
            let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let rows = statement
                .query_map([], |row| (0..columns.len()).map(|column| row.get_ref(column).map(shown)).collect())?;
            let mut rows: Vec<Vec<String>> = rows.collect::<Result<_, _>>()?;
            rows.sort();
            tables.insert(name, (columns, rows));
        }
        Ok(tables)
    };
    read().unwrap_or_else(|error: rusqlite::Error| panic!("{}: {error}", file.display()))
}

/// A value as text, whatever is in it.
fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => format!("{:?}", String::from_utf8_lossy(text)),
        other => format!("{other:?}"),
    }
}

/// What an older content must still be in a newer one: every table and column that was not changed on purpose.
fn assert_kept(before: &Content, after: &Content, what: &str) {
    for (table, (columns, rows)) in before {
        if CHANGED.contains(&table.as_str()) {
            continue;
        }
        let (new_columns, new_rows) = after.get(table).unwrap_or_else(|| panic!("{what}: {table} is gone"));
        let kept: Vec<&String> =
            columns.iter().filter(|column| !CHANGED.contains(&format!("{table}.{column}").as_str())).collect();
        let project = |columns: &[String], rows: &[Vec<String>]| {
            let places: Vec<usize> = kept
                .iter()
                .map(|name| columns.iter().position(|column| column == *name))
                .map(|place| place.unwrap_or_else(|| panic!("{what}: a column of {table} is gone")))
                .collect();
            let mut rows: Vec<Vec<String>> =
                rows.iter().map(|row| places.iter().map(|place| row[*place].clone()).collect()).collect();
            rows.sort();
            rows
        };
        assert_eq!(project(columns, rows), project(new_columns, new_rows), "{what}: {table}");
    }
}

/// Every fixture, by its folder, and none at all: the folder of a program that was never started.
fn beginnings(program: Program) -> Vec<Option<std::path::PathBuf>> {
    let fixtures = releases().into_iter().map(|release| Some(release.join(program.folder())));
    fixtures.chain([None]).collect()
}

/// What was on a disk when the update came, on a simulated disk.
fn lay_out(beginning: Option<&Path>) -> (tempfile::TempDir, Disk) {
    let folder = folder();
    if let Some(fixture) = beginning {
        copy(fixture, folder.path());
    }
    let disk = Disk::mount(folder.path());
    (folder, disk)
}

/// An update keeps everything that a release has written, and a copy of `local.db` as it was, log and all.
#[test]
fn every_release_is_updated_with_all_its_content() {
    for program in Program::ALL {
        for fixture in beginnings(program).into_iter().flatten() {
            let what = fixture.display().to_string();
            let (raw, _) = lay_out(Some(&fixture));
            let (folder, _disk) = lay_out(Some(&fixture));
            let after = program.open_and_look(folder.path());
            for (kind, after) in program.databases().iter().zip(&after) {
                let name = Path::new(kind.file()).file_name().expect("a name");
                let before = content(&raw.path().join(name));
                assert!(before.values().any(|(_, rows)| rows.len() > 5), "{what}: {kind:?} is as good as empty");
                assert_kept(&before, after, &what);
                let old = version(&raw.path().join(name));
                if *kind == Kind::Local && old < kind.newest(raw.path()) {
                    let copied = folder.path().join(format!("local.db.v{old}"));
                    assert_eq!(content(&copied), before, "{what}: the copy");
                }
            }
        }
    }
}

/// Version 3 of the server: every item shows what it showed, is as new as it was, and stands where it stood in the order of
/// hits; every verdict that waited still waits.
#[test]
fn items_and_verdicts_are_what_they_were_after_they_moved() {
    for fixture in beginnings(Program::Server).into_iter().flatten() {
        let what = fixture.display().to_string();
        let (raw, _) = lay_out(Some(&fixture));
        let (folder, _disk) = lay_out(Some(&fixture));
        Program::Server.open(folder.path()).unwrap_or_else(|error| panic!("{what}: {error}"));
        let [before, after] = [raw.path(), folder.path()].map(|folder| {
            let path = folder.join("fil.db");
            Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("it opens")
        });
        if !has_table(&before, "item") {
            continue;
        }
        let items =
            "SELECT document, organisation, hex(conversation), seq, rev, at_ms, hex(author), hex(message), sent";
        let old = rows(&before, &format!("{items}, body FROM item ORDER BY document"));
        let new =
            rows(&after, &format!("{items}, coalesce(item, body) FROM event WHERE rev IS NOT NULL ORDER BY document"));
        assert!(old.len() > 10, "{what}: {} items", old.len());
        assert_eq!(old.len(), new.len(), "{what}");
        for (old, new) in old.iter().zip(&new) {
            let (shown, says) = (old.last().expect("a body"), new.last().expect("a body"));
            assert_eq!(old[..old.len() - 1], new[..new.len() - 1], "{what}");
            // What was never touched is read from the event now.
            let read: ItemBody = serde_json::from_str(says).unwrap_or_else(|_| {
                let event: KnownEvent = serde_json::from_str(says).expect("an event");
                ItemBody::from_event(&event).expect("one that makes an item")
            });
            assert_eq!(read, serde_json::from_str::<ItemBody>(shown).expect("an item"), "{what}");
        }
        let verdicts = "SELECT hex(device), outcome FROM verdict ORDER BY device, no";
        let of_devices = "SELECT hex(device.id), value FROM device, json_each(verdicts) ORDER BY device.id, key";
        let (old, new) = (rows(&before, verdicts), rows(&after, of_devices));
        assert!(!old.is_empty(), "{what}: no verdict waits");
        assert_eq!(old, new, "{what}");
    }
}

fn has_table(db: &Connection, name: &str) -> bool {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    db.query_row(sql, [name], |row| row.get::<_, i64>(0)).expect("a count") > 0
}

fn rows(db: &Connection, sql: &str) -> Vec<Vec<String>> {
    let mut statement = db.prepare(sql).expect("a question");
    let columns = statement.column_count();
    let text = |value: Value| match value {
        Value::Text(text) => text,
        other => format!("{other:?}"),
    };
    let rows = statement.query_map([], |row| (0..columns).map(|column| row.get(column).map(text)).collect());
    rows.expect("an answer").collect::<Result<_, _>>().expect("rows")
}

/// An update, or a first start, is killed or cut from its power in front of every write. The next start finishes it:
/// the same content as if nothing had happened, of the newest version.
#[test]
fn an_interrupted_update_is_finished_by_the_next_start() {
    for program in Program::ALL {
        for beginning in beginnings(program) {
            let (folder, disk) = lay_out(beginning.as_deref());
            let expected = program.open_and_look(folder.path());
            let points = disk.writes();
            assert!(points > 3, "{program:?} from {beginning:?}: only {points} write points");
            drop((disk, folder));
            for point in 0..points {
                for how in [Crash::Kill, Crash::PowerCut] {
                    let (folder, disk) = lay_out(beginning.as_deref());
                    disk.freeze_after(point);
                    // It may end well, when the rest is only tidying up.
                    let _ = program.open(folder.path());
                    match how {
                        Crash::Kill => disk.kill(),
                        Crash::PowerCut => disk.cut_power(&mut Dice::new(point).chance()),
                    }
                    let found = program.open_and_look(folder.path());
                    assert_eq!(found, expected, "{program:?} from {beginning:?}, point {point}, {how:?}");
                }
            }
        }
    }
}
