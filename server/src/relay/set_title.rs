//! Give a group another title.

use fil_protocol::text::check_title;
use fil_protocol::{Action, ConversationId, KnownEvent};

use super::log::Log;
use super::{Context, Done, Stop};

pub(super) fn apply(context: Context<'_>, conversation: ConversationId, title: &str) -> Result<Done, Stop> {
    let mut log = Log::open(context, conversation)?;
    log.allow(Action::SetTitle)?;
    check_title(title)?;
    context.organisation.set_title(conversation, title)?;
    log.append(KnownEvent::Title { title: title.to_owned() })?;
    Ok(log.done())
}
