//! Organisations and accounts, made and changed while the server runs.

use serde_json::json;

use crate::process::{PASSWORD, Place};

#[tokio::test]
async fn what_an_administrator_does_takes_effect_in_the_running_server() {
    let place = Place::new();
    // First run: no organisation, the server starts all the same and says what to do.
    let server = place.serve(&[]);
    let made = place.run(&["organisation", "create", "demo", "--name", "Demo", "--json"]).json();
    assert_eq!((&made["slug"], &made["name"]), (&json!("demo"), &json!("Demo")));
    let ada = place
        .feed(&["account", "create", "demo", "ada", "--name", "Ada Lovelace", "--password-stdin", "--json"], PASSWORD)
        .json();
    assert_eq!((&ada["name"], &ada["has_password"]), (&json!("Ada Lovelace"), &json!(true)));
    let session = server.sign_in("ada").await;
    let token = session["access_token"].as_str().unwrap();

    // An invite: one line, a link whose secret no server sees; it works once, and sets a password.
    let link = place.run(&["account", "invite", "ben"]).ok();
    let (address, secret) = link.trim().split_once("/invite#").unwrap();
    assert_eq!(address, server.url, "the link leads to the server that runs");
    let accept = json!({ "invite": secret, "password": "another password", "device_name": "phone" });
    assert_eq!(server.post("/api/v1/invites/accept", "", &accept).await.0, 200);
    assert_eq!(server.post("/api/v1/invites/accept", "", &accept).await.0, 404);
    // A second link ends the first.
    let first = place.run(&["account", "invite", "ben", "--json"]).json();
    place.run(&["account", "invite", "ben"]).ok();
    let secret = first["invite"].as_str().unwrap().split_once('#').unwrap().1;
    let accept = json!({ "invite": secret, "password": "a third password", "device_name": "phone" });
    assert_eq!(server.post("/api/v1/invites/accept", "", &accept).await.0, 404);

    let list = place.run(&["account", "list", "--json"]).json();
    let handles: Vec<_> = list.as_array().unwrap().iter().map(|account| account["handle"].clone()).collect();
    assert_eq!(handles, [json!("ada"), json!("ben")]);

    assert_eq!(server.get("/api/v1/me", token).await.0, 200);
    place.run(&["account", "disable", "ada"]).ok();
    let (status, error) = server.get("/api/v1/me", token).await;
    assert_eq!((status, &error["code"]), (401, &json!("account_disabled")));
    assert!(place.run(&["account", "list"]).ok().contains("ada\tAda Lovelace\tdisabled"));
    place.run(&["account", "enable", "ada"]).ok();
    assert_eq!(server.get("/api/v1/me", token).await.0, 200);

    place.feed(&["account", "password", "ada", "--password-stdin"], "changed password\r\n").ok();
    let body = |password: &str| json!({ "handle": "ada", "password": password, "device_name": "test" });
    assert_eq!(server.post("/api/v1/sessions", "", &body("changed password")).await.0, 200);
    assert_eq!(server.post("/api/v1/sessions", "", &body(PASSWORD)).await.0, 401);

    // With two organisations, one must be named.
    place.run(&["organisation", "create", "other"]).ok();
    place.run(&["account", "list"]).refused(2, &["several organisations"]);
    assert_eq!(place.run(&["account", "list", "other"]).ok(), "");
    assert_eq!(place.run(&["organisation", "list"]).ok(), "demo\tDemo\nother\tother\n");

    let (code, log) = server.end("-TERM");
    assert_eq!(code, Some(0));
    assert!(log.contains("fil-server organisation create"), "{log}");
}

#[test]
fn the_doctor_is_content_with_a_new_server() {
    let place = Place::with_ada();
    let server = place.serve(&[]);
    let checks = place.run(&["doctor", "--json"]).json();
    let checks = checks.as_array().unwrap();
    for check in checks {
        assert_ne!(check["state"], "problem", "{check}");
    }
    assert!(checks.iter().any(|check| check["name"] == "server" && check["detail"] == "running"), "{checks:?}");
    server.end("-INT");
    let empty = Place::new().run(&["doctor"]);
    assert_eq!(empty.code, 1);
    assert!(empty.out.contains("holds no data"), "{}", empty.out);
}
