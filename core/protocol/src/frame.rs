//! Frames: what crosses the WebSocket, one JSON text message each.
//!
//! The socket is opened with an access token in the `Authorization` header; the first frame is `hello`, the answer
//! `welcome`. Pushes are the same bytes for every receiver, so the server encodes each once.

use serde::{Deserialize, Serialize};

use crate::{
    AccountEntry, ConversationId, Epoch, Event, Generation, Head, Profile, ProtocolError, RawCommand, Seq, Stamp,
    Stream, Verdict, VersionRange, Window,
};

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// The first frame of a connection.
    Hello(Hello),
    /// A command under its number. Up to [`crate::limits::COMMANDS_IN_FLIGHT_MAX`] may await their verdicts.
    Command {
        /// The number: one more than the last of this device's generation.
        #[serde(deserialize_with = "crate::number::deserialize")]
        no: u64,
        /// What is asked for.
        command: RawCommand,
    },
    /// Verdicts up to this number are stored on the device; the server may forget them.
    Acknowledge {
        /// The number.
        #[serde(deserialize_with = "crate::number::deserialize")]
        no: u64,
    },
    /// Ask for what is missing in a stream.
    Pull {
        /// Chosen by the client, repeated in the answer.
        #[serde(deserialize_with = "crate::number::deserialize")]
        request: u64,
        /// Which stream.
        stream: Stream,
        /// The client's cursor. None asks for the newest window of a conversation, or the whole account stream.
        after: Option<Seq>,
        /// How many items a window should have at most, if the answer is one: a page for a conversation on screen, a
        /// screenful for one that nobody looks at. Whoever says so also gets a window where it is cheaper than the
        /// events (see [`crate::limits::PULL_EVENTS_CHEAP_MAX`]). None, as from clients before this field: as many as
        /// there may be, and only where there are too many events.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        items_max: Option<u32>,
    },
    /// The account has read this far. Coalesced by the client, monotonic on the server, never queued.
    Read {
        /// Where.
        conversation: ConversationId,
        /// How far.
        seq: Seq,
    },
    /// A new access token for this connection, before the old one expires.
    Renew {
        /// The token.
        token: String,
    },
    /// Is anybody there? Answered by `pong`.
    Ping,
}

/// Who connects, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The versions of the protocol that the client speaks.
    pub protocol: VersionRange,
    /// The name and version of the app, for the server's log.
    pub client: String,
    /// The series that the device's command numbers belong to.
    pub generation: Generation,
    /// The history that the client's cursors belong to; none on the first connection.
    pub epoch: Option<Epoch>,
    /// Everything that the server committed up to this number, the client has seen. 0 asks for every head.
    #[serde(deserialize_with = "crate::number::deserialize")]
    pub horizon: u64,
    /// The client's cursor in the account stream.
    #[serde(deserialize_with = "crate::number::deserialize")]
    pub account_rev: u64,
    /// Verdicts up to this number are stored on the device.
    #[serde(deserialize_with = "crate::number::deserialize")]
    pub acknowledged: u64,
    /// The newest stamp that the server gave this client in that history; none if it gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Stamp>,
}

/// What a server sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The answer to `hello`; pushes follow at once.
    Welcome(Welcome),
    /// The answer to a command, sent after it is durable.
    Verdict(Verdict),
    /// A push: a new event of a conversation.
    Event {
        /// Where.
        conversation: ConversationId,
        /// The event.
        event: Event,
        /// Where the server's history stood when this was sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stamp: Option<Stamp>,
    },
    /// The answer to a pull of a conversation that is cheap enough: all events after the cursor.
    Events {
        /// The pull's number.
        #[serde(deserialize_with = "crate::number::deserialize")]
        request: u64,
        /// Where.
        conversation: ConversationId,
        /// The cursor that was asked for; the first event is the next one.
        after: Seq,
        /// The events, without a gap, up to the head.
        events: Vec<Event>,
        /// Where the server's history stood when this was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stamp: Option<Stamp>,
    },
    /// The answer to a pull of a conversation that asked for a window, or that would have cost too much.
    Window {
        /// The pull's number.
        #[serde(deserialize_with = "crate::number::deserialize")]
        request: u64,
        /// The conversation as of now.
        window: Window,
        /// Where the server's history stood when this was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stamp: Option<Stamp>,
    },
    /// A push of, or the answer to a pull of, the account stream.
    Account(AccountChanges),
    /// Sent every [`crate::limits::HEARTBEAT_MS`], and at once to a receiver that reads too slowly for pushes: the
    /// streams that changed since the last heartbeat. It finds a push that was lost as the last of its burst.
    Heartbeat {
        /// Server time in milliseconds since 1970.
        #[serde(deserialize_with = "crate::number::deserialize")]
        server_time_ms: u64,
        /// What the client has seen once it reached every head named so far.
        #[serde(deserialize_with = "crate::number::deserialize")]
        horizon: u64,
        /// The newest revision of the account stream.
        #[serde(deserialize_with = "crate::number::deserialize")]
        account_rev: u64,
        /// The conversations that changed.
        heads: Vec<Head>,
        /// Where the server's history stands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stamp: Option<Stamp>,
    },
    /// The answer to `ping`.
    Pong,
    /// The server is going to close this connection; come back after the time given, which differs per client.
    GoingAway {
        /// How long to wait before connecting again, in milliseconds.
        #[serde(deserialize_with = "crate::number::deserialize")]
        retry_after_ms: u64,
    },
    /// Something the client sent was refused. The connection is closed after it unless a request is named.
    Error {
        /// The pull that failed, if it was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<u64>,
        /// Why.
        #[serde(flatten)]
        error: ProtocolError,
    },
}

/// The answer to `hello`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version that both speak from now on.
    pub protocol: u16,
    /// Server time in milliseconds since 1970.
    #[serde(deserialize_with = "crate::number::deserialize")]
    pub server_time_ms: u64,
    /// The server's history. Another one than the client's means: forget every cursor, offer the journal again.
    pub epoch: Epoch,
    /// What the client has seen once it reached every head named here.
    #[serde(deserialize_with = "crate::number::deserialize")]
    pub horizon: u64,
    /// The account that is signed in.
    pub profile: Profile,
    /// The last command number applied in the client's generation.
    #[serde(deserialize_with = "crate::number::deserialize")]
    pub applied: u64,
    /// The stored verdicts that the client has not acknowledged, in order.
    pub verdicts: Vec<Verdict>,
    /// The newest revision of the account stream.
    #[serde(deserialize_with = "crate::number::deserialize")]
    pub account_rev: u64,
    /// The conversations that changed since the client's horizon, most recently changed first.
    pub heads: Vec<Head>,
    /// The client's stamp is not of this history: an older copy of the database was put back by hand, and another history
    /// has begun under the same epoch. To be treated like another epoch; every head is named.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub diverged: bool,
    /// Where the server's history stands; none before it has a mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Stamp>,
}

/// Changes of the account stream: those after one revision, up to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountChanges {
    /// The pull's number; none for a push.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// The revision that these changes follow. A client that has not reached it has a gap, and pulls.
    #[serde(deserialize_with = "crate::number::deserialize")]
    pub after: u64,
    /// The revision reached by applying them.
    #[serde(deserialize_with = "crate::number::deserialize")]
    pub rev: u64,
    /// True if `entries` is everything: what is not in it no longer exists.
    pub full: bool,
    /// The newest value of each changed key.
    pub entries: Vec<AccountEntry>,
    /// Where the server's history stood when this was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Stamp>,
}

macro_rules! wire {
    ($name:ident) => {
        impl $name {
            /// The frame as the text of one WebSocket message.
            pub fn encode(&self) -> String {
                serde_json::to_string(self).expect("frames are plain data with string keys, which always encode")
            }

            /// Reads the text of one WebSocket message.
            pub fn decode(text: &str) -> Result<Self, serde_json::Error> {
                serde_json::from_str(text)
            }
        }
    };
}

wire!(ClientFrame);
wire!(ServerFrame);
