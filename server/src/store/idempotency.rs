//! Answers to HTTP requests that came with an `Idempotency-Key`, so that a repeated request is answered like the first.

use fil_protocol::{AccountId, Head, ProtocolError};

use super::StoreError;

/// The answer to a request that changed something, or was refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// A hash of the request's body: the same key with another body is a mistake of the caller.
    pub body_hash: [u8; 32],
    /// What was answered.
    pub result: Result<Head, ProtocolError>,
}

/// Reads.
pub trait ReadIdempotency {
    /// The answer given under this key. The key carries the route in front.
    fn answer(&self, account: AccountId, key: &str) -> Result<Option<Answer>, StoreError>;
}

/// Writes.
pub trait WriteIdempotency {
    /// Stores an answer, in the transaction of what it answers.
    fn store_answer(&self, account: AccountId, key: &str, answer: &Answer, at_ms: u64) -> Result<(), StoreError>;

    /// Forgets answers given before this time.
    fn forget_answers(&self, before_ms: u64) -> Result<(), StoreError>;
}
