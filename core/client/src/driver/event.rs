//! Everything that can happen to the driver.

use std::sync::Arc;

use fil_protocol::http::HistoryPage;
use fil_protocol::{AccountId, ConversationId, MessageId, Seq};
use tokio::sync::oneshot;

use crate::auth::Auth;
use crate::bridge::types::{Failure, Response};
use crate::profile::Record;
use crate::socket::SocketEvent;

/// Where an answer goes. Nobody may be waiting for it any more, which changes nothing.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, Failure>>;

/// What happened, by who says it. The timer is the one thing that is not in here: it has no content.
pub(crate) enum Event {
    /// From the screen: change something.
    Change {
        /// What.
        change: Change,
        /// Answered when it is durable.
        answer: Answer<Response>,
    },
    /// From signing in: the server knows this device, and its token is kept.
    SignedIn {
        /// Who.
        record: Record,
        /// The session at the server.
        auth: Arc<Auth>,
        /// Answered when the databases are open.
        answer: Answer<Response>,
    },
    /// From the screen: sign out.
    SignOut {
        /// Give up what is not sent yet.
        discard_unsent: bool,
        /// Answered when everything is deleted.
        answer: Answer<Response>,
    },
    /// From HTTP: a page of older items.
    History {
        /// Where.
        conversation: ConversationId,
        /// The number that was asked for.
        before: Seq,
        /// The page.
        page: HistoryPage,
        /// Whether it could be used; false if it is older than what is kept.
        answer: Answer<bool>,
    },
    /// From a reader: the cache is damaged.
    CacheDamaged {
        /// In which round of readers: what an earlier one found is repaired already.
        round: u64,
    },
    /// From a socket.
    Socket {
        /// Which connection: events of one that was given up are ignored.
        connection: u64,
        /// What.
        event: SocketEvent,
    },
}

/// A change that a person wants, checked for its shape.
#[derive(Debug)]
pub(crate) enum Change {
    OpenDirect { account: AccountId },
    CreateGroup { title: String, members: Vec<AccountId> },
    Send { conversation: ConversationId, text: String },
    Edit { conversation: ConversationId, message: MessageId, text: String },
    Delete { conversation: ConversationId, message: MessageId },
    Retry { conversation: ConversationId, message: MessageId },
    Discard { conversation: ConversationId, message: MessageId },
    MarkRead { conversation: ConversationId, seq: Seq },
    SaveDraft { conversation: ConversationId, text: String },
    Show { conversation: Option<ConversationId> },
    ConnectNow,
}
