//! SIGKILL in the middle of traffic: what was acknowledged is there, once, in order; nothing is doubled.
//!
//! The moment of a kill is chosen by what the programs have said, from a seed that is printed; `FIL_SEED` plays it
//! again, `FIL_KILLS` sets the number of rounds.

use fil_end_to_end::{Chance, Fil, House, Running, Server, kills};
use serde_json::Value;

const PEOPLE: &[(&str, &str)] = &[("ada", "Ada Lovelace"), ("ben", "Ben Ouali")];

fn house() -> House {
    House::with(PEOPLE).unlimited()
}

fn state(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    line["state"].as_str().unwrap_or_default().to_owned()
}

/// Waits until a `send --lines` has said this so many times.
fn wait_for_states(running: &mut Running, wanted: &str, mut count: u64) {
    while count > 0 {
        let line = running.lines.next_line().expect("the sender goes on");
        count -= u64::from(state(&line) == wanted);
    }
}

/// Both sides must show the same, in the order of writing, each text once. `doubtful` texts were never reported as
/// queued, so each may be there or not, in its place.
fn check(ada: &Fil, ben: &Fil, expected: &[String], doubtful: &[String]) {
    ada.run(&["status", "--until", "sent", "--timeout", "60"]).ok();
    let (sent, received) = (ada.texts("ben"), ben.texts("ada"));
    assert_eq!(sent, received, "both sides show the same");
    let certain: Vec<&String> = received.iter().filter(|text| !doubtful.contains(text)).collect();
    assert_eq!(certain, expected.iter().collect::<Vec<_>>(), "everything acknowledged, once, in order");
    let number = |text: &String| text.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok());
    let numbers: Vec<_> = received.iter().map(number).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "doubled or out of order: {numbers:?}");
}

/// One client writes without pause while its server is killed and started again.
#[test]
fn a_server_that_is_killed_loses_and_doubles_nothing() {
    let mut chance = Chance::from_environment();
    let house = house();
    let mut server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    let mut sending = ada.start(&["send", "ben", "--lines", "--wait", "--json"]);
    let mut expected = Vec::new();
    for _ in 0..kills() {
        for _ in 0..20 + chance.below(60) {
            let text = format!("message {}", expected.len());
            sending.type_line(&text);
            expected.push(text);
        }
        wait_for_states(&mut sending, "sent", 1 + chance.below(10));
        server.kill();
        server = Server::start(&house);
    }
    let (code, _) = sending.finish();
    assert_eq!(code, 0, "the sender waits until all is sent");
    check(&ada, &ben, &expected, &[]);
}

/// A client is killed while it queues and sends; the next one of the same profile goes on.
#[test]
fn a_client_that_is_killed_loses_and_doubles_nothing() {
    let mut chance = Chance::from_environment();
    let house = house();
    let server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    let (mut expected, mut doubtful, mut written) = (Vec::new(), Vec::new(), 0_u64);
    for _ in 0..kills() {
        let mut sending = ada.start(&["send", "ben", "--lines", "--json"]);
        let texts: Vec<String> = (written..written + 30 + chance.below(40)).map(|n| format!("message {n}")).collect();
        written += texts.len() as u64;
        for text in &texts {
            sending.type_line(text);
        }
        let wanted = 1 + chance.below(texts.len() as u64);
        wait_for_states(&mut sending, "queued", wanted);
        let rest = sending.kill();
        let queued = wanted as usize + rest.iter().filter(|line| line.contains("\"state\":\"queued\"")).count();
        expected.extend_from_slice(&texts[..queued]);
        doubtful.extend_from_slice(&texts[queued..]);
    }
    check(&ada, &ben, &expected, &doubtful);
}

/// Server, sender and receiver are killed in turn, in any order, while the sender writes.
#[test]
fn whoever_is_killed_both_sides_agree_in_the_end() {
    let mut chance = Chance::from_environment();
    let house = house();
    let mut server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    ada.run(&["send", "ben", "message 0", "--wait"]).ok();
    let (mut expected, mut doubtful, mut written) = (vec!["message 0".to_owned()], Vec::new(), 1_u64);
    let mut receiving = ben.start(&["tail", "--json"]);
    for _ in 0..kills() {
        let mut sending = ada.start(&["send", "ben", "--lines", "--json"]);
        let texts: Vec<String> = (written..written + 40).map(|n| format!("message {n}")).collect();
        written += texts.len() as u64;
        for text in &texts {
            sending.type_line(text);
        }
        let wanted = 1 + chance.below(30);
        wait_for_states(&mut sending, "queued", wanted);
        match chance.below(3) {
            0 => {
                server.kill();
                server = Server::start(&house);
            }
            1 => {
                receiving.kill();
                receiving = ben.start(&["tail", "--json"]);
            }
            _ => {}
        }
        let rest = sending.kill();
        let queued = wanted as usize + rest.iter().filter(|line| line.contains("\"state\":\"queued\"")).count();
        expected.extend_from_slice(&texts[..queued]);
        doubtful.extend_from_slice(&texts[queued..]);
    }
    receiving.kill();
    check(&ada, &ben, &expected, &doubtful);
}
