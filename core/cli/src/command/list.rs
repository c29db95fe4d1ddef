//! `fil list`.

use serde_json::json;

use crate::exit::Refusal;
use crate::link::Link;
use crate::output::Output;

pub(super) async fn run(link: &mut Link, output: Output) -> Result<(), Refusal> {
    link.settle().await?;
    let rows = link.conversations().await?;
    output.show(&json!({ "conversations": rows }), |texts| {
        if rows.is_empty() {
            return texts.no_conversations.to_owned();
        }
        rows.iter().map(|row| output.row(row)).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}
