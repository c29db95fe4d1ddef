//! `fil status`: who is signed in, how the connection is, what waits; and waiting for a state, for scripts.

use std::time::Duration;

use fil_client::bridge::types::{Connection, Status as Row};
use serde_json::json;
use tokio::time::Instant;

use super::login::describe;
use crate::arguments::{Status, Until};
use crate::exit::Refusal;
use crate::link::{Changed, Link, is_offline};
use crate::output::Output;
use crate::texts::fill;

pub(super) async fn run(arguments: &Status, link: &mut Link, output: Output) -> Result<(), Refusal> {
    let session = link.session().await?;
    let status = match arguments.until {
        None => link.settle().await?,
        Some(until) => {
            let deadline = arguments.timeout.map(|seconds| Instant::now() + Duration::from_secs(seconds));
            wait(link, until, deadline).await?
        }
    };
    output.show(&json!({ "session": session, "status": status }), |texts| {
        let mut lines = vec![describe(&session, output)];
        lines.push(fill(texts.status, &[("connection", (texts.connection)(status.connection))]));
        for (text, count) in [(texts.waiting, status.waiting), (texts.rejected, status.rejected)] {
            if count > 0 {
                lines.push(fill(text, &[("count", &count.to_string())]));
            }
        }
        lines.extend(status.problem.map(|problem| (texts.problem)(problem).to_owned()));
        lines.join("\n")
    });
    Refusal::ended(&status).map_or(Ok(()), Err)
}

async fn wait(link: &mut Link, until: Until, deadline: Option<Instant>) -> Result<Row, Refusal> {
    loop {
        let status = link.status().await?;
        let live = status.connection == Connection::Live;
        let reached = match until {
            Until::Live => live,
            Until::Sent => live && status.waiting == 0,
            Until::Offline => is_offline(&status),
        };
        // Printed as it is; the exit code tells why it never will be.
        if reached || Refusal::ended(&status).is_some() {
            return Ok(status);
        }
        if link.changed(deadline).await? == Changed::Late {
            return Err(Refusal::timeout());
        }
    }
}
