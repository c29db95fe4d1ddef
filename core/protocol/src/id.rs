//! One newtype per id. On the wire an id is a lower-case hyphenated UUID.
//!
//! Ids are UUIDv7 made from a time and ten random bytes that the caller brings: nothing in this crate reads a clock.
//! An id is a name, never an order; order comes from [`crate::Seq`] alone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        pub struct $name(pub Uuid);

        impl $name {
            /// A UUIDv7 from a wall clock in milliseconds since 1970 and ten random bytes.
            pub fn from_parts(unix_ms: u64, random: &[u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, random).into_uuid())
            }

            /// The sixteen bytes as stored in a database.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }

        impl From<[u8; 16]> for $name {
            fn from(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }
    };
}

id!(
    /// An organisation: the tenant. Nothing crosses it.
    OrganisationId
);
id!(
    /// A person or bot in an organisation.
    AccountId
);
id!(
    /// One signed-in app of an account.
    DeviceId
);
id!(
    /// A conversation: direct or group.
    ConversationId
);
id!(
    /// A message, named by its author's device before it is sent, so that it is the same message for ever.
    MessageId
);
id!(
    /// One history of the server's database. It changes when the server was restored from a backup.
    Epoch
);
id!(
    /// One series of command numbers of a device. A device whose numbers cannot be continued starts another.
    Generation
);

impl ConversationId {
    /// The one direct conversation of two accounts.
    ///
    /// It is derived from the pair, so two people who start it at the same moment, or offline, start the same one.
    pub fn direct(organisation: OrganisationId, one: AccountId, other: AccountId) -> Self {
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        let mut pair = [0; 32];
        pair[..16].copy_from_slice(low.as_bytes());
        pair[16..].copy_from_slice(high.as_bytes());
        Self(Uuid::new_v5(&organisation.0, &pair))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direct_conversation_has_one_id_whoever_starts_it() {
        let organisation = OrganisationId::from_parts(1, &[1; 10]);
        let (ada, ben) = (AccountId::from_parts(1, &[2; 10]), AccountId::from_parts(1, &[3; 10]));
        let id = ConversationId::direct(organisation, ada, ben);
        assert_eq!(id, ConversationId::direct(organisation, ben, ada));
        let elsewhere = OrganisationId::from_parts(1, &[9; 10]);
        assert_ne!(id, ConversationId::direct(elsewhere, ada, ben));
    }

    #[test]
    fn an_id_made_from_parts_is_a_version_7_uuid() {
        let id = MessageId::from_parts(1_700_000_000_000, &[0xff; 10]);
        assert_eq!(id.0.get_version_num(), 7);
        assert_eq!(id.to_string().parse::<MessageId>().unwrap(), id);
    }
}
