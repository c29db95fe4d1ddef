//! The end of a server process: asked for, or not.

use serde_json::json;

use crate::process::Place;

#[tokio::test]
async fn a_server_ends_with_code_0_when_asked_and_survives_when_it_is_killed() {
    let place = Place::with_ada();
    for signal in ["-TERM", "-INT", "-KILL"] {
        let server = place.serve(&["--log", "json"]);
        let session = server.sign_in("ada").await;
        let token = session["access_token"].as_str().unwrap();
        let body = json!({ "kind": "group", "title": signal, "members": [] });
        assert_eq!(server.post("/api/v1/conversations", token, &body).await.0, 201);
        let (code, log) = server.end(signal);
        assert_eq!(code, if signal == "-KILL" { None } else { Some(0) }, "{log}");
        for line in log.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
    }
    // Everything that was answered is there, whatever the end.
    let server = place.serve(&[]);
    let session = server.sign_in("ada").await;
    let (_, list) = server.get("/api/v1/conversations", session["access_token"].as_str().unwrap()).await;
    let mut titles: Vec<_> = list.as_array().unwrap().iter().map(|row| row["title"].as_str().unwrap()).collect();
    titles.sort_unstable();
    assert_eq!(titles, ["-INT", "-KILL", "-TERM"]);
    server.end("-TERM");
}

#[test]
fn two_servers_do_not_share_a_folder_or_a_port() {
    let place = Place::with_ada();
    let server = place.serve(&[]);
    place.run(&["serve", "--listen", "127.0.0.1:0"]).refused(4, &["in use by another fil-server"]);
    let other = Place::with_ada();
    let address = server.url.trim_start_matches("http://").to_owned();
    other.run(&["serve", "--listen", &address]).refused(1, &["cannot listen on", &address]);
    server.end("-TERM");
}
