//! Delete a message for everybody.
//!
//! The content leaves the event, its edits, the item and the index of words in the same commit; the numbers stay. A
//! ledger of deletions outside the backup, applied again after a restore, comes with retention rules: until then a
//! restored backup brings back what was deleted after it was made.

use fil_protocol::{Action, ConversationId, Item, ItemBody, KnownEvent, MessageId};

use super::log::Log;
use super::{Context, Done, Stop};

pub(super) fn apply(context: Context<'_>, conversation: ConversationId, message: MessageId) -> Result<Done, Stop> {
    let mut log = Log::open(context, conversation)?;
    log.allow(Action::Read)?;
    let item = log.message(message)?;
    log.allow(Action::DeleteMessage { author: item.author })?;
    let ItemBody::Message { id, sent, .. } = item.body else {
        return Ok(Done::before(item.rev));
    };
    context.organisation.record_deletion(conversation, item.seq)?;
    let rev = log.append(KnownEvent::Deletion { message, target: item.seq })?;
    context.organisation.bury_message(conversation, &Item { rev, body: ItemBody::Deleted { id, sent }, ..item })?;
    Ok(log.done())
}
