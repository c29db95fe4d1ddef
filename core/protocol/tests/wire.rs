//! Every wire type as it is written, in one reviewable snapshot, and the rules of compatibility.
//!
//! A variant without a sample does not compile here: the `match`es below have no wildcard.

use fil_protocol::http::{
    AcceptInvite, AccountPage, Applied, Conversation, Device, HistoryPage, MemberPage, NewConversation, NewMessage,
    Refresh, SearchHit, SearchPage, Session, SignIn,
};
use fil_protocol::{
    AccountChanges, AccountEntry, AccountId, ClientFrame, Command, ConversationEntry, ConversationId, ConversationKind,
    ConversationRecord, DeviceId, Epoch, ErrorCode, Event, EventBody, Generation, Head, Hello, Item, ItemBody,
    KnownAccountEntry, KnownEvent, Member, MembershipChange, MessageId, OrganisationId, Outcome, Position, Profile,
    ProtocolError, RawCommand, Role, Seq, ServerFrame, Stamp, Stream, Verdict, VersionRange, Welcome, Window,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn ada() -> AccountId {
    AccountId::from([0xa; 16])
}

fn ben() -> AccountId {
    AccountId::from([0xb; 16])
}

fn conversation() -> ConversationId {
    ConversationId::from([0xc; 16])
}

fn message() -> MessageId {
    MessageId::from([0xe; 16])
}

fn profile() -> Profile {
    Profile { account: ben(), handle: "ben".into(), name: "Ben Ouali".into() }
}

fn member() -> Member {
    Member { profile: profile(), role: Role::Member }
}

fn events() -> Vec<KnownEvent> {
    let all = vec![
        KnownEvent::Created { kind: ConversationKind::Group, title: Some("Garde".into()), members: vec![member()] },
        KnownEvent::Message { id: message(), text: "bonjour".into(), sent: 1, composed_at_ms: 5 },
        KnownEvent::Edit { message: message(), target: Seq(2), text: "bonsoir".into() },
        KnownEvent::Deletion { message: message(), target: Seq(2) },
        KnownEvent::Tombstone { message: message(), sent: Some(1) },
        KnownEvent::Membership { member: member(), change: MembershipChange::Joined },
        KnownEvent::Title { title: "Nuit".into() },
    ];
    for event in &all {
        match event {
            KnownEvent::Created { .. }
            | KnownEvent::Message { .. }
            | KnownEvent::Edit { .. }
            | KnownEvent::Deletion { .. }
            | KnownEvent::Tombstone { .. }
            | KnownEvent::Membership { .. }
            | KnownEvent::Title { .. } => {}
        }
    }
    all
}

fn event(known: KnownEvent) -> Event {
    Event { seq: Seq(2), at_ms: 1_700_000_000_000, author: ada(), body: EventBody::Known(known) }
}

fn items() -> Vec<Item> {
    let bodies = [
        ItemBody::Message { id: message(), sent: 1, text: "bonsoir".into(), composed_at_ms: 5, edited: true },
        ItemBody::Deleted { id: message(), sent: 1 },
        ItemBody::Created { kind: ConversationKind::Direct, title: None },
        ItemBody::Membership { member: member(), change: MembershipChange::Left },
        ItemBody::Title { title: "Nuit".into() },
    ];
    for body in &bodies {
        match body {
            ItemBody::Message { .. }
            | ItemBody::Deleted { .. }
            | ItemBody::Created { .. }
            | ItemBody::Membership { .. }
            | ItemBody::Title { .. } => {}
        }
    }
    let item = |body| Item { seq: Seq(2), rev: Seq(3), at_ms: 1_700_000_000_000, author: ada(), body };
    bodies.into_iter().map(item).collect()
}

fn commands() -> Vec<Command> {
    let (conversation, message, account) = (conversation(), message(), ben());
    let text = "bonjour".to_owned();
    let all = vec![
        Command::CreateConversation {
            conversation,
            kind: ConversationKind::Group,
            title: Some("Garde".into()),
            members: vec![account],
        },
        Command::SendMessage { conversation, message, text: text.clone(), composed_at_ms: 5 },
        Command::EditMessage { conversation, message, text: text.clone() },
        Command::DeleteMessage { conversation, message },
        Command::SetTitle { conversation, title: text },
        Command::AddMember { conversation, account },
        Command::RemoveMember { conversation, account },
    ];
    for command in &all {
        match command {
            Command::CreateConversation { .. }
            | Command::SendMessage { .. }
            | Command::EditMessage { .. }
            | Command::DeleteMessage { .. }
            | Command::SetTitle { .. }
            | Command::AddMember { .. }
            | Command::RemoveMember { .. } => {}
        }
    }
    all
}

fn client_frames() -> Vec<ClientFrame> {
    let stamp = Some(Stamp { horizon: 40, mark: 3_735_928_559 });
    let hello = Hello {
        protocol: VersionRange { current: 1, lowest: 1 },
        client: "fil-desktop/0.1.0".into(),
        generation: Generation::from([1; 16]),
        epoch: Some(Epoch::from([2; 16])),
        horizon: 40,
        account_rev: 7,
        acknowledged: 3,
        stamp,
    };
    let stream = Stream::Conversation(conversation());
    let mut all = vec![
        ClientFrame::Hello(hello),
        ClientFrame::Acknowledge { no: 4 },
        ClientFrame::Pull { request: 1, stream, after: Some(Seq(9)), items_max: None },
        ClientFrame::Pull { request: 3, stream, after: None, items_max: Some(12) },
        ClientFrame::Pull { request: 2, stream: Stream::Account, after: None, items_max: None },
        ClientFrame::Read { conversation: conversation(), seq: Seq(9) },
        ClientFrame::Renew { token: "token".into() },
        ClientFrame::Ping,
    ];
    all.extend(
        commands().into_iter().map(|command| ClientFrame::Command { no: 4, command: RawCommand::Known(command) }),
    );
    for frame in &all {
        match frame {
            ClientFrame::Hello(_)
            | ClientFrame::Command { .. }
            | ClientFrame::Acknowledge { .. }
            | ClientFrame::Pull { .. }
            | ClientFrame::Read { .. }
            | ClientFrame::Renew { .. }
            | ClientFrame::Ping => {}
        }
    }
    all
}

fn server_frames() -> Vec<ServerFrame> {
    let applied = Verdict { no: 4, outcome: Outcome::Applied { seq: Seq(2) } };
    let rejected = Verdict { no: 5, outcome: Outcome::Rejected { code: ErrorCode::Forbidden } };
    let head = Head { conversation: conversation(), seq: Seq(2) };
    let read = Position { seq: Seq(2), sent: 1 };
    let entry = ConversationEntry { conversation: conversation(), kind: ConversationKind::Group, member: true, read };
    let stamp = Some(Stamp { horizon: 41, mark: 3_735_928_559 });
    let changes = AccountChanges {
        request: None,
        after: 7,
        rev: 8,
        full: false,
        entries: vec![AccountEntry::Known(KnownAccountEntry::Conversation(entry))],
        stamp,
    };
    let window = Window {
        record: ConversationRecord {
            conversation: conversation(),
            kind: ConversationKind::Group,
            title: Some("Garde".into()),
        },
        members: vec![member()],
        items: items(),
        from: Seq(1),
        as_of: read,
        changed: Vec::new(),
        reset: false,
        deleted: vec![Seq(1)],
    };
    let welcome = Welcome {
        protocol: 1,
        server_time_ms: 1_700_000_000_000,
        epoch: Epoch::from([2; 16]),
        horizon: 41,
        profile: profile(),
        applied: 5,
        verdicts: vec![applied.clone(), rejected.clone()],
        account_rev: 8,
        heads: vec![head],
        diverged: false,
        stamp,
    };
    // A server that has no mark yet, whose history is another one than the client's.
    let diverged = Welcome { diverged: true, stamp: None, ..welcome.clone() };
    let error = ProtocolError::retry_after(ErrorCode::RateLimited, "wait", 500);
    let mut all = vec![
        ServerFrame::Welcome(welcome),
        ServerFrame::Welcome(diverged),
        ServerFrame::Verdict(applied),
        ServerFrame::Verdict(rejected),
        ServerFrame::Events { request: 1, conversation: conversation(), after: Seq(1), events: Vec::new(), stamp },
        ServerFrame::Window { request: 1, window, stamp },
        ServerFrame::Account(changes),
        ServerFrame::Heartbeat {
            server_time_ms: 1_700_000_000_000,
            horizon: 41,
            account_rev: 8,
            heads: vec![head],
            stamp,
        },
        ServerFrame::Pong,
        ServerFrame::GoingAway { retry_after_ms: 1_500 },
        ServerFrame::Error { request: Some(1), error: error.clone() },
        ServerFrame::Error { request: None, error: ProtocolError::new(ErrorCode::Malformed, "not JSON") },
    ];
    let push = |known| ServerFrame::Event { conversation: conversation(), event: event(known), stamp };
    all.extend(events().into_iter().map(push));
    for frame in &all {
        match frame {
            ServerFrame::Welcome(_)
            | ServerFrame::Verdict(_)
            | ServerFrame::Event { .. }
            | ServerFrame::Events { .. }
            | ServerFrame::Window { .. }
            | ServerFrame::Account(_)
            | ServerFrame::Heartbeat { .. }
            | ServerFrame::Pong
            | ServerFrame::GoingAway { .. }
            | ServerFrame::Error { .. } => {}
        }
    }
    all
}

fn http_bodies() -> Vec<serde_json::Value> {
    let text = |text: &str| text.to_owned();
    let head = Head { conversation: conversation(), seq: Seq(2) };
    let item = items().remove(0);
    let session = Session {
        organisation: OrganisationId::from([0xd; 16]),
        organisation_slug: text("demo"),
        profile: profile(),
        device: DeviceId::from([0xf; 16]),
        access_token: text("access"),
        access_expires_in_ms: 600_000,
        refresh_token: text("refresh"),
    };
    let sign_in = SignIn {
        organisation: Some(text("demo")),
        handle: text("ben"),
        password: text("secret"),
        device_name: text("laptop"),
    };
    vec![
        value(&sign_in),
        value(&AcceptInvite { invite: text("i"), password: text("p"), device_name: text("d") }),
        value(&Refresh { refresh_token: text("refresh") }),
        value(&session),
        value(&Device { device: DeviceId::from([0xf; 16]), name: text("laptop"), created_at_ms: 1, current: true }),
        value(&Conversation { head, kind: ConversationKind::Group, title: Some(text("Garde")), unread: 3 }),
        value(&NewConversation { kind: ConversationKind::Direct, title: None, members: vec![ben()] }),
        value(&NewMessage { text: text("bonjour") }),
        value(&Applied { head }),
        value(&HistoryPage { items: vec![item.clone()], from: Seq(1), as_of: Seq(9) }),
        value(&SearchPage { hits: vec![SearchHit { conversation: conversation(), item }], next: Some(text("next")) }),
        value(&AccountPage { accounts: vec![profile()] }),
        value(&MemberPage { members: vec![member()] }),
    ]
}

fn value(body: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(body).unwrap()
}

fn lines<T: Serialize>(title: &str, samples: &[T]) -> String {
    let lines: Vec<_> = samples.iter().map(|sample| serde_json::to_string(sample).unwrap()).collect();
    format!("# {title}\n{}\n", lines.join("\n"))
}

#[test]
fn every_wire_type_is_written_as_agreed() {
    let all = [
        lines("client frames", &client_frames()),
        lines("server frames", &server_frames()),
        lines("items", &items()),
        lines("http bodies", &http_bodies()),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn every_wire_type_is_read_as_it_is_written() {
    fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(samples: Vec<T>) {
        for sample in samples {
            let text = serde_json::to_string(&sample).unwrap();
            assert_eq!(serde_json::from_str::<T>(&text).unwrap(), sample, "{text}");
        }
    }
    check(client_frames());
    check(server_frames());
    check(items());
    check(events().into_iter().map(event).collect());
}

#[test]
fn unknown_fields_are_ignored() {
    let frame = r#"{"type":"acknowledge","no":4,"since":"tomorrow"}"#;
    assert_eq!(ClientFrame::decode(frame).unwrap(), ClientFrame::Acknowledge { no: 4 });
    let event = format!(r#"{{"seq":2,"at_ms":1,"author":"{}","type":"title","title":"Nuit","colour":"red"}}"#, ada());
    let event: Event = serde_json::from_str(&event).unwrap();
    assert_eq!(event.known(), Some(&KnownEvent::Title { title: "Nuit".into() }));
}

#[test]
fn unknown_events_entries_and_commands_are_kept_as_they_came() {
    let text = format!(r#"{{"seq":2,"at_ms":1,"author":"{}","type":"poll","options":["a","b"]}}"#, ada());
    let event: Event = serde_json::from_str(&text).unwrap();
    assert_eq!(event.seq, Seq(2));
    let EventBody::Unknown(body) = &event.body else { panic!("taken for a known event") };
    assert_eq!(body["options"][1], "b");

    let entry: AccountEntry = serde_json::from_str(r#"{"type":"theme","dark":true}"#).unwrap();
    assert!(matches!(entry, AccountEntry::Unknown(body) if body["dark"] == true));

    let frame = ClientFrame::decode(r#"{"type":"command","no":1,"command":{"type":"send_poll"}}"#).unwrap();
    assert!(matches!(frame, ClientFrame::Command { no: 1, command: RawCommand::Unknown(_) }));

    let error: ProtocolError = serde_json::from_str(r#"{"code":"moon_phase","detail":""}"#).unwrap();
    assert_eq!(error.code, ErrorCode::Unknown);
}

#[test]
fn malformed_frames_are_errors_and_never_panics() {
    let deep = format!(r#"{{"type":"command","no":1,"command":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    let cases = [
        "",
        "null",
        "[]",
        "{}",
        r#"{"type":"moon"}"#,
        r#"{"type":"acknowledge"}"#,
        r#"{"type":"acknowledge","no":-1}"#,
        r#"{"type":"acknowledge","no":1e99}"#,
        r#"{"type":"acknowledge","no":9007199254740992}"#,
        r#"{"type":"read","conversation":"0c0c0c0c-0c0c-0c0c-0c0c-0c0c0c0c0c0c","seq":18446744073709551615}"#,
        r#"{"type":"pull","request":1,"stream":"moon"}"#,
        r#"{"type":"read","conversation":"../etc","seq":1}"#,
        r#"{"type":"hello"}"#,
        "{\"type\":\"ping\"",
        &deep,
    ];
    for case in cases {
        assert!(ClientFrame::decode(case).is_err(), "{case}");
    }
}
