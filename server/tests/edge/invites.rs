//! Invites: one-time links.

use fil_protocol::http::Session;
use fil_server::auth::invite;
use fil_server::clock::now_ms;
use fil_server::store::InviteRow;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stage::{Answer, Stage, refused, sign_in};

async fn invited(stage: &Stage, expires_at_ms: u64) -> String {
    let ada = stage.sign_in("ada").await;
    let (organisation, account) = (ada.session.organisation, ada.account());
    let secret = invite::create().unwrap();
    let row = InviteRow { hash: invite::hash(&secret), account, expires_at_ms, used_at_ms: None };
    let node = &stage.running.edge().node;
    node.write(move |transaction| transaction.organisation(organisation)?.create_invite(&row)).await.unwrap();
    secret
}

fn accept(secret: &str, password: &str) -> Value {
    json!({ "invite": secret, "password": password, "device_name": "test" })
}

#[tokio::test]
async fn an_invite_sets_a_password_once() {
    let stage = Stage::new().await;
    let secret = invited(&stage, now_ms() + 60_000).await;
    let body = accept(&secret, "a new password");
    let session: Session = stage.post("/api/v1/invites/accept", body.clone()).await.expect(StatusCode::OK);
    assert_eq!(session.profile.handle, "ada");
    assert_eq!(stage.post("/api/v1/invites/accept", body).await.refusal(), refused(404, "not_found"));
    let answer = stage.post("/api/v1/sessions", sign_in("demo", "ada", "a new password")).await;
    assert_eq!(answer.status, StatusCode::OK);
}

/// Two devices that open the link at once: one gets in.
#[tokio::test]
async fn a_race_for_an_invite_has_one_winner() {
    let stage = Stage::new().await;
    let secret = invited(&stage, now_ms() + 60_000).await;
    let body = accept(&secret, "a new password");
    let answers =
        futures_util::future::join_all((0..4).map(|_| stage.post("/api/v1/invites/accept", body.clone()))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404, 404, 404]);
}

#[tokio::test]
async fn an_invite_that_is_unknown_or_too_old_or_comes_with_a_bad_password_changes_nothing() {
    let stage = Stage::new().await;
    let old = invited(&stage, now_ms() - 1).await;
    let post = async |body: Value| stage.post("/api/v1/invites/accept", body).await.refusal();
    assert_eq!(post(accept(&old, "a new password")).await, refused(404, "not_found"));
    assert_eq!(post(accept("guess", "a new password")).await, refused(404, "not_found"));
    assert_eq!(post(accept("", "a new password")).await, refused(404, "not_found"));
    let good = invited(&stage, now_ms() + 60_000).await;
    assert_eq!(post(accept(&good, "short")).await, refused(400, "invalid"));
    assert_eq!(post(accept(&good, &"a".repeat(2_000))).await, refused(400, "too_large"));
    stage.sign_in("ada").await;
    let _: Session = stage.post("/api/v1/invites/accept", accept(&good, "long enough")).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn the_page_of_the_link_is_plain_and_needs_no_script() {
    let stage = Stage::new().await;
    let page = Answer::of(stage.request(Method::GET, "/invite")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.text.contains("Open the Fil app") && !page.text.contains("<script"), "{}", page.text);
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
}
