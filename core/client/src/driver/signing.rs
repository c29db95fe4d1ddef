//! Signing in and out, as far as the databases are concerned.

use std::sync::Arc;
use std::time::Duration;

use tokio::task;
use tokio::time::timeout;

use super::inspection::Inspection;
use super::status::Trouble;
use super::{Driver, Online};
use crate::account::Account;
use crate::auth::Auth;
use crate::bridge::types::{Failure, FailureKind, Response};
use crate::failure::{failure, internal, signed_out};
use crate::profile::Record;
use crate::readers::{READERS, Readers};
use crate::session::Session;

/// How long the server may take to forget the device. Signing out works offline too.
const FORGET_MAX: Duration = Duration::from_secs(5);

impl Driver {
    /// Keeps who signed in and opens the databases. Somebody who signs in again finds them as they were.
    pub(super) fn sign_in(&mut self, record: Record, auth: Arc<Auth>) -> Result<Response, Failure> {
        if let Some(known) = self.folder.record()?
            && !known.is_same_account(&record)
        {
            return Err(failure(FailureKind::Invalid, "this profile belongs to another account: sign out first"));
        }
        self.folder.save(&record)?;
        self.leave();
        self.enter(record, auth)?;
        let session = Some(self.shared.account()?.row());
        self.tick();
        Ok(Response::Session { session })
    }

    /// Opens the databases of the account that the profile belongs to.
    pub(crate) fn enter(&mut self, record: Record, auth: Arc<Auth>) -> Result<(), Failure> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(internal)?;
        let (seed, now) = (u64::from_le_bytes(seed), self.clock.now());
        let (session, opened) = Session::open(self.folder.path(), &self.app, record.account, seed, now)?;
        let readers = (0..READERS).map(|_| session.reader()).collect::<Result<_, _>>()?;
        let reader = session.reader()?;
        let account = Arc::new(Account::new(record, auth, Readers::new(readers)));
        let inspection = if session.inspection_due() {
            let (folder, round) = (self.folder.path(), account.readers.round());
            Some(Inspection::begin(&self.runtime, folder, session.reader()?, round, self.sender.clone()))
        } else {
            None
        };
        self.online = Some(Online {
            session,
            reader,
            account: Arc::clone(&account),
            link: None,
            inspection,
            damaged: false,
            attempts: self.attempts,
            trouble: Trouble { disk_full: false, cache_rebuilt: opened.cache_rebuilt },
            shown: None,
            rests_until_ms: None,
        });
        self.publish(now);
        self.shared.set_account(Some(account));
        Ok(())
    }

    /// Closes the socket and the databases.
    pub(super) fn leave(&mut self) {
        let Some(online) = self.online.take() else { return };
        self.shared.set_account(None);
        // Numbers of attempts are never used twice, so nothing that an old socket says is taken for a new one.
        self.attempts = online.attempts;
        if let Some(link) = online.link {
            self.runtime.block_on(link.close());
        }
        if let Some(inspection) = online.inspection {
            self.runtime.block_on(inspection.end());
        }
        self.runtime.block_on(online.account.readers.close());
        // The writer goes last: the last connection to close is the one that empties the write-ahead logs.
        drop(online.reader);
        drop(online.session);
    }

    /// The server forgets the device if it can be reached, then the token goes, then everything else.
    pub(super) fn sign_out(&mut self, discard_unsent: bool) -> Result<Response, Failure> {
        let Some(online) = &mut self.online else { return Err(signed_out()) };
        let rejected = online.reader.snapshot(crate::store::read::command::rejected_count)?;
        let unsent = online.session.status().waiting + rejected as usize;
        if unsent > 0 && !discard_unsent {
            return Err(failure(FailureKind::Unsent, format!("{unsent} messages are not sent")));
        }
        let account = Arc::clone(&online.account);
        self.leave();
        self.runtime.block_on(async {
            let auth = &account.auth;
            let forget = auth.with_access(async |access| auth.http().sign_out(auth.server(), &access).await);
            match timeout(FORGET_MAX, forget).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::info!(%error, "the server was not told that the device signed out"),
                Err(_) => tracing::info!("the server was not told in time that the device signed out"),
            }
            let tokens = Arc::clone(auth.tokens());
            match task::spawn_blocking(move || tokens.remove()).await {
                Ok(Ok(())) => {}
                // The server does not take the token any more, or will end it by itself; the databases go all the same.
                Ok(Err(error)) => tracing::warn!(%error, "the token could not be removed"),
                Err(error) => tracing::warn!(%error, "the token could not be removed"),
            }
        });
        self.folder.wipe()?;
        Ok(Response::Session { session: None })
    }
}
