//! `fil new-group`.

use fil_client::bridge::types::{Request, Response};
use serde_json::json;

use super::change::settled;
use crate::arguments::NewGroup;
use crate::exit::Refusal;
use crate::link::Link;
use crate::output::Output;
use crate::texts::fill;
use crate::who;

pub(super) async fn run(arguments: NewGroup, link: &mut Link, output: Output) -> Result<(), Refusal> {
    let mut members = Vec::new();
    for handle in &arguments.handles {
        members.push(who::person(link, handle).await?.account);
    }
    let request = Request::CreateGroup { title: arguments.title, members };
    let Response::Opened { conversation } = link.request(request).await? else {
        return Err(Refusal::unexpected());
    };
    let done = settled(link, &conversation).await?;
    output.show(&json!({ "conversation": conversation, "done": done }), |texts| {
        let begun = fill(texts.group_begun, &[("id", &conversation)]);
        if done { begun } else { format!("{begun}\n{}", texts.will_be_done) }
    });
    Ok(())
}
