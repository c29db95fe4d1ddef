//! Bodies of the REST interface under `/api/v1` that the apps use. Errors are a [`crate::ProtocolError`].

use serde::{Deserialize, Serialize};

use crate::{AccountId, ConversationId, ConversationKind, DeviceId, Head, Item, Member, OrganisationId, Profile, Seq};

/// `POST /api/v1/sessions`: sign in with a password.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SignIn {
    /// The short name of the organisation. May be left out on a server that has only one.
    #[serde(default)]
    pub organisation: Option<String>,
    /// The handle of the account.
    pub handle: String,
    /// Its password.
    pub password: String,
    /// What the person calls this device, for the list of devices.
    pub device_name: String,
}

/// `POST /api/v1/invites/accept`: sign in with a one-time invite, setting a password on the way.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AcceptInvite {
    /// The secret part of the invite link.
    pub invite: String,
    /// The password to sign in with from now on.
    pub password: String,
    /// What the person calls this device.
    pub device_name: String,
}

/// `POST /api/v1/sessions/refresh`: exchange a refresh token for its successor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Refresh {
    /// The newest refresh token that the device holds.
    pub refresh_token: String,
}

/// The answer to signing in and to refreshing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Session {
    /// The organisation.
    pub organisation: OrganisationId,
    /// Its short name.
    pub organisation_slug: String,
    /// Who is signed in.
    pub profile: Profile,
    /// The device that was made for this sign-in.
    pub device: DeviceId,
    /// Sent as `Authorization: Bearer …` with every request and with the WebSocket handshake.
    pub access_token: String,
    /// How long the access token is good for, in milliseconds from now.
    pub access_expires_in_ms: u64,
    /// Keep this before using it; the one that it replaces still works for a minute, and yields the same successor.
    pub refresh_token: String,
}

/// A device in `GET /api/v1/devices`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Device {
    /// Its id, for `DELETE /api/v1/devices/{device}`.
    pub device: DeviceId,
    /// What the person calls it.
    pub name: String,
    /// When it signed in, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// Whether it is the device that asks.
    pub current: bool,
}

/// A conversation in `GET /api/v1/conversations`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Conversation {
    /// Its newest event.
    #[serde(flatten)]
    pub head: Head,
    /// Direct or group.
    pub kind: ConversationKind,
    /// The title of a group.
    pub title: Option<String>,
    /// Messages that the account has not read.
    pub unread: u64,
}

/// `POST /api/v1/conversations`: begin a conversation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewConversation {
    /// Direct (exactly one member, no title) or group.
    pub kind: ConversationKind,
    /// The title of a group.
    #[serde(default)]
    pub title: Option<String>,
    /// The other members.
    pub members: Vec<AccountId>,
}

/// `POST /api/v1/conversations/{conversation}/messages`: write a message. With the header `Idempotency-Key` a repeated
/// request is answered like the first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewMessage {
    /// Its text.
    pub text: String,
}

/// What a request that changed a conversation became.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Applied {
    /// Where and under which number.
    #[serde(flatten)]
    pub head: Head,
}

/// `GET /api/v1/conversations/{conversation}/messages?before=&limit=`: older items, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct HistoryPage {
    /// Every item with a number in `from..before`.
    pub items: Vec<Item>,
    /// The lowest number that the page covers; 1 means that this is the beginning.
    pub from: Seq,
    /// The head as of which the items are true. A client whose cursor is further asks again.
    pub as_of: Seq,
}

/// `GET /api/v1/search?query=&conversation=&before=`: messages that contain all words, newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SearchPage {
    /// The hits.
    pub hits: Vec<SearchHit>,
    /// Pass it as `before` for the next page; none on the last page.
    pub next: Option<String>,
}

/// One message found.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SearchHit {
    /// Where.
    pub conversation: ConversationId,
    /// The message.
    #[serde(flatten)]
    pub item: Item,
}

/// `GET /api/v1/accounts?query=`: people of the organisation whose handle or name begins with the query.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AccountPage {
    /// At most [`crate::limits::PAGE_ITEMS_MAX`], by name.
    pub accounts: Vec<Profile>,
}

/// `GET /api/v1/conversations/{conversation}/members`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MemberPage {
    /// All members, by account id.
    pub members: Vec<Member>,
}
