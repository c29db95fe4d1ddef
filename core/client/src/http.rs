//! The server's REST interface, as far as the app needs it.
//!
//! An answer is one of three things: what was asked for, a refusal that the protocol knows ([`ProtocolError`]), or
//! noise (a time-out, a proxy's page, half an answer). Noise is always transient: nothing is given up because some box
//! between here and the server said 404 in HTML. Only the question whether a server is there at all treats noise as no.
//!
//! Redirects are not followed, because a password would follow them; proxies of the environment are not used, because
//! the socket would not use them either. Tokens and queries are in no error and no log.

use std::time::Duration;

use fil_protocol::http::{AcceptInvite, AccountPage, HistoryPage, Refresh, Session, SignIn};
use fil_protocol::{ConversationId, ProtocolError, Seq, VersionRange};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::address::ServerAddress;

/// How long a connection may take to stand.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long an answer may take, its body included.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Bytes of an answer; the largest honest one is a page of the longest messages.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Why a request was not answered as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    /// No answer, or half of one.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// An answer that is not the protocol's, with this status.
    #[error("the server, or something before it, answered {status}")]
    Failing {
        /// The status.
        status: u16,
    },
    /// The server refused, and said why.
    #[error("{0}")]
    Refused(ProtocolError),
    /// What stands at the address is something else.
    #[error("this is not a Fil server: {0}")]
    NotFil(String),
}

/// Sends requests to servers.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
}

impl Http {
    /// A client with this TLS configuration.
    pub(crate) fn new(tls: rustls::ClientConfig) -> Result<Self, HttpError> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT_MAX)
            .timeout(ANSWER_MAX)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("fil/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(unreachable)?;
        Ok(Self { client })
    }

    /// `GET /api/v1/server`: whether there is a server that this build can talk to.
    pub(crate) async fn server(&self, server: &ServerAddress) -> Result<(), HttpError> {
        #[derive(Deserialize)]
        struct About {
            name: String,
            protocol: VersionRange,
        }
        match answer::<About>(self.client.get(server.api(&["server"]))).await {
            Ok(About { name, protocol }) if name == "fil" => {
                protocol.agree(VersionRange::OURS).map(|_| ()).map_err(HttpError::Refused)
            }
            Ok(About { name, .. }) => Err(HttpError::NotFil(format!("it calls itself {name:?}"))),
            Err(HttpError::Failing { status }) if status < 500 => {
                Err(HttpError::NotFil(format!("it answered {status}")))
            }
            Err(error) => Err(error),
        }
    }

    /// `POST /api/v1/sessions`.
    pub(crate) async fn sign_in(&self, server: &ServerAddress, sign_in: &SignIn) -> Result<Session, HttpError> {
        answer(self.client.post(server.api(&["sessions"])).json(sign_in)).await
    }

    /// `POST /api/v1/invites/accept`.
    pub(crate) async fn accept_invite(
        &self,
        server: &ServerAddress,
        accept: &AcceptInvite,
    ) -> Result<Session, HttpError> {
        answer(self.client.post(server.api(&["invites", "accept"])).json(accept)).await
    }

    /// `POST /api/v1/sessions/refresh`.
    pub(crate) async fn refresh(&self, server: &ServerAddress, refresh_token: &str) -> Result<Session, HttpError> {
        let refresh = Refresh { refresh_token: refresh_token.to_owned() };
        answer(self.client.post(server.api(&["sessions", "refresh"])).json(&refresh)).await
    }

    /// `DELETE /api/v1/sessions/current`: signs the device out for good.
    pub(crate) async fn sign_out(&self, server: &ServerAddress, access: &str) -> Result<(), HttpError> {
        let request = self.client.delete(server.api(&["sessions", "current"])).bearer_auth(access);
        let response = request.send().await.map_err(unreachable)?;
        if response.status().is_success() { Ok(()) } else { Err(refusal(response).await) }
    }

    /// `GET /api/v1/accounts`.
    pub(crate) async fn accounts(
        &self,
        server: &ServerAddress,
        access: &str,
        query: &str,
    ) -> Result<AccountPage, HttpError> {
        let request = self.client.get(server.api(&["accounts"])).query(&[("query", query)]);
        answer(request.bearer_auth(access)).await
    }

    /// `GET /api/v1/conversations/{conversation}/messages`: the items before a number.
    pub(crate) async fn history(
        &self,
        server: &ServerAddress,
        access: &str,
        conversation: ConversationId,
        before: Seq,
        limit: usize,
    ) -> Result<HistoryPage, HttpError> {
        let url = server.api(&["conversations", &conversation.to_string(), "messages"]);
        let request = self.client.get(url).query(&[("before", before.0)]).query(&[("limit", limit)]);
        answer(request.bearer_auth(access)).await
    }
}

async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, HttpError> {
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    if !status.is_success() {
        return Err(refusal(response).await);
    }
    let body = body(response).await?;
    serde_json::from_slice(&body).map_err(|_| HttpError::Failing { status: status.as_u16() })
}

async fn refusal(response: Response) -> HttpError {
    let status = response.status();
    match body(response).await {
        Ok(body) => decode_refusal(status, &body),
        Err(error) => error,
    }
}

/// A refusal that the protocol knows, or noise.
pub(crate) fn decode_refusal(status: StatusCode, body: &[u8]) -> HttpError {
    match serde_json::from_slice::<ProtocolError>(body) {
        Ok(error) => HttpError::Refused(error),
        Err(_) => HttpError::Failing { status: status.as_u16() },
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, HttpError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(HttpError::Unreachable(format!("the answer exceeds {ANSWER_BYTES_MAX} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The address may hold what a person searched for, so it is left out.
fn unreachable(error: reqwest::Error) -> HttpError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    HttpError::Unreachable(text)
}

#[cfg(test)]
mod tests {
    use fil_protocol::ErrorCode;

    use super::*;
    use crate::fake::{Answer, FakeHttp};

    async fn check(answer: Answer, expected: Result<(), HttpError>) {
        let fake = FakeHttp::start(vec![answer]).await;
        let http = Http::new(crate::tls::config().unwrap()).unwrap();
        let got = http.accounts(&fake.address(), "secret-token", "zoë & co").await.map(|_| ());
        assert_eq!(got, expected);
        let seen = fake.requests();
        assert!(seen[0].starts_with("GET /api/v1/accounts?query=zo%C3%AB+%26+co HTTP/1.1"), "{seen:?}");
        assert!(seen[0].to_lowercase().contains("authorization: bearer secret-token"), "{seen:?}");
    }

    #[tokio::test]
    async fn an_answer_is_what_was_asked_for_a_refusal_or_noise() {
        check(Answer::json(200, r#"{"accounts":[],"newer":1}"#), Ok(())).await;
        let refusal = ProtocolError::retry_after(ErrorCode::RateLimited, "slow down", 1_500);
        let limited = Answer::json(429, r#"{"code":"rate_limited","detail":"slow down","retry_after_ms":1500}"#);
        check(limited, Err(HttpError::Refused(refusal))).await;
        let newer = ProtocolError::new(ErrorCode::Unknown, "?");
        check(Answer::json(409, r#"{"code":"of_tomorrow","detail":"?"}"#), Err(HttpError::Refused(newer))).await;
        for status in [404, 429, 500, 502, 520, 302] {
            check(Answer::html(status, "<html>Sorry"), Err(HttpError::Failing { status })).await;
        }
        check(Answer::html(200, "<html>Welcome to the hotel"), Err(HttpError::Failing { status: 200 })).await;
    }

    #[tokio::test]
    async fn half_an_answer_or_none_is_unreachable_and_names_no_secret() {
        let http = Http::new(crate::tls::config().unwrap()).unwrap();
        let fake = FakeHttp::start(vec![Answer::HangUp]).await;
        let address = fake.address();
        let Err(HttpError::Unreachable(text)) = http.accounts(&address, "secret-token", "private").await else {
            panic!("an interrupted answer was taken for one")
        };
        assert!(!text.contains("secret") && !text.contains("private"), "{text}");
    }

    #[tokio::test]
    async fn only_a_server_of_this_house_is_one() {
        let http = Http::new(crate::tls::config().unwrap()).unwrap();
        let check = async |answer, expected: fn(&Result<(), HttpError>) -> bool| {
            let fake = FakeHttp::start(vec![answer]).await;
            let got = http.server(&fake.address()).await;
            assert!(expected(&got), "{got:?}");
        };
        check(Answer::json(200, r#"{"name":"fil","protocol":{"current":1,"lowest":1}}"#), Result::is_ok).await;
        check(
            Answer::json(200, r#"{"name":"fil","protocol":{"current":9,"lowest":7}}"#),
            |got| matches!(got, Err(HttpError::Refused(error)) if error.code == ErrorCode::ClientTooOld),
        )
        .await;
        let other = Answer::json(200, r#"{"name":"other","protocol":{"current":1,"lowest":1}}"#);
        for other in [other, Answer::html(404, "no"), Answer::html(200, "<html>"), Answer::html(301, "")] {
            check(other, |got| matches!(got, Err(HttpError::NotFil(_)))).await;
        }
        check(Answer::html(502, "bad gateway"), |got| matches!(got, Err(HttpError::Failing { status: 502 }))).await;
    }
}
