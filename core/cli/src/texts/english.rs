//! English.

use fil_client::bridge::types::{Connection, FailureKind, Problem, RejectReason};

use super::Texts;

pub(super) static TEXTS: Texts = Texts {
    edited: "(edited)",
    deleted: "(deleted)",
    created: "{author} began the conversation",
    joined: "{person} joined (added by {author})",
    left: "{person} left",
    titled: "{author} called the group “{title}”",
    signed_in: "signed in as {handle} ({name}) in {organisation} at {server}",
    signed_out: "signed out",
    tokens_in_file: "there is no keyring here: the tokens are in a private file of the profile",
    queued: "queued",
    sent: "sent",
    group_begun: "group {id}",
    done: "done",
    will_be_done: "queued; it will be done when the server is there",
    nothing_found: "nothing found",
    no_conversations: "no conversations yet",
    status: "connection: {connection}",
    waiting: "waiting to be sent: {count}",
    rejected: "rejected messages: {count}",
    older_at_server: "older messages are at the server, which cannot be reached now",
    bridge_ready: "port {port}\ntoken {token}",
    ask_password: "Password: ",
    ask_new_password: "Choose a password: ",
    ask_password_again: "Once more: ",
    nobody_called: "nobody and no conversation is called {detail}",
    ambiguous: "several conversations are called {detail}: use the id that `fil list` prints",
    no_message: "there is no such message: {detail}",
    signed_in_already: "{detail} is signed in already: log out first, or use another --profile",
    no_password: "the password cannot be read: {detail}",
    passwords_differ: "the two passwords differ",
    timeout: "the time given is over",
    connection,
    problem,
    failure,
    reject_reason,
};

fn connection(connection: Connection) -> &'static str {
    match connection {
        Connection::Offline => "offline",
        Connection::Connecting => "connecting",
        Connection::Syncing => "catching up",
        Connection::Live => "live",
        Connection::Stopped => "stopped",
    }
}

fn problem(problem: Problem) -> &'static str {
    match problem {
        Problem::SignedOut => "the server ended this session: sign in again, nothing unsent is lost",
        Problem::AccountDisabled => "the account was disabled",
        Problem::UpdateApp => "this program is too old for the server: update it",
        Problem::UpdateServer => "the server is too old for this program",
        Problem::DiskFull => "the disk is full: receiving pauses",
        Problem::CacheRebuilt => "the local copy was damaged and is being rebuilt; nothing unsent is lost",
        Problem::OutboxStuck => "the server keeps failing on the first message that waits",
        Problem::SyncProblem => "catching up went in circles and was slowed down",
    }
}

fn failure(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::SignedOut => "nobody is signed in: fil login",
        FailureKind::Offline => "the server cannot be reached",
        FailureKind::WrongCredentials => "the organisation, handle or password is wrong",
        FailureKind::InviteInvalid => "the invite was used or has expired",
        FailureKind::NotAServer => "there is no Fil server at this address",
        FailureKind::RateLimited => "too many attempts: wait a little",
        FailureKind::Invalid => "not valid",
        FailureKind::NotFound => "not found",
        FailureKind::Forbidden => "not allowed",
        FailureKind::OutboxFull => "too many messages are waiting to be sent",
        FailureKind::Unsent => "messages are waiting to be sent: --discard-unsent gives them up",
        FailureKind::DiskFull => "the disk is full",
        FailureKind::Locked => "another program uses this profile: close it, or use another --profile",
        FailureKind::NewerProfile => "a newer version of Fil wrote this profile: update this one",
        FailureKind::DamagedProfile => "this profile's database is damaged; nothing was touched",
        FailureKind::UpdateNeeded => "an update is needed: program and server speak no common version",
        FailureKind::Internal => "internal error",
    }
}

fn reject_reason(reason: RejectReason) -> &'static str {
    match reason {
        RejectReason::NotFound => "refused: the conversation is gone, or you are no longer a member",
        RejectReason::Forbidden => "refused: you may not do this here",
        RejectReason::TooLarge => "refused: the text is too long",
        RejectReason::Invalid => "refused: the text breaks a rule",
        RejectReason::Unsupported => "refused: the server is too old for it",
    }
}
