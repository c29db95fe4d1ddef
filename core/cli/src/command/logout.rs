//! `fil logout`.

use fil_client::bridge::types::{Request, Response};
use serde_json::json;

use super::change::settled;
use crate::arguments::Logout;
use crate::exit::Refusal;
use crate::link::Link;
use crate::output::Output;

pub(super) async fn run(arguments: &Logout, link: &mut Link, output: Output) -> Result<(), Refusal> {
    if !arguments.discard_unsent {
        // What is on its way already should not be in the way.
        link.settle().await?;
        settled(link, "").await?;
    }
    match link.request(Request::SignOut { discard_unsent: arguments.discard_unsent }).await? {
        Response::Session { session: None } => {}
        _ => return Err(Refusal::unexpected()),
    }
    output.show(&json!({ "session": null }), |texts| texts.signed_out.to_owned());
    Ok(())
}
