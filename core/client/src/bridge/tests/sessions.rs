//! Signing in and out, and the tokens in between.

use fil_protocol::ErrorCode;

use super::*;
use crate::bridge::types::{Problem, SessionRow, TokenPlace};
use crate::fake::server::refusal;
use crate::fake::{Answer, FakeHttp};

async fn session(stage: &Stage) -> Option<SessionRow> {
    match stage.ask(Request::Session).await {
        Response::Session { session } => session,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn signed_out_only_signing_in_is_answered() {
    let stage = Stage::new().await;
    assert_eq!(session(&stage).await, None);
    let conversation = "01890000-0000-7000-8000-000000000001".to_owned();
    for request in [
        Request::Status,
        Request::Conversations,
        Request::People { query: String::new() },
        Request::Send { conversation, text: "x".to_owned() },
        Request::SignOut { discard_unsent: true },
        Request::ConnectNow,
    ] {
        assert_eq!(stage.refused(request).await, FailureKind::SignedOut);
    }
}

#[tokio::test]
async fn signing_in_says_what_is_wrong() {
    let stage = Stage::new().await;
    let at = |server: &str| Request::SignIn {
        server: server.to_owned(),
        organisation: String::new(),
        handle: "ada".to_owned(),
        password: PASSWORD.to_owned(),
    };
    assert_eq!(stage.refused(stage.sign_in("wrong")).await, FailureKind::WrongCredentials);
    assert_eq!(stage.refused(at("ftp://x")).await, FailureKind::NotAServer);
    let other = FakeHttp::start(vec![Answer::html(200, "<html>")]).await;
    assert_eq!(stage.refused(at(&other.address().to_string())).await, FailureKind::NotAServer);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    assert_eq!(stage.refused(at(&closed)).await, FailureKind::Offline);
    stage.server.state().failing = Some(refusal(429, ErrorCode::RateLimited));
    assert_eq!(stage.refused(stage.sign_in(PASSWORD)).await, FailureKind::RateLimited);
    assert_eq!(session(&stage).await, None);
}

#[tokio::test]
async fn an_invite_signs_in_and_sets_the_password() {
    let mut stage = Stage::new().await;
    let accept = |secret: &str, password: &str| Request::AcceptInvite {
        link: format!("http://{}/invite#{secret}", stage.server.address),
        password: password.to_owned(),
    };
    let (bad, weak, good) =
        (accept("used", "long enough"), accept("good-invite", "short"), accept("good-invite", "long enough"));
    assert_eq!(stage.refused(bad).await, FailureKind::InviteInvalid);
    assert_eq!(stage.refused(weak).await, FailureKind::Invalid);
    stage.ask(good).await;
    let row = session(&stage).await.unwrap();
    assert_eq!(
        (row.handle.as_str(), row.organisation.as_str(), row.tokens_in),
        ("ada", "acme", TokenPlace::PrivateFile)
    );
    assert_eq!(row.server, format!("http://{}", stage.server.address));
    stage.until_connection(Connection::Live).await;
}

#[tokio::test]
async fn an_expired_token_is_replaced_on_the_way() {
    let mut stage = Stage::live().await;
    stage.server.state().good.clear();
    let Response::People { people } = stage.ask(Request::People { query: "be".to_owned() }).await else { panic!() };
    assert_eq!(people.len(), 1, "over HTTP");
    stage.server.state().good.clear();
    stage.cut_and_return().await;
    let refreshes = stage.server.state().requests.iter().filter(|request| request.ends_with("/refresh")).count();
    assert_eq!(refreshes, 2);
}

/// A token that lives for a moment is renewed on the open connection.
#[tokio::test]
async fn an_open_connection_gets_another_token_before_the_old_one_ends() {
    let stage = Stage::new().await;
    stage.server.state().access_ms = 100;
    let mut stage = stage;
    stage.ask(stage.sign_in(PASSWORD)).await;
    stage.until_connection(Connection::Live).await;
    let renewed = |frame: &ClientFrame| matches!(frame, ClientFrame::Renew { .. });
    let seen = stage.server.until(|state| state.frames.iter().any(renewed));
    timeout(LIMIT, seen).await.expect("a renewal");
}

/// The server ended the session. What was written stays, and is sent after signing in again.
#[tokio::test]
async fn an_ended_session_loses_nothing() {
    let mut stage = Stage::live().await;
    let conversation = stage.open_direct("ben").await;
    stage.until_status(|status| status.waiting == 0).await;
    {
        let mut state = stage.server.state();
        state.good.clear();
        state.failing = Some(refusal(401, ErrorCode::DeviceRevoked));
    }
    stage.server.cut();
    stage.until_status(|status| status.connection != Connection::Live).await;
    stage.ask(Request::ConnectNow).await;
    let status = stage.until_status(|status| status.connection == Connection::Stopped).await;
    assert_eq!(status.problem, Some(Problem::SignedOut));
    stage.send(&conversation, "still here").await;
    stage.server.state().failing = None;
    stage.ask(stage.sign_in(PASSWORD)).await;
    stage.until_drawn(&conversation, &["✓ ada: still here"]).await;
    assert_eq!(stage.server.texts(conversation.parse().unwrap()), ["still here"]);
}

#[tokio::test]
async fn a_disabled_account_is_said() {
    let mut stage = Stage::live().await;
    stage.server.state().handshakes.push_back(refusal(403, ErrorCode::AccountDisabled));
    stage.server.cut();
    stage.until_status(|status| status.connection != Connection::Live).await;
    stage.ask(Request::ConnectNow).await;
    let status = stage.until_status(|status| status.connection == Connection::Stopped).await;
    assert_eq!(status.problem, Some(Problem::AccountDisabled));
}

/// Noise at the door (a proxy's page, a server that restarts) is never taken for the end of the session.
#[tokio::test]
async fn noise_at_the_handshake_is_only_later() {
    let mut stage = Stage::live().await;
    let noise = [Answer::html(401, "<html>"), Answer::html(520, "<html>"), Answer::HangUp, Answer::html(200, "ok")];
    for answer in noise {
        stage.server.state().handshakes.push_back(answer);
        stage.cut_and_return().await;
        assert!(stage.server.state().handshakes.is_empty());
    }
}

#[tokio::test]
async fn signing_out_asks_before_it_loses_something_and_then_leaves_nothing() {
    let mut stage = Stage::live().await;
    let conversation = stage.open_direct("ben").await;
    stage.until_status(|status| status.waiting == 0).await;
    stage.server.state().handshakes.extend(vec![Answer::HangUp; 50]);
    stage.server.cut();
    stage.until_connection(Connection::Offline).await;
    stage.send(&conversation, "not sent").await;
    assert_eq!(stage.refused(Request::SignOut { discard_unsent: false }).await, FailureKind::Unsent);
    stage.ask(Request::SignOut { discard_unsent: true }).await;
    assert_eq!(session(&stage).await, None);
    assert!(stage.server.state().requests.iter().any(|request| request == "DELETE /api/v1/sessions/current"));
    let folder = stage.data.path().join("profiles/ada");
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"]);
    stage.server.state().handshakes.clear();
    stage.ask(stage.sign_in(PASSWORD)).await;
    stage.until_connection(Connection::Live).await;
}
