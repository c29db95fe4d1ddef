//! Reading: the rows that views are made of, one file per noun.
//!
//! Everything one request needs is read in one transaction, so a screen never shows half of a step.

pub(crate) mod command;
pub(crate) mod conversation;
pub(crate) mod item;
pub(crate) mod person;
pub(crate) mod projection;
pub(crate) mod search;

use rusqlite::{Connection, TransactionBehavior};

use super::{Reader, StoreError};

impl Reader {
    /// Asks one or more questions of the same moment. Nothing waits for it and it waits for nothing.
    pub(crate) fn snapshot<T>(
        &mut self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let answer = question(&transaction)?;
        transaction.commit()?;
        Ok(answer)
    }
}
