//! Write a message. It moves its author's read position, in one write.

use fil_protocol::text::check_message;
use fil_protocol::{Action, ConversationId, ErrorCode, KnownEvent, MessageId, Position};

use super::log::Log;
use super::{Context, Done, Stop, reject};

/// The earliest plausible time of a device's clock: 2000-01-01, in milliseconds since 1970.
const COMPOSED_MS_MIN: u64 = 946_684_800_000;
/// How far a device's clock may be ahead of the server's, in milliseconds: a year.
const COMPOSED_AHEAD_MS_MAX: u64 = 365 * 24 * 60 * 60 * 1000;

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
    let composed_at_ms = plausible(composed_at_ms, context.now_ms);
    let sent = log.row.head.sent + 1;
    let seq = log.append(KnownEvent::Message { id: message, text: text.to_owned(), sent, composed_at_ms })?;
    log.set_read(Position { seq, sent })?;
    Ok(log.done())
}

/// The device's time, or the server's where the device's says nothing. Everybody's screen makes a date of it, and not
/// every number is one; a message is not refused because a battery was flat.
fn plausible(composed_at_ms: u64, now_ms: u64) -> u64 {
    let latest_ms = now_ms.saturating_add(COMPOSED_AHEAD_MS_MAX);
    if (COMPOSED_MS_MIN..=latest_ms).contains(&composed_at_ms) { composed_at_ms } else { now_ms }
}
