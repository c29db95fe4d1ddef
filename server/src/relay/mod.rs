//! The relay: commands become events.
//!
//! [`apply`] is a function over a transaction. Every command first asks whether it may ([`fil_protocol::can`]) and
//! whether its content keeps the rules, and writes only after that: a rejected command has written nothing. A command
//! whose work is done already, as its ids show, is accepted with the event that had done it.
//!
//! A send writes a number of rows that does not depend on how many members there are.

mod add_member;
mod create_conversation;
mod delete_message;
mod edit_message;
mod log;
mod remove_member;
mod send_message;
mod set_title;
#[cfg(test)]
mod tests;

use fil_protocol::{Command, Denied, ErrorCode, Outcome, ProtocolError, Seq};

use crate::actor::Actor;
use crate::bus::Push;
use crate::store::{OrganisationWriter, StoreError};

/// What became of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Applied, or done already.
    Applied {
        /// The event that it became, or that had done it.
        seq: Seq,
        /// What to tell the connected, once it is committed.
        pushes: Vec<Push>,
    },
    /// Refused for good; nothing was written.
    Rejected(ProtocolError),
}

impl Decision {
    /// The decision as a verdict says it.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Applied { seq, .. } => Outcome::Applied { seq: *seq },
            Self::Rejected(error) => Outcome::Rejected { code: error.code },
        }
    }
}

/// Applies one command for an actor, whose organisation the writer belongs to.
pub fn apply(
    organisation: &dyn OrganisationWriter,
    actor: &Actor,
    command: &Command,
    now_ms: u64,
) -> Result<Decision, StoreError> {
    let context = Context { organisation, actor: *actor, now_ms };
    let result = match command {
        Command::CreateConversation { conversation, kind, title, members } => {
            create_conversation::apply(context, *conversation, *kind, title.as_deref(), members)
        }
        Command::SendMessage { conversation, message, text, composed_at_ms } => {
            send_message::apply(context, *conversation, *message, text, *composed_at_ms)
        }
        Command::EditMessage { conversation, message, text } => {
            edit_message::apply(context, *conversation, *message, text)
        }
        Command::DeleteMessage { conversation, message } => delete_message::apply(context, *conversation, *message),
        Command::SetTitle { conversation, title } => set_title::apply(context, *conversation, title),
        Command::AddMember { conversation, account } => add_member::apply(context, *conversation, *account),
        Command::RemoveMember { conversation, account } => remove_member::apply(context, *conversation, *account),
    };
    match result {
        Ok(done) => Ok(Decision::Applied { seq: done.seq, pushes: done.pushes }),
        Err(Stop::Rejected(error)) => Ok(Decision::Rejected(error)),
        Err(Stop::Store(error)) => Err(error),
    }
}

/// In whose name, where and when a command is applied.
#[derive(Clone, Copy)]
struct Context<'t> {
    organisation: &'t dyn OrganisationWriter,
    actor: Actor,
    now_ms: u64,
}

/// What a command did.
struct Done {
    seq: Seq,
    pushes: Vec<Push>,
}

impl Done {
    /// The work was done before, by this event.
    fn before(seq: Seq) -> Self {
        Self { seq, pushes: Vec::new() }
    }
}

/// Why a command goes no further.
enum Stop {
    Rejected(ProtocolError),
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ProtocolError> for Stop {
    fn from(error: ProtocolError) -> Self {
        Self::Rejected(error)
    }
}

impl From<Denied> for Stop {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Invisible => reject(denied.code(), "there is no such conversation for this account"),
            Denied::NotAllowed => reject(denied.code(), "this account may not do that in this conversation"),
        }
    }
}

fn reject(code: ErrorCode, detail: &str) -> Stop {
    Stop::Rejected(ProtocolError::new(code, detail))
}
