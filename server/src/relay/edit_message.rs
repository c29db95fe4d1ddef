//! Replace the text of an own message.

use fil_protocol::text::check_message;
use fil_protocol::{Action, ConversationId, ErrorCode, Item, ItemBody, KnownEvent, MessageId};

use super::log::Log;
use super::{Context, Done, Stop, reject};

pub(super) fn apply(
    context: Context<'_>,
    conversation: ConversationId,
    message: MessageId,
    new_text: &str,
) -> Result<Done, Stop> {
    let mut log = Log::open(context, conversation)?;
    log.allow(Action::Read)?;
    let item = log.message(message)?;
    log.allow(Action::EditMessage { author: item.author })?;
    let ItemBody::Message { id, sent, text, composed_at_ms, .. } = item.body else {
        return Err(reject(ErrorCode::NotFound, "the message was deleted"));
    };
    check_message(new_text)?;
    if text == new_text {
        return Ok(Done::before(item.rev));
    }
    let rev = log.append(KnownEvent::Edit { message, target: item.seq, text: new_text.to_owned() })?;
    let body = ItemBody::Message { id, sent, text: new_text.to_owned(), composed_at_ms, edited: true };
    context.organisation.replace_item(conversation, &Item { rev, body, ..item })?;
    Ok(log.done())
}
