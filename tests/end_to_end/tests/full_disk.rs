//! A disk that is full or read-only, under the server and under a client: real file systems, real programs.
//!
//! What is not durable is not acknowledged, whoever can read goes on reading, the server says what is wrong, and when
//! there is room again everything arrives, once and in order, without anybody starting anything anew. Row 51 of the failure
//! catalogue, and row 4: an acknowledgement never precedes durability.

use std::time::Instant;

use fil_end_to_end::{Device, House, PATIENCE, Screen, Server, SmallDisk, databases};
use serde_json::json;

const PEOPLE: &[(&str, &str)] = &[("ada", "Ada Lovelace"), ("ben", "Ben Ouali")];

fn house() -> House {
    House::with(PEOPLE).unlimited()
}

/// Asks until the answer begins so. The server looks once a second whether it can write.
fn until(server: &Server, path: &str, status: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = server.get(path);
        if answer.starts_with(status) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{path} still says {answer}");
    }
}

/// Rows 4, 11, 51: the server's disk fills up in the middle of traffic and is freed again. Nobody restarts anything.
#[test]
fn a_server_whose_disk_fills_up_acknowledges_nothing_and_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(24) else { return };
    let mut house = house();
    house.move_server_to(&disk.path().join("server"));
    let server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    ada.run(&["send", "ben", "message 0", "--wait"]).ok();
    assert_eq!(ben.texts("ada"), ["message 0"]);
    let mut reader = Device::sign_in(&server, "ben");
    reader.connect();
    let filler = disk.fill(1024);

    // Each about two KiB, and the server keeps each several times: the room is gone after some hundred.
    let mut expected = vec!["message 0".to_owned()];
    expected.extend((1..=400).map(|number| format!("{} message {number}", "x".repeat(2_000))));
    let mut screen = Screen::open(&ada);
    let place = screen.ask(&json!({ "type": "conversations" }))["conversations"][0]["id"].clone();
    for text in &expected[1..] {
        screen.ask(&json!({ "type": "send", "conversation": place, "text": text }));
    }
    let said = until(&server, "/readyz", "HTTP/1.1 503");
    assert!(said.contains("nothing can be written") && said.contains("no room left"), "{said}");
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200"), "no reason to restart it");
    let figures = server.get("/metrics");
    assert!(
        figures.contains("fil_writable 0") && figures.contains("fil_store_failures_total{kind=\"full\"}"),
        "{figures}"
    );
    assert!(house.log().contains("the disk is full"), "{}", house.log());

    // Reading goes on, and who only reads has kept the connection.
    assert!(reader.ping(), "a connection that only reads stays");
    let conversations = reader.get("/api/v1/conversations");
    assert!(conversations.starts_with("HTTP/1.1 200"), "{conversations}");
    let acknowledged = databases::outbox(&house, "ada")["settled"];
    let durable: usize = databases::conversations(&house).values().map(|log| log.messages.len()).sum();
    assert!(durable < expected.len(), "the disk is full");
    assert!(durable as u64 >= acknowledged - 1, "{acknowledged} acknowledged, {durable} durable");

    filler.free();
    until(&server, "/readyz", "HTTP/1.1 200");
    assert!(server.get("/metrics").contains("fil_writable 1"));
    screen.ask(&json!({ "type": "connect_now" }));
    screen.until("an empty outbox", |status| status["waiting"] == 0);
    screen.close();
    assert_eq!(databases::outbox(&house, "ada").get("waiting"), None);
    let texts = ben.texts("ada");
    assert_eq!(texts.len(), expected.len());
    assert!(texts == expected && ada.texts("ben") == expected, "everything, once, in order");
    server.stop();
    let said = house.administer(&["doctor"], "").code(1);
    assert!(said.contains("sound") && said.contains("PROBLEM  room"), "sound, and still small: {said}");
}

/// Row 51: a profile on a full disk refuses what it cannot keep, says why, loses nothing, and works when there is room.
#[test]
fn a_client_whose_disk_is_full_refuses_to_queue_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount(16) else { return };
    let house = house();
    let server = Server::start(&house);
    let ben = house.sign_in(&server, "ben", "ben");
    let ada = house.let_in(house.fil_in(disk.path(), "ada"), &server, "demo", "ada");
    ada.run(&["send", "ben", "before"]).ok();
    server.stop();
    assert_eq!(ada.run(&["send", "ben", "queued while there was room"]).ok().trim(), "queued");

    let filler = disk.fill(0);
    let mut refused = 0;
    for number in 0..20 {
        // The log may have room for some more; then they are as safe as any.
        let finished = ada.run(&["send", "ben", &format!("{} {number}", "y".repeat(20_000))]);
        if finished.code != 0 {
            let said = finished.code(7);
            assert!(said.contains("disk is full"), "{said}");
            refused += 1;
        }
    }
    assert!(refused > 0, "a full disk takes no message");
    let again = ada.run(&["list"]);
    assert!(matches!(again.code, 0 | 7), "reading works, or says why not: {again:?}");

    filler.free();
    let server = Server::start(&house);
    ada.run(&["send", "ben", "after"]).ok();
    ada.run(&["status", "--until", "sent", "--timeout", "60"]).ok();
    let texts = ben.texts("ada");
    assert_eq!(texts, ada.texts("ben"));
    assert_eq!(&texts[..2], ["before", "queued while there was room"]);
    assert_eq!(texts.len(), 3 + 20 - refused, "what was refused was not sent, what was queued was");
    assert_eq!(texts.last().map(String::as_str), Some("after"));
    server.stop();
}

/// Rows 51 and 55: on a read-only file system neither program starts writing, and both say what is wrong.
#[test]
fn on_a_read_only_file_system_both_programs_say_so_and_work_afterwards() {
    let Some(disk) = SmallDisk::mount(24) else { return };
    let mut house = house();
    house.move_server_to(&disk.path().join("server"));
    let server = Server::start(&house);
    let ben = house.sign_in(&server, "ben", "ben");
    let ada = house.let_in(house.fil_in(disk.path(), "ada"), &server, "demo", "ada");
    ada.run(&["send", "ben", "before"]).ok();
    server.stop();
    disk.make_read_only();
    for words in [&["serve"][..], &["account", "create", "demo", "zoe"], &["account", "list", "demo"]] {
        let finished = house.administer(words, "");
        assert!(finished.code > 0, "{finished:?}");
        let said = finished.stderr.to_lowercase();
        assert!(said.contains("read-only") || said.contains("readonly"), "{words:?} says {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    for words in [&["send", "ben", "never"][..], &["list"], &["read", "ben"]] {
        let finished = ada.run(words);
        assert!(finished.code > 0, "{words:?}: {finished:?}");
        let said = finished.stderr.to_lowercase();
        assert!(
            (said.contains("read-only") || said.contains("readonly")) && !said.contains("panicked"),
            "{words:?} says {said}"
        );
    }
    disk.make_writable();
    let server = Server::start(&house);
    ada.run(&["send", "ben", "after"]).ok();
    assert_eq!(ben.texts("ada"), ["before", "after"]);
    server.stop();
}
