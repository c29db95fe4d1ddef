//! Grants: the tokens that a device holds, as a machine without network, disk or clock of its own.
//!
//! A refresh token works once, and a second use after a while ends the session of the whole device. So the rules are
//! strict, and stand here apart from everything that waits:
//!
//! - the successor is kept durably before it is presented: what [`Grant::next`] asks for comes in this order;
//! - if it cannot be kept, its access token still serves;
//! - an answer that was lost changes nothing here: the same token is presented again, and the server answers with the
//!   same successor.

use std::fmt;

use fil_protocol::http::Session;

/// No access token is believed to be good for longer, in milliseconds.
const LIFE_MS_MAX: u64 = 24 * 60 * 60 * 1000;
/// A token is not renewed sooner than this after it came, in milliseconds.
const RENEW_MS_MIN: u64 = 50;
/// A token that is good for less than this is not used for a new request, in milliseconds.
const SPARE_MS: u64 = 20_000;

/// An access token.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// Sent as `Authorization: Bearer …`.
    pub token: String,
    /// When it is no longer good, by the monotonic clock.
    pub good_until_ms: u64,
    /// When a connection should get another one: at four fifths of its life, by the monotonic clock.
    pub renew_at_ms: u64,
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Access").field("good_until_ms", &self.good_until_ms).finish_non_exhaustive()
    }
}

/// What has to be done before there is another access token.
#[derive(Clone, PartialEq, Eq)]
pub enum Next {
    /// Keep this refresh token durably, then say [`Grant::kept`].
    Keep(String),
    /// Read the refresh token that is kept, then say [`Grant::loaded`].
    Load,
    /// Present this refresh token to the server, then say [`Grant::granted`].
    Present(String),
}

/// The tokens of one device. Nothing of it outlives the process but the refresh token that was kept.
#[derive(Default)]
pub struct Grant {
    access: Option<Access>,
    /// The newest refresh token, once it was read or received.
    refresh: Option<String>,
    /// Whether `refresh` is still to be kept durably.
    unkept: bool,
}

impl Grant {
    /// The tokens that came with signing in. The refresh token is kept already.
    pub fn begin(&mut self, now_ms: u64, session: &Session) {
        self.granted(now_ms, session);
        self.unkept = false;
    }

    /// An access token that is good for a new request.
    pub fn access(&self, now_ms: u64) -> Option<&Access> {
        self.access.as_ref().filter(|access| now_ms + SPARE_MS < access.good_until_ms)
    }

    /// Another access token than this one, which the server refused or which is about to end.
    pub fn access_after(&self, refused: &str) -> Option<&Access> {
        self.access.as_ref().filter(|access| access.token != refused)
    }

    /// The server says that this access token has expired, whatever the clock here says.
    pub fn forget_access(&mut self, expired: &str) {
        self.access.take_if(|access| access.token == expired);
    }

    /// The next step towards another access token.
    pub fn next(&self) -> Next {
        match &self.refresh {
            Some(token) if self.unkept => Next::Keep(token.clone()),
            Some(token) => Next::Present(token.clone()),
            None => Next::Load,
        }
    }

    /// The refresh token that was kept.
    pub fn loaded(&mut self, token: String) {
        self.refresh = Some(token);
    }

    /// The server has answered with new tokens.
    pub fn granted(&mut self, now_ms: u64, session: &Session) -> Access {
        // Whatever the server says: no clock overflows, and nobody renews without end.
        let life_ms = session.access_expires_in_ms.min(LIFE_MS_MAX);
        let access = Access {
            token: session.access_token.clone(),
            good_until_ms: now_ms + life_ms,
            renew_at_ms: now_ms + (life_ms / 5 * 4).max(RENEW_MS_MIN),
        };
        self.access = Some(access.clone());
        self.refresh = Some(session.refresh_token.clone());
        self.unkept = true;
        access
    }

    /// The newest refresh token is durable.
    pub fn kept(&mut self) {
        self.unkept = false;
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Grant")
            .field("access", &self.access)
            .field("unkept", &self.unkept)
            .finish_non_exhaustive()
    }
}
