//! Sockets: the handshake, frames both ways, tokens that end.

use std::time::Duration;

use fil_protocol::http::Session;
use fil_protocol::{ClientFrame, ErrorCode, EventBody, KnownEvent, Outcome, Seq, ServerFrame, Stream, VersionRange};
use reqwest::StatusCode;
use serde_json::json;

use crate::stage::Stage;

fn text_of(frame: &ServerFrame) -> Option<String> {
    match frame {
        ServerFrame::Event { event, .. } => match &event.body {
            EventBody::Known(KnownEvent::Message { text, .. }) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

#[tokio::test]
async fn what_one_writes_the_other_sees_over_sockets_and_over_http() {
    let stage = Stage::new().await;
    let (ada, ben) = (stage.sign_in("ada").await, stage.sign_in("ben").await);
    let conversation = ada.direct(ben.account()).await;
    let (mut hers, mut his) = (ada.connect().await, ben.connect().await);
    hers.say(1, conversation, "over the socket").await;
    let verdict =
        hers.until(|frame| if let ServerFrame::Verdict(verdict) = frame { Some(verdict.clone()) } else { None });
    let Outcome::Applied { seq } = verdict.await.outcome else { panic!("rejected") };
    assert_eq!(his.until(text_of).await, "over the socket");
    assert_eq!(ada.say(conversation, "over http").await, seq.0 + 1);
    assert_eq!(his.until(text_of).await, "over http");
    his.send(&ClientFrame::Pull {
        request: 7,
        stream: Stream::Conversation(conversation),
        after: Some(Seq(0)),
        items_max: None,
    })
    .await;
    let events = his.until(|frame| match frame {
        ServerFrame::Events { request: 7, events, .. } => Some(events.len()),
        _ => None,
    });
    assert_eq!(events.await as u64, seq.0 + 1);
}

#[tokio::test]
async fn many_messages_arrive_in_order_and_once() {
    let stage = Stage::with(|config| config.limits.frames_burst = 10_000).await;
    let (ada, ben) = (stage.sign_in("ada").await, stage.sign_in("ben").await);
    let conversation = ada.direct(ben.account()).await;
    let (mut hers, mut his) = (ada.connect().await, ben.connect().await);
    let count = 1_000;
    let sending = async {
        for first in (1..=count).step_by(20) {
            for no in first..first + 20 {
                hers.say(no, conversation, &format!("message {no}")).await;
            }
            for no in first..first + 20 {
                let verdict = hers.until(|frame| match frame {
                    ServerFrame::Verdict(verdict) => Some(verdict.no),
                    _ => None,
                });
                assert_eq!(verdict.await, no);
            }
        }
    };
    let receiving = async {
        for no in 1..=count {
            assert_eq!(his.until(text_of).await, format!("message {no}"));
        }
    };
    futures_util::future::join(sending, receiving).await;
}

/// S2: cross-site WebSocket hijacking.
#[tokio::test]
async fn a_browser_of_an_unknown_origin_is_refused() {
    let stage = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let bearer = format!("Bearer {}", ada.session.access_token);
    let open = async |origin: &str| stage.socket_with(&[("Authorization", &bearer), ("Origin", origin)]).await;
    assert!(open("tauri://localhost").await.is_ok());
    let (status, error) = open("https://thief.example").await.err().unwrap();
    assert_eq!((status, error.code), (403, ErrorCode::Forbidden));
    let (status, error) = stage.socket_with(&[("Origin", "tauri://localhost")]).await.err().unwrap();
    assert_eq!((status, error.code), (401, ErrorCode::Unauthorised));
}

#[tokio::test]
async fn a_socket_that_says_nothing_is_closed() {
    let stage = Stage::with(|config| config.limits.hello_timeout_ms = 50).await;
    let ada = stage.sign_in("ada").await;
    let socket = stage.socket(&ada.session.access_token).await.unwrap();
    let (error, code, _) = socket.end().await;
    assert_eq!((error.unwrap().code, code), (ErrorCode::Malformed, 4400));
}

#[tokio::test]
async fn a_token_that_is_not_renewed_ends_its_socket() {
    let stage = Stage::with(|config| config.sessions.access_token_ms = 1_000).await;
    let ada = stage.sign_in("ada").await;
    let (error, code, reason) = ada.connect().await.end().await;
    assert_eq!((error.unwrap().code, code, reason.as_str()), (ErrorCode::TokenExpired, 4401, "token_expired"));
}

/// The token lives three seconds and the socket is watched for longer than that; the wait is for the renewed token's own
/// end, not for a time.
#[tokio::test]
async fn a_renewed_token_keeps_the_socket_until_its_own_end() {
    let stage = Stage::with(|config| config.sessions.access_token_ms = 3_000).await;
    let ada = stage.sign_in("ada").await;
    let mut socket = ada.connect().await;
    let opened = std::time::Instant::now();
    let access = &stage.running.edge().access;
    let (organisation, account, device) = (ada.session.organisation, ada.account(), ada.session.device);
    // Issued a second in the future: another node's clock is ahead.
    let later = access.issue(organisation, account, device, fil_server::clock::now_ms() + 1_000);
    socket.send(&ClientFrame::Renew { token: later }).await;
    let (error, code, _) = socket.end().await;
    assert_eq!((error.unwrap().code, code), (ErrorCode::TokenExpired, 4401));
    assert!(opened.elapsed() > Duration::from_millis(3_200), "{:?}", opened.elapsed());
}

#[tokio::test]
async fn a_socket_is_renewed_only_for_its_own_device() {
    let stage = Stage::new().await;
    let (ada, ben) = (stage.sign_in("ada").await, stage.sign_in("ben").await);
    let mut socket = ada.connect().await;
    let refreshed = json!({ "refresh_token": ada.session.refresh_token });
    let session: Session = stage.post("/api/v1/sessions/refresh", refreshed).await.expect(StatusCode::OK);
    socket.send(&ClientFrame::Renew { token: session.access_token }).await;
    socket.send(&ClientFrame::Ping).await;
    socket.until(|frame| matches!(frame, ServerFrame::Pong).then_some(())).await;
    socket.send(&ClientFrame::Renew { token: ben.session.access_token.clone() }).await;
    let (error, code, _) = socket.end().await;
    assert_eq!((error.unwrap().code, code), (ErrorCode::Unauthorised, 4401));
}

/// A client of another age is told which side to update, in a frame and in the close code.
#[tokio::test]
async fn a_client_without_a_common_version_is_told_so() {
    let stage = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let ours = VersionRange::OURS;
    let old = VersionRange { current: ours.lowest - 1, lowest: 0 };
    let new = VersionRange { current: ours.current + 9, lowest: ours.current + 1 };
    let cases = [(old, ErrorCode::ClientTooOld, "client_too_old"), (new, ErrorCode::ClientTooNew, "client_too_new")];
    for (protocol, expected, name) in cases {
        let mut socket = stage.socket(&ada.session.access_token).await.unwrap();
        socket.say_hello(protocol).await;
        let (error, code, reason) = socket.end().await;
        assert_eq!((error.unwrap().code, code, reason.as_str()), (expected, 4426, name));
    }
    ada.connect().await;
}

/// The one before was never closed by its client.
#[tokio::test]
async fn a_new_socket_of_a_device_replaces_the_one_before() {
    let stage = Stage::new().await;
    let (ada, ben) = (stage.sign_in("ada").await, stage.sign_in("ben").await);
    let conversation = ada.direct(ben.account()).await;
    let old = ada.connect().await;
    let mut new = ada.connect().await;
    let (error, code, _) = old.end().await;
    assert_eq!((error, code), (None, 1001));
    ben.say(conversation, "still heard").await;
    assert_eq!(new.until(text_of).await, "still heard");
}
