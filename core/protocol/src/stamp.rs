//! Stamps: how a server recognises whether a client has seen the history that its database holds.
//!
//! An epoch names a history as long as somebody says that another one begins. Who puts the whole folder of a server back
//! says nothing, and two histories go on under one epoch, with the same numbers. So a server writes a *mark* into its
//! database now and then, a number that no other history is going to have there, and says with everything that it tells
//! where it stands. What a client was told last it repeats in `hello`; a server whose history has another mark there, or
//! does not reach so far, is not the one that the client has heard (`docs/decisions/0011`).

use serde::{Deserialize, Serialize};

/// A place in a history: so far it had come, and this mark it carried there. On the wire an array, `[40, 3735928559]`,
/// because it travels with every push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct Stamp {
    /// How many commits had changed a conversation or the stream of an account.
    pub horizon: u64,
    /// The mark in force there.
    pub mark: u64,
}

#[derive(Serialize, Deserialize)]
struct Wire(
    #[serde(deserialize_with = "crate::number::deserialize")] u64,
    #[serde(deserialize_with = "crate::number::deserialize")] u64,
);

impl From<Wire> for Stamp {
    fn from(Wire(horizon, mark): Wire) -> Self {
        Self { horizon, mark }
    }
}

impl From<Stamp> for Wire {
    fn from(Stamp { horizon, mark }: Stamp) -> Self {
        Self(horizon, mark)
    }
}
