//! What is printed: text for people, or JSON for programs. Answers go to standard output, refusals to standard error.

use std::io::{ErrorKind, Write, stdout};

use fil_client::bridge::types::{ConversationRow, ItemBody, ItemState, Person, TimelineItem};
use serde::Serialize;
use serde_json::json;

use crate::exit::{Cause, Refusal};
use crate::moment;
use crate::texts::{Texts, fill};

/// How to print.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    texts: &'static Texts,
}

impl Output {
    /// Output in a language, or for programs.
    pub(crate) fn new(json: bool, texts: &'static Texts) -> Self {
        Self { json, texts }
    }

    /// The table of texts.
    pub(crate) fn texts(&self) -> &'static Texts {
        self.texts
    }

    /// Prints either the value as one line of JSON, or what `text` makes.
    pub(crate) fn show(&self, value: &impl Serialize, text: impl FnOnce(&'static Texts) -> String) {
        if self.json {
            line(&serde_json::to_string(value).expect("records of the bridge are plain data with string keys"));
        } else {
            let text = text(self.texts);
            if !text.is_empty() {
                line(text.trim_end());
            }
        }
    }

    /// Prints why a command was refused, on standard error.
    pub(crate) fn refusal(&self, refusal: &Refusal) {
        if self.json {
            let kind = match refusal.cause {
                Cause::Core(kind) => serde_json::to_value(kind).unwrap_or_default(),
                Cause::Rejected(reason) => serde_json::to_value(reason).unwrap_or_default(),
                Cause::Ended(problem) => serde_json::to_value(problem).unwrap_or_default(),
                Cause::NobodyCalled | Cause::NoMessage => json!("not_found"),
                Cause::Ambiguous | Cause::NoPassword | Cause::PasswordsDiffer => json!("invalid"),
                Cause::SignedInAlready => json!("signed_in_already"),
                Cause::Timeout => json!("timeout"),
            };
            eprintln!(
                "{}",
                json!({ "error": { "exit": refusal.exit.code(), "kind": kind, "detail": refusal.detail } })
            );
        } else {
            eprintln!("fil: {}", self.texts.refusal(refusal));
        }
    }

    /// One line of a timeline for people: time, mark, author, text.
    pub(crate) fn item(&self, item: &TimelineItem) -> String {
        let texts = self.texts;
        let author = name(&item.author);
        let own_message = item.own && matches!(item.body, ItemBody::Message { .. });
        let mark = match item.state {
            ItemState::Queued => "…",
            ItemState::Rejected { .. } => "✗",
            ItemState::Sent if own_message => "✓",
            ItemState::Sent => " ",
        };
        let content = match &item.body {
            ItemBody::Message { text, edited, .. } => {
                let edited = if *edited { format!(" {}", texts.edited) } else { String::new() };
                format!("{author}: {text}{edited}")
            }
            ItemBody::Deleted => format!("{author}: {}", texts.deleted),
            ItemBody::Created => fill(texts.created, &[("author", author)]),
            ItemBody::Joined { person } => fill(texts.joined, &[("person", name(person)), ("author", author)]),
            ItemBody::Left { person } => fill(texts.left, &[("person", name(person))]),
            ItemBody::Title { title } => fill(texts.titled, &[("author", author), ("title", title)]),
        };
        let reason = match item.state {
            ItemState::Rejected { reason } => format!("  [{}]", texts.reason(reason)),
            ItemState::Queued | ItemState::Sent => String::new(),
        };
        format!("{}  {mark} {content}{reason}", moment::local(item.at_ms))
    }

    /// One line of the conversation list for people.
    pub(crate) fn row(&self, row: &ConversationRow) -> String {
        let unread = if row.unread > 0 { format!("({})", row.unread) } else { String::new() };
        let last = row.last.as_ref().map(|last| {
            let text = match &last.body {
                ItemBody::Message { text, .. } => text.lines().next().unwrap_or_default(),
                ItemBody::Deleted => self.texts.deleted,
                ItemBody::Created | ItemBody::Joined { .. } | ItemBody::Left { .. } | ItemBody::Title { .. } => "·",
            };
            let text: String = text.chars().take(60).collect();
            format!("{}  {}: {text}", moment::local(last.at_ms), name(&last.author))
        });
        let mark = if row.rejected { "✗" } else { " " };
        format!("{}  {mark} {:<24} {unread:>6}  {}", row.id, row.title, last.unwrap_or_default())
    }
}

/// How a person is called: by name, or by handle if the name is not known here.
fn name(person: &Person) -> &str {
    if person.name.is_empty() { &person.handle } else { &person.name }
}

/// Prints a line at once. When nobody reads any more (`fil tail | head -1`) the program ends, as others do.
fn line(text: &str) {
    let mut out = stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        let expected = error.kind() == ErrorKind::BrokenPipe;
        std::process::exit(if expected { 0 } else { 1 });
    }
}

/// Prints a line of JSON for things that only programs read.
pub(crate) fn json_line(value: &impl Serialize) {
    line(&serde_json::to_string(value).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use fil_client::bridge::types::RejectReason;

    use super::*;
    use crate::texts;

    fn item(own: bool, state: ItemState, body: ItemBody) -> TimelineItem {
        let (handle, name) = if own { ("ada", "Ada") } else { ("ben", "") };
        let author = Person { account: handle.into(), handle: handle.into(), name: name.into() };
        TimelineItem {
            key: "k".into(),
            seq: Some(1),
            at_ms: 0,
            composed_at_ms: None,
            author,
            own,
            body,
            state,
            may_edit: own,
            may_delete: own,
        }
    }

    /// A chat with everything that can stand in one, as a person reads it.
    #[test]
    fn a_chat_reads_like_a_chat() {
        let output = Output::new(false, texts::of_locale("en"));
        let text = |text: &str, edited| ItemBody::Message { id: "m".into(), text: text.into(), edited };
        let zoe = Person { account: "z".into(), handle: "zoe".into(), name: "Zoé".into() };
        let chat = [
            item(true, ItemState::Sent, ItemBody::Created),
            item(true, ItemState::Sent, ItemBody::Joined { person: zoe.clone() }),
            item(false, ItemState::Sent, text("salut", false)),
            item(true, ItemState::Sent, text("bonjour", true)),
            item(true, ItemState::Sent, ItemBody::Title { title: "Garde".into() }),
            item(false, ItemState::Sent, ItemBody::Deleted),
            item(false, ItemState::Sent, ItemBody::Left { person: zoe }),
            item(true, ItemState::Queued, text("waiting", false)),
            item(true, ItemState::Rejected { reason: RejectReason::TooLarge }, text("long", false)),
        ];
        // The time is that of this machine's zone, which the test does not choose.
        let lines: Vec<String> = chat.iter().map(|item| output.item(item)[16..].to_owned()).collect();
        let expected = [
            "    Ada began the conversation",
            "    Zoé joined (added by Ada)",
            "    ben: salut",
            "  ✓ Ada: bonjour (edited)",
            "    Ada called the group “Garde”",
            "    ben: (deleted)",
            "    Zoé left",
            "  … Ada: waiting",
            "  ✗ Ada: long  [refused: the text is too long]",
        ];
        assert_eq!(lines, expected);
    }
}
