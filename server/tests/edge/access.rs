//! Access tokens at every door. The long table of forgeries stands with the code, in `auth/access.rs`; here is that
//! the doors ask at all, and that the database has the last word.

use reqwest::{Method, StatusCode};

use crate::stage::{Answer, Stage, refused};

const DOORS: [(Method, &str); 13] = [
    (Method::GET, "/api/v1/me"),
    (Method::GET, "/api/v1/accounts"),
    (Method::GET, "/api/v1/devices"),
    (Method::DELETE, "/api/v1/devices/01890000-0000-7000-8000-000000000000"),
    (Method::DELETE, "/api/v1/sessions/current"),
    (Method::GET, "/api/v1/conversations"),
    (Method::POST, "/api/v1/conversations"),
    (Method::GET, "/api/v1/conversations/01890000-0000-7000-8000-000000000000/members"),
    (Method::GET, "/api/v1/conversations/01890000-0000-7000-8000-000000000000/messages"),
    (Method::POST, "/api/v1/conversations/01890000-0000-7000-8000-000000000000/messages"),
    (Method::GET, "/api/v1/search?query=x"),
    (Method::GET, "/api/v1/socket"),
    (Method::GET, "/api/v1/devices?anything"),
];

#[tokio::test]
async fn every_door_asks_for_a_valid_token() {
    let stage = Stage::new().await;
    let other = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let genuine = &ada.session.access_token;
    let foreign = other.sign_in("ada").await.session.access_token;
    let headers = [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(genuine.clone()),
        Some(format!("Basic {genuine}")),
        Some(format!("Bearer {genuine}x")),
        Some(format!("Bearer {}", ada.session.refresh_token)),
        Some(format!("Bearer {foreign}")),
        Some(format!("Bearer {}", "a".repeat(4_000))),
    ];
    for (method, path) in DOORS {
        for header in &headers {
            let mut request = stage.request(method.clone(), path);
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            let answer = Answer::of(request).await;
            assert_eq!(answer.refusal(), refused(401, "unauthorised"), "{method} {path} {header:?}");
        }
    }
    assert_eq!(ada.get("/api/v1/me").await.status, StatusCode::OK);
}

/// A token of this server for a device that the database does not have: a restored backup, or another organisation's id.
#[tokio::test]
async fn a_genuine_signature_is_not_enough() {
    let stage = Stage::new().await;
    let ada = stage.sign_in("ada").await;
    let elsewhere = stage.organisation("other").await;
    let (organisation, account, device) = (ada.session.organisation, ada.account(), ada.session.device);
    let ben = stage.sign_in("ben").await;
    let access = &stage.running.edge().access;
    let now_ms = fil_server::clock::now_ms();
    let check = async |token: String, expected: (u16, String)| {
        let answer = Answer::of(stage.request(Method::GET, "/api/v1/me").bearer_auth(&token)).await;
        assert_eq!(answer.refusal(), expected);
        let (status, error) = stage.socket(&token).await.err().unwrap();
        assert_eq!((status, serde_json::to_value(error.code).unwrap()), (expected.0, expected.1.into()));
    };
    let unauthorised = refused(401, "unauthorised");
    check(access.issue(organisation, account, [7; 16].into(), now_ms), unauthorised.clone()).await;
    check(access.issue(elsewhere, account, device, now_ms), unauthorised.clone()).await;
    check(access.issue([7; 16].into(), account, device, now_ms), refused(401, "unauthorised")).await;
    check(access.issue(organisation, ben.account(), device, now_ms), unauthorised).await;
    check(access.issue(organisation, account, device, now_ms - 600_000), refused(401, "token_expired")).await;
}
