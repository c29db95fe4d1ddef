//! Access tokens: got, renewed and replaced, by one request at a time.
//!
//! A refresh token works once, and a second use ends the session of the whole device, so refreshing is single-flight:
//! whoever needs a token waits for the one request that is under way (two at a time signed innocent people out elsewhere:
//! get-engram/engram#389). The successor is kept durably before it is used for the next refresh; if it cannot be kept, its access token
//! still serves, and keeping it is tried again before the next refresh. An answer that was lost is no harm: the server
//! gives the same successor for a minute.

use std::sync::Arc;
use std::time::Duration;

use fil_protocol::http::Session;
use fil_protocol::{Class, ErrorCode, ProtocolError};
use tokio::sync::Mutex;
use tokio::task;
use tokio::time::Instant;

use crate::address::ServerAddress;
use crate::grant::{Access, Grant, Next};
use crate::http::{Http, HttpError};
use crate::tokens::{TokenError, TokenStore};

/// Why there is no access token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthError {
    /// Not now; later perhaps.
    #[error(transparent)]
    Later(#[from] HttpError),
    /// Only a person can go on: the session has ended.
    #[error("the session has ended: {0}")]
    Ended(ProtocolError),
}

impl AuthError {
    /// What the server said, if it said anything that the protocol knows.
    pub(crate) fn refusal(self) -> Option<ProtocolError> {
        match self {
            Self::Ended(error) | Self::Later(HttpError::Refused(error)) => Some(error),
            Self::Later(_) => None,
        }
    }
}

/// The session of one device at its server.
#[derive(Debug)]
pub(crate) struct Auth {
    http: Http,
    server: ServerAddress,
    tokens: Arc<dyn TokenStore>,
    grant: Mutex<Grant>,
    /// When the grant's clock began.
    started: Instant,
}

impl Auth {
    /// The session whose refresh token `tokens` holds.
    pub(crate) fn new(http: Http, server: ServerAddress, tokens: Arc<dyn TokenStore>) -> Self {
        Self { http, server, tokens, grant: Mutex::default(), started: Instant::now() }
    }

    /// The server.
    pub(crate) fn server(&self) -> &ServerAddress {
        &self.server
    }

    /// The HTTP client.
    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// Where the refresh token is kept.
    pub(crate) fn tokens(&self) -> &Arc<dyn TokenStore> {
        &self.tokens
    }

    /// The moment at which the grant's clock shows this.
    pub(crate) fn instant(&self, ms: u64) -> Instant {
        self.started + Duration::from_millis(ms)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes the tokens that came with signing in. The refresh token is kept already.
    pub(crate) async fn begin(&self, session: &Session) {
        self.grant.lock().await.begin(self.now_ms(), session);
    }

    /// An access token, refreshed if need be.
    pub(crate) async fn access(&self) -> Result<Access, AuthError> {
        let mut grant = self.grant.lock().await;
        match grant.access(self.now_ms()) {
            Some(access) => Ok(access.clone()),
            None => self.refresh(&mut grant).await,
        }
    }

    /// Another access token than this one, which the server refused or which is about to end.
    pub(crate) async fn access_after(&self, refused: &str) -> Result<Access, AuthError> {
        let mut grant = self.grant.lock().await;
        match grant.access_after(refused) {
            Some(access) => Ok(access.clone()),
            None => self.refresh(&mut grant).await,
        }
    }

    /// The server says that this access token has expired, whatever the clock here says.
    pub(crate) async fn forget_access(&self, expired: &str) {
        self.grant.lock().await.forget_access(expired);
    }

    /// Sends a request with an access token, and once more with another one if the server says that it has expired.
    pub(crate) async fn with_access<T, F: Future<Output = Result<T, HttpError>>>(
        &self,
        request: impl Fn(String) -> F,
    ) -> Result<T, AuthError> {
        let access = self.access().await?;
        let expired = |error: &ProtocolError| error.code.class() == Class::Refresh;
        match request(access.token.clone()).await {
            Err(HttpError::Refused(error)) if expired(&error) => {
                let access = self.access_after(&access.token).await?;
                request(access.token).await.map_err(into_auth_error)
            }
            answer => answer.map_err(into_auth_error),
        }
    }

    async fn refresh(&self, grant: &mut Grant) -> Result<Access, AuthError> {
        loop {
            match grant.next() {
                Next::Keep(token) => self.keep(grant, token).await?,
                Next::Load => grant.loaded(self.load().await?),
                Next::Present(token) => {
                    let session = self.http.refresh(&self.server, &token).await.map_err(into_auth_error)?;
                    let access = grant.granted(self.now_ms(), &session);
                    if let Err(error) = self.keep(grant, session.refresh_token).await {
                        tracing::warn!(%error, "the successor of the refresh token is not kept yet");
                    }
                    return Ok(access);
                }
            }
        }
    }

    async fn load(&self) -> Result<String, AuthError> {
        let tokens = Arc::clone(&self.tokens);
        let loaded = blocking(move || tokens.load()).await?;
        loaded.ok_or_else(|| {
            AuthError::Ended(ProtocolError::new(ErrorCode::Unauthorised, "there is no refresh token on this device"))
        })
    }

    async fn keep(&self, grant: &mut Grant, token: String) -> Result<(), AuthError> {
        let tokens = Arc::clone(&self.tokens);
        blocking(move || tokens.save(&token)).await?;
        grant.kept();
        Ok(())
    }
}

/// Runs a call to the place for tokens, which may wait for a disk or for a person.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, TokenError> + Send + 'static,
) -> Result<T, AuthError> {
    let later = |text: String| AuthError::Later(HttpError::Unreachable(text));
    match task::spawn_blocking(call).await {
        Ok(answer) => answer.map_err(|error| later(error.to_string())),
        Err(_) => Err(later("the call to the place for tokens was interrupted".to_owned())),
    }
}

fn into_auth_error(error: HttpError) -> AuthError {
    match error {
        HttpError::Refused(error) if error.code.class() == Class::SignIn => AuthError::Ended(error),
        error => AuthError::Later(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::fake::{Answer, FakeHttp};
    use crate::tokens::tests::Memory;

    fn session(refresh: &str, access: &str, life_ms: u64) -> Answer {
        let id = "01890000-0000-7000-8000-000000000001";
        Answer::json(
            200,
            format!(
                r#"{{"organisation":"{id}","organisation_slug":"acme","device":"{id}",
                "profile":{{"account":"{id}","handle":"ada","name":"Ada"}},
                "access_token":"{access}","access_expires_in_ms":{life_ms},"refresh_token":"{refresh}"}}"#
            ),
        )
    }

    async fn auth(answers: Vec<Answer>) -> (Auth, FakeHttp, Arc<Memory>) {
        let fake = FakeHttp::start(answers).await;
        let memory = Arc::new(Memory::default());
        memory.save("r0").unwrap();
        let http = Http::new(crate::tls::config().unwrap()).unwrap();
        let auth = Auth::new(http, fake.address(), Arc::new(Arc::clone(&memory)));
        (auth, fake, memory)
    }

    fn sent(fake: &FakeHttp) -> Vec<String> {
        let token = |request: &String| request.split("refresh_token\":\"").nth(1).map(|rest| rest[..2].to_owned());
        fake.requests().iter().filter_map(token).collect()
    }

    #[tokio::test]
    async fn many_who_need_a_token_cause_one_refresh_and_the_successor_is_kept() {
        let (auth, fake, memory) = auth(vec![session("r1", "a1", 600_000)]).await;
        let all = futures_util::future::join_all((0..20).map(|_| auth.access())).await;
        assert!(all.into_iter().all(|access| access.unwrap().token == "a1"));
        assert_eq!(sent(&fake), ["r0"]);
        assert_eq!(memory.load().unwrap().as_deref(), Some("r1"));
    }

    #[tokio::test]
    async fn a_refused_token_is_replaced_once_whoever_says_so() {
        let (auth, fake, _memory) = auth(vec![session("r1", "a1", 600_000), session("r2", "a2", 600_000)]).await;
        assert_eq!(auth.access().await.unwrap().token, "a1");
        let all = futures_util::future::join_all((0..5).map(|_| auth.access_after("a1"))).await;
        assert!(all.into_iter().all(|access| access.unwrap().token == "a2"));
        assert_eq!(sent(&fake), ["r0", "r1"]);
    }

    #[tokio::test]
    async fn a_token_about_to_end_is_not_used() {
        let (auth, fake, _memory) = auth(vec![session("r1", "a1", 10_000), session("r2", "a2", 600_000)]).await;
        assert_eq!(auth.access().await.unwrap().token, "a1");
        assert_eq!(auth.access().await.unwrap().token, "a2");
        assert_eq!(sent(&fake), ["r0", "r1"]);
    }

    /// The successor cannot be kept: its access token serves, and nothing is refreshed until it is kept.
    #[tokio::test]
    async fn a_successor_is_kept_before_it_is_used() {
        let (auth, fake, memory) = auth(vec![session("r1", "a1", 600_000), session("r2", "a2", 600_000)]).await;
        let kept = auth.load().await.unwrap();
        auth.grant.lock().await.loaded(kept);
        memory.broken.store(true, Ordering::Relaxed);
        assert_eq!(auth.access().await.unwrap().token, "a1");
        assert!(matches!(auth.access_after("a1").await, Err(AuthError::Later(_))));
        assert_eq!(sent(&fake), ["r0"], "r1 is not kept, so it is not used");
        memory.broken.store(false, Ordering::Relaxed);
        assert_eq!(auth.access_after("a1").await.unwrap().token, "a2");
        assert_eq!(sent(&fake), ["r0", "r1"]);
        assert_eq!(memory.load().unwrap().as_deref(), Some("r2"));
    }

    #[tokio::test]
    async fn noise_is_for_later_and_a_verdict_of_the_server_ends_the_session() {
        let check = async |answer, ended: Option<ErrorCode>| {
            let (auth, _fake, memory) = auth(vec![answer]).await;
            match (auth.access().await, ended) {
                (Err(AuthError::Ended(error)), Some(code)) => assert_eq!(error.code, code),
                (Err(AuthError::Later(_)), None) => {}
                other => panic!("{other:?}"),
            }
            assert_eq!(memory.load().unwrap().as_deref(), Some("r0"), "the token is not thrown away");
        };
        check(Answer::html(502, "<html>"), None).await;
        check(Answer::html(401, "<html>"), None).await;
        check(Answer::HangUp, None).await;
        check(Answer::json(503, r#"{"code":"unavailable","detail":""}"#), None).await;
        check(Answer::json(401, r#"{"code":"device_revoked","detail":""}"#), Some(ErrorCode::DeviceRevoked)).await;
        check(Answer::json(403, r#"{"code":"account_disabled","detail":""}"#), Some(ErrorCode::AccountDisabled)).await;
    }
}
