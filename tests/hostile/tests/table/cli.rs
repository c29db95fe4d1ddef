//! What an operator types and points at: names, configurations and backups (rows 52 and 55 of the failure catalogue; S26
//! and S38 of the security list). The commands run in this process, as the binary runs them.

use std::fs;
use std::path::Path;

use clap::Parser;
use fil_server::cli::{Arguments, Exit, run};
use fil_server::config::layers::{Layers, load};

use crate::stage::{Findings, dump};

/// Short names and handles that are none.
const NAMES: &[&str] = &[
    "",
    ".",
    "..",
    "../demo",
    "a/b",
    "a\\b",
    "/etc/passwd",
    "C:\\x",
    "Demo",
    "a b",
    "caf\u{e9}",
    "\u{430}da",
    "a\u{202e}b",
    "a\u{200b}b",
    "a\nb",
    "a\0b",
    "_a",
    ".a",
    "%00",
    "x'--",
    "a;b",
    "$(id)",
    "\u{1f469}",
];

/// Names for people that do not stand in a line.
const LABELS: &[&str] = &[
    "",
    " ",
    "\u{3000}",
    "a\nb",
    "a\r",
    "a\0b",
    "a\u{1b}[0m",
    "a\u{85}",
    "a\u{2028}",
    "a\u{2029}",
    "a\u{202a}",
    "a\u{202e}b",
    "a\u{2066}",
];

/// Configurations that are none, and what the refusal names.
fn configurations() -> Vec<(String, &'static str)> {
    let text = |text: &str, named: &'static str| (text.to_owned(), named);
    vec![
        text("listen = ", "line 1"),
        text("listen = '127.0.0.1:1'\nlisten = '127.0.0.1:2'", "duplicate key"),
        text("[limits]\n[limits]", "duplicate key"),
        text("listen = 7", "listen"),
        text("listen = 'localhost:80'", "listen"),
        text("listen = '127.0.0.1:99999'", "listen"),
        text("listen = '0.0.0.0:80'", "encryption"),
        text("listen = '[::]:80'", "encryption"),
        text("limits = 7", "limits"),
        text("[limits]\nframes_burst = -1", "frames_burst"),
        text("[limits]\nframes_burst = 0", "frames_burst"),
        text("[limits]\nframes_burst = 4294967296", "frames_burst"),
        text("[limits]\nframes_burst = 9223372036854775808", "line 2"),
        text("[limits]\nframes_burst = 1.5", "frames_burst"),
        text("[limits]\nframes_burst = 'many'", "frames_burst"),
        text("[limits]\nheader_timeout_ms = inf", "header_timeout_ms"),
        text("[limits]\nconnections_max = nan", "connections_max"),
        text("trusted_proxies = ['10.0.0.0/33']", "10.0.0.0/33"),
        text("trusted_proxies = 'all'", "trusted_proxies"),
        text("public_url = 'javascript:alert(1)'", "public_url"),
        text("[password]\nmemory_kib = 1", "memory_kib"),
        text("[password]\nmemory_kib = 4294967295", "memory_kib"),
        text("[sessions]\naccess_token_ms = 0", "access_token_ms"),
        text("[sessions]\ninvite_hours = 18446744073709551615", "line 2"),
        text("[metrics]\nlisten = '::::'", "metrics.listen"),
        text("[tls]\nkey = '../../key.pem'", "tls.certificate"),
        text("[__proto__]\nx = 1", "__proto__"),
        text("\u{feff}\u{feff}listen = '127.0.0.1:1'", "line 1"),
        text("\0", "line 1"),
        (format!("listen = {}{}", "[".repeat(100_000), "]".repeat(100_000)), "line 1"),
        (format!("x = {}1{}", "{a=".repeat(100_000), "}".repeat(100_000)), "line 1"),
        (format!("{}x = 1", "a.".repeat(100_000)), "line 1"),
    ]
}

/// What a backup can be pointed at, made in a folder, and how it is refused.
const BACKUPS: &[(&str, &[&str], Exit)] = &[
    ("over a file", &["backup", "create", "{}/file"], Exit::Exists),
    ("over a folder", &["backup", "create", "{}/folder"], Exit::Exists),
    ("over the database", &["backup", "create", "{}/data/fil.db"], Exit::Exists),
    ("over a link to nothing", &["backup", "create", "{}/dangling"], Exit::Exists),
    ("into no folder", &["backup", "create", "{}/none/x.fil"], Exit::Failed),
    ("into a file", &["backup", "create", "{}/file/x.fil"], Exit::Failed),
    ("with NUL", &["backup", "create", "{}/a\0b"], Exit::Failed),
    ("with a long name", &["backup", "create", "{}/LONG"], Exit::Failed),
    ("from nothing", &["backup", "restore", "{}/none"], Exit::Failed),
    ("from a link to nothing", &["backup", "restore", "{}/dangling"], Exit::Failed),
    ("from NUL", &["backup", "restore", "{}/a\0b"], Exit::Failed),
    ("from a folder", &["backup", "restore", "{}/folder"], Exit::Failed),
    ("from an empty file", &["backup", "restore", "{}/empty"], Exit::Data),
    ("from a text", &["backup", "restore", "{}/file"], Exit::Data),
    ("from a database of somebody else", &["backup", "restore", "{}/foreign"], Exit::Data),
    ("from a database with a trap in it", &["backup", "restore", "{}/trap"], Exit::Data),
];

/// The door's name and the number of its cases.
pub(crate) fn count() -> (&'static str, usize) {
    ("command line", 2 * NAMES.len() + 2 * LABELS.len() + configurations().len() + BACKUPS.len())
}

fn command(data: &Path, words: &[&str]) -> String {
    let data = data.to_str().unwrap();
    let words = ["fil-server", "--data", data].into_iter().chain(words.iter().copied());
    match Arguments::try_parse_from(words) {
        // What clap refuses ends with 2, like every other wrong argument.
        Err(_) => "Usage".to_owned(),
        Ok(arguments) => {
            run(arguments).map_or_else(|refusal| format!("{:?}", refusal.exit), |exit| format!("{exit:?}"))
        }
    }
}

/// A data folder with an organisation and an account.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    assert_eq!(command(&data, &["organisation", "create", "demo"]), "Done");
    assert_eq!(command(&data, &["account", "create", "demo", "ada"]), "Done");
    folder
}

#[test]
fn every_name_that_is_none_is_refused_and_makes_nothing() {
    let folder = folder();
    let data = folder.path().join("data");
    let before = dump(&data.join("fil.db"), &[]);
    let mut findings = Findings::default();
    let long = "a".repeat(65);
    for name in NAMES.iter().copied().chain([long.as_str()]) {
        findings.check(command(&data, &["organisation", "create", name]), "Usage", format!("organisation {name:?}"));
        findings.check(command(&data, &["account", "create", "demo", name]), "Usage", format!("account {name:?}"));
    }
    for label in LABELS {
        let words = ["organisation", "create", "other", "--name", label];
        findings.check(command(&data, &words), "Usage", format!("organisation --name {label:?}"));
        let words = ["account", "create", "demo", "ben", "--name", label];
        findings.check(command(&data, &words), "Usage", format!("account --name {label:?}"));
    }
    assert_eq!(dump(&data.join("fil.db"), &[]), before);
    findings.end();
}

#[test]
fn every_configuration_that_is_none_is_refused_by_name() {
    let mut findings = Findings::default();
    for (text, named) in configurations() {
        let layers = Layers { file: Some((text.clone(), "fil.toml".to_owned())), ..Layers::default() };
        let short: String = text.chars().take(60).collect();
        let sentence = load(layers).map_or_else(|error| error.0, |_| "it was taken".to_owned());
        let said = if sentence.contains(named) { named } else { &sentence };
        findings.check(said, named, format!("{short:?}"));
    }
    findings.end();
}

#[test]
fn every_backup_that_is_none_is_refused_and_nothing_is_touched() {
    let folder = folder();
    let (root, data) = (folder.path(), folder.path().join("data"));
    fs::write(
        root.join("file"),
        "a text, long enough to be taken for the head of something by somebody who only counts",
    )
    .unwrap();
    fs::write(root.join("empty"), "").unwrap();
    fs::create_dir(root.join("folder")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/nothing/here", root.join("dangling")).unwrap();
    let foreign = rusqlite::Connection::open(root.join("foreign")).unwrap();
    foreign.execute_batch("CREATE TABLE contact (name TEXT); PRAGMA user_version = 1").unwrap();
    foreign.close().unwrap();
    // A backup of ours, to which somebody added what would run inside the server.
    assert_eq!(command(&data, &["backup", "create", root.join("trap").to_str().unwrap()]), "Done");
    let trap = rusqlite::Connection::open(root.join("trap")).unwrap();
    trap.execute_batch("CREATE TRIGGER trap AFTER INSERT ON event BEGIN DELETE FROM account; END").unwrap();
    trap.close().unwrap();
    let before = (fs::read(data.join("fil.db")).unwrap(), dump(&data.join("fil.db"), &[]));
    let mut findings = Findings::default();
    for (name, words, expected) in BACKUPS {
        let place = root.to_str().unwrap();
        let words: Vec<String> =
            words.iter().map(|word| word.replace("{}", place).replace("LONG", &"a".repeat(300))).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        findings.check(command(&data, &words), format!("{expected:?}"), name);
        assert!(!data.join("restoring.db").exists(), "{name} left something behind");
    }
    assert_eq!((fs::read(data.join("fil.db")).unwrap(), dump(&data.join("fil.db"), &[])), before);
    assert!(!fs::read_dir(root).unwrap().any(|entry| entry.unwrap().file_name().to_string_lossy().contains("partial")));
    findings.end();
}
