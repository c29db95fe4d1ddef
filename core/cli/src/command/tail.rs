//! `fil tail`: new messages as they come, of one conversation or of all.

use std::collections::BTreeMap;
use std::time::Duration;

use fil_client::bridge::types::{ItemBody, TimelineRange, Update};
use serde_json::json;
use tokio::time::Instant;

use crate::arguments::Tail;
use crate::exit::Refusal;
use crate::link::{Changed, Link};
use crate::output::Output;
use crate::who;

pub(super) async fn run(arguments: &Tail, link: &mut Link, output: Output) -> Result<(), Refusal> {
    let only = match &arguments.who {
        Some(who) => Some(who::find(link, who).await?),
        None => None,
    };
    if let Some(refusal) = Refusal::ended(&link.settle().await?) {
        return Err(refusal);
    }
    let deadline = arguments.timeout.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut tail = Tailing { seen: BTreeMap::new(), only, left: arguments.count, output };
    tail.begin(link).await?;
    while tail.left != Some(0) {
        match link.changed(deadline).await? {
            Changed::Late => return Err(Refusal::timeout()),
            Changed::Update(Update::Timeline { conversation }) => tail.print(link, &conversation).await?,
            Changed::Update(Update::Conversations | Update::Overflowed) => {
                for row in link.conversations().await? {
                    tail.print(link, &row.id).await?;
                }
            }
            Changed::Update(Update::Session) => {
                link.session().await?;
            }
            Changed::Update(Update::Status) => {
                if let Some(refusal) = Refusal::ended(&link.status().await?) {
                    return Err(refusal);
                }
            }
            Changed::Update(Update::Reverted { .. }) => {}
        }
    }
    Ok(())
}

struct Tailing {
    /// Per conversation, the newest number that was there or was printed.
    seen: BTreeMap<String, u64>,
    only: Option<String>,
    /// How many messages are still wanted.
    left: Option<u64>,
    output: Output,
}

impl Tailing {
    /// What is here now is not new.
    async fn begin(&mut self, link: &Link) -> Result<(), Refusal> {
        for row in link.conversations().await? {
            let head = link.timeline(&row.id, TimelineRange::Opening { limit: 1 }).await?.head;
            self.seen.insert(row.id, head);
        }
        Ok(())
    }

    /// Prints what came since the last time. All of a conversation that has just begun is new.
    async fn print(&mut self, link: &Link, conversation: &str) -> Result<(), Refusal> {
        if self.only.as_deref().is_some_and(|only| only != conversation) {
            return Ok(());
        }
        let seen = self.seen.get(conversation).copied().unwrap_or(0);
        for item in link.since(conversation, seen + 1).await? {
            let Some(seq) = item.seq.filter(|seq| *seq > seen) else { continue };
            self.seen.insert(conversation.to_owned(), seq);
            if !matches!(item.body, ItemBody::Message { .. }) || self.left == Some(0) {
                continue;
            }
            self.output.show(&json!({ "conversation": conversation, "item": item }), |_| self.output.item(&item));
            self.left = self.left.map(|left| left - 1);
        }
        Ok(())
    }
}
