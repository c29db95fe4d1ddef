//! S3 and S36: no text, password or token is in the log, however much is logged.

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::process::{PASSWORD, Place};

#[tokio::test]
async fn the_log_of_a_whole_conversation_holds_nothing_that_was_said_in_it() {
    let place = Place::with_ada();
    let server = place.serve(&["--set", "log.level=trace", "--log", "json"]);
    let session = server.sign_in("ada").await;
    let token = session["access_token"].as_str().unwrap();
    let refresh = session["refresh_token"].as_str().unwrap();
    let body = json!({ "kind": "group", "title": "canary-title", "members": [] });
    let (_, made) = server.post("/api/v1/conversations", token, &body).await;
    let group = made["conversation"].as_str().unwrap();
    let path = format!("/api/v1/conversations/{group}/messages");
    assert_eq!(server.post(&path, token, &json!({ "text": "canary-text" })).await.0, 201);
    assert_eq!(server.get("/api/v1/search?query=canary-search", token).await.0, 200);
    server.post("/api/v1/sessions/refresh", "", &json!({ "refresh_token": refresh })).await;
    let wrong = json!({ "handle": "ada", "password": "canary-password", "device_name": "canary-device" });
    assert_eq!(server.post("/api/v1/sessions", "", &wrong).await.0, 401);
    server.post("/api/v1/sessions", "", &json!({ "password": "canary-malformed" })).await;
    server
        .post(
            "/api/v1/invites/accept",
            "",
            &json!({ "invite": "canary-invite", "password": "canary-new", "device_name": "x" }),
        )
        .await;

    let url = format!("{}/api/v1/socket", server.url.replace("http://", "ws://"));
    for frame in [r#"{"type":"ping","note":"canary-frame"}"#, r#"{"type":"canary-type"}"#, "canary-nonsense"] {
        let mut request = url.as_str().into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        socket.send(Message::Text(frame.into())).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    }

    let (_, log) = server.end("-TERM");
    assert!(log.lines().count() > 10 && log.contains("\"route\""), "the log is on: {log}");
    for secret in ["canary", PASSWORD, token, refresh] {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{line:?}");
    }
}
