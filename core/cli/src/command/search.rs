//! `fil search`: in the copy of this profile, so it works offline.

use fil_client::bridge::types::{Request, Response, SearchHit};
use serde_json::json;

use crate::arguments::Search;
use crate::exit::Refusal;
use crate::link::Link;
use crate::output::Output;
use crate::{moment, who};

pub(super) async fn run(arguments: &Search, link: &mut Link, output: Output) -> Result<(), Refusal> {
    link.settle().await?;
    let conversation = match &arguments.within {
        Some(within) => Some(who::find(link, within).await?),
        None => None,
    };
    let query = arguments.words.join(" ");
    let Response::Found { hits } = link.request(Request::Search { query, conversation }).await? else {
        return Err(Refusal::unexpected());
    };
    output.show(&json!({ "hits": hits }), |texts| {
        if hits.is_empty() {
            return texts.nothing_found.to_owned();
        }
        hits.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

/// A hit on one line, what was found in asterisks.
fn line(hit: &SearchHit) -> String {
    let text: String =
        hit.snippet.iter().map(|part| if part.hit { format!("*{}*", part.text) } else { part.text.clone() }).collect();
    format!("{}  {}: {}: {text}", moment::local(hit.at_ms), hit.conversation_title, hit.author.name)
}
