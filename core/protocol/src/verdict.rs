//! Verdicts: the server's stored answers to commands.

use serde::{Deserialize, Serialize};

use crate::{ErrorCode, Seq};

/// The answer to one command. It is stored in the transaction that applied the command and repeated until the device
/// acknowledges it, so a lost answer never becomes a second application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The number of the command, in the device's generation.
    #[serde(deserialize_with = "crate::number::deserialize")]
    pub no: u64,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a command. Either way its number is consumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Applied, durably.
    Applied {
        /// The event that it became in the command's conversation. For a command that found its work done already,
        /// the event that had done it.
        seq: Seq,
    },
    /// Refused for good; trying again would be refused again.
    Rejected {
        /// Why.
        code: ErrorCode,
    },
}
