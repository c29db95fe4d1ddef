//! `fil edit`, `delete`, `retry` and `discard`: changes of one message.

use std::time::Duration;

use fil_client::bridge::types::{ItemBody, Request, TimelineRange, Update};
use serde_json::json;
use tokio::time::Instant;

use super::text_or_input;
use crate::arguments::{Edit, Message};
use crate::exit::{Cause, Exit, Refusal};
use crate::link::{Changed, Link, is_offline};
use crate::output::Output;
use crate::who;

/// How long a change may take before it is left to the outbox.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn edit(arguments: Edit, link: &mut Link, output: Output) -> Result<(), Refusal> {
    let text = text_or_input(arguments.text)?;
    let (conversation, message) = named(&arguments.message, link).await?;
    apply(link, output, Request::Edit { conversation, message, text }).await
}

pub(super) async fn delete(message: &Message, link: &mut Link, output: Output) -> Result<(), Refusal> {
    let (conversation, message) = named(message, link).await?;
    apply(link, output, Request::Delete { conversation, message }).await
}

pub(super) async fn retry(message: &Message, link: &mut Link, output: Output) -> Result<(), Refusal> {
    let (conversation, message) = named(message, link).await?;
    apply(link, output, Request::Retry { conversation, message }).await
}

pub(super) async fn discard(message: &Message, link: &mut Link, output: Output) -> Result<(), Refusal> {
    let (conversation, message) = named(message, link).await?;
    apply(link, output, Request::Discard { conversation, message }).await
}

async fn apply(link: &mut Link, output: Output, request: Request) -> Result<(), Refusal> {
    let conversation = match &request {
        Request::Edit { conversation, .. }
        | Request::Delete { conversation, .. }
        | Request::Retry { conversation, .. }
        | Request::Discard { conversation, .. } => conversation.clone(),
        _ => return Err(Refusal::unexpected()),
    };
    link.change(request).await?;
    let done = settled(link, &conversation).await?;
    output.show(
        &json!({ "done": done }),
        |texts| {
            if done { texts.done.to_owned() } else { texts.will_be_done.to_owned() }
        },
    );
    Ok(())
}

/// Waits until the outbox is empty, there is no connection, or patience ends. False if something still waits; a
/// refusal if a change in this conversation was undone.
pub(super) async fn settled(link: &mut Link, conversation: &str) -> Result<bool, Refusal> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = link.status().await?;
        if status.waiting == 0 {
            // The notice of an undone change is sent before the outbox is empty.
            return match reverted(link, conversation).await? {
                Some(refusal) => Err(refusal),
                None => Ok(true),
            };
        }
        if is_offline(&status) {
            return Ok(false);
        }
        match link.changed(Some(deadline)).await? {
            Changed::Update(update) => check(&update, conversation)?,
            Changed::Late => return Ok(false),
        }
    }
}

/// Looks through the updates that have come already.
async fn reverted(link: &mut Link, conversation: &str) -> Result<Option<Refusal>, Refusal> {
    while let Changed::Update(update) = link.changed(Some(Instant::now())).await? {
        if let Err(refusal) = check(&update, conversation) {
            return Ok(Some(refusal));
        }
    }
    Ok(None)
}

fn check(update: &Update, conversation: &str) -> Result<(), Refusal> {
    match update {
        Update::Reverted { conversation: place, reason } if place == conversation => Err(Refusal::rejected(*reason)),
        _ => Ok(()),
    }
}

/// The conversation and the message that were typed.
async fn named(typed: &Message, link: &mut Link) -> Result<(String, String), Refusal> {
    let conversation = who::find(link, &typed.who).await?;
    if typed.message != "last" {
        return Ok((conversation, typed.message.clone()));
    }
    let newest = link.timeline(&conversation, TimelineRange::Opening { limit: 50 }).await?;
    let own = newest.items.iter().rev().filter(|item| item.own).find_map(|item| match &item.body {
        ItemBody::Message { id, .. } => Some(id.clone()),
        _ => None,
    });
    let message = own.ok_or_else(|| Refusal::new(Exit::NotFound, Cause::NoMessage, "last"))?;
    Ok((conversation, message))
}
