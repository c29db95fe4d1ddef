//! Exit codes, and refusals that carry one. A code exists because a script does something else for it.

use std::fmt;

use fil_client::bridge::types::{Connection, Failure, FailureKind, Problem, RejectReason, Status};

/// How a command ended. The help text lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// A defect, or a failing disk.
    Internal,
    /// The arguments or the input break a rule.
    Usage,
    /// Nobody is signed in, or the credentials are wrong.
    SignedOut,
    /// The server cannot be reached now.
    Offline,
    /// No such person, conversation or message.
    NotFound,
    /// It was refused for good.
    Rejected,
    /// The profile is in use, damaged, from a newer version, or its disk is full.
    Profile,
    /// The time given was over.
    Timeout,
}

impl Exit {
    /// The number for the shell.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::SignedOut => 3,
            Self::Offline => 4,
            Self::NotFound => 5,
            Self::Rejected => 6,
            Self::Profile => 7,
            Self::Timeout => 8,
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What it was, for the text table.
    pub(crate) cause: Cause,
    /// A sentence for scripts and logs, in English; may be empty.
    pub(crate) detail: String,
}

/// The causes that have a text of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The core refused a request.
    Core(FailureKind),
    /// The server refused a message or a change.
    Rejected(RejectReason),
    /// The server and this profile cannot go on without a person.
    Ended(Problem),
    /// Nobody has this handle, and no conversation this name; `detail` is what was asked for.
    NobodyCalled,
    /// Several conversations have this name; `detail` is the name.
    Ambiguous,
    /// There is no such message; `detail` is what was asked for.
    NoMessage,
    /// Somebody else is signed in; `detail` says who.
    SignedInAlready,
    /// The password cannot be read; `detail` says why.
    NoPassword,
    /// The two passwords differ.
    PasswordsDiffer,
    /// The time given was over.
    Timeout,
}

impl Refusal {
    /// A refusal with a cause.
    pub(crate) fn new(exit: Exit, cause: Cause, detail: impl Into<String>) -> Self {
        Self { exit, cause, detail: detail.into() }
    }

    /// Something that should not happen.
    pub(crate) fn internal(error: &dyn fmt::Display) -> Self {
        Self::new(Exit::Internal, Cause::Core(FailureKind::Internal), error.to_string())
    }

    /// An answer of another kind than the request asks for: a defect of the core.
    pub(crate) fn unexpected() -> Self {
        Self::internal(&"the core answered with another kind of response")
    }

    /// A message or change that the server refused.
    pub(crate) fn rejected(reason: RejectReason) -> Self {
        Self::new(Exit::Rejected, Cause::Rejected(reason), "")
    }

    /// Why a status means that waiting for the server is in vain; none if it is not.
    pub(crate) fn ended(status: &Status) -> Option<Self> {
        let problem = status.problem.filter(|_| status.connection == Connection::Stopped)?;
        let exit = match problem {
            Problem::SignedOut | Problem::AccountDisabled => Exit::SignedOut,
            Problem::UpdateApp | Problem::UpdateServer => Exit::Rejected,
            Problem::DiskFull => Exit::Profile,
            Problem::CacheRebuilt | Problem::OutboxStuck | Problem::SyncProblem => return None,
        };
        Some(Self::new(exit, Cause::Ended(problem), ""))
    }

    /// The time given was over.
    pub(crate) fn timeout() -> Self {
        Self::new(Exit::Timeout, Cause::Timeout, "")
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let exit = match failure.kind {
            FailureKind::SignedOut | FailureKind::WrongCredentials | FailureKind::InviteInvalid => Exit::SignedOut,
            FailureKind::Offline | FailureKind::NotAServer | FailureKind::RateLimited => Exit::Offline,
            FailureKind::Invalid => Exit::Usage,
            FailureKind::NotFound => Exit::NotFound,
            FailureKind::Forbidden | FailureKind::OutboxFull | FailureKind::Unsent | FailureKind::UpdateNeeded => {
                Exit::Rejected
            }
            FailureKind::DiskFull | FailureKind::Locked | FailureKind::NewerProfile | FailureKind::DamagedProfile => {
                Exit::Profile
            }
            FailureKind::Internal => Exit::Internal,
        };
        Self::new(exit, Cause::Core(failure.kind), failure.detail)
    }
}
