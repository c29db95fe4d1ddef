//! The end: clients are told when to come back, and what was acknowledged is there afterwards.

use fil_protocol::{ErrorCode, ServerFrame};
use fil_server::edge::Running;
use fil_server::edge::StartError;
use reqwest::StatusCode;
use serde_json::Value;

use crate::stage::{Stage, test_config};

#[tokio::test]
async fn sockets_are_told_when_to_come_back_and_acknowledged_messages_are_kept() {
    let stage = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let ben = stage.sign_in("ben").await;
    let conversation = ada.direct(ben.account()).await;
    let mut socket = ada.connect().await;
    socket.say(1, conversation, "before the end").await;
    socket.until(|frame| matches!(frame, ServerFrame::Verdict(_)).then_some(())).await;
    let (session, token) = (ben.session.clone(), ben.session.access_token.clone());
    let Stage { running, folder, http } = stage;
    let address = running.address();
    let (going, ()) = futures_util::future::join(
        async {
            let retry = socket.until(|frame| match frame {
                ServerFrame::GoingAway { retry_after_ms } => Some(*retry_after_ms),
                _ => None,
            });
            let retry_after_ms = retry.await;
            (retry_after_ms, socket.end().await)
        },
        running.stop(),
    )
    .await;
    let (retry_after_ms, (_, code, reason)) = going;
    assert!((500..=31_000).contains(&retry_after_ms), "{retry_after_ms}");
    assert_eq!((code, reason.as_str()), (1001, "unavailable"));
    assert!(http.get(format!("http://{address}/healthz")).send().await.is_err(), "nobody listens any more");

    let config = test_config(&folder.path().join("data"));
    let stage = Stage::on(folder, config).await;
    let path = format!("/api/v1/conversations/{conversation}/messages");
    let answer = stage.request(reqwest::Method::GET, &path).bearer_auth(token);
    let page: Value = crate::stage::Answer::of(answer).await.expect(StatusCode::OK);
    assert_eq!(page["items"].as_array().unwrap().last().unwrap()["text"], "before the end");
    assert_eq!(session.organisation_slug, "demo");
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_does_not_start() {
    let stage = Stage::new().await;
    let config = test_config(&stage.folder.path().join("data"));
    let error = Running::start(config.clone()).await.err().unwrap();
    assert!(matches!(error, StartError::Data(_)) && error.to_string().contains("in use"), "{error}");
    let ada = stage.sign_in("ada").await;
    assert!(ada.get("/api/v1/me").await.status.is_success());
    let Stage { running, folder, .. } = stage;
    running.stop().await;
    let again = Running::start(config).await.unwrap();
    again.stop().await;
    drop(folder);
}

#[tokio::test]
async fn a_stopping_server_is_not_ready() {
    let stage = Stage::new().await;
    let edge = std::sync::Arc::clone(stage.running.edge());
    let ada = stage.sign_in("ada").await;
    let (organisation, account) = (ada.session.organisation, ada.account());
    stage.running.stop().await;
    let refused = edge
        .node
        .write(move |transaction| transaction.organisation(organisation)?.set_disabled(account, None))
        .await
        .unwrap_err();
    assert_eq!(refused.code, ErrorCode::Unavailable);
    assert!(!edge.node.is_alive() && edge.stopping.is_on());
}
