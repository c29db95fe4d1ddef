//! Requests: what a screen asks for.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What the screen asks for. Every request gets exactly one [`super::types::Response`] or one [`super::types::Failure`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum Request {
    /// Who is signed in here. Answered by `session`.
    Session,
    /// Sign in with a password. Answered by `session`.
    SignIn {
        /// The address of the server, as typed: `fil.example.org` or `http://127.0.0.1:8080`.
        server: String,
        /// The organisation's short name; empty if the server has only one.
        organisation: String,
        /// The handle.
        handle: String,
        /// The password.
        password: String,
    },
    /// Sign in with a one-time invite link and choose a password. Answered by `session`.
    AcceptInvite {
        /// The whole link, as received.
        link: String,
        /// The password to sign in with from now on.
        password: String,
    },
    /// Sign out: the server forgets this device, then its databases are deleted. Answered by `session`.
    /// Refused with `unsent` if messages are waiting and `discard_unsent` is false.
    SignOut {
        /// Give up what is not sent yet.
        discard_unsent: bool,
    },
    /// How the connection is. Answered by `status`.
    Status,
    /// All conversations, most recently active first. Answered by `conversations`.
    Conversations,
    /// One conversation's head matter. Answered by `conversation`.
    Conversation {
        /// Which.
        conversation: String,
    },
    /// A stretch of a timeline. Answered by `timeline`.
    Timeline {
        /// Which conversation.
        conversation: String,
        /// Which stretch.
        range: TimelineRange,
    },
    /// People of the organisation whose name or handle begins with the text; offline, those known here.
    /// Answered by `people`.
    People {
        /// What was typed.
        query: String,
    },
    /// The direct conversation with somebody, begun if need be. Answered by `opened`.
    OpenDirect {
        /// With whom.
        account: String,
    },
    /// Begin a group. Answered by `opened`.
    CreateGroup {
        /// Its title.
        title: String,
        /// The other members.
        members: Vec<String>,
    },
    /// Put a message into the outbox. Durable when answered, by `queued`. Clears the conversation's draft.
    Send {
        /// Where.
        conversation: String,
        /// The text.
        text: String,
    },
    /// Replace the text of an own message, sent or not. Answered by `done`.
    Edit {
        /// Where.
        conversation: String,
        /// Which.
        message: String,
        /// The new text.
        text: String,
    },
    /// Delete a message, sent or not. Answered by `done`.
    Delete {
        /// Where.
        conversation: String,
        /// Which.
        message: String,
    },
    /// Queue a rejected message again. Answered by `done`.
    Retry {
        /// Where.
        conversation: String,
        /// Which.
        message: String,
    },
    /// Give a rejected message up. Answered by `done`.
    Discard {
        /// Where.
        conversation: String,
        /// Which.
        message: String,
    },
    /// The person has seen everything up to here. Answered by `done`.
    MarkRead {
        /// Where.
        conversation: String,
        /// How far.
        #[ts(type = "number")]
        seq: u64,
    },
    /// Keep what is in the composer. Answered by `done`.
    SaveDraft {
        /// Where.
        conversation: String,
        /// The text; empty to forget it.
        text: String,
    },
    /// The conversation on screen, or none: it is caught up first. Answered by `done`.
    Show {
        /// Which.
        conversation: Option<String>,
    },
    /// Messages kept here that contain every word (or word beginning), newest first. Answered by `found`.
    Search {
        /// The words.
        query: String,
        /// Only in this conversation.
        conversation: Option<String>,
    },
    /// Try to connect now instead of at the end of the back-off. Answered by `done`.
    ConnectNow,
}

/// Which stretch of a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum TimelineRange {
    /// Opening: from a little before the first unread message (or the newest `limit` items) to the end.
    Opening {
        /// How many items at least, if there are as many.
        limit: u32,
    },
    /// From this number to the end: what is on screen, read again after an update.
    From {
        /// The lowest number on screen.
        #[ts(type = "number")]
        seq: u64,
    },
    /// Older items before this number, fetched from the server where they are not kept here.
    Before {
        /// The lowest number on screen.
        #[ts(type = "number")]
        seq: u64,
        /// How many.
        limit: u32,
    },
}
