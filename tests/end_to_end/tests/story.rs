//! The story of the terminal: two people chat, the server goes away and comes back, and nothing is lost.

use fil_end_to_end::{House, PASSWORD, Server};
use serde_json::Value;

const PEOPLE: &[(&str, &str)] = &[("ada", "Ada Lovelace"), ("ben", "Ben Ouali"), ("cleo", "Cleo Martin")];

/// What a person at a terminal sees, command by command: sign in, write, list, read, and read again as another device.
#[test]
fn two_people_chat_from_their_terminals() {
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    assert_eq!(ada.run(&["list"]).ok().trim(), "no conversations yet");
    assert_eq!(ada.run(&["send", "ben", "bonjour"]).ok().trim(), "sent");
    assert_eq!(ada.feed(&["send", "@ben", "-"], "two\nlines\n".as_bytes()).ok().trim(), "sent");

    let list = ben.json(&["list"]);
    assert_eq!(
        (&list["conversations"][0]["title"], &list["conversations"][0]["unread"]),
        (&"Ada Lovelace".into(), &2.into())
    );
    let read = ben.run(&["read", "ada", "--unread"]).ok();
    assert!(read.contains("Ada Lovelace: bonjour") && read.contains("two\nlines"), "{read}");
    assert_eq!(ben.json(&["list"])["conversations"][0]["unread"], 0, "reading marks as read");
    assert_eq!(ben.run(&["read", "ada", "--unread"]).ok(), "");

    assert_eq!(ada.json(&["new-group", "Garde de nuit", "ben"])["done"], true);
    assert_eq!(
        ben.run(&["send", "Garde de nuit", "me voilà"]).ok().trim(),
        "sent",
        "a group just begun by somebody else"
    );

    let second = house.sign_in(&server, "ada-at-home", "ada");
    assert_eq!(second.texts("ben"), ["bonjour", "two\nlines"], "another device of the same account");
    assert!(ada.run(&["read", "ben"]).ok().contains("✓ Ada Lovelace: bonjour"));
}

/// A message appears in a terminal that waits for it, and in no other conversation's.
#[test]
fn new_messages_appear_where_somebody_waits_for_them() {
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    ada.run(&["send", "ben", "before"]).ok();
    ben.run(&["read", "ada"]).ok();
    let tail = ben.start(&["tail", "--count", "2", "--timeout", "60", "--json"]);
    // Whether it is written before or after tail is ready, `tail` has it or it was there before: writing goes on until
    // tail has seen two.
    let group = ada.json(&["new-group", "Garde", "ben"]);
    assert_eq!(group["done"], true);
    let mut written = Vec::new();
    let mut tail = tail;
    let mut seen: Vec<Value> = Vec::new();
    while seen.len() < 2 {
        written.push(format!("message {}", written.len()));
        ada.run(&["send", "Garde", written.last().expect("just pushed")]).ok();
        seen.extend(tail.lines.ready().iter().map(|line| serde_json::from_str::<Value>(line).expect("lines of JSON")));
        assert!(written.len() < 50, "tail says nothing");
    }
    assert_eq!(tail.finish().0, 0);
    let texts: Vec<String> =
        seen.iter().filter_map(|line| line["item"]["body"]["text"].as_str().map(str::to_owned)).collect();
    let first = written.iter().position(|text| *text == texts[0]).expect("it was written");
    assert_eq!(texts, written[first..first + 2], "in order, none left out");
}

/// Queued while the server is gone, readable and searchable meanwhile; sent once and in order when it is back.
#[test]
fn what_is_written_offline_arrives_once_and_in_order() {
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    ada.run(&["send", "ben", "zero"]).ok();
    assert_eq!(ben.texts("ada"), ["zero"]);
    server.stop();

    let mut expected = vec!["zero".to_owned()];
    for number in 1..=5 {
        let text = format!("written offline {number}");
        assert_eq!(ada.run(&["send", "ben", &text]).ok().trim(), "queued");
        expected.push(text);
    }
    assert_eq!(ada.texts("ben"), expected, "what is queued is on screen");
    let hits = ada.json(&["search", "zero"]);
    assert_eq!(hits["hits"].as_array().map(Vec::len), Some(1), "{hits}");
    let status = ada.json(&["status"]);
    assert_eq!((&status["status"]["connection"], &status["status"]["waiting"]), (&"offline".into(), &5.into()));
    ada.run(&["send", "ben", "never", "--wait", "--timeout", "1"]).code(8);
    expected.push("never".to_owned());
    ada.run(&["logout"]).code(6);

    let _server = Server::start(&house);
    let status = ada.json(&["status", "--until", "sent", "--timeout", "60"]);
    assert_eq!(status["status"]["waiting"], 0);
    assert_eq!(ben.texts("ada"), expected);
    assert_eq!(ada.texts("ben"), expected);
}

/// A conversation that was begun offline on both sides is one conversation afterwards.
#[test]
fn two_who_begin_a_conversation_offline_are_in_the_same_one() {
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    // They have met in a group, so each knows the other's handle.
    ada.run(&["new-group", "Tous", "ben"]).ok();
    ada.run(&["status", "--until", "sent", "--timeout", "60"]).ok();
    ben.run(&["status", "--until", "live", "--timeout", "60"]).ok();
    server.stop();
    assert_eq!(ada.run(&["send", "ben", "from ada"]).ok().trim(), "queued");
    assert_eq!(ben.run(&["send", "ada", "from ben"]).ok().trim(), "queued");
    let _server = Server::start(&house);
    for fil in [&ada, &ben] {
        fil.run(&["status", "--until", "sent", "--timeout", "60"]).ok();
    }
    let mut texts = ada.texts("ben");
    assert_eq!(texts, ben.texts("ada"));
    texts.sort();
    assert_eq!(texts, ["from ada", "from ben"]);
    assert_eq!(ada.json(&["list"])["conversations"].as_array().map(Vec::len), Some(2));
}

/// Edits and deletions, of messages sent and unsent, by id and by `last`.
#[test]
fn messages_are_edited_and_deleted() {
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    let first = ada.json(&["send", "ben", "one"])["message"].as_str().expect("an id").to_owned();
    ada.run(&["send", "ben", "two"]).ok();
    assert_eq!(ada.run(&["edit", "ben", &first, "one, edited"]).ok().trim(), "done");
    assert_eq!(ada.run(&["delete", "ben", "last"]).ok().trim(), "done");
    assert_eq!(ben.texts("ada"), ["one, edited"]);
    let read = ben.run(&["read", "ada"]).ok();
    assert!(read.contains("one, edited (edited)") && read.contains("(deleted)"), "{read}");
    ben.run(&["edit", "ada", &first, "not mine"]).code(6);
    ben.run(&["delete", "ada", "last"]).code(5);
    server.stop();
    ada.run(&["send", "ben", "three"]).ok();
    ada.run(&["edit", "ben", "last", "three, edited"]).ok();
    let _server = Server::start(&house);
    ada.run(&["status", "--until", "sent", "--timeout", "60"]).ok();
    assert_eq!(ben.texts("ada"), ["one, edited", "three, edited"]);
}

/// An invite link signs in once and sets a password; logging out forgets the messages of the profile.
#[test]
fn an_invite_signs_in_once_and_logging_out_forgets() {
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let address = format!("public_url={}", server.url);
    let invite = house.administer(&["account", "invite", "demo", "dora", "--set", &address], "").ok();
    let dora = house.fil("dora");
    let words = ["login", "--invite", invite.trim(), "--password-stdin"];
    dora.feed(&words, b"a new password").ok();
    dora.run(&["send", "ben", "hello"]).ok();
    house.fil("another").feed(&words, b"a new password").code(3);
    let out = dora.run(&["logout"]).ok();
    assert_eq!(out.trim(), "signed out");
    dora.run(&["read", "ben"]).code(3);
    let words = ["login", "--server", &server.url, "--handle", "dora", "--password-stdin"];
    dora.feed(&words, b"a new password").ok();
    assert_eq!(dora.texts("ben"), ["hello"]);
}

/// An account that is disabled waits, and goes on by itself once it is enabled again.
#[test]
fn a_disabled_account_keeps_what_it_writes_until_it_is_enabled() {
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    ada.run(&["send", "ben", "before"]).ok();
    let mut tail = ada.start(&["tail"]);
    house.administer(&["account", "disable", "demo", "ada"], "").ok();
    assert_eq!(tail.lines.next_line(), None, "it ends");
    assert_eq!(tail.finish().0, 3);
    ada.run(&["status"]).code(3);
    assert_eq!(ada.run(&["send", "ben", "meanwhile"]).ok().trim(), "queued");
    ada.run(&["send", "ben", "meanwhile too", "--wait"]).code(3);
    assert_eq!(ada.texts("ben"), ["before", "meanwhile", "meanwhile too"], "what is here can be read");
    house.administer(&["account", "enable", "demo", "ada"], "").ok();
    ada.run(&["status", "--until", "sent", "--timeout", "60"]).ok();
    assert_eq!(ben.texts("ada"), ["before", "meanwhile", "meanwhile too"]);
}

/// A copied profile gives itself away: the server ends the session. Nothing unsent is lost, and signing in again goes
/// on where it was.
#[test]
fn a_session_that_the_server_ended_goes_on_after_signing_in_again() {
    let house = House::with(PEOPLE).set("sessions.refresh_grace_ms=0");
    let server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    ada.run(&["send", "ben", "before"]).ok();
    let token = house.profile("ada").join("token");
    let copied = std::fs::read(&token).expect("the token is in a private file");
    ada.run(&["status", "--until", "live", "--timeout", "60"]).ok();
    ada.run(&["status", "--until", "live", "--timeout", "60"]).ok();
    std::fs::write(&token, copied).expect("the folder is ours");
    ada.run(&["status", "--until", "live", "--timeout", "60"]).code(3);
    assert_eq!(ada.run(&["send", "ben", "meanwhile"]).ok().trim(), "queued");
    let login = ["login", "--server", &server.url, "--handle", "ada", "--password-stdin"];
    ada.feed(&login, PASSWORD.as_bytes()).ok();
    ada.run(&["status", "--until", "sent", "--timeout", "60"]).ok();
    assert_eq!(ben.texts("ada"), ["before", "meanwhile"]);
}

/// Every exit code that a script may act on, and texts in the language of the environment.
#[test]
fn exit_codes_and_languages_are_those_that_the_help_names() {
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let nobody = house.fil("nobody");
    for words in [&["status"][..], &["list"], &["send", "ben", "x"], &["read", "ben"], &["tail"], &["logout"]] {
        nobody.run(words).code(3);
    }
    assert!(nobody.run(&["list", "--json"]).code(3).contains("\"kind\":\"signed_out\""));
    let login = ["login", "--server", &server.url, "--handle", "ada", "--password-stdin"];
    nobody.feed(&login, b"a wrong password").code(3);
    nobody.feed(&["login", "--server", "http://127.0.0.1:1", "--handle", "ada", "--password-stdin"], b"x").code(4);

    let ada = house.sign_in(&server, "ada", "ada");
    assert!(ada.feed(&login, b"x").code(2).contains("ada is signed in already"));
    ada.run(&["send", "zoe", "x"]).code(5);
    ada.run(&["read", "ben"]).code(5);
    ada.run(&["delete", "ben", "last"]).code(5);
    ada.run(&["tail", "--timeout", "0"]).code(8);
    ada.run(&["nonsense"]).code(2);

    let ben = house.sign_in(&server, "ben", "ben");
    ben.run(&["send", "ada", "x"]).ok();
    let mut bridge = ben.start(&["bridge", "--json"]);
    bridge.lines.wait_for("\"port\"");
    ben.run(&["list"]).code(7);
    bridge.kill();
    ben.run(&["list"]).ok();

    let french = nobody.speaking("fr_FR.UTF-8");
    assert!(french.run(&["list"]).code(3).contains("aucune session ouverte"));
    assert!(ada.run(&["--help"]).ok().contains("Exit codes:"));
}
