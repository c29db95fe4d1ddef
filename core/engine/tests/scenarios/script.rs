//! The words of scripts. Conversations and messages have one-word names; time stands still unless `after` moves it.

use std::collections::BTreeMap;

use fil_engine::outbox::{Row, RowId};
use fil_engine::{Input, Now};
use fil_protocol::{
    AccountChanges, AccountEntry, AccountId, Command, ConversationEntry, ConversationId, ConversationKind,
    ConversationRecord, Epoch, ErrorCode, Event, EventBody, Head, KnownAccountEntry, KnownEvent, MessageId, Outcome,
    Position, Profile, ProtocolError, Seq, ServerFrame, Stamp, Verdict, Welcome, Window,
};

/// Reads a script, line by line.
#[derive(Default)]
pub(crate) struct Player {
    now_ms: u64,
    last_row: i64,
}

/// The words of a line: a verb, plain words, and `name=value` pairs.
struct Words<'a> {
    plain: Vec<&'a str>,
    named: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    fn new(line: &'a str) -> Self {
        let (named, plain): (Vec<_>, Vec<_>) = line.split_whitespace().partition(|word| word.contains('='));
        let named = named.into_iter().filter_map(|word| word.split_once('=')).collect();
        Self { plain, named }
    }

    fn text(&self, at: usize) -> &'a str {
        self.plain.get(at).copied().unwrap_or_else(|| panic!("a word is missing in {:?}", self.plain))
    }

    fn number(&self, at: usize) -> u64 {
        number(self.text(at))
    }

    fn named(&self, name: &str) -> u64 {
        self.named.get(name).map_or(0, |text| number(text))
    }

    fn list(&self, name: &str) -> Vec<(&'a str, u64)> {
        let pairs = self.named.get(name).copied().unwrap_or("").split(',').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once(':').map_or((pair, 0), |(name, value)| (name, number(value)))).collect()
    }

    /// `stamp=horizon:mark`.
    fn stamp(&self) -> Option<Stamp> {
        let pair = self.list("stamp").into_iter().next();
        pair.map(|(horizon, mark)| Stamp { horizon: number(horizon), mark })
    }

    fn heads(&self) -> Vec<Head> {
        let head = |(name, seq)| Head { conversation: conversation(name), seq: Seq(seq) };
        self.list("heads").into_iter().map(head).collect()
    }
}

impl Player {
    /// The time of the script.
    pub(crate) fn now(&self) -> Now {
        Now { monotonic_ms: self.now_ms, wall_ms: 1_000_000 + self.now_ms }
    }

    fn row(&mut self) -> RowId {
        self.last_row += 1;
        RowId(self.last_row)
    }

    /// The input that a line means.
    pub(crate) fn read(&mut self, line: &str) -> Input {
        let words = Words::new(line);
        match words.text(0) {
            "after" => {
                self.now_ms += words.number(1);
                Input::Tick
            }
            "connected" => Input::Connected,
            "disconnected" => Input::Disconnected { error: None },
            "woke" => Input::Woke,
            "show" => Input::Show { conversation: Some(conversation(words.text(1))) },
            "read" => Input::MarkRead { conversation: conversation(words.text(1)), seq: Seq(words.number(2)) },
            "discard" => Input::Discard { row: RowId(words.number(1) as i64) },
            "retry" => {
                let rejected = RowId(words.number(1) as i64);
                Input::Retry { rejected, row: self.row(), command: command("send", &words, 2) }
            }
            verb @ ("send" | "edit" | "delete" | "title") => {
                Input::Enqueue { row: self.row(), command: command(verb, &words, 1) }
            }
            "journal" => Input::Journal { rows: journal(&words), unnamed: unnamed(&words) },
            verb => Input::Frame(frame(verb, &words)),
        }
    }
}

/// `unnamed=a,b` are conversations that the journal has applied commands in, and that are not known.
fn unnamed(words: &Words<'_>) -> Vec<ConversationId> {
    words.list("unnamed").into_iter().map(|(name, _)| conversation(name)).collect()
}

/// `rows=x:1,y:2` are messages by row; `no=` is the number of the first, 0 for an earlier generation; `in=` says where,
/// `a` if it does not.
fn journal(words: &Words<'_>) -> Vec<Row> {
    let first = words.named("no");
    let place = words.named.get("in").copied().unwrap_or("a");
    let row = |(at, (name, row)): (usize, (&str, u64))| {
        let words = Words { plain: vec!["send", place, name], named: BTreeMap::new() };
        let no = (first > 0).then_some(first + at as u64);
        Row { row: RowId(row as i64), no, command: command("send", &words, 1), transmitted: true }
    };
    words.list("rows").into_iter().enumerate().map(row).collect()
}

fn command(verb: &str, words: &Words<'_>, at: usize) -> Command {
    let conversation = conversation(words.text(at));
    let text = "text".to_owned();
    match verb {
        "send" => Command::SendMessage { conversation, message: message(words.text(at + 1)), text, composed_at_ms: 0 },
        "edit" => Command::EditMessage { conversation, message: message(words.text(at + 1)), text: "edited".into() },
        "delete" => Command::DeleteMessage { conversation, message: message(words.text(at + 1)) },
        _ => Command::SetTitle { conversation, title: text },
    }
}

fn frame(verb: &str, words: &Words<'_>) -> ServerFrame {
    match verb {
        "welcome" => ServerFrame::Welcome(Welcome {
            protocol: 1,
            // Long after any epoch, unless the script says that it is young.
            server_time_ms: if words.plain.contains(&"young") { 0 } else { 1 << 50 },
            epoch: Epoch::from([words.named("epoch") as u8; 16]),
            horizon: words.named("horizon"),
            profile: Profile { account: AccountId::from([9; 16]), handle: "me".into(), name: "Me".into() },
            applied: words.named("applied"),
            verdicts: words.list("verdicts").into_iter().map(|(no, seq)| applied(number(no), seq)).collect(),
            account_rev: words.named("account"),
            heads: words.heads(),
            diverged: words.plain.contains(&"diverged"),
            stamp: words.stamp(),
        }),
        "applied" => ServerFrame::Verdict(applied(words.number(1), words.number(2))),
        "rejected" => ServerFrame::Verdict(Verdict {
            no: words.number(1),
            outcome: Outcome::Rejected { code: code(words.text(2)) },
        }),
        "push" => ServerFrame::Event {
            conversation: conversation(words.text(1)),
            event: event(words.number(2)),
            stamp: words.stamp(),
        },
        "events" => ServerFrame::Events {
            request: words.named("request"),
            conversation: conversation(words.text(1)),
            after: Seq(words.named("after")),
            events: (words.named("after") + 1..=words.named("to")).map(event).collect(),
            stamp: words.stamp(),
        },
        "window" => {
            ServerFrame::Window { request: words.named("request"), window: window(words), stamp: words.stamp() }
        }
        "account" => ServerFrame::Account(AccountChanges {
            request: Some(words.named("request")).filter(|request| *request > 0),
            after: words.named("after"),
            rev: words.named("rev"),
            full: words.plain.contains(&"full"),
            entries: words
                .list("member")
                .into_iter()
                .map(|(name, read)| entry(name, true, read))
                .chain(words.list("gone").into_iter().map(|(name, _)| entry(name, false, 0)))
                .collect(),
            stamp: words.stamp(),
        }),
        "heartbeat" => ServerFrame::Heartbeat {
            server_time_ms: 0,
            horizon: words.named("horizon"),
            account_rev: words.named("account"),
            heads: words.heads(),
            stamp: words.stamp(),
        },
        "refused" => ServerFrame::Error {
            request: Some(words.named("request")),
            error: ProtocolError::new(code(words.text(1)), ""),
        },
        "error" => ServerFrame::Error { request: None, error: ProtocolError::new(code(words.text(1)), "") },
        "going_away" => ServerFrame::GoingAway { retry_after_ms: words.number(1) },
        "pong" => ServerFrame::Pong,
        other => panic!("{other} is not a word of scripts"),
    }
}

fn window(words: &Words<'_>) -> Window {
    let conversation = conversation(words.text(1));
    Window {
        record: ConversationRecord { conversation, kind: ConversationKind::Group, title: Some("title".into()) },
        members: Vec::new(),
        items: Vec::new(),
        from: Seq(words.named("from")),
        as_of: Position { seq: Seq(words.named("as_of")), sent: words.named("as_of") },
        changed: Vec::new(),
        reset: false,
        deleted: Vec::new(),
    }
}

fn entry(name: &str, member: bool, read: u64) -> AccountEntry {
    let read = Position { seq: Seq(read), sent: read };
    let entry = ConversationEntry { conversation: conversation(name), kind: ConversationKind::Group, member, read };
    AccountEntry::Known(KnownAccountEntry::Conversation(entry))
}

fn applied(no: u64, seq: u64) -> Verdict {
    Verdict { no, outcome: Outcome::Applied { seq: Seq(seq) } }
}

fn event(seq: u64) -> Event {
    let body = EventBody::Known(KnownEvent::Title { title: format!("title {seq}") });
    Event { seq: Seq(seq), at_ms: seq, author: AccountId::from([8; 16]), body }
}

fn code(text: &str) -> ErrorCode {
    serde_json::from_value(text.into()).expect("every text is a code, if only the unknown one")
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is not a number"))
}

/// A conversation of a one-letter name.
pub(crate) fn conversation(name: &str) -> ConversationId {
    ConversationId::from([name.as_bytes()[0]; 16])
}

/// A message of a one-letter name.
pub(crate) fn message(name: &str) -> MessageId {
    MessageId::from([name.as_bytes()[0]; 16])
}
