//! What an administrator does to sessions, beside the running server, as the devices feel it.

use fil_end_to_end::{House, PASSWORD, Server};
use serde_json::Value;

const PEOPLE: &[(&str, &str)] = &[("ada", "Ada Lovelace"), ("ben", "Ben Ouali")];

/// Signing in again on this profile, with this password.
fn sign_in_again(house: &House, server: &Server, profile: &str, password: &str) {
    let login = ["login", "--server", &server.url, "--handle", "ada", "--password-stdin"];
    house.fil(profile).feed(&login, password.as_bytes()).ok();
}

/// Rows 37 and 49, and S11: one device of two is signed out by the administrator. Its socket ends, its tokens are dead,
/// what it writes meanwhile waits, and goes out once somebody signs in there again. The other device does not notice.
#[test]
fn a_device_that_the_administrator_signed_out_is_out_and_the_other_stays() {
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let (desk, ben) = (house.sign_in(&server, "desk", "ada"), house.sign_in(&server, "ben", "ben"));
    let devices = || -> Vec<Value> {
        let listed = house.administer(&["account", "devices", "demo", "ada", "--json"], "").ok();
        serde_json::from_str(&listed).expect("a list")
    };
    let first = devices()[0]["device"].as_str().expect("an id").to_owned();
    let phone = house.sign_in(&server, "phone", "ada");
    phone.run(&["send", "ben", "before"]).ok();
    assert_eq!(devices().len(), 2);
    assert_eq!(desk.texts("ben"), ["before"]);
    let (mut gone, kept) = (desk.start(&["tail"]), phone.start(&["tail", "--count", "1", "--timeout", "60"]));

    let other = house.administer(&["account", "sign-out", "demo", "ben", "--device", &first], "").code(5);
    assert!(other.contains("no signed-in device"), "{other}");
    house.administer(&["account", "sign-out", "demo", "ada", "--device", &first], "").ok();
    assert_eq!(gone.lines.next_line(), None, "its terminal ends");
    assert_eq!(gone.finish().0, 3);
    desk.run(&["status"]).code(3);
    assert_eq!(desk.run(&["send", "ben", "meanwhile"]).ok().trim(), "queued");
    ben.run(&["send", "ada", "to the phone"]).ok();
    assert_eq!(kept.finish().0, 0, "the other device hears it");
    assert_eq!(devices().len(), 1);

    sign_in_again(&house, &server, "desk", PASSWORD);
    desk.run(&["status", "--until", "sent", "--timeout", "60"]).ok();
    assert_eq!(ben.texts("ada"), ["before", "to the phone", "meanwhile"]);
    server.stop();
}

/// S11: a new password ends every session of the account, and none of another's.
#[test]
fn a_new_password_ends_the_sessions() {
    let house = House::with(PEOPLE);
    let server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    let mut tail = ada.start(&["tail"]);
    house.administer(&["account", "password", "demo", "ada", "--password-stdin"], "another horse battery").ok();
    assert_eq!(tail.lines.next_line(), None, "it ends");
    assert_eq!(tail.finish().0, 3);
    let login = ["login", "--server", &server.url, "--handle", "ada", "--password-stdin"];
    house.fil("elsewhere").feed(&login, PASSWORD.as_bytes()).code(3);
    sign_in_again(&house, &server, "ada", "another horse battery");
    ada.run(&["send", "ben", "back"]).ok();
    assert_eq!(ben.texts("ada"), ["back"]);
    server.stop();
}
