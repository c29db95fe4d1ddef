//! Revocation reaches open sockets (S11), whoever revokes.

use fil_protocol::{Epoch, ErrorCode};
use fil_server::clock::now_ms;
use fil_server::store::Store;
use fil_server::store::sqlite::SqliteStore;
use reqwest::StatusCode;

use crate::stage::{Stage, refused};

#[tokio::test]
async fn signing_out_closes_the_socket_and_voids_the_tokens() {
    let stage = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let socket = ada.connect().await;
    assert_eq!(ada.delete("/api/v1/sessions/current").await.status, StatusCode::NO_CONTENT);
    let (error, code, reason) = socket.end().await;
    assert_eq!((error.unwrap().code, code, reason.as_str()), (ErrorCode::DeviceRevoked, 4401, "device_revoked"));
    assert_eq!(ada.get("/api/v1/me").await.refusal(), refused(401, "device_revoked"));
}

#[tokio::test]
async fn one_device_revokes_another_of_its_account_and_no_others() {
    let stage = Stage::new().await;
    let (desk, phone, ben) = (stage.sign_in("ada").await, stage.sign_in("ada").await, stage.sign_in("ben").await);
    let (socket, mut kept) = (phone.connect().await, desk.connect().await);
    let path = format!("/api/v1/devices/{}", phone.session.device);
    // Somebody else's device does not exist.
    assert_eq!(ben.delete(&path).await.refusal(), refused(404, "not_found"));
    assert_eq!(desk.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(socket.end().await.1, 4401);
    assert_eq!(phone.get("/api/v1/me").await.refusal(), refused(401, "device_revoked"));
    assert_eq!(desk.delete(&path).await.status, StatusCode::NO_CONTENT, "a second time changes nothing");
    let devices: Vec<serde_json::Value> = desk.get("/api/v1/devices").await.expect(StatusCode::OK);
    assert_eq!(devices.len(), 1);
    kept.send(&fil_protocol::ClientFrame::Ping).await;
    kept.until(|frame| matches!(frame, fil_protocol::ServerFrame::Pong).then_some(())).await;
}

/// `fil-server account disable` is another process: here another connection to the same database file.
#[tokio::test]
async fn an_account_disabled_beside_the_running_server_loses_its_sockets() {
    let stage = Stage::new().await;
    let (ada, ben) = (stage.sign_in("ada").await, stage.sign_in("ben").await);
    let (socket, mut other) = (ada.connect().await, ben.connect().await);
    let (organisation, account) = (ada.session.organisation, ada.account());
    let mut store = SqliteStore::open(&stage.folder.path().join("data/fil.db"), Epoch::from([0; 16])).unwrap();
    let transaction = store.begin().unwrap();
    transaction.organisation(organisation).unwrap().set_disabled(account, Some(now_ms())).unwrap();
    transaction.commit().unwrap();
    let (error, code, reason) = socket.end().await;
    assert_eq!((error.unwrap().code, code, reason.as_str()), (ErrorCode::AccountDisabled, 4401, "account_disabled"));
    assert_eq!(ada.get("/api/v1/me").await.refusal(), refused(401, "account_disabled"));
    other.send(&fil_protocol::ClientFrame::Ping).await;
    other.until(|frame| matches!(frame, fil_protocol::ServerFrame::Pong).then_some(())).await;
}
