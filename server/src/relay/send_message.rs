//! Write a message. It moves its author's read position, in one write.

use fil_protocol::text::check_message;
use fil_protocol::{Action, ConversationId, ErrorCode, KnownEvent, MessageId, Position};

use super::log::Log;
use super::{Context, Done, Stop, reject};

pub(super) fn apply(
    context: Context<'_>,
    conversation: ConversationId,
    message: MessageId,
    text: &str,
    composed_at_ms: u64,
) -> Result<Done, Stop> {
    let mut log = Log::open(context, conversation)?;
    log.allow(Action::Send)?;
    if let Some(item) = context.organisation.message(conversation, message)? {
        return if item.author == context.actor.account {
            Ok(Done::before(item.seq))
        } else {
            Err(reject(ErrorCode::Conflict, "the id is taken by another message"))
        };
    }
    check_message(text)?;
    let sent = log.row.head.sent + 1;
    let seq = log.append(KnownEvent::Message { id: message, text: text.to_owned(), sent, composed_at_ms })?;
    log.set_read(Position { seq, sent })?;
    Ok(log.done())
}
