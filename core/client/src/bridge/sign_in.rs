//! Signing in: with a password, or with an invite that sets one.

use std::sync::Arc;

use fil_protocol::ErrorCode;
use fil_protocol::http::{AcceptInvite, Session, SignIn};
use fil_protocol::limits::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use tokio::task;

use super::answer::Core;
use super::types::{Failure, FailureKind, Response};
use crate::address::{ServerAddress, parse_invite};
use crate::auth::Auth;
use crate::driver::Event;
use crate::failure::{failure, internal};
use crate::http::HttpError;
use crate::profile::Record;
use crate::tokens::{TokenStore, tokens};

impl Core {
    /// Signs in with a password.
    pub(super) async fn sign_in(
        &self,
        server: &str,
        organisation: String,
        handle: String,
        password: String,
    ) -> Result<Response, Failure> {
        let _one_at_a_time = self.signing.lock().await;
        let server = ServerAddress::parse(server)?;
        self.may_enter(&server)?;
        self.http.server(&server).await?;
        let organisation = Some(organisation.trim().to_lowercase()).filter(|organisation| !organisation.is_empty());
        let handle = handle.trim().to_lowercase();
        let sign_in = SignIn { organisation, handle, password, device_name: self.device_name.clone() };
        let session = self.http.sign_in(&server, &sign_in).await.map_err(|error| match error {
            HttpError::Refused(error) if matches!(error.code, ErrorCode::Unauthorised | ErrorCode::NotFound) => {
                failure(FailureKind::WrongCredentials, error.to_string())
            }
            HttpError::Refused(error) if error.code == ErrorCode::AccountDisabled => {
                failure(FailureKind::Forbidden, error.to_string())
            }
            error => error.into(),
        })?;
        self.enter(server, session).await
    }

    /// Signs in with an invite link.
    pub(super) async fn accept_invite(&self, link: &str, password: String) -> Result<Response, Failure> {
        let _one_at_a_time = self.signing.lock().await;
        let (server, invite) = parse_invite(link)?;
        if password.chars().count() < PASSWORD_CHARS_MIN || password.len() > PASSWORD_BYTES_MAX {
            let rule = format!("a password has {PASSWORD_CHARS_MIN} characters to {PASSWORD_BYTES_MAX} bytes");
            return Err(failure(FailureKind::Invalid, rule));
        }
        self.may_enter(&server)?;
        self.http.server(&server).await?;
        let accept = AcceptInvite { invite, password, device_name: self.device_name.clone() };
        let session = self.http.accept_invite(&server, &accept).await.map_err(|error| match error {
            HttpError::Refused(error) if matches!(error.code, ErrorCode::Unauthorised | ErrorCode::NotFound) => {
                failure(FailureKind::InviteInvalid, error.to_string())
            }
            error => error.into(),
        })?;
        self.enter(server, session).await
    }

    /// A profile that belongs to another server is not asked for a password of this one.
    fn may_enter(&self, server: &ServerAddress) -> Result<(), Failure> {
        match self.shared.account() {
            Ok(account) if account.record.server != server.to_string() => Err(other_account()),
            _ => Ok(()),
        }
    }

    /// Keeps the token, then lets the driver open the databases.
    async fn enter(&self, server: ServerAddress, session: Session) -> Result<Response, Failure> {
        let record = Record::new(&server, &session);
        if self.shared.account().is_ok_and(|account| !account.record.is_same_account(&record)) {
            self.forget(&server, &session).await;
            return Err(other_account());
        }
        let store: Arc<dyn TokenStore> = Arc::new(tokens(self.tokens, session.device, self.token_file.clone()));
        let (keeping, token) = (Arc::clone(&store), session.refresh_token.clone());
        task::spawn_blocking(move || keeping.save(&token)).await.map_err(internal)?.map_err(internal)?;
        let auth = Arc::new(Auth::new(self.http.clone(), server, store));
        auth.begin(&session).await;
        self.tell(|answer| Event::SignedIn { record, auth, answer }).await
    }

    /// A device that is not used after all should not stay in anybody's list.
    async fn forget(&self, server: &ServerAddress, session: &Session) {
        if let Err(error) = self.http.sign_out(server, &session.access_token).await {
            tracing::info!(%error, "a device that is not used stays in the list");
        }
    }
}

fn other_account() -> Failure {
    failure(FailureKind::Invalid, "this profile belongs to another account: sign out first")
}
