//! `fil login`: sign in with a password or an invite, and take the first copy of everything.

use fil_client::bridge::types::{Request, Response, SessionRow, TokenPlace};

use super::first_line;
use crate::arguments::Login;
use crate::exit::{Cause, Exit, Refusal};
use crate::link::Link;
use crate::output::Output;
use crate::texts::fill;

pub(super) async fn run(arguments: Login, link: &mut Link, output: Output) -> Result<(), Refusal> {
    // A profile whose session the server has ended is signed in again, and keeps what waits in it.
    if let Some(session) = link.session_if_any().await?
        && Refusal::ended(&link.settle().await?).is_none()
    {
        return Err(Refusal::new(Exit::Usage, Cause::SignedInAlready, session.handle));
    }
    let password = password(&arguments, output)?;
    let request = match arguments.invite {
        Some(link) => Request::AcceptInvite { link, password },
        None => Request::SignIn {
            server: arguments.server.unwrap_or_default(),
            organisation: arguments.organisation,
            handle: arguments.handle.unwrap_or_default(),
            password,
        },
    };
    let Response::Session { session: Some(session) } = link.request(request).await? else {
        return Err(Refusal::unexpected());
    };
    // So that the next command finds people and conversations here, even offline.
    link.settle().await?;
    output.show(&session, |_| describe(&session, output));
    Ok(())
}

/// Who is signed in, and where the tokens are, for people.
pub(super) fn describe(session: &SessionRow, output: Output) -> String {
    let texts = output.texts();
    let values = [
        ("handle", session.handle.as_str()),
        ("name", &session.name),
        ("organisation", &session.organisation),
        ("server", &session.server),
    ];
    let mut text = fill(texts.signed_in, &values);
    if session.tokens_in == TokenPlace::PrivateFile {
        text = format!("{text}\n{}", texts.tokens_in_file);
    }
    text
}

fn password(arguments: &Login, output: Output) -> Result<String, Refusal> {
    let refuse = |error: std::io::Error| Refusal::new(Exit::Usage, Cause::NoPassword, error.to_string());
    if arguments.password_stdin {
        return first_line().map_err(refuse);
    }
    let texts = output.texts();
    if arguments.invite.is_none() {
        return rpassword::prompt_password(texts.ask_password).map_err(refuse);
    }
    let password = rpassword::prompt_password(texts.ask_new_password).map_err(refuse)?;
    if rpassword::prompt_password(texts.ask_password_again).map_err(refuse)? == password {
        Ok(password)
    } else {
        Err(Refusal::new(Exit::Usage, Cause::PasswordsDiffer, ""))
    }
}
