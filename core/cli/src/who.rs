//! Whom a person means: a handle, the title of a group, the name of somebody, or the id of a conversation.

use fil_client::bridge::types::{ConversationKind, ConversationRow, Person, Request, Response};

use crate::exit::{Cause, Exit, Refusal};
use crate::link::{Link, is_offline};

/// The conversation to write to; a direct one is begun if need be.
pub(crate) async fn open(link: &mut Link, who: &str) -> Result<String, Refusal> {
    if let Some(conversation) = known(link, who).await? {
        return Ok(conversation);
    }
    if let Some(person) = by_handle(link, who).await? {
        return begin(link, person.account).await;
    }
    // Perhaps a group that somebody else began a moment ago.
    link.settle().await?;
    match known(link, who).await? {
        Some(conversation) => Ok(conversation),
        None => {
            let person = person(link, who).await?;
            begin(link, person.account).await
        }
    }
}

/// The conversation to read; nothing is begun.
pub(crate) async fn find(link: &mut Link, who: &str) -> Result<String, Refusal> {
    if let Some(conversation) = known(link, who).await? {
        return Ok(conversation);
    }
    // Somebody whom this profile has not met may have written meanwhile.
    link.settle().await?;
    known(link, who).await?.ok_or_else(|| Refusal::new(Exit::NotFound, Cause::NobodyCalled, who))
}

/// Somebody by handle. Asks the server about people who are not known here.
pub(crate) async fn person(link: &mut Link, who: &str) -> Result<Person, Refusal> {
    if let Some(person) = by_handle(link, who).await? {
        return Ok(person);
    }
    let status = link.settle().await?;
    if let Some(person) = by_handle(link, who).await? {
        return Ok(person);
    }
    let exit = if is_offline(&status) { Exit::Offline } else { Exit::NotFound };
    Err(Refusal::new(exit, Cause::NobodyCalled, who))
}

async fn by_handle(link: &Link, who: &str) -> Result<Option<Person>, Refusal> {
    let handle = who.trim_start_matches('@').to_lowercase();
    Ok(link.people(&handle).await?.into_iter().find(|person| person.handle == handle))
}

async fn begin(link: &Link, account: String) -> Result<String, Refusal> {
    match link.request(Request::OpenDirect { account }).await? {
        Response::Opened { conversation } => Ok(conversation),
        _ => Err(Refusal::unexpected()),
    }
}

/// A conversation that is known here.
async fn known(link: &Link, who: &str) -> Result<Option<String>, Refusal> {
    let rows = link.conversations().await?;
    if let Some(row) = rows.iter().find(|row| row.id == who) {
        return Ok(Some(row.id.clone()));
    }
    if let Some(person) = by_handle(link, who).await? {
        let mut direct = titled(&rows, ConversationKind::Direct, &person.name);
        return match (direct.next(), direct.next()) {
            (Some(row), None) => Ok(Some(row.id.clone())),
            // Two people of this name: only the core can tell whose conversation is whose.
            (Some(_), Some(_)) => begin(link, person.account).await.map(Some),
            (None, _) => Ok(None),
        };
    }
    if who.starts_with('@') {
        return Ok(None);
    }
    for kind in [ConversationKind::Group, ConversationKind::Direct] {
        let mut named = titled(&rows, kind, who);
        match (named.next(), named.next()) {
            (Some(row), None) => return Ok(Some(row.id.clone())),
            (Some(_), Some(_)) => return Err(Refusal::new(Exit::Usage, Cause::Ambiguous, who)),
            (None, _) => {}
        }
    }
    Ok(None)
}

fn titled<'a>(
    rows: &'a [ConversationRow],
    kind: ConversationKind,
    title: &'a str,
) -> impl Iterator<Item = &'a ConversationRow> {
    rows.iter().filter(move |row| row.kind == kind && row.title == title)
}
