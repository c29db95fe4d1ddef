//! Refresh tokens: what a device keeps to get new access tokens, renewed at each use.
//!
//! A token is the organisation, the device, a counter and an HMAC over the three with a key outside the database. The
//! database holds per device the counter of the newest token and when it was issued; no token and no hash of one is
//! stored. That makes every answer repeatable, which is what lost answers and two processes of one client need:
//!
//! | the token presented is | then |
//! |---|---|
//! | the newest | it is replaced by its successor |
//! | the one before, while nothing that came with the newest was used | the same successor again: its answer was lost |
//! | the one before, within the grace after that | the same successor again: two processes of one client |
//! | anything older | a copy is in use: the device is revoked, both copies with it |
//! | newer than the database knows | the database was restored from a backup: carry on from the token |
//!
//! Random tokens stored hashed were refused: the same successor cannot be answered twice without storing it in clear,
//! and a restored backup would sign everybody out.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use fil_protocol::{DeviceId, OrganisationId};

const PREFIX: &str = "filr_";
const NAMED_BYTES: usize = 16 + 16 + 8;

/// Issues and reads refresh tokens.
pub struct RefreshTokens {
    key: hmac::Key,
}

/// What a genuine token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The tenant.
    pub organisation: OrganisationId,
    /// The device.
    pub device: DeviceId,
    /// Which of its tokens.
    pub counter: u64,
}

/// What is done with a genuine token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Store this counter and the time, and answer the token with it.
    Rotate {
        /// The counter of the successor.
        counter: u64,
    },
    /// Store nothing and answer the token with this counter once more.
    Repeat {
        /// The counter of the successor.
        counter: u64,
    },
    /// Revoke the device.
    Reused,
}

impl RefreshTokens {
    /// With the key of this server.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// The token with this counter: always the same text.
    pub fn issue(&self, token: Presented) -> String {
        let mut bytes = Vec::with_capacity(NAMED_BYTES + 32);
        bytes.extend_from_slice(token.organisation.as_bytes());
        bytes.extend_from_slice(token.device.as_bytes());
        bytes.extend_from_slice(&token.counter.to_be_bytes());
        bytes.extend_from_slice(hmac::sign(&self.key, &bytes).as_ref());
        format!("{PREFIX}{}", BASE64.encode(bytes))
    }

    /// What the token says, if this server issued it.
    pub fn read(&self, token: &str) -> Option<Presented> {
        if token.len() > 128 {
            return None;
        }
        let bytes = BASE64.decode(token.strip_prefix(PREFIX)?).ok()?;
        let (named, tag) = bytes.split_at_checked(NAMED_BYTES)?;
        hmac::verify(&self.key, named, tag).ok()?;
        let id = |from: usize| <[u8; 16]>::try_from(&named[from..from + 16]).ok();
        Some(Presented {
            organisation: id(0)?.into(),
            device: id(16)?.into(),
            counter: u64::from_be_bytes(named[32..].try_into().ok()?),
        })
    }
}

impl std::fmt::Debug for RefreshTokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RefreshTokens")
    }
}

/// What to do with a genuine token, given the newest counter of its device and when it was first seen in use. A grace
/// that began when the newest was issued was refused: a laptop that is closed before the answer arrives is opened hours
/// later, and its person would be signed out.
pub fn decide(presented: u64, newest: u64, seen_at_ms: Option<u64>, now_ms: u64, grace_ms: u64) -> Decision {
    if presented >= newest {
        Decision::Rotate { counter: presented.saturating_add(1) }
    } else if presented + 1 == newest && seen_at_ms.is_none_or(|seen_ms| now_ms < seen_ms.saturating_add(grace_ms)) {
        Decision::Repeat { counter: newest }
    } else {
        Decision::Reused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_as_it_was_issued_and_every_changed_one_does_not() {
        let tokens = RefreshTokens::new(&[1; 32]);
        let token = Presented { organisation: [2; 16].into(), device: [3; 16].into(), counter: 9 };
        let text = tokens.issue(token);
        assert_eq!(tokens.read(&text), Some(token));
        assert_eq!(tokens.issue(token), text, "an answer can be repeated");
        assert_eq!(RefreshTokens::new(&[2; 32]).read(&text), None);
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(tokens.read(std::str::from_utf8(&changed).unwrap()), None, "byte {at}");
        }
        for wrong in ["", "filr_", "filr_AAAA", &text[..text.len() - 1], &format!("{text}A"), &"a".repeat(500)] {
            assert_eq!(tokens.read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_table_of_decisions() {
        let check = |presented, newest, age_ms: u64, expected| {
            assert_eq!(decide(presented, newest, Some(1_000_000), 1_000_000 + age_ms, 60_000), expected);
        };
        assert_eq!(decide(4, 5, None, u64::MAX, 60_000), Decision::Repeat { counter: 5 }, "its answer never arrived");
        assert_eq!(decide(3, 5, None, 0, 60_000), Decision::Reused);
        check(5, 5, 0, Decision::Rotate { counter: 6 });
        check(5, 5, 99_000_000, Decision::Rotate { counter: 6 });
        check(4, 5, 59_999, Decision::Repeat { counter: 5 });
        check(4, 5, 60_000, Decision::Reused);
        check(3, 5, 0, Decision::Reused);
        check(0, 5, 0, Decision::Reused);
        check(9, 5, 0, Decision::Rotate { counter: 10 });
        check(u64::MAX, 5, 0, Decision::Rotate { counter: u64::MAX });
    }
}
