//! Numbers on the wire: whole, not negative, and below 2^53, so that every language and every database can hold them and
//! adding to one never overflows.

use serde::{Deserialize, Deserializer};

/// The highest number that may cross the wire.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Reads a number, or refuses it.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if number > NUMBER_MAX {
        return Err(serde::de::Error::custom("a number above 2^53 - 1"));
    }
    Ok(number)
}
