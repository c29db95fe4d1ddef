//! Stretches, and the overlay of the outbox over them.

use fil_protocol::Command;
use fil_protocol::http::HistoryPage;

use super::*;
use crate::bridge::types::Older;

/// The life of a message, from the press of a key to the server's own event, in both orders of answer and push.
#[test]
fn a_message_is_drawn_once_through_its_whole_life() {
    let sent = |number, text: &str, seq: u64| KnownEvent::Message {
        id: message(number),
        text: text.to_owned(),
        sent: seq - 1,
        composed_at_ms: NOON_MS,
    };
    let mut stage = Stage::new();
    stage.window(1, 2..=2);
    let first = stage.send(1, "answer first");
    let second = stage.send(2, "push first");
    let check = |stage: &mut Stage, expected: &[&str]| assert_eq!(draw(&stage.opening())[1..], *expected);
    check(&mut stage, &["… ada: answer first +", "… ada: push first +"]);
    stage.settle(first, 3);
    check(&mut stage, &["#3 ada: answer first +", "… ada: push first +"]);
    stage.event(3, 1, sent(1, "answer first", 3));
    check(&mut stage, &["#3 ada: answer first +", "… ada: push first +"]);
    stage.event(4, 1, sent(2, "push first", 4));
    check(&mut stage, &["#3 ada: answer first +", "#4 ada: push first +"]);
    stage.settle(second, 4);
    check(&mut stage, &["#3 ada: answer first +", "#4 ada: push first +"]);
    let keys: Vec<String> = stage.opening().items.into_iter().skip(1).map(|item| item.key).collect();
    assert_eq!(keys, [message(1).to_string(), message(2).to_string()], "the key never changes");
}

#[test]
fn edits_and_deletions_in_the_outbox_are_drawn_over_what_they_change() {
    let mut stage = Stage::new();
    let conversation = group();
    stage.window(1, 2..=2);
    let own = |number, seq: u64| KnownEvent::Message {
        id: message(number),
        text: format!("own {number}"),
        sent: seq - 1,
        composed_at_ms: NOON_MS,
    };
    stage.event(3, 1, own(1, 3));
    stage.event(4, 1, own(2, 4));
    stage.send(3, "not sent");
    for number in [1, 3] {
        let text = format!("better {number}");
        stage.enqueue(Command::EditMessage { conversation, message: message(number), text });
    }
    stage.enqueue(Command::DeleteMessage { conversation, message: message(2) });
    let expected =
        ["#2 ben: message 2", "#3… ada: better 1 (edited) +", "#4… ada: Deleted", "… ada: better 3 (edited) +"];
    assert_eq!(draw(&stage.opening()), expected);
}

#[test]
fn a_refused_message_stays_with_its_reason_and_those_after_it_go_on() {
    let mut stage = Stage::new();
    stage.window(1, 2..=2);
    let refused = stage.send(1, "no");
    stage.send(2, "yes");
    stage.reject(refused);
    let expected = ["#2 ben: message 2", "Rejected { reason: Forbidden } ada: no +", "… ada: yes +"];
    assert_eq!(draw(&stage.opening()), expected);
    let count = stage.reader.snapshot(crate::store::read::command::rejected_count).unwrap();
    assert_eq!(count, 1);
}

/// A message of the journal whose item lies below what the cache keeps is history: it is not drawn at the end.
#[test]
fn the_journal_does_not_come_back_after_the_cache_was_built_again() {
    let mut stage = Stage::new();
    let row = stage.send(1, "last week");
    stage.settle(row, 5);
    stage.window(90, 90..=92);
    assert_eq!(draw(&stage.opening()), ["#90 ben: message 90", "#91 ben: message 91", "#92 ben: message 92"]);
}

#[test]
fn an_opening_begins_a_little_before_the_first_unread_message() {
    let check = |read: u64, limit: u32, from: u64, first_unread: Option<u64>, unread: u64| {
        let mut stage = Stage::new();
        stage.window(101, 101..=150);
        stage.read_to(read);
        let timeline = stage.timeline(Stretch::Opening { limit });
        assert_eq!((timeline.from, timeline.first_unread, timeline.unread), (from, first_unread, unread));
        assert_eq!(timeline.items.first().and_then(|item| item.seq), Some(from));
        assert_eq!((timeline.head, timeline.items.last().and_then(|item| item.seq)), (150, Some(150)));
    };
    check(150, 20, 131, None, 0);
    check(145, 20, 131, Some(146), 5);
    check(120, 20, 111, Some(121), 30);
    check(103, 20, 101, Some(104), 47);
    // More is unread than is kept: the end, and the lowest number that the first of them may have.
    check(50, 20, 131, Some(51), 100);
}

/// Three stretches of one conversation are kept, with holes between them. The line of what is new is never drawn at a
/// message only because the ones before it are missing, and what is asked of the server is what it takes to open there.
#[test]
fn the_first_unread_message_is_not_looked_for_across_a_hole() {
    let check = |read: u64, first_unread: Option<u64>, unread_below: Option<u64>| {
        let mut stage = Stage::new();
        stage.window(1, 2..=50);
        stage.window(101, 101..=150);
        stage.window(201, 201..=250);
        stage.read_to(read);
        let timeline = stage.opening();
        assert_eq!((timeline.unread, timeline.first_unread), (250 - read, first_unread), "read up to {read}");
        let below = stage.view(|view| view.unread_below(group()));
        assert_eq!(below, unread_below.map(Seq), "read up to {read}");
    };
    check(250, None, None);
    check(220, Some(221), None);
    check(200, Some(201), None);
    check(180, Some(181), Some(201));
    check(150, Some(151), Some(201));
    check(120, Some(121), Some(201));
    check(70, Some(71), Some(201));
    check(40, Some(41), Some(201));
}

#[test]
fn a_read_mark_counts_before_the_server_knows_of_it() {
    let mut stage = Stage::new();
    stage.window(101, 101..=150);
    stage.read_to(120);
    stage.apply(StoreAction::SetReadMark { conversation: group(), seq: Seq(148) });
    let timeline = stage.opening();
    assert_eq!((timeline.first_unread, timeline.unread), (Some(149), 2));
}

#[test]
fn deleted_messages_are_neither_unread_nor_the_first_unread() {
    let mut stage = Stage::new();
    stage.window(1, 2..=6);
    stage.read_to(3);
    let id = MessageId::from_parts(4, &[0; 10]);
    stage.event(7, 2, KnownEvent::Deletion { message: id, target: Seq(4) });
    let timeline = stage.opening();
    assert_eq!((timeline.first_unread, timeline.unread), (Some(5), 2));
    assert_eq!(draw(&timeline)[2], "#4 ben: Deleted");
}

#[test]
fn older_stretches_come_from_here_while_they_are_kept_and_say_when_they_are_not() {
    let mut stage = Stage::new();
    stage.window(101, 101..=150);
    let check = |stage: &mut Stage, seq, limit, from: u64, items: usize, older| {
        let timeline = stage.timeline(Stretch::Before { seq: Seq(seq), limit });
        assert_eq!((timeline.from, timeline.items.len(), timeline.older), (from, items, older), "before {seq}");
    };
    check(&mut stage, 131, 10, 121, 10, Older::Kept);
    check(&mut stage, 105, 10, 101, 4, Older::Server);
    check(&mut stage, 101, 10, 101, 0, Older::Server);
    let items = (52..=100).map(|number| item(number, 2, "older")).collect();
    let page = HistoryPage { items, from: Seq(51), as_of: Seq(150) };
    assert!(stage.store.merge_history(group(), Seq(101), &page).unwrap());
    check(&mut stage, 101, 50, 51, 49, Older::Server);
    let items = (2..=50).map(|number| item(number, 2, "oldest")).collect();
    let page = HistoryPage { items, from: Seq(1), as_of: Seq(150) };
    assert!(stage.store.merge_history(group(), Seq(51), &page).unwrap());
    check(&mut stage, 51, 100, 1, 49, Older::None);
    check(&mut stage, 1, 100, 1, 0, Older::None);
    // What is on screen, read again: from the same number to the end.
    let timeline = stage.timeline(Stretch::From { seq: Seq(121) });
    assert_eq!((timeline.from, timeline.items.len()), (121, 30));
}

/// After a long absence there is a hole below the newest window. What was on screen above the hole is not drawn as if
/// nothing were missing.
#[test]
fn a_stretch_never_hides_a_hole() {
    let mut stage = Stage::new();
    stage.window(1, 2..=50);
    stage.window(951, 951..=1_000);
    let timeline = stage.timeline(Stretch::From { seq: Seq(40) });
    assert_eq!((timeline.from, timeline.items.len(), timeline.older), (951, 50, Older::Server));
    let timeline = stage.timeline(Stretch::Before { seq: Seq(51), limit: 10 });
    assert_eq!((timeline.from, timeline.items.len(), timeline.older), (41, 10, Older::Kept));
}

#[test]
fn a_message_written_long_before_it_was_sent_says_so() {
    let mut stage = Stage::new();
    stage.window(1, 2..=2);
    for (seq, number, composed_at_ms) in [(3, 1, NOON_MS - 60_000), (4, 2, NOON_MS - 600_000)] {
        let text = "x".to_owned();
        stage.event(seq, 1, KnownEvent::Message { id: message(number), text, sent: seq - 1, composed_at_ms });
    }
    let composed: Vec<_> = stage.opening().items.into_iter().map(|item| item.composed_at_ms).collect();
    assert_eq!(composed, [None, None, Some(NOON_MS - 600_000)]);
}
