//! Nothing crosses an organisation, and nothing reaches a non-member, over HTTP.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::stage::{Stage, refused};

#[tokio::test]
async fn a_stranger_finds_nothing_by_any_id() {
    let stage = Stage::new().await;
    let other = stage.organisation("other").await;
    stage.account(other, "eve").await;
    let demo = stage.sign_in("ada").await.session.organisation;
    stage.account(demo, "cleo").await;
    let (ada, ben) = (stage.sign_in("ada").await, stage.sign_in("ben").await);
    let conversation = ada.direct(ben.account()).await;
    ada.say(conversation, "the vault opens at noon").await;

    let eve = stage.sign_in_to("other", "eve").await;
    let cleo = stage.sign_in("cleo").await;
    for stranger in [&eve, &cleo] {
        let base = format!("/api/v1/conversations/{conversation}");
        let missing = refused(404, "not_found");
        assert_eq!(stranger.get(&format!("{base}/members")).await.refusal(), missing);
        assert_eq!(stranger.get(&format!("{base}/messages")).await.refusal(), missing);
        assert_eq!(stranger.post(&format!("{base}/messages"), json!({ "text": "hello" })).await.refusal(), missing);
        let hits: Value = stranger.get("/api/v1/search?query=vault").await.expect(StatusCode::OK);
        assert_eq!(hits["hits"], json!([]));
        let search = format!("/api/v1/search?query=vault&conversation={conversation}");
        assert_eq!(stranger.get(&search).await.refusal(), missing);
        let conversations: Value = stranger.get("/api/v1/conversations").await.expect(StatusCode::OK);
        assert_eq!(conversations, json!([]));
        let device = format!("/api/v1/devices/{}", ada.session.device);
        assert_eq!(stranger.delete(&device).await.refusal(), missing);
    }
    let found: Value = eve.get("/api/v1/accounts?query=a").await.expect(StatusCode::OK);
    assert_eq!(found["accounts"], json!([]));
    // People of another organisation cannot be written to, nor added, and a failed attempt leaves nothing behind.
    for kind in ["direct", "group"] {
        let title = if kind == "group" { json!("plan") } else { Value::Null };
        let body = json!({ "kind": kind, "title": title, "members": [ada.account()] });
        let status = eve.post("/api/v1/conversations", body).await.refusal().0;
        assert!([400, 404].contains(&status), "{kind} {status}");
    }
    let conversations: Value = eve.get("/api/v1/conversations").await.expect(StatusCode::OK);
    assert_eq!(conversations, json!([]));

    let hits: Value = ben.get("/api/v1/search?query=vau").await.expect(StatusCode::OK);
    assert_eq!(hits["hits"][0]["text"], "the vault opens at noon");
    let page: Value = ben.get(&format!("/api/v1/conversations/{conversation}/messages")).await.expect(StatusCode::OK);
    assert_eq!(page["items"].as_array().unwrap().last().unwrap()["text"], "the vault opens at noon");
    let conversations: Value = ben.get("/api/v1/conversations").await.expect(StatusCode::OK);
    assert_eq!(conversations[0]["unread"], json!(1));
}
