//! The property behind everything: `apply(window@S, events S+1..T) == window@T`, over random histories with every
//! kind of event. Also: unread equals a recount, numbers have no gap, and a window brings older items up to date. Edits and
//! deletions are kinds of events, and a window stands in for a backlog: rows 8, 33, 34 and 58 of the failure catalogue.

use std::collections::BTreeMap;

use fil_protocol::limits::WINDOW_ITEMS;
use fil_protocol::{
    AccountId, ConversationRecord, Event, Item, ItemBody, KnownEvent, Member, MembershipChange, Position, Role, Seq,
    ServerFrame, Stream, Window, unread,
};
use proptest::prelude::*;
use proptest::sample::Index;

use super::{Pull, answer, window};
use crate::history::visible;
use crate::store::{AccountRow, Membership, OrganisationReader};
use crate::testing::{
    ADA, BEN, EVE, House, account, actor, add, create_group, delete, edit, fill_with_conversations, group, remove,
    rename, send,
};

/// What a client makes of a window and the events after it.
#[derive(Debug, PartialEq)]
struct Fold {
    record: ConversationRecord,
    members: BTreeMap<AccountId, Member>,
    items: BTreeMap<Seq, Item>,
    head: Position,
}

impl Fold {
    fn new(window: &Window) -> Self {
        Self {
            record: window.record.clone(),
            members: window.members.iter().map(|member| (member.account(), member.clone())).collect(),
            items: window.items.iter().map(|item| (item.seq, item.clone())).collect(),
            head: window.as_of,
        }
    }

    fn apply(&mut self, event: &Event) {
        let known = event.known().expect("the server writes events that it knows");
        assert_eq!(event.seq, self.head.seq.next(), "a gap");
        self.head.seq = event.seq;
        if let Some(item) = Item::from_event(event) {
            self.items.insert(item.seq, item);
        }
        match known {
            KnownEvent::Created { members, .. } => {
                self.members = members.iter().map(|member| (member.account(), member.clone())).collect();
            }
            KnownEvent::Message { sent, .. } | KnownEvent::Tombstone { sent: Some(sent), .. } => self.head.sent = *sent,
            KnownEvent::Edit { target, text: new_text, .. } => {
                if let Some(item) = self.items.get_mut(target)
                    && let ItemBody::Message { text, edited, .. } = &mut item.body
                {
                    new_text.clone_into(text);
                    *edited = true;
                    item.rev = event.seq;
                }
            }
            KnownEvent::Deletion { target, .. } => {
                if let Some(item) = self.items.get_mut(target)
                    && let ItemBody::Message { id, sent, .. } | ItemBody::Deleted { id, sent } = item.body
                {
                    item.body = ItemBody::Deleted { id, sent };
                    item.rev = event.seq;
                }
            }
            KnownEvent::Membership { member, change: MembershipChange::Joined } => {
                self.members.insert(member.account(), member.clone());
            }
            KnownEvent::Membership { member, change: MembershipChange::Left } => {
                self.members.remove(&member.account());
            }
            KnownEvent::Title { title } => self.record.title = Some(title.clone()),
            KnownEvent::Tombstone { sent: None, .. } => {}
        }
    }

    /// Forgets what a window that begins later does not have.
    fn from(mut self, from: Seq) -> Self {
        self.items = self.items.split_off(&from);
        self
    }
}

#[derive(Clone, Debug)]
enum Step {
    Send(u8),
    Edit(Index),
    Delete(Index),
    Title,
    Add(u8),
    Remove(u8),
    Read(u8, Index),
}

fn step() -> impl Strategy<Value = Step> {
    let who = || prop::sample::select(vec![ADA, BEN, EVE]);
    let other = || prop::sample::select(vec![BEN, EVE]);
    prop_oneof![
        8 => who().prop_map(Step::Send),
        3 => any::<Index>().prop_map(Step::Edit),
        2 => any::<Index>().prop_map(Step::Delete),
        1 => Just(Step::Title),
        1 => other().prop_map(Step::Add),
        1 => other().prop_map(Step::Remove),
        2 => (who(), any::<Index>()).prop_map(|(who, index)| Step::Read(who, index)),
    ]
}

/// Applies a step. `authors` remembers who wrote message 1, 2, ...
fn apply(house: &mut House, authors: &mut Vec<u8>, step: &Step) {
    let g = group(1);
    let number = |index: &Index, authors: &Vec<u8>| u8::try_from(index.index(authors.len()) + 1).expect("few");
    match step {
        Step::Send(who) => {
            authors.push(*who);
            let number = u8::try_from(authors.len()).expect("few");
            house.apply(*who, &send(g, number, &format!("message {number}")));
        }
        Step::Edit(index) if !authors.is_empty() => {
            let number = number(index, authors);
            house.apply(authors[usize::from(number) - 1], &edit(g, number, &format!("edit of {number}")));
        }
        Step::Delete(index) if !authors.is_empty() => {
            house.apply(ADA, &delete(g, number(index, authors)));
        }
        Step::Title => {
            house.apply(ADA, &rename(g, &format!("Title {}", authors.len())));
        }
        Step::Add(who) => {
            house.apply(ADA, &add(g, *who));
        }
        Step::Remove(who) => {
            house.apply(ADA, &remove(g, *who));
        }
        Step::Read(who, index) => house.write(|organisation| {
            let head = organisation.conversation(g).unwrap().unwrap().head.seq;
            let seq = Seq(index.index(usize::try_from(head.0).unwrap()) as u64 + 1);
            let member = organisation.member(g, account(*who)).unwrap();
            if member.is_some_and(|member| member.member && member.read.seq < seq) {
                let sent = organisation.sent_up_to(g, seq).unwrap();
                organisation.set_read(g, account(*who), Position { seq, sent }).unwrap();
            }
        }),
        Step::Edit(_) | Step::Delete(_) => {}
    }
}

fn window_of_ada(organisation: &dyn OrganisationReader, after: Option<Seq>, items_max: usize) -> Window {
    let (row, member) = visible(organisation, &actor(ADA), group(1)).unwrap();
    window(organisation, row, &member, after, items_max).unwrap()
}

/// A pull as it comes from a client that does not say how large a window should be.
fn pull(stream: Stream, after: Option<Seq>) -> Pull {
    Pull { request: 1, stream, after, items_max: None }
}

fn all_items(organisation: &dyn OrganisationReader) -> BTreeMap<Seq, Item> {
    let items = organisation.items_before(group(1), None, 10_000).unwrap();
    items.into_iter().map(|item| (item.seq, item)).collect()
}

/// Unread by arithmetic, as the server and as a client with a window compute it, against a count of what is there.
fn check_unread(organisation: &dyn OrganisationReader) {
    let items = all_items(organisation);
    for who in [ADA, BEN, EVE] {
        let Ok((row, member)) = visible(organisation, &actor(who), group(1)) else { continue };
        let alive = |item: &&Item| matches!(item.body, ItemBody::Message { .. }) && item.seq > member.read.seq;
        let recount = items.values().filter(alive).count() as u64;
        let deleted = organisation.count_deleted_after(group(1), member.read.seq).unwrap();
        assert_eq!(unread(row.head, member.read, deleted), recount);
        for items_max in [1, 12, WINDOW_ITEMS] {
            let window = window(organisation, row.clone(), &member, None, items_max).unwrap();
            let gone = |item: &&Item| matches!(item.body, ItemBody::Deleted { .. }) && item.seq > member.read.seq;
            let deleted = window.deleted.len() + window.items.iter().filter(gone).count();
            assert_eq!(unread(row.head, member.read, deleted as u64), recount);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn events_after_a_window_lead_to_the_later_window(
        steps in prop::collection::vec(step(), 1..200),
        split in any::<Index>(),
        sizes in (1..=WINDOW_ITEMS, 1..=WINDOW_ITEMS),
    ) {
        let mut house = House::new();
        let mut authors = Vec::new();
        house.apply(ADA, &create_group(1, "Crew", &[BEN, EVE]));
        let split = split.index(steps.len());
        for step in &steps[..split] {
            apply(&mut house, &mut authors, step);
        }
        let (early, known) = house.read(|organisation| (window_of_ada(organisation, None, sizes.0), all_items(organisation)));
        for step in &steps[split..] {
            apply(&mut house, &mut authors, step);
            house.read(check_unread);
        }
        house.read(|organisation| {
            let frame = answer(organisation, &actor(ADA), pull(Stream::Conversation(group(1)), Some(early.as_of.seq))).unwrap();
            let ServerFrame::Events { events, .. } = frame else { panic!("few enough for events") };
            let mut fold = Fold::new(&early);
            for event in &events {
                fold.apply(event);
            }
            let late = window_of_ada(organisation, Some(early.as_of.seq), sizes.1);
            // The earlier window may begin later than this one: then what it left out is missing in the fold, too.
            let from = late.from.max(early.from);
            assert_eq!(fold.from(from), Fold::new(&late).from(from));

            // A client that knew every item at S, and took the window instead, knows every item at T that it can show.
            let mut merged = known;
            for item in late.changed.iter().chain(&late.items) {
                merged.insert(item.seq, item.clone());
            }
            let now = all_items(organisation);
            for (seq, item) in merged {
                assert_eq!(Some(&item), now.get(&seq));
            }
            assert!(late.items.len() <= sizes.1 && !late.reset);

            let log = organisation.events_after(group(1), Seq::ZERO, 10_000, usize::MAX).unwrap().unwrap();
            let numbers: Vec<_> = log.iter().map(|event| event.seq.0).collect();
            assert_eq!(numbers, (1..=late.as_of.seq.0).collect::<Vec<_>>());
            assert!(log.is_sorted_by_key(|event| event.at_ms));
        });
    }
}

/// Who says how large a window should be gets one as soon as it is cheaper than the events, and no larger than that; who
/// does not is answered as before. Where a window had to name hundreds of members, events are cheaper for longer.
#[test]
fn a_window_is_as_small_as_it_was_asked_for() {
    const MESSAGES: u64 = 300;
    let mut house = House::new();
    let g = group(1);
    house.apply(ADA, &create_group(1, "Crew", &[BEN]));
    house.write(|organisation| {
        for number in 1..=MESSAGES {
            let message = fil_protocol::MessageId::from_parts(number, &[0; 10]);
            let command = fil_protocol::Command::SendMessage {
                conversation: g,
                message,
                text: "x".to_owned(),
                composed_at_ms: 1,
            };
            crate::relay::apply(organisation, &actor(ADA), &command, 1).unwrap();
        }
        let old = fil_protocol::Command::EditMessage {
            conversation: g,
            message: fil_protocol::MessageId::from_parts(2, &[0; 10]),
            text: "changed".to_owned(),
        };
        crate::relay::apply(organisation, &actor(ADA), &old, 1).unwrap();
    });
    let head = MESSAGES + 2;
    let shape = |house: &House, missing: Option<u64>, items_max: Option<u32>| {
        let after = missing.map(|missing| Seq(head - missing));
        let pull = Pull { request: 1, stream: Stream::Conversation(g), after, items_max };
        match house.read(|organisation| answer(organisation, &actor(BEN), pull).unwrap()) {
            ServerFrame::Events { events, .. } => format!("{} events", events.len()),
            ServerFrame::Window { window, .. } => {
                assert_eq!(window.items.first().map(|item| item.seq), Some(window.from));
                assert_eq!(window.as_of.seq, Seq(head));
                format!("{} items, {} changed, reset {}", window.items.len(), window.changed.len(), window.reset)
            }
            other => panic!("{other:?}"),
        }
    };
    let check = |house: &House, missing, items_max, expected: &str| {
        assert_eq!(shape(house, missing, items_max), expected, "{missing:?} missing, {items_max:?} items");
    };
    check(&house, Some(300), None, "300 events");
    check(&house, Some(100), Some(12), "100 events");
    check(&house, Some(101), Some(12), "12 items, 1 changed, reset false");
    check(&house, Some(101), Some(50), "50 items, 1 changed, reset false");
    // The message that was changed lies in what is missing: it comes as history, when it is asked for.
    check(&house, Some(300), Some(12), "12 items, 0 changed, reset false");
    check(&house, Some(101), Some(0), "1 items, 1 changed, reset false");
    check(&house, Some(101), Some(u32::MAX), "50 items, 1 changed, reset false");
    check(&house, None, Some(12), "12 items, 0 changed, reset true");
    check(&house, None, None, "50 items, 0 changed, reset true");
    house.write(|organisation| {
        for number in 0..298 {
            let account = AccountId::from_parts(1_000 + number, &[7; 10]);
            let handle = format!("m{number}");
            let profile = fil_protocol::Profile { account, handle, name: "Somebody".to_owned() };
            let row = AccountRow { profile, password_hash: None, created_at_ms: 1, disabled_at_ms: None };
            organisation.create_account(&row).unwrap();
            let at = Position { seq: Seq(1), sent: 0 };
            let membership = Membership { conversation: g, account, member: true, role: Role::Member, at };
            organisation.set_membership(membership).unwrap();
        }
    });
    check(&house, Some(162), Some(12), "162 events");
    check(&house, Some(163), Some(12), "12 items, 1 changed, reset false");
}

/// Too many changed items are not listed: the client drops what is older.
#[test]
fn a_window_with_too_many_changes_is_a_reset() {
    use fil_protocol::limits::WINDOW_CHANGED_MAX;
    let mut house = House::new();
    let g = group(1);
    house.apply(ADA, &create_group(1, "Crew", &[]));
    house.write(|organisation| {
        let command = |number: u64, text: &str, edit: bool| {
            let message = fil_protocol::MessageId::from_parts(number, &[0; 10]);
            if edit {
                fil_protocol::Command::EditMessage { conversation: g, message, text: text.to_owned() }
            } else {
                let (text, composed_at_ms) = (text.to_owned(), 1);
                fil_protocol::Command::SendMessage { conversation: g, message, text, composed_at_ms }
            }
        };
        for number in 0..=WINDOW_CHANGED_MAX as u64 + WINDOW_ITEMS as u64 {
            crate::relay::apply(organisation, &actor(ADA), &command(number, "one", false), 1).unwrap();
        }
        let before = organisation.conversation(g).unwrap().unwrap().head.seq;
        for number in 0..WINDOW_CHANGED_MAX as u64 {
            crate::relay::apply(organisation, &actor(ADA), &command(number, "two", true), 1).unwrap();
        }
        let window = window_of_ada(organisation, Some(before), WINDOW_ITEMS);
        assert_eq!((window.changed.len(), window.reset), (WINDOW_CHANGED_MAX, false));
        let last = command(WINDOW_CHANGED_MAX as u64, "two", true);
        crate::relay::apply(organisation, &actor(ADA), &last, 1).unwrap();
        let window = window_of_ada(organisation, Some(before), WINDOW_ITEMS);
        assert_eq!((window.changed.len(), window.reset), (0, true));
    });
}

/// The longest texts, made of characters that JSON writes sixfold: a window is cut to what a connection may hold.
#[test]
fn a_window_is_bounded_in_bytes() {
    use fil_protocol::limits::{PULL_BYTES_MAX, TEXT_BYTES_MAX};
    let mut house = House::new();
    let g = group(1);
    house.apply(ADA, &create_group(1, "Crew", &[BEN]));
    let text = "\u{1}".repeat(TEXT_BYTES_MAX - 1);
    for number in 1..=60 {
        house.apply(ADA, &send(g, number, &format!("{text}x")));
    }
    let head = house.read(|organisation| organisation.conversation(g).unwrap().unwrap().head.seq);
    let frame = house
        .read(|organisation| answer(organisation, &actor(BEN), pull(Stream::Conversation(g), Some(Seq(1)))).unwrap());
    assert!(frame.encode().len() < PULL_BYTES_MAX + 4_096);
    let ServerFrame::Window { window, .. } = frame else { panic!("too many bytes for events") };
    let numbers: Vec<_> = window.items.iter().map(|item| item.seq.0).collect();
    assert_eq!(numbers, (window.from.0..=head.0).collect::<Vec<_>>());
    assert_eq!(numbers.len(), 5);
    for number in 1..=10 {
        house.apply(ADA, &edit(g, number, &format!("{text}y")));
    }
    let window = house.read(|organisation| window_of_ada(organisation, Some(head), WINDOW_ITEMS));
    assert_eq!((window.changed.len(), window.reset), (0, true));
}

/// The account stream of whoever has as many conversations as there may be is one frame, which a connection that waits
/// for nothing else can hold; and so is every answer after a cursor, however much an account has left.
#[test]
fn an_answer_about_the_account_is_bounded() {
    use fil_protocol::AccountChanges;
    use fil_protocol::limits::{CONVERSATIONS_MAX, PULL_ENTRIES_MAX};

    use crate::hub::connection::{BACKLOG_BYTES_MAX, PULLS_WAIT_BYTES};
    let mut house = House::new();
    fill_with_conversations(&mut house, BEN, CONVERSATIONS_MAX);
    let pulled = |house: &House, after: Option<u64>| -> AccountChanges {
        let frame = house
            .read(|organisation| answer(organisation, &actor(BEN), pull(Stream::Account, after.map(Seq))).unwrap());
        assert!(((frame.encode().len() as u64) + PULLS_WAIT_BYTES) < BACKLOG_BYTES_MAX / 2);
        let ServerFrame::Account(changes) = frame else { panic!("{frame:?}") };
        changes
    };
    let shape = |changes: AccountChanges| (changes.after, changes.rev, changes.full, changes.entries.len());
    let (rev, few) = (CONVERSATIONS_MAX as u64, PULL_ENTRIES_MAX as u64);
    assert_eq!(shape(pulled(&house, None)), (0, rev, true, CONVERSATIONS_MAX));
    assert_eq!(shape(pulled(&house, Some(rev - few))), (rev - few, rev, false, PULL_ENTRIES_MAX));
    assert_eq!(shape(pulled(&house, Some(rev - few - 1))), (0, rev, true, CONVERSATIONS_MAX));
    // What was left is news after a cursor, and nothing in the whole.
    house.write(|organisation| {
        for entry in organisation.entries(account(BEN)).unwrap() {
            let at = Position { seq: Seq(2), sent: 0 };
            let (conversation, role) = (entry.conversation, Role::Member);
            let left = Membership { conversation, account: account(BEN), member: false, role, at };
            organisation.set_membership(left).unwrap();
        }
    });
    assert_eq!(shape(pulled(&house, Some(2 * rev - 3))), (2 * rev - 3, 2 * rev, false, 3));
    assert_eq!(shape(pulled(&house, Some(rev))), (0, 2 * rev, true, 0));
}
