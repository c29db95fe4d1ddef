//! Ids of another organisation, of another conversation, and of nothing at all in every command and in every frame that
//! carries one (rows 13 and 37 of the failure catalogue; S20 of the security list).
//!
//! The cases are made from a sample of every command: whatever is written like an id in it is replaced. A new command
//! fails a test until it is in [`every`], a new kind of id until it is a [`Noun`], an id of a frame until it is in
//! [`FRAMES`]. What exists elsewhere and what never existed are answered alike.

use std::collections::BTreeSet;

use fil_protocol::{
    AccountId, ClientFrame, Command, ConversationId, ConversationKind, MessageId, Seq, ServerFrame, Stream,
};
use serde_json::{Value, json};

use crate::ids::{anywhere, blanks, ids};
use crate::stage::{Stage, code, dump, nobody, who};

/// Whose id is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Whose {
    /// Nothing has it: the answer to compare with.
    Nobody,
    /// A group of others in one's own organisation.
    Others,
    /// A group that one has left.
    Left,
    /// Another organisation's.
    Foreign,
}

/// Everything that is compared with [`Whose::Nobody`], which comes first.
pub(crate) const WHOSE: [Whose; 4] = [Whose::Nobody, Whose::Others, Whose::Left, Whose::Foreign];

/// What an id in a command names.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Noun {
    Conversation,
    Message,
    Account,
}

impl Noun {
    const ALL: [Self; 3] = [Self::Conversation, Self::Message, Self::Account];

    /// The id that stands for it in the samples.
    fn mark(self) -> [u8; 16] {
        let mut id = nobody();
        id[15] = self as u8;
        id
    }
}

/// An id in the JSON of a command.
#[derive(Clone, Debug)]
struct Place {
    pointer: String,
    noun: Noun,
}

/// Ids that are their device's to choose, by command. Each has a test of its own at the end of this file.
const CHOSEN: [(&str, &str); 2] = [("create_conversation", "/conversation"), ("send_message", "/message")];

/// Ids in frames that are no commands; their cases are in `every_frame_finds_nothing_by_an_id_that_is_not_the_senders`.
const FRAMES: [(&str, &str); 2] = [("pull", "/stream/conversation"), ("read", "/conversation")];

/// Ids in frames that name nothing that belongs to anybody: a series of numbers, which counts for the device alone that
/// says it, and a history, which is the server's. Strange ones are among the cases of `frames.rs`.
const NAMES: [(&str, &str); 2] = [("hello", "/epoch"), ("hello", "/generation")];

/// The number of cases of this door: ids in commands and frames times whose, and the ids that are free to choose.
pub(crate) fn count() -> (&'static str, usize) {
    let commands: usize = every().iter().map(|command| cases(command).len()).sum();
    ("ids in commands and frames", (commands + FRAMES.len()) * WHOSE.len() + TAKEN_GROUPS + TAKEN_MESSAGES)
}

/// One of every command, with an id wherever one may stand; [`aimed`] replaces them.
fn every() -> Vec<Value> {
    let conversation = ConversationId::from(Noun::Conversation.mark());
    let (message, account) = (MessageId::from(Noun::Message.mark()), AccountId::from(Noun::Account.mark()));
    let text = || "hostile".to_owned();
    // Two members: one of them exists in every case.
    let (kind, title, members) = (ConversationKind::Group, Some(text()), vec![account, account]);
    let commands = [
        Command::CreateConversation { conversation, kind, title, members },
        Command::SendMessage { conversation, message, text: text(), composed_at_ms: 0 },
        Command::EditMessage { conversation, message, text: text() },
        Command::DeleteMessage { conversation, message },
        Command::SetTitle { conversation, title: text() },
        Command::AddMember { conversation, account },
        Command::RemoveMember { conversation, account },
    ];
    commands.iter().map(|command| serde_json::to_value(command).unwrap()).collect()
}

/// Every id of a sample.
fn places(command: &Value) -> Vec<Place> {
    let place = |(pointer, id): (String, String)| {
        let noun = Noun::ALL.into_iter().find(|noun| AccountId::from(noun.mark()).to_string() == id);
        let noun = noun.unwrap_or_else(|| panic!("{pointer} of {command} is an id of a new kind: it has no cases"));
        Place { pointer, noun }
    };
    ids(command).into_iter().map(place).collect()
}

fn is_chosen(command: &Value, place: &Place) -> bool {
    CHOSEN.contains(&(name(command), &place.pointer))
}

/// Those that must name something of the sender's.
fn cases(command: &Value) -> Vec<Place> {
    places(command).into_iter().filter(|place| !is_chosen(command, place)).collect()
}

fn name(value: &Value) -> &str {
    value["type"].as_str().expect("commands and frames have a type")
}

/// The names of a type's variants: its decoder lists them when it meets one that does not exist.
fn names<T: std::fmt::Debug>(read: Result<T, serde_json::Error>) -> BTreeSet<String> {
    let refusal = read.expect_err("nothing is called so").to_string();
    let (_, expected) = refusal.split_once("expected").expect("the decoder says what there is");
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A new command fails here until it has a sample. So does a sample that leaves out where an id could stand, and an id
/// that only the samples of the agreed wire format have.
#[test]
fn every_command_of_the_protocol_has_a_sample_with_all_its_ids() {
    let ours = every();
    let named: BTreeSet<String> = ours.iter().map(|command| name(command).to_owned()).collect();
    assert_eq!(named, names(serde_json::from_value::<Command>(json!({ "type": "?" }))), "a command has no cases");
    let mut known = BTreeSet::new();
    for command in &ours {
        assert_eq!(blanks(command), [""; 0], "{command} may hide an id");
        known.extend(places(command).iter().map(|place| (name(command).to_owned(), anywhere(&place.pointer))));
    }
    for (command, pointer) in CHOSEN {
        assert!(known.contains(&(command.to_owned(), pointer.to_owned())), "{command} has no {pointer}");
    }
    for frame in on_the_wire().iter().filter(|frame| name(frame) == "command") {
        for (pointer, _) in ids(&frame["command"]) {
            let place = (name(&frame["command"]).to_owned(), anywhere(&pointer));
            assert!(known.contains(&place), "{pointer} of {frame} has no case");
        }
    }
}

/// A new frame, a new stream, and a new id in an old frame fail here until they have their cases.
#[test]
fn every_id_in_a_frame_of_the_protocol_has_its_cases() {
    let wire = on_the_wire();
    let named: BTreeSet<String> = wire.iter().map(|frame| name(frame).to_owned()).collect();
    assert_eq!(named, names(serde_json::from_value::<ClientFrame>(json!({ "type": "?" }))), "a frame has no sample");
    let streams = ["account", "conversation"].map(str::to_owned).into();
    assert_eq!(names(serde_json::from_value::<Stream>(json!("?"))), streams, "a stream has no cases");
    let found: BTreeSet<(String, String)> = wire
        .iter()
        .filter(|frame| name(frame) != "command")
        .flat_map(|frame| ids(frame).into_iter().map(|(pointer, _)| (name(frame).to_owned(), anywhere(&pointer))))
        .collect();
    let ours = FRAMES.iter().chain(&NAMES).map(|(frame, pointer)| ((*frame).to_owned(), (*pointer).to_owned()));
    assert_eq!(found, ours.collect(), "an id of a frame has no cases");
}

/// The client's frames of the agreed wire format, of which every variant has its samples.
fn on_the_wire() -> Vec<Value> {
    let samples = fil_hostile::samples::of("client_frames");
    samples.iter().map(|sample| serde_json::from_slice(sample).expect("frames are JSON")).collect()
}

/// Puts ids into a command: this one at its place, one's own everywhere else.
fn aimed(stage: &Stage, command: &Value, at: &Place, whose: Whose) -> Command {
    let mut aimed = command.clone();
    for place in places(command) {
        let is_it = place.pointer == at.pointer;
        let id = match place.noun {
            Noun::Conversation if is_it => conversation(stage, whose).to_string(),
            Noun::Conversation if is_chosen(command, &place) => FREE.to_owned(),
            Noun::Conversation => stage.group.to_string(),
            // The message that belongs to the conversation: even a pair that exists elsewhere is nothing here.
            Noun::Message if is_it || at.noun == Noun::Conversation => message(stage, whose).to_string(),
            Noun::Message => stage.messages[0].to_string(),
            Noun::Account if is_it => account(stage, whose).to_string(),
            Noun::Account => who(&stage.cleo).to_string(),
        };
        *aimed.pointer_mut(&place.pointer).expect("it was found there") = json!(id);
    }
    serde_json::from_value(aimed).expect("an id in the place of an id")
}

/// The id of a new group that nobody has.
const FREE: &str = "018bcfe5-6801-7000-8000-000000000001";

pub(crate) fn conversation(stage: &Stage, whose: Whose) -> ConversationId {
    match whose {
        Whose::Nobody => nobody().into(),
        Whose::Others => stage.secret.0,
        Whose::Left => stage.left.0,
        Whose::Foreign => stage.foreign.0,
    }
}

fn message(stage: &Stage, whose: Whose) -> MessageId {
    match whose {
        Whose::Nobody => nobody().into(),
        Whose::Others => stage.secret.1,
        Whose::Left => stage.left.1,
        Whose::Foreign => stage.foreign.1,
    }
}

/// Accounts that cannot be told from nobody: another organisation's, and ids that are no account's.
pub(crate) fn account(stage: &Stage, whose: Whose) -> AccountId {
    match whose {
        Whose::Nobody => nobody().into(),
        Whose::Others => AccountId::from(*stage.secret.0.as_bytes()),
        Whose::Left => stage.dan,
        Whose::Foreign => who(&stage.eve),
    }
}

/// Row 37 and S20: a verdict that says `not_found` for all of them, and no row that is not the verdict's own.
#[tokio::test]
async fn every_command_finds_nothing_by_an_id_that_is_not_the_senders() {
    let stage = Stage::new().await;
    let mut neighbour = stage.socket_of(&stage.ben).await;
    let mut socket = stage.socket_of(&stage.ada).await;
    let before = dump(&stage.database(), &["device"]);
    for command in every() {
        for place in cases(&command) {
            for whose in WHOSE {
                let aimed = aimed(&stage, &command, &place, whose);
                let verdict = socket.run(aimed.clone()).await;
                assert_eq!(verdict, "rejected not_found", "{place:?} of {whose:?}: {aimed:?}");
                assert_eq!(dump(&stage.database(), &["device"]), before, "{aimed:?} changed something");
            }
        }
        // Nobody heard anything of it.
        assert_eq!(neighbour.ping().await, []);
    }
    stage.check_neighbour(&mut neighbour).await;
}

/// A pull is answered with an error of its own, the same for all; a read position of nothing is no news to anybody.
#[tokio::test]
async fn every_frame_finds_nothing_by_an_id_that_is_not_the_senders() {
    let stage = Stage::new().await;
    let mut neighbour = stage.socket_of(&stage.ben).await;
    let mut cleo = stage.socket_of(&stage.cleo).await;
    let mut socket = stage.socket_of(&stage.ada).await;
    let before = dump(&stage.database(), &[]);
    let mut details = Vec::new();
    for whose in WHOSE {
        let id = conversation(&stage, whose);
        for after in [None, Some(Seq(0)), Some(Seq(1))] {
            socket
                .send(&ClientFrame::Pull { request: 7, stream: Stream::Conversation(id), after, items_max: None })
                .await;
            let ServerFrame::Error { request: Some(7), error } = socket.frame().await else {
                panic!("{whose:?} is not refused")
            };
            assert_eq!(code(&error), "not_found", "{whose:?}");
            details.push(error);
        }
        socket.send(&ClientFrame::Read { conversation: id, seq: Seq(1) }).await;
        assert_eq!(socket.ping().await, [], "{whose:?}");
        assert_eq!(dump(&stage.database(), &[]), before, "{whose:?} changed something");
    }
    details.dedup();
    assert_eq!(details.len(), 1, "what exists is told from what does not: {details:?}");
    assert_eq!((neighbour.ping().await, cleo.ping().await), (vec![], vec![]));
}

/// A group's id that others of the organisation have, and one of another organisation.
const TAKEN_GROUPS: usize = 2;

/// The id of a group is chosen by its device. One that others of the organisation have is refused, and says no more
/// than that; one of another organisation is free here, and what it names there stays as it was.
#[tokio::test]
async fn a_taken_id_of_a_group_is_refused_and_another_organisations_is_not_touched() {
    let stage = Stage::new().await;
    let mut socket = stage.socket_of(&stage.ada).await;
    let create = |conversation| Command::CreateConversation {
        conversation,
        kind: ConversationKind::Group,
        title: Some("mine".to_owned()),
        members: vec![],
    };
    let before = dump(&stage.database(), &["device"]);
    assert_eq!(socket.run(create(stage.secret.0)).await, "rejected conflict");
    assert_eq!(dump(&stage.database(), &["device"]), before);
    let page = format!("/api/v1/conversations/{}/messages", stage.foreign.0);
    let theirs = stage.get(&stage.eve, &page).await.text;
    assert_eq!(socket.run(create(stage.foreign.0)).await, "applied");
    assert_eq!(stage.get(&stage.eve, &page).await.text, theirs, "the other organisation's group changed");
    assert!(!stage.get(&stage.ada, &page).await.text.contains("elsewhere"));
}

/// Whose message has the id already: one's own and a neighbour's of another conversation, and [`WHOSE`].
const TAKEN_MESSAGES: usize = 2 + WHOSE.len();

/// The id of a message is chosen by its device, and names it in its conversation alone. One that stands in another
/// conversation, of the sender's or of others, here or in another organisation, is as free as one that nobody has: the
/// verdicts tell nothing, what is written, edited and deleted under it is the sender's, and what was there stays.
#[tokio::test]
async fn a_taken_id_of_a_message_is_free_in_another_conversation_and_names_nothing_there() {
    let stage = Stage::new().await;
    let mut socket = stage.socket_of(&stage.ada).await;
    let mut strangers = [stage.socket_of(&stage.cleo).await, stage.socket_of(&stage.eve).await];
    let conversation = ConversationId::direct(stage.ada.organisation, who(&stage.ada), who(&stage.ben));
    let page = format!("/api/v1/conversations/{conversation}/messages");
    let before = elsewhere(&stage).await;
    let taken = stage.messages.into_iter().chain(WHOSE.map(|whose| message(&stage, whose)));
    let taken: Vec<MessageId> = taken.collect();
    assert_eq!(taken.len(), TAKEN_MESSAGES);
    let mut numbers = Vec::new();
    for (number, message) in taken.into_iter().enumerate() {
        let text = format!("mine {number}");
        let send = Command::SendMessage { conversation, message, text: text.clone(), composed_at_ms: 0 };
        // Said twice: the second time it is there already.
        for _ in 0..2 {
            assert_eq!(socket.run(send.clone()).await, "applied", "{number}");
        }
        let items: Value = serde_json::from_str(&stage.get(&stage.ada, &page).await.text).unwrap();
        let items = items["items"].as_array().unwrap();
        let mine: Vec<&Value> = items.iter().filter(|item| item["id"] == json!(message)).collect();
        assert_eq!(mine.len(), 1, "{number}: {items:?}");
        assert_eq!((&mine[0]["text"], &mine[0]["author"]), (&json!(text), &json!(who(&stage.ada))));
        numbers.push(mine[0]["sent"].as_u64().unwrap());
        assert_eq!(elsewhere(&stage).await, before, "{number}: a message elsewhere changed when its id was sent");
        let edit = Command::EditMessage { conversation, message, text: "mine, edited".to_owned() };
        for command in [edit, Command::DeleteMessage { conversation, message }] {
            assert_eq!(socket.run(command.clone()).await, "applied", "{number}");
            assert_eq!(elsewhere(&stage).await, before, "{command:?} changed a message elsewhere");
        }
    }
    assert!(numbers.is_sorted_by(|one, next| one + 1 == *next), "they are not counted one by one: {numbers:?}");
    for stranger in &mut strangers {
        assert_eq!(stranger.ping().await, [], "somebody else heard of it");
    }
    // In its own conversation an id is taken, and whoever has it keeps it.
    let rows = dump(&stage.database(), &["device"]);
    let (conversation, text) = (stage.group, "mine".to_owned());
    let [_, message] = stage.messages;
    let send = Command::SendMessage { conversation, message, text, composed_at_ms: 0 };
    assert_eq!(socket.run(send).await, "rejected conflict");
    assert_eq!(dump(&stage.database(), &["device"]), rows);
}

/// What those see who can, of every message whose id is taken: its page, its hits, and their lists of conversations.
async fn elsewhere(stage: &Stage) -> Vec<String> {
    let page = |conversation: ConversationId| format!("/api/v1/conversations/{conversation}/messages");
    let asked = [
        (&stage.ada, page(stage.group)),
        (&stage.cleo, page(stage.left.0)),
        (&stage.cleo, page(stage.secret.0)),
        (&stage.eve, page(stage.foreign.0)),
        (&stage.cleo, "/api/v1/search?query=vault".to_owned()),
        (&stage.eve, "/api/v1/search?query=vault".to_owned()),
        (&stage.ada, "/api/v1/search?query=vault".to_owned()),
        (&stage.ada, "/api/v1/search?query=plan".to_owned()),
        (&stage.cleo, "/api/v1/conversations".to_owned()),
        (&stage.eve, "/api/v1/conversations".to_owned()),
    ];
    let mut seen = Vec::new();
    for (session, path) in asked {
        let answer = stage.get(session, &path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        seen.push(answer.text);
    }
    seen
}
