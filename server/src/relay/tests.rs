//! The relay's rules as data: command, actor, expected outcome. After every rejection the database is unchanged.

use fil_protocol::limits::{CONVERSATIONS_MAX, TEXT_BYTES_MAX};
use fil_protocol::{
    Command, ConversationKind, ErrorCode, EventBody, Item, ItemBody, KnownEvent, Outcome, Position, Role, Seq,
};

use crate::bus::Push;
use crate::relay::Decision;
use crate::testing::{
    ADA, BEN, EVE, House, MALLORY, NOW_MS, account, actor, add, create_direct, create_group, delete, direct, edit,
    fill_with_conversations, group, message, remove, rename, send,
};

use self::Expected::{Applied, Rejected};
use ErrorCode::{Conflict, Forbidden, Invalid, NotFound, TooLarge};

#[derive(Clone, Copy, Debug)]
enum Expected {
    Applied(u64),
    Rejected(ErrorCode),
}

/// Applies the commands in order, each by its actor, and compares what became of it.
fn check(house: &mut House, cases: &[(u8, Command, Expected)]) {
    for (index, (who, command, expected)) in cases.iter().enumerate() {
        let before = house.dump();
        let outcome = house.apply(*who, command).outcome();
        let wanted = match expected {
            Applied(seq) => Outcome::Applied { seq: Seq(*seq) },
            Rejected(code) => Outcome::Rejected { code: *code },
        };
        assert_eq!(outcome, wanted, "case {index}: {command:?}");
        if matches!(expected, Rejected(_)) {
            assert_eq!(house.dump(), before, "case {index} was rejected and changed something: {command:?}");
        }
    }
}

/// What every member may do, and what a command that was applied before is answered with.
#[test]
fn commands_are_applied_once_and_repeated_by_their_ids() {
    let g = group(1);
    check(
        &mut House::new(),
        &[
            (ADA, create_group(1, "Crew", &[BEN]), Applied(1)),
            (ADA, create_group(1, "Crew", &[BEN]), Applied(1)),
            (BEN, create_group(1, "Other", &[ADA]), Rejected(Conflict)),
            (ADA, send(g, 1, "one"), Applied(2)),
            (BEN, send(g, 2, "two"), Applied(3)),
            (ADA, send(g, 1, "one"), Applied(2)),
            (BEN, send(g, 1, "taken"), Rejected(Conflict)),
            (ADA, edit(g, 1, "uno"), Applied(4)),
            (ADA, edit(g, 1, "uno"), Applied(4)),
            (BEN, edit(g, 1, "mine"), Rejected(Forbidden)),
            (BEN, delete(g, 1), Rejected(Forbidden)),
            (ADA, delete(g, 2), Applied(5)),
            (BEN, delete(g, 2), Applied(5)),
            (BEN, edit(g, 2, "back"), Rejected(NotFound)),
            (BEN, send(g, 2, "back"), Applied(3)),
            (BEN, rename(g, "Shift"), Applied(6)),
            (BEN, add(g, EVE), Applied(7)),
            (ADA, add(g, EVE), Applied(7)),
            (BEN, remove(g, EVE), Rejected(Forbidden)),
            (ADA, remove(g, EVE), Applied(8)),
            (ADA, remove(g, EVE), Applied(8)),
            (EVE, send(g, 3, "still here"), Rejected(NotFound)),
            (BEN, remove(g, BEN), Applied(9)),
            (BEN, remove(g, BEN), Applied(9)),
            (ADA, add(g, BEN), Applied(10)),
            (BEN, send(g, 4, "again"), Applied(11)),
        ],
    );
}

/// A direct conversation is the same one whoever begins it, and has neither titles nor changing members.
#[test]
fn a_direct_conversation_is_for_ever_the_same_two() {
    let d = direct(ADA, BEN);
    let with = |members: &[u8], title: Option<&str>| Command::CreateConversation {
        conversation: d,
        kind: ConversationKind::Direct,
        title: title.map(ToOwned::to_owned),
        members: members.iter().copied().map(account).collect(),
    };
    check(
        &mut House::new(),
        &[
            (ADA, with(&[], None), Rejected(Invalid)),
            (ADA, with(&[BEN, EVE], None), Rejected(Invalid)),
            (ADA, with(&[EVE], None), Rejected(Invalid)),
            (ADA, with(&[ADA], None), Rejected(Invalid)),
            (ADA, with(&[BEN], Some("Us")), Rejected(Invalid)),
            (ADA, create_direct(ADA, BEN), Applied(1)),
            (BEN, create_direct(BEN, ADA), Applied(1)),
            (EVE, send(d, 1, "hello"), Rejected(NotFound)),
            (ADA, send(d, 1, "hello"), Applied(2)),
            (BEN, delete(d, 1), Rejected(Forbidden)),
            (ADA, rename(d, "Us"), Rejected(Forbidden)),
            (ADA, add(d, EVE), Rejected(Forbidden)),
            (ADA, remove(d, ADA), Rejected(Forbidden)),
            (ADA, remove(d, BEN), Rejected(Forbidden)),
        ],
    );
}

/// Content is checked after permission, and a group may not take the id of a direct conversation.
#[test]
fn content_that_breaks_a_rule_is_rejected() {
    let g = group(1);
    let squat = Command::CreateConversation {
        conversation: direct(ADA, BEN),
        kind: ConversationKind::Group,
        title: Some("Squat".to_owned()),
        members: vec![],
    };
    let mut house = House::new();
    house.write(|organisation| organisation.set_disabled(account(EVE), Some(NOW_MS)).unwrap());
    check(
        &mut house,
        &[
            (EVE, squat.clone(), Rejected(Invalid)),
            (BEN, squat, Rejected(Invalid)),
            (ADA, create_group(1, " ", &[]), Rejected(Invalid)),
            (ADA, create_group(1, "Crew", &[EVE]), Rejected(Invalid)),
            (ADA, create_group(1, "Crew", &[77]), Rejected(NotFound)),
            (ADA, create_group(1, "Crew", &[]), Applied(1)),
            (ADA, send(g, 1, " \n"), Rejected(Invalid)),
            (ADA, send(g, 1, &"x".repeat(TEXT_BYTES_MAX + 1)), Rejected(TooLarge)),
            (BEN, send(g, 1, " "), Rejected(NotFound)),
            (ADA, rename(g, "two\nlines"), Rejected(Invalid)),
            (ADA, add(g, EVE), Rejected(Invalid)),
            (ADA, add(g, 77), Rejected(NotFound)),
            (ADA, remove(g, BEN), Rejected(NotFound)),
            (ADA, edit(g, 5, "nothing"), Rejected(NotFound)),
            (ADA, delete(g, 5), Rejected(NotFound)),
        ],
    );
}

/// Every command with ids of another organisation finds nothing and changes nothing; the same id may be used there.
#[test]
fn nothing_crosses_an_organisation() {
    let g = group(1);
    let mut house = House::new();
    check(
        &mut house,
        &[
            (ADA, create_group(1, "Crew", &[BEN]), Applied(1)),
            (ADA, send(g, 1, "secret"), Applied(2)),
            (MALLORY, send(g, 2, "hello"), Rejected(NotFound)),
            (MALLORY, edit(g, 1, "changed"), Rejected(NotFound)),
            (MALLORY, delete(g, 1), Rejected(NotFound)),
            (MALLORY, rename(g, "Mine"), Rejected(NotFound)),
            (MALLORY, add(g, MALLORY), Rejected(NotFound)),
            (MALLORY, remove(g, ADA), Rejected(NotFound)),
            (ADA, add(g, MALLORY), Rejected(NotFound)),
            (ADA, create_direct(ADA, MALLORY), Rejected(NotFound)),
            (MALLORY, create_group(2, "Reach", &[ADA]), Rejected(NotFound)),
        ],
    );
    check(
        &mut house,
        &[(MALLORY, create_group(1, "Same id", &[]), Applied(1)), (MALLORY, send(g, 1, "same id"), Applied(2))],
    );
    let item = house.read(|organisation| organisation.message(g, message(1)).unwrap().unwrap());
    assert!(matches!(item.body, ItemBody::Message { text, .. } if text == "secret"));
}

/// A send writes the event, the item and the author's own read position, and tells exactly that.
#[test]
fn sending_moves_the_authors_read_position() {
    let mut house = House::new();
    house.apply(ADA, &create_group(1, "Crew", &[BEN]));
    let Decision::Applied { pushes, .. } = house.apply(BEN, &send(group(1), 1, "hello")) else { panic!() };
    let told: Vec<_> = pushes
        .iter()
        .map(|push| match push {
            Push::Event { event, .. } => format!("event {}", event.seq),
            Push::Account { account: whose, rev, .. } => format!("account {} rev {rev}", *whose == account(BEN)),
        })
        .collect();
    assert_eq!(told, ["event 2", "account true rev 2"]);
    let member = house.read(|organisation| organisation.member(group(1), account(BEN)).unwrap().unwrap());
    assert_eq!((member.read, member.role), (Position { seq: Seq(2), sent: 1 }, Role::Member));
    let other = house.read(|organisation| organisation.member(group(1), account(ADA)).unwrap().unwrap());
    assert_eq!(other.read, Position { seq: Seq(1), sent: 0 });
}

/// Row 34 of the failure catalogue: deleting blanks the message and its edits to tombstones with the same numbers; the item says deleted.
#[test]
fn a_deletion_leaves_tombstones_with_the_same_numbers() {
    let g = group(1);
    let mut house = House::new();
    for (who, command) in
        [(ADA, create_group(1, "Crew", &[])), (ADA, send(g, 1, "one")), (ADA, edit(g, 1, "two")), (ADA, delete(g, 1))]
    {
        house.apply(who, &command);
    }
    let events = house.read(|organisation| organisation.events_after(g, Seq(1), 10, 10_000).unwrap().unwrap());
    let bodies: Vec<_> = events.into_iter().map(|event| event.body).collect();
    let id = message(1);
    assert_eq!(
        bodies,
        [
            EventBody::Known(KnownEvent::Tombstone { message: id, sent: Some(1) }),
            EventBody::Known(KnownEvent::Tombstone { message: id, sent: None }),
            EventBody::Known(KnownEvent::Deletion { message: id, target: Seq(2) }),
        ]
    );
    let item = house.read(|organisation| organisation.message(g, id).unwrap().unwrap());
    let body = ItemBody::Deleted { id, sent: 1 };
    assert_eq!(item, Item { seq: Seq(2), rev: Seq(4), at_ms: NOW_MS, author: actor(ADA).account, body });
}

/// The server's clock may jump back; the times of a conversation do not.
#[test]
fn time_never_goes_back_within_a_conversation() {
    let mut house = House::new();
    house.apply_at(ADA, &create_group(1, "Crew", &[]), NOW_MS);
    house.apply_at(ADA, &send(group(1), 1, "earlier"), NOW_MS - 60_000);
    house.apply_at(ADA, &send(group(1), 2, "later"), NOW_MS + 5);
    let events = house.read(|organisation| organisation.events_after(group(1), Seq(0), 10, 10_000).unwrap().unwrap());
    assert_eq!(events.iter().map(|event| event.at_ms).collect::<Vec<_>>(), [NOW_MS, NOW_MS, NOW_MS + 5]);
}

/// Rows 18 and 19 of the failure catalogue: a device's clock may be wrong by years; what it says is kept where it can be
/// true, and is the server's time elsewhere. Order is the number's.
#[test]
fn a_time_that_no_clock_shows_becomes_the_servers() {
    const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1000;
    let g = group(1);
    let mut house = House::new();
    house.apply(ADA, &create_group(1, "Crew", &[]));
    let mut number = 0;
    let mut check = |given_ms: u64, expected_ms: u64| {
        number += 1;
        let text = "hello".to_owned();
        let command =
            Command::SendMessage { conversation: g, message: message(number), text, composed_at_ms: given_ms };
        house.apply(ADA, &command);
        let item = house.read(|organisation| organisation.message(g, message(number)).unwrap().unwrap());
        let ItemBody::Message { composed_at_ms, .. } = item.body else { panic!("a message") };
        assert_eq!(composed_at_ms, expected_ms, "{given_ms}");
    };
    check(0, NOW_MS);
    check(946_684_799_999, NOW_MS);
    check(946_684_800_000, 946_684_800_000);
    check(NOW_MS - YEAR_MS, NOW_MS - YEAR_MS);
    check(NOW_MS + YEAR_MS, NOW_MS + YEAR_MS);
    check(NOW_MS + YEAR_MS + 1, NOW_MS);
    check(u64::MAX, NOW_MS);
}

/// An account with as many conversations as it may have: nobody adds it to another one, it begins none, and once it has
/// left one it may again.
#[test]
fn an_account_has_a_limited_number_of_conversations() {
    let mut house = House::new();
    fill_with_conversations(&mut house, BEN, CONVERSATIONS_MAX - 1);
    check(
        &mut house,
        &[
            (ADA, create_group(1, "Last", &[BEN]), Applied(1)),
            (ADA, create_group(1, "Last", &[BEN]), Applied(1)),
            (ADA, add(group(1), BEN), Applied(1)),
            (ADA, create_group(2, "Full", &[BEN]), Rejected(TooLarge)),
            (BEN, create_group(2, "Full", &[]), Rejected(TooLarge)),
            (EVE, create_direct(EVE, BEN), Rejected(TooLarge)),
            (ADA, create_group(2, "Without him", &[]), Applied(1)),
            (ADA, add(group(2), BEN), Rejected(TooLarge)),
            (BEN, send(group(1), 1, "still here"), Applied(2)),
            (BEN, remove(group(1), BEN), Applied(3)),
            (ADA, add(group(2), BEN), Applied(2)),
            (ADA, add(group(1), BEN), Rejected(TooLarge)),
        ],
    );
}
