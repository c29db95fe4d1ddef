//! What the hub asks for, and the close codes of the protocol.

use std::sync::Arc;

use fil_protocol::ErrorCode;

use super::ConnectionId;

/// Something for one socket.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    /// A text message.
    Send {
        /// To which connection.
        connection: ConnectionId,
        /// The encoded frame.
        frame: Arc<str>,
    },
    /// The end. The hub has forgotten the connection.
    Close {
        /// Which.
        connection: ConnectionId,
        /// The WebSocket close code.
        code: u16,
        /// Why.
        reason: ErrorCode,
    },
}

/// The server goes away; its client comes back later (RFC 6455).
pub const CLOSE_GOING_AWAY: u16 = 1001;
/// The server failed (RFC 6455).
pub const CLOSE_INTERNAL: u16 = 1011;
/// What the client sent was refused.
pub const CLOSE_REFUSED: u16 = 4400;
/// The client must sign in, or refresh its token.
pub const CLOSE_SIGN_IN: u16 = 4401;
/// The client did not read fast enough.
pub const CLOSE_TOO_SLOW: u16 = 4409;
/// Client and server share no version of the protocol.
pub const CLOSE_VERSION: u16 = 4426;
/// The client asks too much.
pub const CLOSE_RATE_LIMITED: u16 = 4429;

/// The close code that goes with an error.
pub fn close_code(reason: ErrorCode) -> u16 {
    match reason {
        ErrorCode::Unavailable => CLOSE_GOING_AWAY,
        ErrorCode::Internal | ErrorCode::Unknown => CLOSE_INTERNAL,
        ErrorCode::Unauthorised | ErrorCode::TokenExpired | ErrorCode::DeviceRevoked | ErrorCode::AccountDisabled => {
            CLOSE_SIGN_IN
        }
        ErrorCode::TooSlow => CLOSE_TOO_SLOW,
        ErrorCode::ClientTooOld | ErrorCode::ClientTooNew => CLOSE_VERSION,
        ErrorCode::RateLimited => CLOSE_RATE_LIMITED,
        ErrorCode::Malformed
        | ErrorCode::Invalid
        | ErrorCode::TooLarge
        | ErrorCode::NotFound
        | ErrorCode::Forbidden
        | ErrorCode::Conflict
        | ErrorCode::Unsupported
        | ErrorCode::OutOfOrder => CLOSE_REFUSED,
    }
}
