//! Bad requests and bad frames: a typed refusal each, and the server goes on. The tables for arguments and
//! configuration files are in `tests/commands` and `config/layers.rs`.

use fil_protocol::ErrorCode;
use reqwest::{Method, StatusCode};
use tokio_tungstenite::tungstenite::Message;

use crate::stage::{Answer, Stage, refused};

const ID: &str = "01890000-0000-7000-8000-000000000000";

#[tokio::test]
async fn every_bad_request_gets_a_typed_refusal() {
    let stage = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let json = "application/json";
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let messages = format!("/api/v1/conversations/{ID}/messages");
    let (post, get) = (Method::POST, Method::GET);
    let table: Vec<(&Method, String, &str, &str, u16, &str)> = vec![
        (&get, "/".into(), "", "", 404, "unsupported"),
        (&get, "/api/v2/me".into(), "", "", 404, "unsupported"),
        (&get, "/api/v1/../../etc/passwd".into(), "", "", 404, "unsupported"),
        (&get, "/api/v1/%00".into(), "", "", 404, "unsupported"),
        (&Method::PUT, "/api/v1/me".into(), "", "", 405, "unsupported"),
        (&Method::PATCH, "/healthz".into(), "", "", 405, "unsupported"),
        (&post, "/api/v1/sessions".into(), "", "{}", 415, "unsupported"),
        (&post, "/api/v1/sessions".into(), "text/plain", "{}", 415, "unsupported"),
        (&post, "/api/v1/sessions".into(), json, "", 400, "malformed"),
        (&post, "/api/v1/sessions".into(), json, "{", 400, "malformed"),
        (&post, "/api/v1/sessions".into(), json, "null", 400, "malformed"),
        (&post, "/api/v1/sessions".into(), json, &deep, 400, "malformed"),
        (&post, "/api/v1/sessions".into(), json, "{\"handle\":\"a\",\"handle\":\"b\"}", 400, "malformed"),
        (&post, "/api/v1/sessions".into(), json, "{\"handle\":7}", 400, "malformed"),
        (
            &post,
            "/api/v1/sessions".into(),
            json,
            r#"{"handle":"ada","password":"canary-secret","device_name":"x","extra":1}"#,
            400,
            "malformed",
        ),
        (
            &post,
            "/api/v1/sessions".into(),
            json,
            r#"{"handle":"ada","password":"canary-secret","device_name":" "}"#,
            400,
            "invalid",
        ),
        (
            &post,
            "/api/v1/sessions".into(),
            json,
            r#"{"handle":"ada","password":"canary-secret","device_name":"a\u0000b"}"#,
            400,
            "invalid",
        ),
        (&post, messages.clone(), json, "{\"text\":\"hello\"}", 404, "not_found"),
        (&post, messages.clone(), json, "{\"text\":[\"canary-secret\"]}", 400, "malformed"),
        (&post, "/api/v1/conversations/7/messages".into(), json, "{\"text\":\"a\"}", 400, "malformed"),
        (&get, format!("/api/v1/conversations/{{{ID}}}/members"), "", "", 400, "malformed"),
        (&get, format!("{messages}?limit=0"), "", "", 400, "invalid"),
        (&get, format!("{messages}?limit=51"), "", "", 400, "invalid"),
        (&get, format!("{messages}?limit=-1"), "", "", 400, "malformed"),
        (&get, format!("{messages}?before=x"), "", "", 400, "malformed"),
        (&get, format!("{messages}?before=0"), "", "", 400, "invalid"),
        (&get, format!("{messages}?before=18446744073709551615"), "", "", 400, "invalid"),
        (&get, format!("{messages}?before=99999999999999999999"), "", "", 400, "malformed"),
        (&get, "/api/v1/search".into(), "", "", 400, "malformed"),
        (&get, "/api/v1/search?query=a&conversation=7".into(), "", "", 400, "malformed"),
        (&get, "/api/v1/search?query=a&before=zz".into(), "", "", 400, "malformed"),
        (&get, "/api/v1/search?query=a%00b".into(), "", "", 400, "invalid"),
        (&get, format!("/api/v1/search?query={}", "a".repeat(257)), "", "", 400, "too_large"),
        (&get, format!("/api/v1/accounts?query={}", "a".repeat(257)), "", "", 400, "too_large"),
        (&get, "/api/v1/accounts?limit=1&limit=2".into(), "", "", 400, "malformed"),
        (&Method::DELETE, "/api/v1/devices/me".into(), "", "", 400, "malformed"),
        (&Method::DELETE, format!("/api/v1/devices/{ID}"), "", "", 404, "not_found"),
        (&post, "/api/v1/conversations".into(), json, r#"{"kind":"direct","members":[]}"#, 400, "invalid"),
        (&post, "/api/v1/conversations".into(), json, r#"{"kind":"crowd","members":[]}"#, 400, "malformed"),
        (&post, "/api/v1/conversations".into(), json, r#"{"kind":"group","members":["ada"]}"#, 400, "malformed"),
        (&get, "/api/v1/socket".into(), "", "", 400, "malformed"),
    ];
    for (method, path, kind, body, status, code) in table {
        let mut request = ada.request(method.clone(), &path).body(body.to_owned());
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        let answer = Answer::of(request).await;
        let short: String = body.chars().take(60).collect();
        assert_eq!(answer.refusal(), refused(status, code), "{method} {path} {short} {}", answer.text);
        assert!(!answer.text.contains("canary"), "{}", answer.text);
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    }
    assert_eq!(ada.get("/api/v1/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_bad_frame_gets_a_typed_error_and_ends_its_connection() {
    let stage = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let text = |text: &str| Message::Text(text.into());
    let deep = format!("{{\"type\":\"command\",\"no\":1,\"command\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let table = [
        (text(""), ErrorCode::Malformed),
        (text("hello"), ErrorCode::Malformed),
        (text("[]"), ErrorCode::Malformed),
        (text("{}"), ErrorCode::Malformed),
        (text("{\"type\":\"pull\"}"), ErrorCode::Malformed),
        (text("{\"type\":\"pull\",\"request\":-1,\"stream\":\"account\"}"), ErrorCode::Malformed),
        (text("{\"type\":\"command\",\"no\":1.5,\"command\":{}}"), ErrorCode::Malformed),
        (text(&deep), ErrorCode::Malformed),
        (text("{\"type\":\"teleport\"}"), ErrorCode::Unsupported),
        (text("{\"type\":\"renew\",\"token\":\"canary\"}"), ErrorCode::Unauthorised),
        (Message::Binary(vec![0xff; 10].into()), ErrorCode::Unsupported),
    ];
    for (message, expected) in table {
        let mut socket = ada.connect().await;
        socket.send_raw(message.clone()).await;
        let (error, code, _) = socket.end().await;
        let error = error.unwrap_or_else(|| panic!("no error for {message:?}"));
        assert_eq!(error.code, expected, "{message:?}");
        assert_eq!(code, if expected == ErrorCode::Unauthorised { 4401 } else { 4400 });
        assert!(!error.detail.contains("canary"));
    }
    ada.connect().await;
}
