//! Lineage: whether this database is the one that clients have seen, or an older copy of it under the same epoch.
//!
//! The witness beside the database (`crate::witness`) finds a database file that was exchanged by hand. Where the whole
//! folder was put back (a snapshot of the machine), only clients know. A client that comes with a horizon, a revision of
//! its account or an acknowledged number of this epoch that this database has never reached is evidence, and so is one
//! whose stamp another history has given it (`marks`). It repairs itself (the engine treats it like a new epoch), but
//! others that were away could take new numbers for old ones, above all those whose version knows no stamps. So after
//! evidence from [`ACCOUNTS_MIN`] accounts (all, where there are fewer) the node begins a new epoch for everybody.
//!
//! One account alone is not believed: it could make everybody read everything again. At most once in the life of a
//! process, since a database is exchanged while no server runs. Bounded by that many accounts in memory.

use std::collections::BTreeSet;

use fil_protocol::{AccountId, Epoch, ErrorCode, Hello, OrganisationId, ProtocolError};

use super::Node;
use super::input::Actor;
use crate::store::{Progress, Reader, StoreError, start_new_epoch};

/// Accounts whose devices must know more than the database before it is believed to be an older copy.
pub const ACCOUNTS_MIN: usize = 3;
/// When clients come back after the epoch was changed, in milliseconds.
const COME_BACK_MS: u64 = 500;

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    /// Accounts that know more than the database.
    ahead: BTreeSet<(OrganisationId, AccountId)>,
    /// How many accounts are enough.
    enough: usize,
    /// A new epoch has begun, or was found to be impossible to begin.
    done: bool,
}

impl Lineage {
    /// Somebody said hello who knows more than the database.
    pub(super) fn note(&mut self, actor: &Actor, enough: usize) {
        if !self.done {
            self.ahead.insert((actor.organisation, actor.account));
            self.enough = enough;
            tracing::warn!(
                accounts = self.ahead.len(),
                enough,
                "a client knows more of this history than the database: was an older copy put back by hand?"
            );
        }
    }

    fn is_due(&self) -> bool {
        !self.done && !self.ahead.is_empty() && self.ahead.len() >= self.enough
    }
}

/// Whether a hello names something of this epoch that the database has never reached. A device without any applied
/// number says nothing by its numbers: it may have come back to a generation that the server has left behind.
pub(super) fn is_ahead(hello: &Hello, epoch: Epoch, horizon: u64, account_rev: u64, progress: &Progress) -> bool {
    let numbers =
        progress.generation == Some(hello.generation) && progress.applied > 0 && hello.acknowledged > progress.applied;
    hello.epoch == Some(epoch) && (hello.horizon > horizon || hello.account_rev > account_rev || numbers)
}

/// How many accounts are enough on this server.
pub(super) fn enough(reader: &dyn Reader) -> Result<usize, StoreError> {
    let mut accounts = 0;
    for organisation in reader.organisations()? {
        accounts += reader.organisation(organisation.id)?.find_accounts("", ACCOUNTS_MIN)?.len();
        if accounts >= ACCOUNTS_MIN {
            break;
        }
    }
    Ok(accounts.clamp(1, ACCOUNTS_MIN))
}

impl Node {
    /// Begins a new epoch if enough was seen. Everybody is disconnected, comes back, and reads everything again.
    pub(super) fn mend_lineage(&mut self) {
        if !self.lineage.is_due() {
            return;
        }
        match self.begin_epoch() {
            Ok(epoch) => {
                self.lineage.done = true;
                tracing::warn!(%epoch, "the database is an older copy: a new epoch has begun, and clients offer what it lacks");
                let detail = "the server has begun another history: connect again";
                let error = ProtocolError::retry_after(ErrorCode::Unavailable, detail, COME_BACK_MS);
                self.hub.refuse_all(&error, |_| true);
            }
            // Tried again with the next step.
            Err(error) => tracing::error!(%error, "a new epoch could not be begun"),
        }
    }

    fn begin_epoch(&mut self) -> Result<Epoch, StoreError> {
        let before = self.reads.snapshot()?.epoch()?;
        // A node has no random bytes of its own. Those of the epoch before, with another time, are as unlike any other.
        let mut random = [0; 10];
        random.copy_from_slice(&before.as_bytes()[6..]);
        let mut epoch = Epoch::from_parts(self.now.wall_ms, &random);
        if epoch == before {
            epoch = Epoch::from_parts(self.now.wall_ms + 1, &random);
        }
        start_new_epoch(self.store.as_mut(), epoch)?;
        Ok(epoch)
    }
}
