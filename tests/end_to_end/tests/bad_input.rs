//! Bad arguments, bad text and bad files: a typed error with its exit code, never a panic, never a partial change.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use fil_end_to_end::{House, Server};
use rusqlite::Connection;

const PEOPLE: &[(&str, &str)] = &[("ada", "Ada Lovelace"), ("ben", "Ben Ouali")];

/// The server's commands, each with the exit code that its help names.
#[test]
fn the_server_refuses_bad_arguments_and_configurations() {
    let house = House::with(PEOPLE);
    let write = |name: &str, text: &str| {
        let path = house.folder().join(name);
        fs::write(&path, text).expect("the folder is ours");
        path.to_str().expect("temporary paths are text").to_owned()
    };
    let no_toml = write("no.toml", "listen = [[[");
    let unknown_key = write("unknown.toml", "lissten = \"127.0.0.1:0\"");
    let wrong_type = write("type.toml", "[limits]\nframes_burst = \"many\"");
    let a_file = write("file", "not a folder");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["nonsense"], 2, ""),
        (&["account", "create"], 2, ""),
        (&["serve", "--listen", "nowhere"], 2, ""),
        (&["serve", "--listen", "0.0.0.0:0"], 3, "tls.certificate"),
        (&["serve", "--config", "/does/not/exist.toml"], 3, "exist.toml"),
        (&["serve", "--config", &no_toml], 3, "no.toml"),
        (&["serve", "--config", &unknown_key], 3, "lissten"),
        (&["serve", "--config", &wrong_type], 3, "frames_burst"),
        (&["serve", "--set", "limits.nothing=1"], 3, "limits.nothing"),
        (&["serve", "--set", "tls.key=key.pem"], 3, "both or neither"),
        (&["serve", "--set", "no-equals-sign"], 2, ""),
        (&["organisation", "create", "Not A Slug"], 2, "a-z"),
        (&["organisation", "create", "demo"], 6, "exists"),
        (&["organisation", "create", "x", "--name", ""], 2, "empty"),
        (&["account", "create", "nowhere", "zoe"], 5, "nowhere"),
        (&["account", "create", "demo", "ada"], 6, "exists"),
        (&["account", "create", "demo", "Zoé"], 2, "a-z"),
        (&["account", "create", "demo", "zoe", "--password-stdin"], 2, "password"),
        (&["account", "disable", "demo", "zoe"], 5, "zoe"),
        (&["backup", "restore", "/does/not/exist"], 1, "exist"),
        (&["backup", "restore", &a_file], 4, ""),
        (&["backup", "create", "/does/not/exist/backup"], 1, ""),
    ];
    for (words, code, said) in cases {
        let output = house.administer(words, "short\n").code(*code);
        assert!(output.contains(said), "{words:?} says nothing of {said:?}: {output}");
    }
    // None of it left anything behind.
    let accounts = house.administer(&["account", "list", "demo"], "").ok();
    assert_eq!(accounts.lines().count(), PEOPLE.len(), "{accounts}");
    house.administer(&["doctor"], "").ok();
}

/// Data folders in which a server must not start, and must not change anything.
#[test]
fn the_server_refuses_damaged_and_foreign_data() {
    let house = House::with(PEOPLE);
    let running = Server::start(&house);
    let second = house.administer(&["serve", "--listen", "127.0.0.1:0"], "").code(4);
    assert!(second.contains("in use") || second.contains("another"), "{second}");
    running.stop();

    let database = house.server_data().join("fil.db");
    let sound = fs::read(&database).expect("the database is there");
    let check = |content: &[u8]| {
        fs::write(&database, content).expect("the folder is ours");
        house.administer(&["serve", "--listen", "127.0.0.1:0"], "").code(4);
        assert_eq!(
            fs::read(&database).expect("it is still there"),
            content,
            "a database that cannot be used is left alone"
        );
    };
    check(b"this is not a database, but long enough to look like one to somebody who only checks the length of a file");
    let mut newer = sound.clone();
    // SQLite keeps the version that the program sets (`user_version`) in bytes 60 to 63 of the file.
    newer[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
    check(&newer);
    fs::write(&database, &sound).expect("the folder is ours");
    let server = Server::start(&house);
    house.sign_in(&server, "ada", "ada");
}

/// Text and names that break a rule.
#[test]
fn the_terminal_client_refuses_bad_text() {
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let ada = house.sign_in(&server, "ada", "ada");
    let long = "x".repeat(16 * 1024 + 1);
    let cases: &[(&[&str], &[u8], i32)] = &[
        (&["send", "ben", ""], b"", 2),
        (&["send", "ben", "  \n "], b"", 2),
        (&["send", "ben", "-"], long.as_bytes(), 2),
        (&["send", "ben", "-"], b"a\0b", 2),
        (&["send", "ben", "-"], &[0xff, 0xfe], 2),
        (&["send", "ben", "--lines"], &[b'a', b'\n', 0xff, b'\n'], 2),
        (&["send", ""], b"", 2),
        (&["send", "", "x"], b"", 5),
        (&["send", "00000000-0000-0000-0000-000000000000", "x"], b"", 5),
        (&["read", "\u{202e}\u{0}".trim_end_matches('\0')], b"", 5),
        (&["new-group", "", "ben"], b"", 2),
        (&["new-group", "two\nlines", "ben"], b"", 2),
        (&["new-group", "Garde", "zoe"], b"", 5),
        (&["edit", "ben", "not-an-id", "x"], b"", 2),
        (&["search", ""], b"", 0),
        (&["search", "\"; DROP TABLE --", "*", "NEAR("], b"", 0),
        (&["--profile", "../escape", "list"], b"", 2),
        (&["--profile", "", "list"], b"", 2),
        (&["login", "--server", "::::", "--handle", "x", "--password-stdin"], b"x", 2),
        (&["login", "--invite", "not a link", "--password-stdin"], b"x", 2),
    ];
    for (words, input, code) in cases {
        ada.feed(words, input).code(*code);
    }
    // Only the line that came before the bad one was sent.
    assert_eq!(ada.texts("ben"), ["a"]);
}

/// A profile whose files are damaged, newer, or not where they should be.
#[test]
fn the_terminal_client_survives_damaged_profiles() {
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    ben.run(&["send", "ada", "bonjour"]).ok();
    assert_eq!(ada.texts("ben"), ["bonjour"]);
    let garbage = b"not what it was, but long enough to be looked at by somebody who expects a database in this place";
    let find = |name: &str| find(&house.profile("ada"), name).unwrap_or_else(|| panic!("{name} is not in the profile"));

    // What the server can give again is built again.
    let cache = find("cache.db");
    fs::write(&cache, garbage).expect("the folder is ours");
    ada.run(&["status", "--until", "live", "--timeout", "60"]).ok();
    assert_eq!(ada.texts("ben"), ["bonjour"]);

    // What is precious is left alone, and said. Everything is moved out of the log first, or it would repair the file.
    let local = find("local.db");
    open(&local, |_| {});
    for path in [local.clone(), find("profile.json")] {
        let sound = fs::read(&path).expect("it is there");
        fs::write(&path, garbage).expect("the folder is ours");
        let before = bytes(&house.profile("ada"));
        ada.run(&["list"]).code(7);
        assert!(bytes(&house.profile("ada")) == before, "{} is refused, and a file was touched", path.display());
        fs::write(&path, sound).expect("the folder is ours");
    }
    assert_eq!(ada.texts("ben"), ["bonjour"]);
    open(&local, |database| database.pragma_update(None, "user_version", 9_999).expect("it is a database"));
    let before = bytes(&house.profile("ada"));
    assert!(ada.run(&["list", "--json"]).code(7).contains("newer_profile"));
    let after = bytes(&house.profile("ada"));
    let names = |files: &[(std::path::PathBuf, Vec<u8>)]| files.iter().map(|file| file.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&after), names(&before));
    assert!(after == before, "a newer profile is refused, and a file was touched");

    // A folder that cannot be made.
    let blocked = house.folder().join("profiles").join("blocked");
    symlink("/dev/null", blocked).expect("the folder is ours");
    let finished = house.fil("blocked").run(&["list"]);
    assert!([1, 7].contains(&finished.code), "{finished:?}");
}

/// Opens a database, changes it, and closes it, which moves its log into the file.
fn open(path: &Path, change: impl FnOnce(&Connection)) {
    let database = Connection::open(path).expect("it is a database");
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("nobody else uses it");
    change(&database);
    database.close().expect("nothing is open");
}

/// The files of a profile with their bytes, but for the shared memory and an empty log, which every look makes anew.
fn bytes(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("the profile is there").map(|entry| entry.expect("an entry").path());
    let kept = entries.filter(|path| path.is_file() && !path.to_string_lossy().ends_with("-shm"));
    let mut files: Vec<_> = kept.map(|path| (path.clone(), fs::read(&path).expect("it can be read"))).collect();
    files.retain(|(path, content)| !(content.is_empty() && path.to_string_lossy().ends_with("-wal")));
    files.sort();
    files
}

/// The file of this name in a folder or below it.
fn find(folder: &Path, name: &str) -> Option<std::path::PathBuf> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = find(&path, name) {
                return Some(found);
            }
        } else if entry.file_name() == name {
            return Some(path);
        }
    }
    None
}
