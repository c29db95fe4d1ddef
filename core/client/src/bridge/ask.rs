//! Requests as they are typed, made into what the driver and the views take.

use fil_protocol::limits::QUERY_BYTES_MAX;
use fil_protocol::number::NUMBER_MAX;
use fil_protocol::{AccountId, ConversationId, MessageId, Seq};

use super::types::{Failure, FailureKind, Request, TimelineRange};
use crate::driver::Change;
use crate::failure::failure;
use crate::views::Stretch;

/// A request, by who answers it.
pub(crate) enum Asked {
    Session,
    SignIn { server: String, organisation: String, handle: String, password: String },
    AcceptInvite { link: String, password: String },
    SignOut { discard_unsent: bool },
    Status,
    Conversations,
    Conversation(ConversationId),
    Timeline(ConversationId, Stretch),
    People(String),
    Search { query: String, conversation: Option<ConversationId> },
    Change(Change),
}

impl Asked {
    /// Checks the shape of everything that came as text.
    pub(crate) fn parse(request: Request) -> Result<Self, Failure> {
        Ok(match request {
            Request::Session => Self::Session,
            Request::SignIn { server, organisation, handle, password } => {
                Self::SignIn { server, organisation, handle, password }
            }
            Request::AcceptInvite { link, password } => Self::AcceptInvite { link, password },
            Request::SignOut { discard_unsent } => Self::SignOut { discard_unsent },
            Request::Status => Self::Status,
            Request::Conversations => Self::Conversations,
            Request::Conversation { conversation } => Self::Conversation(conversation_id(&conversation)?),
            Request::Timeline { conversation, range } => {
                let stretch = match range {
                    TimelineRange::Opening { limit } => Stretch::Opening { limit },
                    TimelineRange::From { seq } => Stretch::From { seq: number(seq)? },
                    TimelineRange::Before { seq, limit } => Stretch::Before { seq: number(seq)?, limit },
                };
                Self::Timeline(conversation_id(&conversation)?, stretch)
            }
            Request::People { query } => Self::People(short(query)?),
            Request::Search { query, conversation } => {
                let conversation = conversation.as_deref().map(conversation_id).transpose()?;
                Self::Search { query: short(query)?, conversation }
            }
            request => Self::Change(change(request)?),
        })
    }
}

fn change(request: Request) -> Result<Change, Failure> {
    Ok(match request {
        Request::OpenDirect { account } => Change::OpenDirect { account: account_id(&account)? },
        Request::CreateGroup { title, members } => {
            let members = members.iter().map(|member| account_id(member)).collect::<Result<_, _>>()?;
            Change::CreateGroup { title, members }
        }
        Request::Send { conversation, text } => Change::Send { conversation: conversation_id(&conversation)?, text },
        Request::Edit { conversation, message, text } => {
            let (conversation, message) = (conversation_id(&conversation)?, message_id(&message)?);
            Change::Edit { conversation, message, text }
        }
        Request::Delete { conversation, message } => {
            Change::Delete { conversation: conversation_id(&conversation)?, message: message_id(&message)? }
        }
        Request::Retry { conversation, message } => {
            Change::Retry { conversation: conversation_id(&conversation)?, message: message_id(&message)? }
        }
        Request::Discard { conversation, message } => {
            Change::Discard { conversation: conversation_id(&conversation)?, message: message_id(&message)? }
        }
        Request::MarkRead { conversation, seq } => {
            Change::MarkRead { conversation: conversation_id(&conversation)?, seq: number(seq)? }
        }
        Request::SaveDraft { conversation, text } => {
            Change::SaveDraft { conversation: conversation_id(&conversation)?, text }
        }
        Request::Show { conversation } => {
            Change::Show { conversation: conversation.as_deref().map(conversation_id).transpose()? }
        }
        Request::ConnectNow => Change::ConnectNow,
        Request::Session
        | Request::SignIn { .. }
        | Request::AcceptInvite { .. }
        | Request::SignOut { .. }
        | Request::Status
        | Request::Conversations
        | Request::Conversation { .. }
        | Request::Timeline { .. }
        | Request::People { .. }
        | Request::Search { .. } => return Err(invalid("this request changes nothing")),
    })
}

fn conversation_id(text: &str) -> Result<ConversationId, Failure> {
    text.parse().map_err(|_| invalid("the conversation is no id"))
}

fn message_id(text: &str) -> Result<MessageId, Failure> {
    text.parse().map_err(|_| invalid("the message is no id"))
}

fn account_id(text: &str) -> Result<AccountId, Failure> {
    text.parse().map_err(|_| invalid("the account is no id"))
}

/// What cannot cross the wire must not be stored: the server would end every connection that brings it.
fn number(seq: u64) -> Result<Seq, Failure> {
    if seq <= NUMBER_MAX { Ok(Seq(seq)) } else { Err(invalid("the number is too large")) }
}

fn short(query: String) -> Result<String, Failure> {
    if query.len() <= QUERY_BYTES_MAX {
        Ok(query)
    } else {
        Err(invalid(format!("a query has at most {QUERY_BYTES_MAX} bytes")))
    }
}

fn invalid(detail: impl Into<String>) -> Failure {
    failure(FailureKind::Invalid, detail)
}
