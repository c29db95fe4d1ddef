//! Requests that are repeated because an answer was lost.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stage::{Answer, Stage, refused};

#[tokio::test]
async fn a_repeated_request_is_answered_like_the_first_and_applied_once() {
    let stage = Stage::new().await;
    let (ada, ben) = (stage.sign_in("ada").await, stage.sign_in("ben").await);
    let conversation = ada.direct(ben.account()).await;
    let path = format!("/api/v1/conversations/{conversation}/messages");
    let send = async |text: &str, key: &str| {
        Answer::of(ada.request(Method::POST, &path).header("idempotency-key", key).json(&json!({ "text": text }))).await
    };
    let first: Value = send("once", "k1").await.expect(StatusCode::CREATED);
    let again: Value = send("once", "k1").await.expect(StatusCode::CREATED);
    assert_eq!(first, again);
    assert_eq!(send("another", "k1").await.refusal(), refused(409, "conflict"));
    let second: Value = send("once", "k2").await.expect(StatusCode::CREATED);
    assert_ne!(first, second);
    let page: Value = ada.get(&path).await.expect(StatusCode::OK);
    let messages = page["items"].as_array().unwrap().iter().filter(|item| item["type"] == "message").count();
    assert_eq!(messages, 2);
    for key in ["", "with space", &"k".repeat(256)] {
        assert_eq!(send("never", key).await.refusal(), refused(400, "invalid"), "{key:?}");
    }
    let group = async || {
        let body = json!({ "kind": "group", "title": "plan", "members": [ben.account()] });
        let request = ada.request(Method::POST, "/api/v1/conversations").header("idempotency-key", "g1").json(&body);
        Answer::of(request).await.expect::<Value>(StatusCode::CREATED)
    };
    assert_eq!(group().await, group().await);
}
