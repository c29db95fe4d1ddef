//! Signing in with a password.

use fil_protocol::http::Session;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::stage::{Answer, PASSWORD, Stage, refused, sign_in};

#[tokio::test]
async fn the_right_password_makes_a_device_and_tokens_that_work() {
    let stage = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let me: Value = ada.get("/api/v1/me").await.expect(StatusCode::OK);
    assert_eq!(me["profile"]["handle"], "ada");
    assert_eq!(me["device"], json!(ada.session.device));
    assert_eq!(ada.session.organisation_slug, "demo");
    assert_eq!(ada.session.access_expires_in_ms, 600_000);
    let devices: Value = ada.get("/api/v1/devices").await.expect(StatusCode::OK);
    assert_eq!(devices[0]["current"], json!(true));
    assert_eq!(devices[0]["name"], "test");
    // A handle that a phone began with a capital, and no organisation: there is only one.
    let body = json!({ "handle": "Ada", "password": PASSWORD, "device_name": "phone" });
    let second: Session = stage.post("/api/v1/sessions", body).await.expect(StatusCode::OK);
    assert_ne!(second.device, ada.session.device);
}

/// S13: same status, same body; the dummy hash takes care of the time.
#[tokio::test]
async fn a_wrong_password_cannot_be_told_from_an_unknown_handle_or_organisation() {
    let stage = Stage::new().await;
    let wrong = [
        sign_in("demo", "ada", "wrong password"),
        sign_in("demo", "ada", ""),
        sign_in("demo", "ada", &"a".repeat(5_000)),
        sign_in("demo", "nobody", PASSWORD),
        sign_in("demo", "no such handle!", PASSWORD),
        sign_in("elsewhere", "ada", PASSWORD),
    ];
    let mut answers: Vec<Answer> = Vec::new();
    for body in wrong {
        answers.push(stage.post("/api/v1/sessions", body).await);
    }
    for answer in &answers {
        assert_eq!(answer.refusal(), refused(401, "unauthorised"));
        assert_eq!(answer.text, answers[0].text);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
}

#[tokio::test]
async fn with_several_organisations_one_must_be_named() {
    let stage = Stage::new().await;
    let other = stage.organisation("other").await;
    stage.account(other, "ada").await;
    let body = json!({ "handle": "ada", "password": PASSWORD, "device_name": "test" });
    assert_eq!(stage.post("/api/v1/sessions", body).await.refusal(), refused(400, "invalid"));
    let here = stage.sign_in_to("demo", "ada").await;
    let there = stage.sign_in_to("other", "ada").await;
    assert_ne!(here.session.organisation, there.session.organisation);
    assert_ne!(here.account(), there.account());
}

#[tokio::test]
async fn a_disabled_account_is_told_so_only_with_the_right_password() {
    let stage = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let (organisation, account) = (ada.session.organisation, ada.account());
    let node = &stage.running.edge().node;
    node.write(move |transaction| transaction.organisation(organisation)?.set_disabled(account, Some(1)))
        .await
        .unwrap();
    let answer = stage.post("/api/v1/sessions", sign_in("demo", "ada", PASSWORD)).await;
    assert_eq!(answer.refusal(), refused(401, "account_disabled"));
    let answer = stage.post("/api/v1/sessions", sign_in("demo", "ada", "wrong password")).await;
    assert_eq!(answer.refusal(), refused(401, "unauthorised"));
    assert_eq!(ada.get("/api/v1/me").await.refusal(), refused(401, "account_disabled"));
    let refresh = json!({ "refresh_token": ada.session.refresh_token });
    assert_eq!(stage.post("/api/v1/sessions/refresh", refresh).await.refusal(), refused(401, "account_disabled"));
    let token = ada.session.access_token.clone();
    assert_eq!(stage.socket(&token).await.err().unwrap().0, 401);
}

/// S12: a hash made with other parameters is replaced at the next sign-in.
#[tokio::test]
async fn signing_in_brings_the_hash_to_the_configured_parameters() {
    let stage = Stage::with(|config| config.password.iterations = 3).await;
    let ada = stage.sign_in("ada").await;
    let (organisation, account) = (ada.session.organisation, ada.account());
    let reads = &stage.running.edge().reads;
    let row = reads.read(move |reader| Ok(reader.organisation(organisation)?.account(account)?)).await.unwrap();
    assert!(row.unwrap().password_hash.unwrap().contains("t=3"));
    stage.sign_in("ada").await;
}
