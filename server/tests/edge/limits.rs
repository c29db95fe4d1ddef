//! Limits and rate limits, with typed answers and `Retry-After` (S14 to S16, S18).

use fil_protocol::limits::{BODY_BYTES_MAX, FRAME_BYTES_MAX};
use fil_protocol::{ClientFrame, ErrorCode, ServerFrame};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::stage::{Answer, PASSWORD, Stage, refused, sign_in};

#[tokio::test]
async fn guessing_passwords_is_slow_and_says_when_to_come_back() {
    let stage = Stage::with(|config| {
        config.limits.sign_in_burst = 4;
        config.limits.sign_in_per_minute = 1;
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let attempt = async |from: &str, handle: &str, password: &str| {
        let request = stage.request(Method::POST, "/api/v1/sessions").header("x-forwarded-for", from);
        Answer::of(request.json(&sign_in("demo", handle, password))).await
    };
    for _ in 0..4 {
        assert_eq!(attempt("192.0.2.1", "ada", "wrong password").await.status, StatusCode::UNAUTHORIZED);
    }
    let answer = attempt("192.0.2.1", "ada", PASSWORD).await;
    assert_eq!(answer.refusal(), refused(429, "rate_limited"));
    let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // The handle is counted too, so another address does not help; another handle from there is not concerned.
    assert_eq!(attempt("192.0.2.2", "ada", PASSWORD).await.refusal(), refused(429, "rate_limited"));
    assert_eq!(attempt("192.0.2.2", "ben", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_account_has_a_budget_of_requests_and_its_neighbours_do_not_feel_it() {
    let stage = Stage::with(|config| {
        config.limits.requests_burst = 5;
        config.limits.requests_per_second = 1;
    })
    .await;
    let (ada, ben) = (stage.sign_in("ada").await, stage.sign_in("ben").await);
    let mut refusals = 0;
    for _ in 0..20 {
        let answer = ada.get("/api/v1/me").await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.refusal(), refused(429, "rate_limited"));
            assert!(answer.headers.contains_key("retry-after"));
            refusals += 1;
        }
    }
    assert!(refusals >= 10, "{refusals}");
    assert_eq!(ben.get("/api/v1/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_announced_or_not() {
    let stage = Stage::new().await;
    let large = format!("{{\"refresh_token\":\"{}\"}}", "a".repeat(BODY_BYTES_MAX));
    let request = || stage.request(Method::POST, "/api/v1/sessions/refresh").header("content-type", "application/json");
    assert_eq!(Answer::of(request().body(large.clone())).await.refusal(), refused(413, "too_large"));
    // Without a length, in chunks.
    let mut stream = TcpStream::connect(stage.running.address()).await.unwrap();
    let head = "POST /api/v1/sessions/refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(chunk.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("too_large"), "{answer}");
}

#[tokio::test]
async fn a_client_that_drips_bytes_loses_its_place() {
    let stage = Stage::with(|config| {
        config.limits.header_timeout_ms = 100;
        config.limits.body_timeout_ms = 100;
    })
    .await;
    for start in ["", "GET /healthz HTTP/1.1\r\nhost: x\r\nx-drip"] {
        let mut stream = TcpStream::connect(stage.running.address()).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!String::from_utf8_lossy(&answer).contains("200"), "{start}");
    }
    let mut stream = TcpStream::connect(stage.running.address()).await.unwrap();
    let head =
        "POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 512];
    let count = stream.read(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer[..count]).starts_with("HTTP/1.1 408"));
}

#[tokio::test]
async fn one_address_has_a_limited_number_of_connections() {
    let stage = Stage::with(|config| config.limits.connections_per_address_max = 3).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(stage.running.address()).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        held.push(stream);
    }
    let mut fourth = TcpStream::connect(stage.running.address()).await.unwrap();
    let mut answer = Vec::new();
    let _ = fourth.read_to_end(&mut answer).await;
    assert!(answer.is_empty());
}

#[tokio::test]
async fn a_flood_of_frames_is_slowed_down_and_then_ended() {
    let stage = Stage::with(|config| {
        config.limits.frames_burst = 3;
        config.limits.frames_per_second = 100;
    })
    .await;
    let (ada, ben) = (stage.sign_in("ada").await, stage.sign_in("ben").await);
    let (mut flooding, mut calm) = (ada.connect().await, ben.connect().await);
    for _ in 0..2_000 {
        flooding.send(&ClientFrame::Ping).await;
    }
    let (error, code, reason) = flooding.end().await;
    let error = error.unwrap();
    assert_eq!((error.code, code, reason.as_str()), (ErrorCode::RateLimited, 4429, "rate_limited"));
    assert!(error.retry_after_ms.is_some());
    calm.send(&ClientFrame::Ping).await;
    calm.until(|frame| matches!(frame, ServerFrame::Pong).then_some(())).await;
}

/// Ten frames of one device, on two sockets after each other: six at once and four more take their time, however fast
/// the machine is.
#[tokio::test]
async fn connecting_again_does_not_fill_the_bucket() {
    let stage = Stage::with(|config| {
        config.limits.frames_burst = 6;
        config.limits.frames_per_second = 4;
    })
    .await;
    let ada = stage.sign_in("ada").await;
    let began = std::time::Instant::now();
    for pings in [5, 3] {
        let mut socket = ada.connect().await;
        for _ in 0..pings {
            socket.send(&ClientFrame::Ping).await;
            socket.until(|frame| matches!(frame, ServerFrame::Pong).then_some(())).await;
        }
    }
    assert!(began.elapsed().as_millis() >= 700, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_frame_that_is_too_large_ends_the_connection() {
    let stage = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let mut socket = ada.connect().await;
    socket.send_raw(Message::Text("a".repeat(FRAME_BYTES_MAX + 1).into())).await;
    let (error, code, reason) = socket.end().await;
    assert_eq!((error.unwrap().code, code, reason.as_str()), (ErrorCode::TooLarge, 4400, "too_large"));
    let other = json!({ "text": "still there" });
    assert_eq!(ada.post("/api/v1/conversations", other).await.refusal(), refused(400, "malformed"));
}
