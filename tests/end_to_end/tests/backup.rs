//! The drill that every operator should make: back up a server that is busy, lose the machine's database, restore.

use std::fs;

use fil_end_to_end::{House, Server};

const PEOPLE: &[(&str, &str)] = &[("ada", "Ada Lovelace"), ("ben", "Ben Ouali")];

/// A backup is taken in the middle of traffic. Everything written after it is brought back by those who wrote it.
#[test]
fn what_a_restored_backup_lacks_comes_back_from_the_devices() {
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    ada.run(&["send", "ben", "before"]).ok();
    let mut sending = ada.start(&["send", "ben", "--lines", "--wait", "--json"]);
    let mut expected = vec!["before".to_owned()];
    for number in 0..40 {
        expected.push(format!("message {number}"));
        sending.type_line(&expected[number + 1]);
    }
    sending.lines.wait_for("\"sent\"");
    let file = house.folder().join("backup.db");
    let file = file.to_str().expect("temporary paths are text").to_owned();
    house.administer(&["backup", "create", &file], "").ok();
    house.administer(&["backup", "create", &file], "").code(6);
    house.administer(&["backup", "restore", &file], "").code(4);
    for number in 40..60 {
        expected.push(format!("message {number}"));
        sending.type_line(&expected[number + 1]);
    }
    assert_eq!(sending.finish().0, 0);
    ben.run(&["send", "ada", "from ben, after the backup"]).ok();
    assert_eq!(ben.texts("ada").len(), expected.len() + 1);
    server.kill();

    fs::remove_file(house.server_data().join("fil.db")).expect("the database was there");
    house.administer(&["backup", "restore", &file], "").ok();
    let server = Server::start(&house);
    for fil in [&ada, &ben, &ada] {
        fil.run(&["status", "--until", "sent", "--timeout", "60"]).ok();
    }
    let (at_ada, at_ben) = (ada.texts("ben"), ben.texts("ada"));
    assert_eq!(at_ada, at_ben, "both sides show the same");
    let (from_ben, from_ada): (Vec<String>, Vec<String>) =
        at_ben.into_iter().partition(|text| text.starts_with("from ben"));
    assert_eq!(from_ada, expected, "nothing is lost, doubled or out of order");
    assert_eq!(from_ben, ["from ben, after the backup"]);
    // And life goes on, without anybody signing in again.
    ada.run(&["send", "ben", "after"]).ok();
    assert_eq!(ben.texts("ada").last().map(String::as_str), Some("after"));
    server.stop();
    house.administer(&["doctor"], "").ok();
}
