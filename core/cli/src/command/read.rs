//! `fil read`: messages of one conversation, oldest first, marked as read.

use fil_client::bridge::types::{ItemBody, Older, Request, TimelineRange};

use crate::arguments::Read;
use crate::exit::Refusal;
use crate::link::Link;
use crate::output::Output;
use crate::who;

pub(super) async fn run(arguments: &Read, link: &mut Link, output: Output) -> Result<(), Refusal> {
    let conversation = who::find(link, &arguments.who).await?;
    // On screen it is caught up first.
    link.change(Request::Show { conversation: Some(conversation.clone()) }).await?;
    link.settle().await?;
    let newest = link.timeline(&conversation, TimelineRange::Opening { limit: arguments.limit.min(50) }).await?;
    let limit = arguments.limit as usize;
    let first_unread = newest.first_unread;
    let mut timeline = link
        .complete(newest, |items, from| {
            if arguments.unread { first_unread.is_none_or(|unread| from <= unread) } else { items.len() >= limit }
        })
        .await?;
    if arguments.unread {
        timeline.items.retain(|item| {
            let message = matches!(item.body, ItemBody::Message { .. });
            message && !item.own && first_unread.is_some_and(|unread| item.seq.is_some_and(|seq| seq >= unread))
        });
    }
    let surplus = timeline.items.len().saturating_sub(limit);
    timeline.items.drain(..surplus);
    output.show(&timeline, |texts| {
        let mut lines = Vec::new();
        if timeline.older == Older::Server && surplus == 0 && !arguments.unread && timeline.items.len() < limit {
            lines.push(format!("({})", texts.older_at_server));
        }
        lines.extend(timeline.items.iter().map(|item| output.item(item)));
        lines.join("\n")
    });
    if !arguments.peek && timeline.head > 0 {
        link.change(Request::MarkRead { conversation, seq: timeline.head }).await?;
    }
    Ok(())
}
