//! Pages, hits, members and unread counts as HTTP gives them, and what strangers are told.

use fil_protocol::limits::{PAGE_ITEMS_MAX, QUERY_BYTES_MAX};
use fil_protocol::{Command, ConversationId, ErrorCode, ItemBody, MessageId, Position, Seq};

use super::{ReadError, conversations, history, members, search};
use crate::testing::{
    ADA, BEN, EVE, House, MALLORY, account, actor, create_direct, create_group, delete, direct, edit, group, send,
};

/// A house with a direct conversation (five messages) and a group without Ben.
fn house() -> House {
    let mut house = House::new();
    house.apply(ADA, &create_direct(ADA, BEN));
    for (number, text) in [(1, "one"), (2, "two"), (3, "three"), (4, "four"), (5, "five")] {
        house.apply(ADA, &send(direct(ADA, BEN), number, text));
    }
    house.apply(ADA, &create_group(1, "Crew", &[EVE]));
    house.apply(EVE, &send(group(1), 10, "one for the crew"));
    house
}

fn code<T>(result: Result<T, ReadError>) -> Option<ErrorCode> {
    match result {
        Ok(_) => None,
        Err(ReadError::Refused(error)) => Some(error.code),
        Err(ReadError::Store(error)) => panic!("{error}"),
    }
}

/// Row 36 of the failure catalogue: pages have no gap between them, and the first says that it is the first.
#[test]
fn history_pages_cover_the_log_without_overlap() {
    let mut house = house();
    house.apply(ADA, &edit(direct(ADA, BEN), 1, "uno"));
    house.read(|organisation| {
        let page = |before: Option<u64>, items_max| {
            let page = history(organisation, &actor(BEN), direct(ADA, BEN), before.map(Seq), items_max).unwrap();
            assert_eq!(page.as_of, Seq(7), "the edit is event 7");
            (page.items.iter().map(|item| item.seq.0).collect::<Vec<_>>(), page.from.0)
        };
        assert_eq!(page(None, 2), (vec![5, 6], 5));
        assert_eq!(page(Some(5), 3), (vec![2, 3, 4], 2));
        assert_eq!(page(Some(2), 3), (vec![1], 1));
        assert_eq!(page(Some(1), 3), (vec![], 1));
        assert_eq!(page(None, 6), (vec![1, 2, 3, 4, 5, 6], 1));
        assert_eq!(page(None, 0), (vec![6], 6), "a page has at least one item");
        assert_eq!(page(None, 10 * PAGE_ITEMS_MAX).1, 1);
    });
}

#[test]
fn search_pages_are_newest_first_and_stop() {
    let house = house();
    house.read(|organisation| {
        let first = search(organisation, &actor(ADA), "one", None, None, 1).unwrap();
        assert_eq!(first.hits.iter().map(|hit| hit.conversation).collect::<Vec<_>>(), [group(1)]);
        let second = search(organisation, &actor(ADA), "one", None, first.next.as_deref(), 1).unwrap();
        assert_eq!(second.hits.iter().map(|hit| hit.conversation).collect::<Vec<_>>(), [direct(ADA, BEN)]);
        assert_eq!(second.next, None);
        assert!(search(organisation, &actor(ADA), " !? ", None, None, 9).unwrap().hits.is_empty());
        assert_eq!(search(organisation, &actor(BEN), "one", None, None, 9).unwrap().hits.len(), 1);
        let long = "x".repeat(QUERY_BYTES_MAX + 1);
        assert_eq!(code(search(organisation, &actor(ADA), &long, None, None, 9)), Some(ErrorCode::TooLarge));
        assert_eq!(code(search(organisation, &actor(ADA), "x", None, Some("no"), 9)), Some(ErrorCode::Malformed));
    });
}

/// Not a member, or of another organisation: the conversation does not exist.
#[test]
fn what_one_may_not_see_does_not_exist() {
    let mut house = house();
    let not_found = Some(ErrorCode::NotFound);
    house.read(|organisation| {
        let (eve, d) = (actor(EVE), direct(ADA, BEN));
        assert_eq!(code(history(organisation, &eve, d, None, 9)), not_found);
        assert_eq!(code(search(organisation, &eve, "one", Some(d), None, 9)), not_found);
        assert_eq!(code(members(organisation, &eve, d)), not_found);
        assert_eq!(conversations(organisation, &eve).unwrap().len(), 1);
    });
    house.apply(MALLORY, &create_group(1, "Same id", &[]));
    let mut reads = house.store.open_reads().unwrap();
    let snapshot = reads.snapshot().unwrap();
    let theirs = snapshot.organisation(actor(MALLORY).organisation).unwrap();
    assert_eq!(code(members(theirs.as_ref(), &actor(MALLORY), direct(ADA, BEN))), not_found);
    assert_eq!(members(theirs.as_ref(), &actor(MALLORY), group(1)).unwrap().members.len(), 1);
}

#[test]
fn unread_counts_what_is_left_after_the_read_position() {
    let mut house = house();
    let d = direct(ADA, BEN);
    let unread = |house: &House, who| {
        let listed = house.read(|organisation| conversations(organisation, &actor(who)).unwrap());
        listed.iter().find(|row| row.head.conversation == d).unwrap().unread
    };
    assert_eq!([unread(&house, ADA), unread(&house, BEN)], [0, 5]);
    house.apply(ADA, &delete(d, 1));
    house.apply(ADA, &delete(d, 4));
    assert_eq!(unread(&house, BEN), 3);
    house.write(|organisation| organisation.set_read(d, account(BEN), Position { seq: Seq(3), sent: 2 }).unwrap());
    assert_eq!(unread(&house, BEN), 2);
    house.apply(BEN, &send(d, 20, "answer"));
    assert_eq!([unread(&house, ADA), unread(&house, BEN)], [1, 0]);
    let listed = house.read(|organisation| conversations(organisation, &actor(ADA)).unwrap());
    let listed: Vec<_> = listed.iter().map(|row| (row.head.conversation, row.unread)).collect();
    assert_eq!(listed, [(d, 1), (group(1), 1)]);
}

/// Beginnings that many words have, in every message and in few; words that are the beginning of others; several at once;
/// in one conversation; for somebody who is not in all. Page after page, all hits are those that looking at every message
/// finds, newest first.
#[test]
fn every_page_of_a_search_is_what_looking_at_every_message_would_give() {
    let mut house = House::new();
    house.apply(ADA, &create_group(1, "Crew", &[BEN]));
    house.apply(ADA, &create_group(2, "Others", &[]));
    let text = |number: u64| {
        let rare = if number.is_multiple_of(10) { format!("rare{number}") } else { String::new() };
        let one = ["one", "ones", "oneself", "Éone"][number as usize % 4];
        let few = if number % 250 == 1 { "fewest" } else { "" };
        format!("wide{number} {rare} {one} {few} 東京{number}")
    };
    let texts: Vec<(ConversationId, String)> =
        (1..=600).map(|number| (group(if number % 3 == 0 { 2 } else { 1 }), text(number))).collect();
    house.write(|organisation| {
        for (number, (conversation, text)) in texts.iter().enumerate() {
            let (conversation, text) = (*conversation, text.clone());
            let message = MessageId::from_parts(number as u64, &[0; 10]);
            let command = Command::SendMessage { conversation, message, text, composed_at_ms: 1 };
            crate::relay::apply(organisation, &actor(ADA), &command, 1).unwrap();
        }
    });
    let check = |who: u8, query: &str, within: Option<u8>, least: usize| {
        let sees = |conversation| who == ADA || conversation == group(1);
        let within = within.map(group);
        let expected: Vec<&str> = texts
            .iter()
            .rev()
            .filter(|(conversation, _)| sees(*conversation) && within.is_none_or(|only| only == *conversation))
            .map(|(_, text)| text.as_str())
            .filter(|text| fil_words::contains(text, query))
            .collect();
        assert!(expected.len() >= least, "{query} is in {} messages", expected.len());
        let mut found: Vec<String> = Vec::new();
        let mut before = None;
        house.read(|organisation| {
            loop {
                let page = search(organisation, &actor(who), query, within, before.as_deref(), 50).unwrap();
                found.extend(page.hits.into_iter().map(|hit| match hit.item.body {
                    ItemBody::Message { text, .. } => text,
                    other => panic!("{other:?}"),
                }));
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
        });
        assert_eq!(found, expected, "{query} for {who} in {within:?}");
    };
    for (query, least) in [
        ("wide", 400),
        ("w", 400),
        ("rare", 40),
        ("one", 300),
        ("ones", 200),
        ("oneself", 100),
        ("eone", 100),
        ("wide rare", 40),
        ("rare ones", 1),
        ("one wide 東京", 300),
        ("東", 400),
        ("wide1 o", 1),
        ("fewest w", 1),
        ("wide600 rare600", 0),
        ("nowhere", 0),
        ("nowhere w", 0),
        ("w nowhere", 0),
    ] {
        check(ADA, query, None, least);
        check(BEN, query, None, 0);
        check(ADA, query, Some(1), 0);
    }
}
