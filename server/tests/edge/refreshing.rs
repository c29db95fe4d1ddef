//! Refresh tokens: rotation, lost answers, reuse, restored backups.

use fil_protocol::ErrorCode;
use fil_protocol::http::Session;
use fil_server::auth::refresh::Presented;
use reqwest::StatusCode;
use serde_json::json;

use crate::stage::{Answer, Stage, refused};

async fn refresh(stage: &Stage, token: &str) -> Answer {
    stage.post("/api/v1/sessions/refresh", json!({ "refresh_token": token })).await
}

#[tokio::test]
async fn a_token_is_replaced_and_its_lost_answer_can_be_repeated() {
    let stage = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let first = &ada.session.refresh_token;
    let second: Session = refresh(&stage, first).await.expect(StatusCode::OK);
    assert_ne!(&second.refresh_token, first);
    assert_eq!((second.device, &second.profile), (ada.session.device, &ada.session.profile));
    // The answer was lost: the same successor again, within the minute.
    let again: Session = refresh(&stage, first).await.expect(StatusCode::OK);
    assert_eq!(again.refresh_token, second.refresh_token);
    let third: Session = refresh(&stage, &second.refresh_token).await.expect(StatusCode::OK);
    assert_ne!(third.refresh_token, second.refresh_token);
    let me = Answer::of(stage.request(reqwest::Method::GET, "/api/v1/me").bearer_auth(&third.access_token)).await;
    assert_eq!(me.status, StatusCode::OK);
}

/// Two processes of one client refresh at once: both get the same successor, and neither is signed out.
#[tokio::test]
async fn parallel_refreshes_get_the_same_successor() {
    let stage = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let answers = futures_util::future::join_all((0..8).map(|_| refresh(&stage, &ada.session.refresh_token))).await;
    let tokens: std::collections::BTreeSet<String> =
        answers.into_iter().map(|answer| answer.expect::<Session>(StatusCode::OK).refresh_token).collect();
    assert_eq!(tokens.len(), 1);
}

#[tokio::test]
async fn an_old_token_used_again_revokes_the_device_and_closes_its_socket() {
    let stage = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let socket = ada.connect().await;
    let first = &ada.session.refresh_token;
    let second: Session = refresh(&stage, first).await.expect(StatusCode::OK);
    let third: Session = refresh(&stage, &second.refresh_token).await.expect(StatusCode::OK);
    assert_eq!(refresh(&stage, first).await.refusal(), refused(401, "device_revoked"));
    let (error, code, reason) = socket.end().await;
    assert_eq!((error.unwrap().code, code, reason.as_str()), (ErrorCode::DeviceRevoked, 4401, "device_revoked"));
    // The whole family is void: the newest token, and the access tokens.
    assert_eq!(refresh(&stage, &third.refresh_token).await.refusal(), refused(401, "device_revoked"));
    assert_eq!(ada.get("/api/v1/me").await.refusal(), refused(401, "device_revoked"));
}

/// Row 49: the answer never arrived, and the laptop was closed for longer than any grace. Nobody is signed out. What came
/// with the successor is used, and the grace is over: from then on the replaced token is a copy.
#[tokio::test]
async fn the_replaced_token_is_reuse_once_its_successor_was_used_and_the_grace_is_over() {
    let stage = Stage::with(|config| config.sessions.refresh_grace_ms = 0).await;
    let ada = stage.sign_in("ada").await;
    let first = &ada.session.refresh_token;
    let lost: Session = refresh(&stage, first).await.expect(StatusCode::OK);
    let second: Session = refresh(&stage, first).await.expect(StatusCode::OK);
    assert_eq!(second.refresh_token, lost.refresh_token);
    let me = stage.request(reqwest::Method::GET, "/api/v1/me").bearer_auth(&second.access_token);
    assert_eq!(Answer::of(me).await.status, StatusCode::OK);
    assert_eq!(refresh(&stage, first).await.refusal(), refused(401, "device_revoked"));
}

/// A restored backup knows an older counter than the device: nobody is signed out for that.
#[tokio::test]
async fn a_token_ahead_of_the_database_goes_on_from_there() {
    let stage = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let (organisation, device) = (ada.session.organisation, ada.session.device);
    let ahead = stage.running.edge().refresh.issue(Presented { organisation, device, counter: 41 });
    let next: Session = refresh(&stage, &ahead).await.expect(StatusCode::OK);
    let read = stage.running.edge().refresh.read(&next.refresh_token).unwrap();
    assert_eq!(read.counter, 42);
    let _: Session = refresh(&stage, &next.refresh_token).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn what_this_server_did_not_issue_is_refused() {
    let stage = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let genuine = &ada.session.refresh_token;
    let other = Stage::new().await;
    let foreign = other.sign_in("ada").await.session.refresh_token;
    let unknown = Presented { organisation: ada.session.organisation, device: [9; 16].into(), counter: 0 };
    let elsewhere = Presented { organisation: [9; 16].into(), device: ada.session.device, counter: 0 };
    let refresh_tokens = &stage.running.edge().refresh;
    let (unknown, elsewhere) = (refresh_tokens.issue(unknown), refresh_tokens.issue(elsewhere));
    let longer = format!("{genuine}x");
    let access = &ada.session.access_token;
    let tokens = ["", "filr_", &genuine[1..], &longer, access, &foreign, &unknown, &elsewhere, "\u{1f980}"];
    for token in tokens {
        assert_eq!(refresh(&stage, token).await.refusal(), refused(401, "unauthorised"), "{token}");
    }
    let _: Session = refresh(&stage, genuine).await.expect(StatusCode::OK);
}

/// Too many refreshes: the answer says when to come back, and the token that was refused is still the newest one. Tokens
/// of a revoked device are counted too.
#[tokio::test]
async fn a_refresh_that_comes_too_soon_rotates_nothing() {
    let stage = Stage::with(|config| {
        config.limits.sign_in_burst = 3;
        config.limits.sign_in_per_minute = 1;
    })
    .await;
    let (ada, ben) = (stage.sign_in("ada").await, stage.sign_in("ben").await);
    let counter = async || {
        let (organisation, device) = (ada.session.organisation, ada.session.device);
        let row =
            stage.running.edge().reads.read(move |reader| Ok(reader.organisation(organisation)?.device(device)?));
        row.await.unwrap().unwrap().refresh_counter
    };
    let mut token = ada.session.refresh_token.clone();
    for _ in 0..3 {
        token = refresh(&stage, &token).await.expect::<Session>(StatusCode::OK).refresh_token;
    }
    let answer = refresh(&stage, &token).await;
    assert_eq!(answer.refusal(), refused(429, "rate_limited"));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(counter().await, 3);
    // Another device of the same address is not concerned.
    let _: Session = refresh(&stage, &ben.session.refresh_token).await.expect(StatusCode::OK);
    assert_eq!(ben.delete("/api/v1/sessions/current").await.status, StatusCode::NO_CONTENT);
    for _ in 0..2 {
        assert_eq!(refresh(&stage, &ben.session.refresh_token).await.refusal(), refused(401, "device_revoked"));
    }
    assert_eq!(refresh(&stage, &ben.session.refresh_token).await.refusal(), refused(429, "rate_limited"));
}
