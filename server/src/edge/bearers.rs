//! Whether whoever holds a good access token may still act: asked of the database for every request and every socket.
//!
//! When ten thousand devices come back at once there are ten thousand of these questions, each of two rows. So they do
//! not stand in line for the doors of [`Reads`](super::Reads): whoever comes first begins to work on a thread that may
//! block, and takes all that have come meanwhile with one snapshot, until nobody waits. The answer is as fresh as one
//! that was asked for alone, because its snapshot begins after the question came.
//!
//! At most one question of each open connection waits, which is the bound of the queue; it is told to come back after
//! [`WAIT_MAX`]. Answers are not remembered: what another process changes would have to be found out first, and that
//! costs as much as asking.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fil_protocol::{ErrorCode, ProtocolError};
use tokio::sync::oneshot;

use super::reads::WAIT_MAX;
use crate::auth::access::Claims;
use crate::http::failure::from_store;
use crate::refreshing::is_news;
use crate::store::{ReadStore, Reader, Store, StoreError};

/// Questions that share a snapshot: some milliseconds, for which the snapshot holds back the clean-up of the log.
const BATCH_MAX: usize = 256;

/// Asks for many at once.
#[derive(Clone)]
pub struct Bearers(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    door: Mutex<Box<dyn ReadStore>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Question>,
    /// Whether somebody is at work, who will find what waits.
    at_work: bool,
}

struct Question {
    claims: Claims,
    answer: oneshot::Sender<Answer>,
}

/// Whether the use of the token shows for the first time that its device has its newest refresh token; or the refusal.
type Answer = Result<bool, ProtocolError>;

impl Bearers {
    /// With a door of its own.
    pub fn open(store: &dyn Store) -> Result<Self, StoreError> {
        Ok(Self(Arc::new(Shared { queue: Mutex::default(), door: Mutex::new(store.open_reads()?) })))
    }

    /// Whether the device of these claims, which a good token makes, is not revoked and its account not disabled, as of
    /// now. True if its use is news of a refresh ([`is_news`]).
    pub async fn check(&self, claims: Claims) -> Result<bool, ProtocolError> {
        let (answer, receiver) = oneshot::channel();
        let begins = {
            let mut queue = self.0.lock();
            queue.waiting.push_back(Question { claims, answer });
            !std::mem::replace(&mut queue.at_work, true)
        };
        if begins {
            let shared = Arc::clone(&self.0);
            // Nobody waits for the work itself, only for its answers.
            drop(tokio::task::spawn_blocking(move || shared.work()));
        }
        match tokio::time::timeout(WAIT_MAX, receiver).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(ProtocolError::new(ErrorCode::Internal, "reading failed")),
            Err(_) => Err(ProtocolError::retry_after(ErrorCode::Unavailable, "the server is busy reading", 2_000)),
        }
    }
}

impl Shared {
    /// Answers until nobody waits.
    fn work(&self) {
        let mut batch = VecDeque::new();
        // If a reader panics, those who wait hear that it failed, and the next who asks begins again. In this order: the
        // batch is let go of when the next may begin.
        let _over = Over(self);
        let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            {
                let mut queue = self.lock();
                if queue.waiting.is_empty() {
                    queue.at_work = false;
                    return;
                }
                let count = queue.waiting.len().min(BATCH_MAX);
                batch.extend(queue.waiting.drain(..count));
            }
            let snapshot = door.snapshot();
            while let Some(Question { claims, .. }) = batch.front() {
                let found = match &snapshot {
                    Ok(reader) => look(reader.as_ref(), claims).unwrap_or_else(|error| Err(from_store(&error))),
                    Err(error) => Err(from_store(error)),
                };
                // Nobody waits any more if the connection was given up.
                let _ = batch.pop_front().map(|question| question.answer.send(found));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing that runs under the lock can panic half-way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The work has ended, as it should or not.
struct Over<'s>(&'s Shared);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut queue = self.0.lock();
            queue.at_work = false;
            queue.waiting.clear();
        }
    }
}

/// What the database says about a bearer. The outer error is the database's own.
fn look(reader: &dyn Reader, claims: &Claims) -> Result<Answer, StoreError> {
    let refuse = |code, detail: &str| Ok(Err(ProtocolError::new(code, detail)));
    // Signed by this server, but of a history that a restored backup does not have.
    let unknown = "this device is not known: sign in again";
    let organisation = match reader.organisation(claims.organisation) {
        Err(StoreError::Missing(_)) => return refuse(ErrorCode::Unauthorised, unknown),
        organisation => organisation?,
    };
    let Some(device) = organisation.device(claims.device)?.filter(|device| device.account == claims.account) else {
        return refuse(ErrorCode::Unauthorised, unknown);
    };
    if device.revoked_at_ms.is_some() {
        return refuse(ErrorCode::DeviceRevoked, "this device was revoked: sign in again");
    }
    if organisation.account(claims.account)?.is_none_or(|account| account.disabled_at_ms.is_some()) {
        return refuse(ErrorCode::AccountDisabled, "the account is disabled");
    }
    Ok(Ok(is_news(claims, &device)))
}

impl std::fmt::Debug for Bearers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Bearers").field("waiting", &self.0.lock().waiting.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::Actor;
    use crate::testing::{ADA, BEN, EVE, House, MALLORY, NOW_MS, account, actor};

    fn claims(actor: Actor) -> Claims {
        let Actor { organisation, account, device } = actor;
        Claims { organisation, account, device, refresh: None, expires_at_ms: NOW_MS }
    }

    /// Many who ask at once are each answered for themselves, and whoever asks after a commit hears of it. Revoked and
    /// disabled, another's device, and another organisation's are refused among those who are not.
    #[tokio::test]
    async fn everybody_is_answered_for_themselves_as_of_now() {
        let mut house = House::new();
        let bearers = Bearers::open(house.store.as_ref()).unwrap();
        let (ada, ben, eve) = (actor(ADA), actor(BEN), actor(EVE));
        assert_eq!(bearers.check(claims(ben)).await, Ok(false));
        house.write(|organisation| {
            organisation.revoke_device(ben.device, NOW_MS).unwrap();
            organisation.set_disabled(eve.account, Some(NOW_MS)).unwrap();
        });
        let cases = [
            (ada, None),
            (ben, Some(ErrorCode::DeviceRevoked)),
            (eve, Some(ErrorCode::AccountDisabled)),
            (Actor { account: account(BEN), ..ada }, Some(ErrorCode::Unauthorised)),
            (Actor { organisation: actor(MALLORY).organisation, ..ada }, Some(ErrorCode::Unauthorised)),
            (actor(MALLORY), None),
        ];
        let asked: Vec<_> = (0..100)
            .flat_map(|_| cases)
            .map(|(actor, expected)| {
                let bearers = bearers.clone();
                (tokio::spawn(async move { bearers.check(claims(actor)).await }), expected)
            })
            .collect();
        for (answer, expected) in asked {
            assert_eq!(answer.await.unwrap().map_err(|error| error.code), expected.map_or(Ok(false), Err));
        }
        let newest = Claims { refresh: Some(0), ..claims(ada) };
        assert_eq!(bearers.check(newest).await, Ok(true), "its refresh token was not seen in use before");
    }

    /// Whoever works panics: the others hear that it failed, and the next who asks is answered.
    #[tokio::test]
    async fn a_panic_is_answered_and_over() {
        struct Panics(Option<Box<dyn ReadStore>>);
        impl ReadStore for Panics {
            fn snapshot(&mut self) -> Result<Box<dyn Reader + '_>, StoreError> {
                let door = self.0.as_mut();
                door.expect("a test asks for it").snapshot()
            }
        }
        let house = House::new();
        let shared = Shared { queue: Mutex::default(), door: Mutex::new(Box::new(Panics(None))) };
        let bearers = Bearers(Arc::new(shared));
        assert_eq!(bearers.check(claims(actor(ADA))).await.unwrap_err().code, ErrorCode::Internal);
        let door = Box::new(Panics(Some(house.store.open_reads().unwrap())));
        *bearers.0.door.lock().unwrap_or_else(PoisonError::into_inner) = door;
        assert_eq!(bearers.check(claims(actor(ADA))).await, Ok(false));
    }
}
