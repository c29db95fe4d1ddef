//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const AFTER_HELP: &str = "\
WHO is a handle (ben, @ben), the title of a group, or the id of a conversation.

Exit codes:
  0  done (a message written offline is queued: that is done)
  1  internal error, or a failing disk
  2  the arguments or the input break a rule
  3  nobody is signed in, or the credentials are wrong
  4  the server cannot be reached, or says to come back later
  5  no such person, conversation or message
  6  refused for good by the server or the core
  7  the profile is in use, damaged, from a newer version, or its disk is full
  8  the time given with --timeout was over

Texts are in French or English, by LC_ALL, LC_MESSAGES or LANG. With --json the output is for programs: one document,
or one line for each thing that happens; errors are a line on standard error.";

/// Fil in a terminal: write, read and search messages, online or not.
#[derive(Debug, Parser)]
#[command(name = "fil", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The profile: one signed-in account. Several may be used side by side.
    #[arg(long, global = true, env = "FIL_PROFILE", default_value = "default")]
    pub(crate) profile: String,
    /// The folder of all profiles [default: the app's own].
    #[arg(long, global = true, env = "FIL_DATA", value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Sign in with a password, or with a one-time invite link.
    Login(Login),
    /// Sign out and delete this profile's messages.
    Logout(Logout),
    /// Write a message. Without a connection it is queued and sent later.
    Send(Send),
    /// Print messages, and mark them as read.
    Read(Read),
    /// Print new messages as they come.
    Tail(Tail),
    /// Print all conversations, most recently active first.
    List,
    /// Print who is signed in and how the connection is.
    Status(Status),
    /// Print messages that contain all words, or words that begin with them.
    Search(Search),
    /// Begin a group.
    NewGroup(NewGroup),
    /// Replace the text of an own message.
    Edit(Edit),
    /// Delete a message for everybody.
    Delete(Message),
    /// Queue a rejected message again.
    Retry(Message),
    /// Give a rejected message up.
    Discard(Message),
    /// Offer this profile to a screen on this machine, over a WebSocket.
    Bridge(Bridge),
}

/// `fil login`.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The address of the server: fil.example.org, or http://127.0.0.1:7340.
    #[arg(long, required_unless_present = "invite", requires = "handle")]
    pub(crate) server: Option<String>,
    /// The short name of the organisation; may be left out on a server that has only one.
    #[arg(long, default_value = "")]
    pub(crate) organisation: String,
    /// The handle.
    #[arg(long)]
    pub(crate) handle: Option<String>,
    /// A one-time invite link; a password is chosen on the way.
    #[arg(long, value_name = "LINK", conflicts_with_all = ["server", "organisation", "handle"])]
    pub(crate) invite: Option<String>,
    /// Read the password as the first line of standard input, instead of asking.
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// `fil logout`.
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// Give up what is not sent yet.
    #[arg(long)]
    pub(crate) discard_unsent: bool,
}

/// `fil send`.
#[derive(Debug, Args)]
pub(crate) struct Send {
    /// To whom.
    pub(crate) who: String,
    /// The text; - reads it from standard input.
    #[arg(required_unless_present = "lines")]
    pub(crate) text: Option<String>,
    /// Send each line of standard input as a message, as it comes.
    #[arg(long, conflicts_with = "text")]
    pub(crate) lines: bool,
    /// Wait until the server has stored it, however long that takes.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Seconds to wait at most.
    #[arg(long, value_name = "SECONDS", requires = "wait")]
    pub(crate) timeout: Option<u64>,
}

/// `fil read`.
#[derive(Debug, Args)]
pub(crate) struct Read {
    /// With whom.
    pub(crate) who: String,
    /// Only what is not read yet.
    #[arg(long)]
    pub(crate) unread: bool,
    /// How many at most, the newest.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
    /// Leave them unread.
    #[arg(long)]
    pub(crate) peek: bool,
}

/// `fil tail`.
#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// With whom; everybody if left out.
    pub(crate) who: Option<String>,
    /// End after this many messages.
    #[arg(long)]
    pub(crate) count: Option<u64>,
    /// Seconds to wait at most.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}

/// `fil status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Wait until the connection is live, until it is live and nothing is waiting to be sent, or until it is gone.
    #[arg(long, value_enum, value_name = "STATE")]
    pub(crate) until: Option<Until>,
    /// Seconds to wait at most.
    #[arg(long, value_name = "SECONDS", requires = "until")]
    pub(crate) timeout: Option<u64>,
}

/// What `fil status` can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Until {
    /// Connected and caught up.
    Live,
    /// Connected, caught up, and nothing is waiting to be sent.
    Sent,
    /// No connection.
    Offline,
}

/// `fil search`.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// The words.
    #[arg(required = true)]
    pub(crate) words: Vec<String>,
    /// Only in this conversation.
    #[arg(long = "in", value_name = "WHO")]
    pub(crate) within: Option<String>,
}

/// `fil new-group`.
#[derive(Debug, Args)]
pub(crate) struct NewGroup {
    /// Its title.
    pub(crate) title: String,
    /// The handles of the other members.
    pub(crate) handles: Vec<String>,
}

/// `fil edit`.
#[derive(Debug, Args)]
pub(crate) struct Edit {
    #[command(flatten)]
    pub(crate) message: Message,
    /// The new text; - reads it from standard input.
    pub(crate) text: String,
}

/// A message, for `fil delete`, `retry` and `discard`.
#[derive(Debug, Args)]
pub(crate) struct Message {
    /// With whom.
    pub(crate) who: String,
    /// The message: its id as `fil read --json` prints it, or `last` for the newest own one.
    pub(crate) message: String,
}

/// `fil bridge`.
#[derive(Debug, Args)]
pub(crate) struct Bridge {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// A web origin that may connect, besides those of this machine.
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) origin: Vec<String>,
    /// Let the token open more than one connection, for pages that are reloaded during development.
    #[arg(long)]
    pub(crate) reusable: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_sound_and_bad_arguments_are_refused() {
        Arguments::command().debug_assert();
        let check = |line: &str, accepted: bool| {
            let result = Arguments::try_parse_from(line.split(' '));
            assert_eq!(result.is_ok(), accepted, "{line}: {result:?}");
        };
        check("fil send ben bonjour", true);
        check("fil send ben --lines --json", true);
        check("fil --profile ada login --server x --organisation demo --handle ada", true);
        check("fil login --invite http://x/i", true);
        check("fil", false);
        check("fil send ben", false);
        check("fil send ben bonjour --lines", false);
        check("fil send ben bonjour --timeout 3", false);
        check("fil login", false);
        check("fil login --server x", false);
        check("fil login --invite x --handle ada", false);
        check("fil read ben --limit 0", false);
        check("fil read ben --limit -1", false);
        check("fil status --until never", false);
        check("fil bridge --port 70000", false);
        check("fil shout", false);
    }
}
