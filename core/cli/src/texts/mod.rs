//! Everything that people read, one table per language. A text that a language lacks does not compile.

mod english;
mod french;

use fil_client::bridge::types::{Connection, FailureKind, Problem, RejectReason};

use crate::exit::{Cause, Refusal};

/// The texts of one language. A name in braces is replaced by [`fill`].
pub(crate) struct Texts {
    pub(crate) edited: &'static str,
    pub(crate) deleted: &'static str,
    pub(crate) created: &'static str,
    pub(crate) joined: &'static str,
    pub(crate) left: &'static str,
    pub(crate) titled: &'static str,
    pub(crate) signed_in: &'static str,
    pub(crate) signed_out: &'static str,
    pub(crate) tokens_in_file: &'static str,
    pub(crate) queued: &'static str,
    pub(crate) sent: &'static str,
    pub(crate) group_begun: &'static str,
    pub(crate) done: &'static str,
    pub(crate) will_be_done: &'static str,
    pub(crate) nothing_found: &'static str,
    pub(crate) no_conversations: &'static str,
    pub(crate) status: &'static str,
    pub(crate) waiting: &'static str,
    pub(crate) rejected: &'static str,
    pub(crate) older_at_server: &'static str,
    pub(crate) bridge_ready: &'static str,
    pub(crate) ask_password: &'static str,
    pub(crate) ask_new_password: &'static str,
    pub(crate) ask_password_again: &'static str,
    pub(crate) nobody_called: &'static str,
    pub(crate) ambiguous: &'static str,
    pub(crate) no_message: &'static str,
    pub(crate) signed_in_already: &'static str,
    pub(crate) no_password: &'static str,
    pub(crate) passwords_differ: &'static str,
    pub(crate) timeout: &'static str,
    pub(crate) connection: fn(Connection) -> &'static str,
    pub(crate) problem: fn(Problem) -> &'static str,
    pub(crate) failure: fn(FailureKind) -> &'static str,
    pub(crate) reject_reason: fn(RejectReason) -> &'static str,
}

impl Texts {
    /// Why something was refused, as a sentence.
    pub(crate) fn refusal(&self, refusal: &Refusal) -> String {
        let detail = refusal.detail.as_str();
        let text = match refusal.cause {
            Cause::Core(kind @ (FailureKind::Invalid | FailureKind::Internal | FailureKind::NotAServer))
                if !detail.is_empty() =>
            {
                return format!("{}: {detail}", (self.failure)(kind));
            }
            Cause::Core(kind) => (self.failure)(kind),
            Cause::Rejected(reason) => (self.reject_reason)(reason),
            Cause::Ended(problem) => (self.problem)(problem),
            Cause::NobodyCalled => self.nobody_called,
            Cause::Ambiguous => self.ambiguous,
            Cause::NoMessage => self.no_message,
            Cause::SignedInAlready => self.signed_in_already,
            Cause::NoPassword => self.no_password,
            Cause::PasswordsDiffer => self.passwords_differ,
            Cause::Timeout => self.timeout,
        };
        fill(text, &[("detail", detail)])
    }

    /// Why a message was refused.
    pub(crate) fn reason(&self, reason: RejectReason) -> &'static str {
        (self.reject_reason)(reason)
    }
}

/// Replaces `{name}` by its value.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// The language that the environment asks for, as every program of the system reads it.
pub(crate) fn of_environment() -> &'static Texts {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    of_locale(&["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(variable).unwrap_or_default())
}

/// The language of a locale; English if it is none of ours.
pub(crate) fn of_locale(locale: &str) -> &'static Texts {
    let language = locale.split(['_', '.', '@', '-']).next().unwrap_or_default();
    if language == "fr" { &french::TEXTS } else { &english::TEXTS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_follows_the_locale_and_is_english_otherwise() {
        for (locale, done) in
            [("fr_FR.UTF-8", "fait"), ("fr", "fait"), ("en_GB", "done"), ("C", "done"), ("", "done"), ("frr", "done")]
        {
            assert_eq!(of_locale(locale).done, done, "{locale}");
        }
    }

    #[test]
    fn names_in_braces_are_replaced() {
        assert_eq!(fill("{a} and {b}", &[("a", "1"), ("b", "2")]), "1 and 2");
    }
}
