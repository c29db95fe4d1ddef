//! Versions of the protocol, negotiated in `hello`.

use serde::{Deserialize, Serialize};

use crate::{ErrorCode, ProtocolError};

/// The version that this build speaks.
pub const CURRENT: u16 = 1;

/// The oldest version that this build still speaks.
pub const LOWEST: u16 = 1;

/// The versions that one side speaks, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRange {
    /// The newest.
    pub current: u16,
    /// The oldest.
    pub lowest: u16,
}

impl VersionRange {
    /// What this build speaks.
    pub const OURS: Self = Self { current: CURRENT, lowest: LOWEST };

    /// The newest version that server (`self`) and `client` both speak, or who has to be updated.
    pub fn agree(self, client: Self) -> Result<u16, ProtocolError> {
        let common = self.current.min(client.current);
        if client.current < self.lowest {
            let detail = format!("this server speaks versions {} to {}: update the app", self.lowest, self.current);
            Err(ProtocolError::new(ErrorCode::ClientTooOld, detail))
        } else if client.lowest > self.current {
            let detail = format!("this server speaks versions {} to {}: update the server", self.lowest, self.current);
            Err(ProtocolError::new(ErrorCode::ClientTooNew, detail))
        } else {
            Ok(common)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_common_version_is_chosen_or_the_older_side_is_named() {
        let server = VersionRange { current: 5, lowest: 3 };
        let check = |current, lowest| server.agree(VersionRange { current, lowest }).map_err(|error| error.code);
        assert_eq!(check(5, 1), Ok(5));
        assert_eq!(check(4, 4), Ok(4));
        assert_eq!(check(9, 5), Ok(5));
        assert_eq!(check(2, 1), Err(ErrorCode::ClientTooOld));
        assert_eq!(check(9, 6), Err(ErrorCode::ClientTooNew));
    }
}
