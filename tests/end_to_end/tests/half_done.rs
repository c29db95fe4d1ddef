//! Commands that are killed in the middle: what they were about is done, or it is not, and the next attempt works.
//!
//! The moment of each kill is a number of changes in the folder, drawn from a seed that is printed; `FIL_SEED` plays it
//! again, `FIL_KILLS` sets the number of rounds.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use fil_end_to_end::{Chance, House, PASSWORD, Server, databases, kills};

const PEOPLE: &[(&str, &str)] = &[("ada", "Ada Lovelace"), ("ben", "Ben Ouali")];

/// Rows 52 and 56: the first start makes the folder, the keys, the database and its tables. Killed anywhere in it, the
/// next start finishes what is missing.
#[test]
fn a_first_start_that_is_killed_is_finished_by_the_next() {
    let mut chance = Chance::from_environment();
    let mut killed = 0;
    for _ in 0..kills() {
        let house = House::empty();
        for _ in 0..1 + chance.below(2) {
            let changes = 1 + chance.below(12);
            killed += u32::from(house.interrupt_start(changes));
        }
        house.administer(&["organisation", "create", "demo"], "").ok();
        house.administer(&["account", "create", "demo", "ada", "--password-stdin"], PASSWORD).ok();
        let server = Server::start(&house);
        house.sign_in(&server, "ada", "ada");
        server.stop();
    }
    assert!(killed > 0, "none was killed in time");
}

/// Rows 52 and 55: the first start of this version on the database of a release, killed anywhere in it, migration and all:
/// the next start finishes it, and everything is there.
#[test]
fn an_update_that_is_killed_is_finished_by_the_next_start() {
    let mut chance = Chance::from_environment();
    let release = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/0.1.0/server");
    let old_house = || {
        let house = House::empty();
        fs::create_dir_all(house.server_data()).expect("the folder is ours");
        for file in ["fil.db", "fil.db-wal"] {
            fs::copy(release.join(file), house.server_data().join(file)).expect("the fixture is there");
        }
        // As the server had made it: it does not start in a folder that others can read.
        fs::set_permissions(house.server_data(), fs::Permissions::from_mode(0o700)).expect("the folder is ours");
        house
    };
    let undisturbed = old_house();
    Server::start(&undisturbed).stop();
    let expected = databases::conversations(&undisturbed);
    assert!(expected.values().any(|conversation| conversation.events.len() > 5), "the fixture is not empty");
    let mut killed = 0;
    for _ in 0..kills() {
        let house = old_house();
        for _ in 0..1 + chance.below(3) {
            killed += u32::from(house.interrupt_start(1 + chance.below(8)));
        }
        let server = Server::start(&house);
        assert_eq!(databases::conversations(&house), expected);
        server.stop();
        let said = house.administer(&["doctor"], "");
        assert!(said.stdout.contains("sound"), "{said:?}");
    }
    assert!(killed > 0, "none was killed in time");
}

/// Rows 25 and 56: an organisation or account is made whole or not at all.
#[test]
fn administration_that_is_killed_is_done_or_not_done() {
    let mut chance = Chance::from_environment();
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let mut killed = 0;
    for round in 0..kills() {
        let handle = format!("person{round}");
        let words = ["account", "create", "demo", handle.as_str(), "--password-stdin"];
        // Few changes: the command makes one commit.
        killed += u32::from(house.interrupt(&words, PASSWORD, 1 + chance.below(2)));
        let again = house.administer(&words, PASSWORD);
        assert!(matches!(again.code, 0 | 6), "made now, or made before: {again:?}");
        house.sign_in(&server, &handle, &handle);
    }
    assert!(killed > 0, "none was killed in time");
    let listed = house.administer(&["account", "list", "demo"], "").ok();
    assert_eq!(listed.lines().count(), PEOPLE.len() + kills() as usize, "each once: {listed}");
    server.stop();
}

/// Row 50: a backup has its name only when it is whole and checked, and a restore leaves the old database or the new.
/// Whole is what brings back every event, in a new folder, and is sound to `doctor`.
#[test]
fn a_backup_or_a_restore_that_is_killed_leaves_something_whole() {
    let mut chance = Chance::from_environment();
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    for number in 0..5 {
        ada.run(&["send", "ben", &format!("message {number}")]).ok();
    }
    let saved = databases::conversations(&house);
    let mut killed = [0; 2];
    for round in 0..kills() {
        let file = house.folder().join(format!("backup-{round}.db"));
        let name = file.to_str().expect("a text");
        killed[0] += u32::from(house.interrupt(&["backup", "create", name], "", 1 + chance.below(6)));
        if !file.exists() {
            house.administer(&["backup", "create", name], "").ok();
        }
        let elsewhere = House::empty();
        elsewhere.administer(&["backup", "restore", name], "").ok();
        let said = elsewhere.administer(&["doctor"], "");
        assert!(said.stdout.contains("sound"), "{said:?}");
        assert_eq!(databases::conversations(&elsewhere), saved, "backup {round} has everything");
    }
    ada.run(&["send", "ben", "after the backup"]).ok();
    server.stop();
    for round in 0..kills() {
        let file = house.folder().join(format!("backup-{round}.db"));
        let words = ["backup", "restore", file.to_str().expect("a text")];
        killed[1] += u32::from(house.interrupt(&words, "", 1 + chance.below(10)));
        let said = house.administer(&["doctor"], "").ok();
        assert!(said.contains("sound"), "{said}");
    }
    assert!(killed[0] > 0 && killed[1] > 0, "killed in time: {killed:?}");
    // Whatever those restores left behind, everything that was acknowledged is there in the end.
    let server = Server::start(&house);
    for fil in [&ada, &ben] {
        fil.run(&["status", "--until", "sent", "--timeout", "60"]).ok();
    }
    let mut expected: Vec<String> = (0..5).map(|number| format!("message {number}")).collect();
    expected.push("after the backup".to_owned());
    assert_eq!((ada.texts("ben"), ben.texts("ada")), (expected.clone(), expected));
    server.stop();
}

/// Rows 6, 49 and 57: signing in is killed in the middle, and the next attempt works on the same profile.
#[test]
fn a_sign_in_that_is_killed_leaves_a_profile_that_can_sign_in() {
    let mut chance = Chance::from_environment();
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let words = ["login", "--server", &server.url, "--organisation", "demo", "--handle", "ada", "--password-stdin"];
    let mut killed = 0;
    for round in 0..kills() {
        let fil = house.fil(&format!("ada{round}"));
        killed += u32::from(fil.interrupt(&words, PASSWORD, 1 + chance.below(12)));
        if fil.run(&["status", "--until", "live", "--timeout", "60"]).code != 0 {
            fil.feed(&words, PASSWORD.as_bytes()).ok();
        }
        fil.run(&["send", "ben", &format!("round {round}"), "--wait"]).ok();
    }
    assert!(killed > 0, "none was killed in time");
    let ben = house.sign_in(&server, "ben", "ben");
    let expected: Vec<String> = (0..kills()).map(|round| format!("round {round}")).collect();
    assert_eq!(ben.texts("ada"), expected);
    server.stop();
}

/// Row 57: while a process has the profile, a second one is refused and touches nothing; when the first is killed in the
/// middle of writing, the next takes over at once, and nothing is lost, doubled or out of order.
#[test]
fn a_second_process_is_refused_until_the_first_is_killed() {
    let mut chance = Chance::from_environment();
    let house = House::with(PEOPLE).unlimited();
    let server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    ada.run(&["send", "ben", "begin", "--wait"]).ok();
    let (mut certain, mut doubtful) = (vec!["begin".to_owned()], Vec::new());
    for round in 0..kills() {
        let mut owner = ada.start(&["send", "ben", "--lines", "--json"]);
        let texts: Vec<String> = (0..10 + chance.below(10)).map(|number| format!("{round} {number}")).collect();
        texts.iter().for_each(|text| owner.type_line(text));
        let wanted = 1 + chance.below(texts.len() as u64) as usize;
        let mut queued = 0;
        while queued < wanted {
            let line = owner.lines.next_line().expect("the owner goes on");
            queued += usize::from(line.contains("\"state\":\"queued\""));
        }
        for words in [&["send", "ben", "never"][..], &["list"], &["logout", "--discard-unsent"]] {
            let said = ada.run(words).code(7);
            assert!(said.contains("another program uses this profile"), "{said}");
        }
        queued += owner.kill().iter().filter(|line| line.contains("\"state\":\"queued\"")).count();
        certain.extend_from_slice(&texts[..queued]);
        doubtful.extend_from_slice(&texts[queued..]);
        let next = format!("{round} after");
        ada.run(&["send", "ben", &next]).ok();
        certain.push(next);
    }
    ada.run(&["status", "--until", "sent", "--timeout", "60"]).ok();
    let texts = ben.texts("ada");
    assert_eq!(texts, ada.texts("ben"));
    let found: Vec<String> = texts.into_iter().filter(|text| !doubtful.contains(text)).collect();
    assert_eq!(found, certain, "everything queued, once, in order, and nothing of the second process");
    assert_eq!(databases::outbox(&house, "ada").get("waiting"), None);
    server.stop();
}
