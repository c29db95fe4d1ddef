//! What a profile is while somebody is signed in, shared between the driver and whoever answers requests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use fil_protocol::Profile;

use crate::auth::Auth;
use crate::bridge::types::{Connection, Failure, SessionRow, Status, Update};
use crate::bridge::updates::Updates;
use crate::failure::signed_out;
use crate::profile::Record;
use crate::readers::Readers;

/// Profiles from searches that are remembered, so that a conversation begun with one of them has a name at once.
const SEEN_MAX: usize = 1_000;

/// What the driver and the bridge share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) updates: Updates,
    account: RwLock<Option<Arc<Account>>>,
}

/// The account that is signed in.
pub(crate) struct Account {
    pub(crate) record: Record,
    pub(crate) auth: Arc<Auth>,
    pub(crate) readers: Arc<Readers>,
    status: Mutex<Status>,
    /// People that the server named in a search. When full, the ones seen first are forgotten.
    seen: Mutex<Vec<Profile>>,
}

impl Shared {
    /// Who is signed in, or the failure that says that nobody is.
    pub(crate) fn account(&self) -> Result<Arc<Account>, Failure> {
        let account = self.account.read().unwrap_or_else(PoisonError::into_inner);
        account.clone().ok_or_else(signed_out)
    }

    /// Somebody signed in or out.
    pub(crate) fn set_account(&self, account: Option<Arc<Account>>) {
        *self.account.write().unwrap_or_else(PoisonError::into_inner) = account;
        self.updates.send(&Update::Session);
    }
}

impl Account {
    pub(crate) fn new(record: Record, auth: Arc<Auth>, readers: Readers) -> Self {
        let status = Status {
            connection: Connection::Offline,
            offline_since_ms: None,
            next_attempt_ms: None,
            waiting: 0,
            rejected: 0,
            problem: None,
        };
        Self { record, auth, readers: Arc::new(readers), status: Mutex::new(status), seen: Mutex::default() }
    }

    /// Who is signed in, for the screen.
    pub(crate) fn row(&self) -> SessionRow {
        SessionRow {
            server: self.record.server.clone(),
            organisation: self.record.organisation_slug.clone(),
            account: self.record.account.to_string(),
            handle: self.record.handle.clone(),
            name: self.record.name.clone(),
            tokens_in: self.auth.tokens().place(),
        }
    }

    /// The status as of the last step; `rejected` is for the reader to count.
    pub(crate) fn status(&self) -> Status {
        locked(&self.status).clone()
    }

    /// The status of this step. Answers whether it is another one.
    pub(crate) fn set_status(&self, mut status: Status) -> bool {
        let mut known = locked(&self.status);
        // The same attempt is due at a slightly different time whenever the wall clock is corrected.
        if let (Some(before), Some(after)) = (known.next_attempt_ms, status.next_attempt_ms)
            && before.abs_diff(after) < 1_000
        {
            status.next_attempt_ms = Some(before);
        }
        let changed = *known != status;
        *known = status;
        changed
    }

    /// Remembers people that the server named.
    pub(crate) fn remember(&self, people: &[Profile]) {
        let mut seen = locked(&self.seen);
        seen.retain(|known| people.iter().all(|person| person.account != known.account));
        seen.extend_from_slice(people);
        let excess = seen.len().saturating_sub(SEEN_MAX);
        seen.drain(..excess);
    }

    /// Somebody that the server named before.
    pub(crate) fn seen(&self, account: fil_protocol::AccountId) -> Option<Profile> {
        locked(&self.seen).iter().find(|known| known.account == account).cloned()
    }
}

/// A panic elsewhere leaves plain values, which are as good as before.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
