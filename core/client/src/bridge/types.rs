//! The records that cross the bridge, in the screen's words: flat, serialisable, and generated as TypeScript.
//!
//! Times are milliseconds since 1970 and fit a JavaScript number, as do sequence numbers. Ids are UUID strings.
//! `cargo xtask codegen` writes the TypeScript; a test fails when the committed files differ.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use super::request::{Request, TimelineRange};

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum Response {
    /// Who is signed in; none if nobody is.
    Session {
        /// Who.
        session: Option<SessionRow>,
    },
    /// How the connection is.
    Status {
        /// The status.
        status: Status,
    },
    /// All conversations.
    Conversations {
        /// Most recently active first.
        conversations: Vec<ConversationRow>,
    },
    /// One conversation.
    Conversation {
        /// The row; none if it is gone.
        conversation: Option<ConversationRow>,
    },
    /// A stretch of a timeline.
    Timeline {
        /// The stretch.
        timeline: Timeline,
    },
    /// People.
    People {
        /// By name.
        people: Vec<Person>,
    },
    /// A conversation is there (perhaps still in the outbox).
    Opened {
        /// Which.
        conversation: String,
    },
    /// The message is in the outbox.
    Queued {
        /// Its id.
        message: String,
    },
    /// Search results.
    Found {
        /// Newest first.
        hits: Vec<SearchHit>,
    },
    /// It is done, durably.
    Done,
}

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SessionRow {
    /// The server's address.
    pub server: String,
    /// The organisation's short name.
    pub organisation: String,
    /// The account.
    pub account: String,
    /// Its handle.
    pub handle: String,
    /// Its name.
    pub name: String,
    /// Where the tokens are: the system's keyring, or a private file.
    pub tokens_in: TokenPlace,
}

/// Where tokens are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum TokenPlace {
    /// The operating system's keyring.
    Keyring,
    /// A file that only this user can read, since there is no keyring.
    PrivateFile,
}

/// How the connection is, and what is wrong if something is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Status {
    /// The connection.
    pub connection: Connection,
    /// Since when there is no connection; none while there is one.
    #[ts(type = "number | null")]
    pub offline_since_ms: Option<u64>,
    /// When the next attempt is due.
    #[ts(type = "number | null")]
    pub next_attempt_ms: Option<u64>,
    /// Commands waiting in the outbox.
    pub waiting: u32,
    /// Messages that were rejected and await a decision.
    pub rejected: u32,
    /// What a person has to know.
    pub problem: Option<Problem>,
}

/// The states of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Connection {
    /// None; an attempt is due later.
    Offline,
    /// An attempt is under way.
    Connecting,
    /// Connected, catching up.
    Syncing,
    /// Connected and caught up.
    Live,
    /// Nobody is signed in, or only a person can go on.
    Stopped,
}

/// Something that a person has to know or do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Problem {
    /// The server ended this session: sign in again. Nothing unsent is lost.
    SignedOut,
    /// The account was disabled.
    AccountDisabled,
    /// This app is too old for the server.
    UpdateApp,
    /// The server is too old for this app.
    UpdateServer,
    /// The disk is full: receiving pauses.
    DiskFull,
    /// The cache was damaged or newer; it was moved aside and is being rebuilt. Nothing unsent is lost.
    CacheRebuilt,
    /// The server keeps failing on the first command of the outbox.
    OutboxStuck,
    /// Synchronisation went in circles and was slowed down.
    SyncProblem,
}

/// A row of the conversation list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConversationRow {
    /// Its id.
    pub id: String,
    /// Direct or group.
    pub kind: ConversationKind,
    /// The group's title, or the other person's name.
    pub title: String,
    /// Number of members.
    pub members: u32,
    /// Unread messages.
    #[ts(type = "number")]
    pub unread: u64,
    /// The newest thing in it.
    pub last: Option<LastItem>,
    /// What is in the composer; empty if nothing.
    pub draft: String,
    /// Whether a message of it was rejected.
    pub rejected: bool,
    /// Whether it exists so far only in the outbox.
    pub pending: bool,
}

/// The kinds of conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ConversationKind {
    /// Two people.
    Direct,
    /// A group with a title.
    Group,
}

/// The newest thing in a conversation, for its row in the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct LastItem {
    /// Who.
    pub author: Person,
    /// Whether that is the person signed in.
    pub own: bool,
    /// When.
    #[ts(type = "number")]
    pub at_ms: u64,
    /// What.
    pub body: ItemBody,
}

/// Somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Person {
    /// The account.
    pub account: String,
    /// The handle.
    pub handle: String,
    /// The name.
    pub name: String,
}

/// A stretch of a timeline, oldest first, what is not sent yet last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Timeline {
    /// The conversation.
    pub conversation: String,
    /// Everything from `from` on (or, for `before`, up to the number asked for).
    pub items: Vec<TimelineItem>,
    /// The lowest number covered; ask `before` it for older items.
    #[ts(type = "number")]
    pub from: u64,
    /// Whether older items exist, here or at the server.
    pub older: Older,
    /// The newest number, to mark as read; 0 if there is nothing yet.
    #[ts(type = "number")]
    pub head: u64,
    /// The first message that is not read; none if all are. Where it is not kept here, the lowest number that it may have.
    #[ts(type = "number | null")]
    pub first_unread: Option<u64>,
    /// How many are not read.
    #[ts(type = "number")]
    pub unread: u64,
}

/// Whether there is more above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Older {
    /// No: this is the beginning.
    None,
    /// Yes, kept here.
    Kept,
    /// Yes, at the server: a request may fail with `offline`.
    Server,
}

/// One thing in a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TimelineItem {
    /// Stable over the item's whole life, sent or not: use it as the key.
    pub key: String,
    /// Its number; none until it is sent.
    #[ts(type = "number | null")]
    pub seq: Option<u64>,
    /// When: the server's time, or the time of writing while it is not sent.
    #[ts(type = "number")]
    pub at_ms: u64,
    /// When it was written, if that differs from `at_ms` by more than two minutes: "written at …, sent later".
    #[ts(type = "number | null")]
    pub composed_at_ms: Option<u64>,
    /// Who.
    pub author: Person,
    /// Whether that is the person signed in.
    pub own: bool,
    /// What.
    pub body: ItemBody,
    /// How far it has got.
    pub state: ItemState,
    /// What the person signed in may do with it.
    pub may_edit: bool,
    /// What the person signed in may do with it.
    pub may_delete: bool,
}

/// What an item shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum ItemBody {
    /// A message; `id` names it in requests.
    Message {
        /// Its id.
        id: String,
        /// Its text.
        text: String,
        /// Whether it was edited.
        edited: bool,
    },
    /// A deleted message.
    Deleted,
    /// The conversation began.
    Created,
    /// Somebody joined (was added by the author).
    Joined {
        /// Who.
        person: Person,
    },
    /// Somebody left (or was removed by the author).
    Left {
        /// Who.
        person: Person,
    },
    /// The group got a title.
    Title {
        /// The title.
        title: String,
    },
}

/// How far an item has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum ItemState {
    /// In the outbox: a clock.
    Queued,
    /// Stored by the server: a tick.
    Sent,
    /// Refused by the server: red, with retry, edit, copy and delete.
    Rejected {
        /// Why, as a key for the screen's text.
        reason: RejectReason,
    },
}

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum RejectReason {
    /// The conversation is gone, or the person is no longer a member.
    NotFound,
    /// The person may not write there.
    Forbidden,
    /// The text is too long.
    TooLarge,
    /// The text breaks a rule.
    Invalid,
    /// The server is too old for it.
    Unsupported,
}

/// A message found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SearchHit {
    /// Where.
    pub conversation: String,
    /// The conversation's title.
    pub conversation_title: String,
    /// Its number, to open the timeline there.
    #[ts(type = "number")]
    pub seq: u64,
    /// Its id.
    pub message: String,
    /// Who.
    pub author: Person,
    /// When.
    #[ts(type = "number")]
    pub at_ms: u64,
    /// The text in pieces, for marking what was found.
    pub snippet: Vec<SnippetPart>,
}

/// A piece of a snippet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SnippetPart {
    /// The text.
    pub text: String,
    /// Whether it matches the query.
    pub hit: bool,
}

/// Says by id what to read again. The receiver's queue is bounded; if it overflows, the one update left is `overflowed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum Update {
    /// Somebody signed in or out.
    Session,
    /// The connection, the outbox or a problem changed.
    Status,
    /// The conversation list changed.
    Conversations,
    /// A timeline changed.
    Timeline {
        /// Which conversation.
        conversation: String,
    },
    /// An edit, deletion, rename or membership change was refused and has been undone on screen: a short notice.
    Reverted {
        /// Where.
        conversation: String,
        /// Why.
        reason: RejectReason,
    },
    /// Updates were missed: read everything on screen again.
    Overflowed,
}

/// Why a request failed. The screen has one text per kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum FailureKind {
    /// Nobody is signed in.
    #[error("nobody is signed in")]
    SignedOut,
    /// The server cannot be reached.
    #[error("the server cannot be reached")]
    Offline,
    /// Handle, password or organisation are wrong.
    #[error("the organisation, handle or password is wrong")]
    WrongCredentials,
    /// The invite was used, has expired or never existed.
    #[error("the invite was used or has expired")]
    InviteInvalid,
    /// The address is not one of a Fil server.
    #[error("there is no Fil server at this address")]
    NotAServer,
    /// Too many attempts: wait.
    #[error("too many attempts, wait a little")]
    RateLimited,
    /// What was typed breaks a rule; `detail` says which.
    #[error("the input is not valid")]
    Invalid,
    /// It does not exist here.
    #[error("not found")]
    NotFound,
    /// Not allowed.
    #[error("not allowed")]
    Forbidden,
    /// The outbox has as many commands as it holds.
    #[error("too many messages are waiting to be sent")]
    OutboxFull,
    /// Messages are waiting: sign-out has to say that they may be lost.
    #[error("messages are waiting to be sent")]
    Unsent,
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// Another process uses this profile.
    #[error("another process uses this profile")]
    Locked,
    /// The profile was written by a newer version of the app.
    #[error("this profile was written by a newer version of Fil")]
    NewerProfile,
    /// The profile's precious database is damaged; nothing was touched.
    #[error("this profile's database is damaged")]
    DamagedProfile,
    /// The app or server is too old.
    #[error("an update is needed")]
    UpdateNeeded,
    /// A defect or a failing disk; `detail` is for the log.
    #[error("an internal error occurred")]
    Internal,
}

/// Why a request failed, with a sentence for the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[error("{kind}: {detail}")]
#[ts(export)]
pub struct Failure {
    /// What the screen acts on.
    pub kind: FailureKind,
    /// For the log and for scripts, in English.
    pub detail: String,
}
