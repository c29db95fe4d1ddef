//! Ids of another organisation, of another conversation, and of nothing at all in every command and in every frame that
//! carries one (rows 13 and 37 of the failure catalogue; S20 of the security list).
//!
//! A new command fails a test until it has its cases: [`every`] is compared with the names that the protocol's own decoder
//! knows, [`has`] with the ids that stand in each. What exists elsewhere and what never existed are answered alike.

use std::collections::BTreeSet;

use fil_protocol::{
    AccountId, ClientFrame, Command, ConversationId, ConversationKind, MessageId, Seq, ServerFrame, Stream,
};

use serde_json::{Value, json};

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

/// Which id of a command is replaced.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Conversation,
    Message,
    Account,
}

const PLACES: [Place; 3] = [Place::Conversation, Place::Message, Place::Account];

/// The number of cases of this door: commands times their places times whose, and the other frames.
pub(crate) fn count() -> (&'static str, usize) {
    let commands: usize =
        every().iter().map(|command| PLACES.iter().filter(|place| has(command, **place)).count()).sum();
    ("ids in commands and frames", (commands + FRAMES) * WHOSE.len())
}

/// One of every command, with ids that [`aimed`] replaces.
fn every() -> Vec<Command> {
    let conversation: ConversationId = nobody().into();
    let (message, account): (MessageId, AccountId) = (nobody().into(), nobody().into());
    let text = || "hostile".to_owned();
    let (kind, title, members) = (ConversationKind::Group, Some(text()), vec![account]);
    vec![
        Command::CreateConversation { conversation, kind, title, members },
        Command::SendMessage { conversation, message, text: text(), composed_at_ms: 0 },
        Command::EditMessage { conversation, message, text: text() },
        Command::DeleteMessage { conversation, message },
        Command::SetTitle { conversation, title: text() },
        Command::AddMember { conversation, account },
        Command::RemoveMember { conversation, account },
    ]
}

/// The names of a type's variants: its decoder lists them when it meets one that does not exist.
fn names<T: std::fmt::Debug>(read: Result<T, serde_json::Error>) -> BTreeSet<String> {
    let refusal = read.expect_err("nothing is called so").to_string();
    let (_, expected) = refusal.split_once("expected").expect("the decoder says what there is");
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A new command, a new place for an id in an old one, and a new frame fail here until they have their cases.
#[test]
fn every_command_and_every_frame_of_the_protocol_has_its_cases() {
    let ours: Vec<Value> = every().iter().map(|command| serde_json::to_value(command).unwrap()).collect();
    let named: BTreeSet<String> = ours.iter().map(|command| command["type"].as_str().unwrap().to_owned()).collect();
    let none = json!({ "type": "?" });
    assert_eq!(named, names(serde_json::from_value::<Command>(none.clone())), "a command has no cases");
    for (command, value) in every().iter().zip(&ours) {
        let keys = value.as_object().unwrap().keys();
        let ids = keys.filter(|key| ["conversation", "message", "account", "members"].contains(&key.as_str())).count();
        let free = usize::from(matches!(command, Command::CreateConversation { .. }));
        // A new message has an id that is its device's to choose, as a new conversation has.
        let chosen = usize::from(matches!(command, Command::SendMessage { .. }));
        let cases = PLACES.iter().filter(|place| has(command, **place)).count();
        assert_eq!(cases, ids - free - chosen, "an id of {value} has no case");
        assert!(value.to_string().matches("deadbeefdead").count() >= ids, "{value}");
    }
    // Pull and read carry an id of a conversation; the others carry none.
    let frames = ["acknowledge", "command", "hello", "ping", "pull", "read", "renew"];
    assert_eq!(
        names(serde_json::from_value::<ClientFrame>(none)),
        frames.map(str::to_owned).into(),
        "a frame has no cases"
    );
}

fn has(command: &Command, place: Place) -> bool {
    match command {
        // The id of a new group is free to choose; `a_taken_id_of_a_group_is_refused` has its cases.
        Command::CreateConversation { .. } => place == Place::Account,
        Command::SendMessage { .. } | Command::SetTitle { .. } => place == Place::Conversation,
        Command::EditMessage { .. } | Command::DeleteMessage { .. } => place != Place::Account,
        Command::AddMember { .. } | Command::RemoveMember { .. } => place != Place::Message,
    }
}

/// Puts ids into a command: this one at its place, one's own everywhere else.
fn aimed(stage: &Stage, command: &Command, place: Place, whose: Whose) -> Command {
    let conversation = if place == Place::Conversation { conversation(stage, whose) } else { stage.group };
    let message = match place {
        Place::Message => message(stage, whose),
        // The message that belongs to the conversation: even a pair that exists elsewhere is nothing here.
        Place::Conversation => message(stage, whose),
        Place::Account => stage.messages[0],
    };
    let account = if place == Place::Account { account(stage, whose) } else { who(&stage.cleo) };
    match command.clone() {
        Command::CreateConversation { kind, title, .. } => {
            let conversation =
                ConversationId::from(*b"\x01\x8b\xcf\xe5\x68\x01\x70\x00\x80\x00\x00\x00\x00\x00\x00\x01");
            Command::CreateConversation { conversation, kind, title, members: vec![who(&stage.ben), account] }
        }
        Command::SendMessage { text, composed_at_ms, .. } => {
            Command::SendMessage { conversation, message, text, composed_at_ms }
        }
        Command::EditMessage { text, .. } => Command::EditMessage { conversation, message, text },
        Command::DeleteMessage { .. } => Command::DeleteMessage { conversation, message },
        Command::SetTitle { title, .. } => Command::SetTitle { conversation, title },
        Command::AddMember { .. } => Command::AddMember { conversation, account },
        Command::RemoveMember { .. } => Command::RemoveMember { conversation, account },
    }
}

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
        for place in PLACES.into_iter().filter(|place| has(&command, *place)) {
            for whose in WHOSE {
                let aimed = aimed(&stage, &command, place, whose);
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

/// Frames with an id that are no commands: pull and read.
const FRAMES: usize = 2;

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
