//! The commands, one file each.

mod bridge;
mod change;
mod list;
mod login;
mod logout;
mod new_group;
mod read;
mod search;
mod send;
mod status;
mod tail;

use std::io::{BufRead, Read};

use crate::arguments::Verb;
use crate::exit::Refusal;
use crate::link::Link;
use crate::output::Output;

/// Does what was typed.
pub(crate) async fn run(verb: Verb, link: &mut Link, output: Output) -> Result<(), Refusal> {
    match verb {
        Verb::Login(arguments) => return login::run(arguments, link, output).await,
        Verb::Bridge(arguments) => return bridge::run(arguments, link, output).await,
        Verb::Status(arguments) => return status::run(&arguments, link, output).await,
        _ => {}
    }
    link.session().await?;
    match verb {
        Verb::Login(_) | Verb::Bridge(_) | Verb::Status(_) => Ok(()),
        Verb::Logout(arguments) => logout::run(&arguments, link, output).await,
        Verb::Send(arguments) => send::run(arguments, link, output).await,
        Verb::Read(arguments) => read::run(&arguments, link, output).await,
        Verb::Tail(arguments) => tail::run(&arguments, link, output).await,
        Verb::List => list::run(link, output).await,
        Verb::Search(arguments) => search::run(&arguments, link, output).await,
        Verb::NewGroup(arguments) => new_group::run(arguments, link, output).await,
        Verb::Edit(arguments) => change::edit(arguments, link, output).await,
        Verb::Delete(message) => change::delete(&message, link, output).await,
        Verb::Retry(message) => change::retry(&message, link, output).await,
        Verb::Discard(message) => change::discard(&message, link, output).await,
    }
}

/// The text itself, or for `-` all of standard input without the line end at its end.
fn text_or_input(text: String) -> Result<String, Refusal> {
    if text != "-" {
        return Ok(text);
    }
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).map_err(|error| invalid(&error))?;
    Ok(input.trim_end_matches(['\n', '\r']).to_owned())
}

/// The first line of standard input.
fn first_line() -> std::io::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Input that cannot be read, for example because it is not UTF-8.
fn invalid(error: &std::io::Error) -> Refusal {
    use fil_client::bridge::types::FailureKind;
    Refusal::new(crate::exit::Exit::Usage, crate::exit::Cause::Core(FailureKind::Invalid), error.to_string())
}
