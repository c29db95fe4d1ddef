//! Writing and reading, with the connection and without.

use fil_protocol::ErrorCode;

use super::*;
use crate::bridge::types::Older;
use crate::fake::Answer;

#[tokio::test]
async fn a_conversation_with_somebody_found_by_name() {
    let mut stage = Stage::live().await;
    let Response::People { people } = stage.ask(Request::People { query: "be".to_owned() }).await else { panic!() };
    assert_eq!(people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>(), ["Ben"]);
    let conversation = stage.open_direct("ben").await;
    assert_eq!(stage.open_direct("ben").await, conversation, "it is begun once");
    stage.send(&conversation, "bonjour").await;
    stage.until_drawn(&conversation, &["✓ ada: bonjour"]).await;
    let id = stage.server.write("ben", "salut");
    assert_eq!(id.to_string(), conversation);
    let timeline = stage.until_drawn(&conversation, &["✓ ada: bonjour", "✓ ben: salut"]).await;
    assert_eq!((timeline.unread, timeline.first_unread, timeline.older), (1, Some(3), Older::None));
    stage.ask(Request::MarkRead { conversation: conversation.clone(), seq: timeline.head }).await;
    let read = |response| match response {
        Response::Conversations { conversations } if conversations[0].unread == 0 => Some(conversations),
        _ => None,
    };
    let rows = stage.until(Request::Conversations, read).await;
    assert_eq!((rows[0].title.as_str(), rows[0].pending), ("Ben", false));
    let marked = |frame: &ClientFrame| matches!(frame, ClientFrame::Read { seq, .. } if seq.0 == 3);
    stage.server.until(|state| state.frames.iter().any(marked)).await;
}

/// Found at the server, then written to offline, and the app opened again: the name is still known.
#[tokio::test]
async fn a_conversation_begun_offline_keeps_its_name() {
    let mut stage = Stage::live().await;
    stage.ask(Request::People { query: "zo".to_owned() }).await;
    stage.server.state().handshakes.extend(vec![Answer::HangUp; 50]);
    stage.server.cut();
    stage.until_connection(Connection::Offline).await;
    let conversation = stage.open_direct("zoe").await;
    stage.send(&conversation, "salut").await;
    let mut stage = stage.reopen().await;
    let Response::Conversations { conversations } = stage.ask(Request::Conversations).await else { panic!() };
    assert_eq!((conversations[0].title.as_str(), conversations[0].pending), ("Zoe", true));
    stage.server.state().handshakes.clear();
    stage.ask(Request::ConnectNow).await;
    stage.until_drawn(&conversation, &["✓ ada: salut"]).await;
}

/// The first promise, end to end: written offline, the app closed, opened again, still offline, the server back.
#[tokio::test]
async fn what_was_written_offline_survives_the_app_and_arrives_once_in_order() {
    let mut stage = Stage::live().await;
    let conversation = stage.open_direct("ben").await;
    stage.until_status(|status| status.waiting == 0).await;
    stage.server.state().handshakes.extend(vec![Answer::html(502, "<html>"); 50]);
    stage.server.cut();
    stage.until_connection(Connection::Offline).await;
    stage.send(&conversation, "one").await;
    let message = stage.send(&conversation, "tow").await;
    let edit = Request::Edit { conversation: conversation.clone(), message, text: "two".to_owned() };
    stage.ask(edit).await;
    let gone = stage.send(&conversation, "gone").await;
    stage.ask(Request::Delete { conversation: conversation.clone(), message: gone }).await;
    stage.until_drawn(&conversation, &["… ada: one", "… ada: two"]).await;
    let mut stage = stage.reopen().await;
    stage.send(&conversation, "three").await;
    stage.until_drawn(&conversation, &["… ada: one", "… ada: two", "… ada: three"]).await;
    stage.server.state().handshakes.clear();
    stage.ask(Request::ConnectNow).await;
    stage.until_drawn(&conversation, &["✓ ada: one", "✓ ada: two", "✓ ada: three"]).await;
    assert_eq!(stage.server.texts(conversation.parse().unwrap()), ["one", "two", "three"]);
}

/// The server applied the commands, and every answer was lost with the connection.
#[tokio::test]
async fn lost_answers_apply_nothing_twice() {
    let mut stage = Stage::live().await;
    let conversation = stage.open_direct("ben").await;
    stage.until_status(|status| status.waiting == 0).await;
    stage.server.state().mute = true;
    stage.send(&conversation, "once").await;
    stage.send(&conversation, "and only once").await;
    let sent = |frame: &&ClientFrame| matches!(frame, ClientFrame::Command { .. });
    stage.server.until(|state| state.frames.iter().filter(sent).count() == 3).await;
    stage.until_drawn(&conversation, &["… ada: once", "… ada: and only once"]).await;
    stage.server.state().mute = false;
    stage.cut_and_return().await;
    stage.until_drawn(&conversation, &["✓ ada: once", "✓ ada: and only once"]).await;
    assert_eq!(stage.server.texts(conversation.parse().unwrap()), ["once", "and only once"]);
}

/// A newer server says things that this version does not know, and something in between is no frame at all.
#[tokio::test]
async fn what_is_not_understood_is_skipped_on_the_same_connection() {
    let mut stage = Stage::live().await;
    let conversation = stage.server.write("ben", "before").to_string();
    for text in [r#"{"type":"of_tomorrow","x":1}"#, "{", "", "[]", r#"{"type":"verdict","no":"x"}"#] {
        stage.server.state().push_text(text);
    }
    stage.server.write("ben", "after");
    stage.until_drawn(&conversation, &["✓ ben: before", "✓ ben: after"]).await;
    let hellos = stage.server.state().frames.iter().filter(|frame| matches!(frame, ClientFrame::Hello(_))).count();
    assert_eq!(hellos, 1);
}

#[tokio::test]
async fn a_refused_message_waits_for_a_person() {
    let mut stage = Stage::live().await;
    let conversation = stage.open_direct("ben").await;
    stage.until_status(|status| status.waiting == 0).await;
    stage.server.state().reject = Some(ErrorCode::Forbidden);
    let mut messages = Vec::new();
    for text in ["retry", "edit", "discard"] {
        messages.push(stage.send(&conversation, text).await);
    }
    stage.until_drawn(&conversation, &["✗ ada: retry", "✗ ada: edit", "✗ ada: discard"]).await;
    stage.until_status(|status| status.rejected == 3 && status.waiting == 0).await;
    stage.server.state().reject = None;
    let [retry, edit, discard] = messages.try_into().unwrap();
    let id = || conversation.clone();
    stage.ask(Request::Retry { conversation: id(), message: retry.clone() }).await;
    stage.ask(Request::Edit { conversation: id(), message: edit, text: "edited".to_owned() }).await;
    stage.ask(Request::Discard { conversation: id(), message: discard }).await;
    stage.until_drawn(&conversation, &["✓ ada: retry", "✓ ada: edited"]).await;
    stage.until_status(|status| status.rejected == 0).await;
    let again = Request::Retry { conversation: id(), message: retry };
    assert_eq!(stage.refused(again).await, FailureKind::NotFound, "it is not refused any more");
}

#[tokio::test]
async fn older_items_come_from_the_server_once_and_are_then_kept() {
    let stage = Stage::new().await;
    let mut conversation = None;
    for number in 1..=120 {
        conversation = Some(stage.server.write("ben", &format!("m{number}")));
    }
    let conversation = conversation.unwrap();
    stage.server.state().read_to(conversation, 71);
    let conversation = conversation.to_string();
    let mut stage = stage;
    stage.ask(stage.sign_in(PASSWORD)).await;
    stage.until_connection(Connection::Live).await;
    let read = async |stage: &Stage, range| {
        let request = Request::Timeline { conversation: conversation.clone(), range };
        match stage.ask(request).await {
            Response::Timeline { timeline } => (timeline.from, timeline.items.len(), timeline.older),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(read(&stage, TimelineRange::Opening { limit: 30 }).await, (72, 50, Older::Server));
    assert_eq!(read(&stage, TimelineRange::Before { seq: 72, limit: 40 }).await, (32, 40, Older::Kept));
    assert_eq!(read(&stage, TimelineRange::Before { seq: 32, limit: 40 }).await, (22, 10, Older::Server));
    assert_eq!(read(&stage, TimelineRange::Before { seq: 22, limit: 40 }).await, (1, 21, Older::None));
    let asked = |state: &crate::fake::server::State| {
        state.requests.iter().filter(|request| request.contains("/messages?")).count()
    };
    assert_eq!(asked(&stage.server.state()), 2);
    assert_eq!(read(&stage, TimelineRange::Before { seq: 72, limit: 40 }).await, (32, 40, Older::Kept));
    assert_eq!(asked(&stage.server.state()), 2);
}

/// More is unread than the window brought. The timeline opens at the first unread message all the same, since what is
/// missing is fetched before it is answered; without a server it opens at its end, at once.
#[tokio::test]
async fn a_timeline_opens_at_the_first_unread_message_although_that_is_not_here() {
    let mut stage = Stage::new().await;
    let mut conversation = None;
    for number in 1..=300 {
        conversation = Some(stage.server.write("ben", &format!("m{number}")));
    }
    let conversation = conversation.unwrap();
    stage.server.state().read_to(conversation, 101);
    stage.ask(stage.sign_in(PASSWORD)).await;
    stage.until_connection(Connection::Live).await;
    let range = TimelineRange::Opening { limit: 60 };
    let opening = Request::Timeline { conversation: conversation.to_string(), range };
    let shape = |response: Response| match response {
        Response::Timeline { timeline } => (timeline.from, timeline.first_unread, timeline.unread),
        other => panic!("{other:?}"),
    };
    stage.server.state().failing = Some(Answer::html(503, "<html>"));
    assert_eq!(shape(stage.ask(opening.clone()).await), (252, Some(102), 200));
    stage.server.state().failing = None;
    // On a busy machine one opening may end before everything came; each goes on where the one before ended.
    let mut openings = 0;
    let opened = loop {
        let opened = shape(stage.ask(opening.clone()).await);
        openings += 1;
        if opened.0 <= 102 || openings == 10 {
            break opened;
        }
    };
    assert_eq!(opened, (102, Some(102), 200));
    let asked = |state: &crate::fake::server::State| {
        state.requests.iter().filter(|request| request.contains("/messages?")).count()
    };
    let asked_then = asked(&stage.server.state());
    assert_eq!(shape(stage.ask(opening).await), (102, Some(102), 200));
    assert_eq!(asked(&stage.server.state()), asked_then, "what is here is not asked for again");
}

#[tokio::test]
async fn older_items_that_are_not_here_cannot_be_read_offline() {
    let stage = Stage::new().await;
    for number in 1..=60 {
        stage.server.write("ben", &format!("m{number}"));
    }
    let mut stage = stage;
    stage.ask(stage.sign_in(PASSWORD)).await;
    stage.until_connection(Connection::Live).await;
    let conversation = stage.open_direct("ben").await;
    stage.server.state().failing = Some(Answer::html(503, "<html>"));
    let range = TimelineRange::Before { seq: 12, limit: 40 };
    let request = Request::Timeline { conversation, range };
    assert_eq!(stage.refused(request).await, FailureKind::Offline);
    let Response::People { people } = stage.ask(Request::People { query: "b".to_owned() }).await else { panic!() };
    assert_eq!(people.len(), 1, "people who were met are known offline");
}

#[tokio::test]
async fn what_is_typed_is_checked_before_it_is_queued() {
    let stage = Stage::live().await;
    let conversation = stage.open_direct("ben").await;
    let send = |text: String| Request::Send { conversation: conversation.clone(), text };
    let nowhere = "01890000-0000-7000-8000-000000000001".to_owned();
    let long = "x".repeat(fil_protocol::limits::TEXT_BYTES_MAX + 1);
    let cases = [
        (send(" \n".to_owned()), FailureKind::Invalid),
        (send(long), FailureKind::Invalid),
        (send("nul\0".to_owned()), FailureKind::Invalid),
        (Request::Send { conversation: nowhere.clone(), text: "x".to_owned() }, FailureKind::NotFound),
        (Request::Send { conversation: "x".to_owned(), text: "x".to_owned() }, FailureKind::Invalid),
        (
            Request::Edit { conversation: conversation.clone(), message: nowhere.clone(), text: "x".to_owned() },
            FailureKind::NotFound,
        ),
        (Request::Delete { conversation: conversation.clone(), message: nowhere.clone() }, FailureKind::NotFound),
        (Request::MarkRead { conversation: conversation.clone(), seq: u64::MAX }, FailureKind::Invalid),
        // The server would end every connection on which such a number comes.
        (Request::MarkRead { conversation: conversation.clone(), seq: 1 << 53 }, FailureKind::Invalid),
        (Request::CreateGroup { title: " ".to_owned(), members: Vec::new() }, FailureKind::Invalid),
        (Request::CreateGroup { title: "x".to_owned(), members: vec!["x".to_owned()] }, FailureKind::Invalid),
        (Request::People { query: "x".repeat(300) }, FailureKind::Invalid),
        (Request::SaveDraft { conversation: nowhere.clone(), text: "x".to_owned() }, FailureKind::NotFound),
        (
            Request::Timeline { conversation: nowhere, range: TimelineRange::Opening { limit: 0 } },
            FailureKind::NotFound,
        ),
        (
            Request::OpenDirect { account: crate::fake::server::profile("ada").account.to_string() },
            FailureKind::Invalid,
        ),
    ];
    for (request, expected) in cases {
        let told = format!("{request:?}");
        assert_eq!(stage.refused(request).await, expected, "{}", &told[..told.len().min(120)]);
    }
}

/// Row 35 of the failure catalogue.
#[tokio::test]
async fn a_draft_is_kept_until_its_message_is_sent() {
    let stage = Stage::live().await;
    let conversation = stage.open_direct("ben").await;
    let draft =
        async |stage: &Stage| match stage.ask(Request::Conversation { conversation: conversation.clone() }).await {
            Response::Conversation { conversation: Some(row) } => row.draft,
            other => panic!("{other:?}"),
        };
    stage.ask(Request::SaveDraft { conversation: conversation.clone(), text: "bonj".to_owned() }).await;
    let stage = stage.reopen().await;
    assert_eq!(draft(&stage).await, "bonj");
    stage.send(&conversation, "bonjour").await;
    assert_eq!(draft(&stage).await, "");
}

/// Messages that wait together are committed together: each is answered for itself, those that break a rule are refused
/// by themselves, and all others arrive once.
#[tokio::test]
async fn many_messages_at_once_are_each_answered_and_arrive_once() {
    let mut stage = Stage::live().await;
    let conversation = stage.open_direct("ben").await;
    stage.until_status(|status| status.waiting == 0).await;
    let text = |number: usize| if number % 10 == 7 { String::new() } else { format!("message {number}") };
    let asks = (0..200).map(|number| {
        let request = Request::Send { conversation: conversation.clone(), text: text(number) };
        stage.bridge.request(request)
    });
    let answers = timeout(LIMIT, futures_util::future::join_all(asks)).await.unwrap();
    for (number, answer) in answers.iter().enumerate() {
        match answer {
            Ok(Response::Queued { .. }) => assert_ne!(number % 10, 7),
            Err(failure) => assert_eq!((failure.kind, number % 10), (FailureKind::Invalid, 7)),
            other => panic!("{other:?}"),
        }
    }
    stage.until_status(|status| status.waiting == 0).await;
    let mut texts = stage.server.texts(conversation.parse().unwrap());
    texts.sort();
    let mut expected: Vec<String> = (0..200).map(text).filter(|text| !text.is_empty()).collect();
    expected.sort();
    assert_eq!(texts, expected);
}
