//! What every store promises. [`store_contract!`] makes the tests for one implementation from a function that gives an
//! empty store of epoch 1, with whatever keeps it alive.

mod sends;

use std::any::Any;

use fil_protocol::{
    AccountId, ConversationId, ConversationKind, ConversationRecord, ErrorCode, Event, EventBody, Head, Item, ItemBody,
    KnownEvent, Outcome, Position, ProtocolError, Role, Seq, Verdict,
};

use super::{
    Answer, InviteRow, Membership, OrganisationRow, OrganisationWriter, Store, StoreError, Transaction, nested,
    start_new_epoch,
};
use crate::testing::{
    ADA, BEN, EVE, MALLORY, NOW_MS, account, actor, epoch, generation, group, message, organisation, populate,
};

pub(super) use sends::a_send_is_seen_by_every_read_and_undone_with_its_part;

/// An empty store and what it lives in.
pub(super) type Made = (Box<dyn Store>, Box<dyn Any>);

/// Makes a test of each promise for one implementation.
macro_rules! store_contract {
    ($make:path: $($promise:ident)*) => {
        $(
            #[test]
            fn $promise() {
                let (mut store, _alive) = $make();
                $crate::store::contract::$promise(store.as_mut());
            }
        )*
    };
    ($make:path) => {
        $crate::store::contract::store_contract! { $make:
            only_a_commit_is_seen
            a_nested_part_is_undone_alone
            a_send_is_seen_by_every_read_and_undone_with_its_part
            the_horizon_counts_commits_that_change_conversations
            a_new_epoch_replaces_the_old_one
            a_mark_is_in_force_up_to_the_next_one
            organisations_are_unique
            an_organisation_sees_only_its_own
            accounts_are_found_by_handle_and_words_of_their_names
            devices_keep_their_refresh_counter_and_their_end
            numbers_belong_to_a_generation
            an_invite_is_used_once
            events_are_numbered_without_doubles
            items_come_in_pages_and_tell_what_touched_them
            search_follows_edits_deletions_and_membership
            members_take_the_next_revision
            answers_are_kept_until_forgotten
        }
    };
}
pub(super) use store_contract;

/// Runs something in a committed transaction.
fn write<T>(store: &mut dyn Store, number: u8, work: impl FnOnce(&dyn OrganisationWriter) -> T) -> T {
    let transaction = store.begin().unwrap();
    let writer = transaction.organisation(organisation(number)).unwrap();
    let value = work(writer.as_ref());
    drop(writer);
    transaction.commit().unwrap();
    value
}

fn record(number: u8) -> ConversationRecord {
    ConversationRecord { conversation: group(number), kind: ConversationKind::Group, title: Some("Crew".to_owned()) }
}

fn text_item(seq: u64, text: &str) -> Item {
    let id = message(u8::try_from(seq).unwrap());
    let body = ItemBody::Message { id, sent: seq, text: text.to_owned(), composed_at_ms: 1, edited: false };
    Item { seq: Seq(seq), rev: Seq(seq), at_ms: NOW_MS, author: account(ADA), body }
}

fn deleted_item(seq: u64, rev: u64) -> Item {
    let body = ItemBody::Deleted { id: message(u8::try_from(seq).unwrap()), sent: seq };
    Item { rev: Seq(rev), body, ..text_item(seq, "") }
}

fn text_event(seq: u64, text: &str) -> Event {
    let id = message(u8::try_from(seq).unwrap());
    let body = KnownEvent::Message { id, text: text.to_owned(), sent: seq, composed_at_ms: 1 };
    Event { seq: Seq(seq), at_ms: NOW_MS, author: account(ADA), body: EventBody::Known(body) }
}

fn join(writer: &dyn OrganisationWriter, conversation: ConversationId, account: AccountId, member: bool) -> u64 {
    let at = Position { seq: Seq(1), sent: 0 };
    writer.set_membership(Membership { conversation, account, member, role: Role::Member, at }).unwrap()
}

/// A snapshot shows what was committed when it began, and nothing else, as long as it lives.
pub(super) fn only_a_commit_is_seen(store: &mut dyn Store) {
    let mut reads = store.open_reads().unwrap();
    let row = OrganisationRow { id: organisation(1), slug: "one".to_owned(), name: "One".to_owned() };
    let transaction = store.begin().unwrap();
    transaction.create_organisation(&row).unwrap();
    assert_eq!(transaction.organisations().unwrap().len(), 1);
    assert_eq!(reads.snapshot().unwrap().organisations().unwrap().len(), 0);
    drop(transaction);
    assert_eq!(reads.snapshot().unwrap().organisations().unwrap().len(), 0, "a dropped transaction leaves nothing");

    let snapshot = reads.snapshot().unwrap();
    let transaction = store.begin().unwrap();
    transaction.create_organisation(&row).unwrap();
    transaction.commit().unwrap();
    assert_eq!(snapshot.organisations().unwrap().len(), 0, "a snapshot does not move");
    drop(snapshot);
    assert_eq!(reads.snapshot().unwrap().organisations().unwrap(), [row]);
}

/// Savepoints nest, and take the index of words with them.
pub(super) fn a_nested_part_is_undone_alone(store: &mut dyn Store) {
    populate(store);
    let transaction = store.begin().unwrap();
    let transaction_ref: &dyn Transaction = transaction.as_ref();
    let writer = transaction_ref.organisation(organisation(1)).unwrap();
    writer.create_conversation(&record(1)).unwrap();
    join(writer.as_ref(), group(1), account(ADA), true);
    let outer = nested(transaction_ref, || {
        writer.append_event(group(1), &text_event(1, "kept"))?;
        let failed = nested(transaction_ref, || {
            writer.append_event(group(1), &text_event(2, "failed"))?;
            Err::<((), bool), _>(StoreError::Missing("anything"))
        })?;
        assert!(matches!(failed, Err(StoreError::Missing("anything"))));
        let refused = nested(transaction_ref, || {
            writer.append_event(group(1), &text_event(3, "refused"))?;
            Ok(("no", false))
        })??;
        assert_eq!(refused, "no");
        // It may get the place that the undone ones had; their words must not be found in it.
        writer.append_event(group(1), &text_event(4, "later"))?;
        Ok(((), true))
    });
    outer.unwrap().unwrap();
    drop(writer);
    transaction.commit().unwrap();
    write(store, 1, |writer| {
        let items = writer.items_before(group(1), None, 10).unwrap();
        assert_eq!(items, [text_item(1, "kept"), text_item(4, "later")]);
        let found = |words: &str| writer.search(account(ADA), words, None, None, 10).unwrap().len();
        assert_eq!([found("kept"), found("later"), found("failed"), found("refused")], [1, 1, 0, 0]);
    });
}

pub(super) fn the_horizon_counts_commits_that_change_conversations(store: &mut dyn Store) {
    populate(store);
    let mut reads = store.open_reads().unwrap();
    let mut committed = || reads.snapshot().unwrap().committed_horizon().unwrap();
    assert_eq!(committed(), 0);
    let at = |seq| Position { seq: Seq(seq), sent: 0 };
    write(store, 1, |writer| {
        for number in [1, 2] {
            writer.create_conversation(&record(number)).unwrap();
            writer.advance(group(number), at(1), NOW_MS).unwrap();
        }
        assert_eq!(writer.horizon(), 1);
    });
    assert_eq!(committed(), 1);
    write(store, 1, |writer| writer.set_password_hash(account(ADA), "x").unwrap());
    assert_eq!(committed(), 1, "nothing in a conversation changed");
    write(store, 1, |writer| writer.advance(group(1), at(2), NOW_MS).unwrap());
    write(store, 1, |writer| {
        let changed = |number| writer.conversation(group(number)).unwrap().unwrap().changed;
        assert_eq!([changed(1), changed(2)], [2, 1]);
    });
    assert_eq!(committed(), 2);
}

pub(super) fn a_new_epoch_replaces_the_old_one(store: &mut dyn Store) {
    let mut reads = store.open_reads().unwrap();
    assert_eq!(reads.snapshot().unwrap().epoch().unwrap(), epoch(1));
    start_new_epoch(store, epoch(2)).unwrap();
    assert_eq!(reads.snapshot().unwrap().epoch().unwrap(), epoch(2));
}

/// A mark holds from its horizon on; it comes and goes with its transaction, which knows whether it moves the horizon.
/// Of old ones the newest stays.
pub(super) fn a_mark_is_in_force_up_to_the_next_one(store: &mut dyn Store) {
    populate(store);
    let mut reads = store.open_reads().unwrap();
    let mut in_force = |horizons: [u64; 4]| {
        let snapshot = reads.snapshot().unwrap();
        horizons.map(|horizon| snapshot.mark_at(horizon).unwrap())
    };
    let mark =
        |transaction: &dyn Transaction, horizon, mark, at_ms| transaction.add_mark(horizon, mark, at_ms).unwrap();
    assert_eq!(in_force([0, 1, 5, u64::MAX >> 11]), [None; 4]);
    let transaction = store.begin().unwrap();
    assert_eq!(transaction.new_horizon(), None);
    let writer = transaction.organisation(organisation(1)).unwrap();
    writer.create_conversation(&record(1)).unwrap();
    join(writer.as_ref(), group(1), account(ADA), true);
    assert_eq!(transaction.new_horizon(), Some(1), "the stream of an account changed");
    mark(transaction.as_ref(), 1, 10, 100);
    assert_eq!(transaction.mark_at(1).unwrap(), Some(10));
    drop(writer);
    drop(transaction);
    assert_eq!(in_force([0, 1, 5, 9]), [None; 4], "it was rolled back");

    let transaction = store.begin().unwrap();
    for (horizon, number, at_ms) in [(2, 20, 200), (5, 50, 500), (9, 90, 900)] {
        mark(transaction.as_ref(), horizon, number, at_ms);
    }
    transaction.commit().unwrap();
    assert_eq!(in_force([1, 2, 4, 5]), [None, Some(20), Some(20), Some(50)]);
    let mut forget = |before_ms| {
        let transaction = store.begin().unwrap();
        transaction.forget_marks(before_ms).unwrap();
        transaction.commit().unwrap();
    };
    forget(200);
    assert_eq!(in_force([2, 5, 8, 9]), [Some(20), Some(50), Some(50), Some(90)]);
    forget(201);
    assert_eq!(in_force([2, 5, 8, 9]), [None, Some(50), Some(50), Some(90)]);
    forget(10_000);
    assert_eq!(in_force([5, 8, 9, 10]), [None, None, Some(90), Some(90)]);
}

pub(super) fn organisations_are_unique(store: &mut dyn Store) {
    populate(store);
    let transaction = store.begin().unwrap();
    let same = |id, slug: &str| {
        transaction.create_organisation(&OrganisationRow { id, slug: slug.to_owned(), name: "x".to_owned() })
    };
    assert!(matches!(same(organisation(1), "other"), Err(StoreError::Exists(_))));
    assert!(matches!(same(organisation(8), "brigade"), Err(StoreError::Exists(_))));
    assert!(matches!(transaction.organisation(organisation(8)).map(drop), Err(StoreError::Missing(_))));
    let slugs: Vec<_> = transaction.organisations().unwrap().into_iter().map(|row| row.slug).collect();
    assert_eq!(slugs, ["brigade", "clinic"]);
    assert_eq!(transaction.organisation_by_slug("clinic").unwrap().map(|row| row.id), Some(organisation(2)));
    assert_eq!(transaction.organisation_by_slug("school").unwrap(), None);
    assert_eq!(transaction.owner_of_device(actor(MALLORY).device).unwrap(), Some(actor(MALLORY)));
}

/// Every read of the second organisation, with ids of the first, finds nothing.
pub(super) fn an_organisation_sees_only_its_own(store: &mut dyn Store) {
    populate(store);
    let (g, ada, device) = (group(1), account(ADA), actor(ADA).device);
    let invite = InviteRow { hash: [7; 32], account: ada, expires_at_ms: NOW_MS, used_at_ms: None };
    write(store, 1, |writer| {
        writer.create_conversation(&record(1)).unwrap();
        join(writer, g, ada, true);
        writer.append_event(g, &text_event(1, "secret")).unwrap();
        writer.record_deletion(g, Seq(1)).unwrap();
        writer.store_verdict(device, &Verdict { no: 1, outcome: Outcome::Applied { seq: Seq(1) } }).unwrap();
        writer.create_invite(&invite).unwrap();
        let answer = Answer { body_hash: [1; 32], result: Ok(Head { conversation: g, seq: Seq(1) }) };
        writer.store_answer(ada, "key", &answer, NOW_MS).unwrap();
    });
    let there = |writer: &dyn OrganisationWriter| {
        [
            writer.account(ada).unwrap().is_some(),
            writer.account_by_handle("ada").unwrap().is_some(),
            writer.find_accounts("ada", 5).unwrap().len() == 1,
            writer.accounts().unwrap().iter().any(|row| row.profile.account == ada),
            writer.account_rev(ada).is_ok(),
            writer.device(device).unwrap().is_some(),
            !writer.devices_of(ada).unwrap().is_empty(),
            writer.progress(device).unwrap().is_some(),
            writer.invite(&invite.hash).unwrap().is_some(),
            writer.conversation(g).unwrap().is_some(),
            !writer.conversations_of(ada).unwrap().is_empty(),
            writer.sent_up_to(g, Seq(9)).unwrap() == 1,
            !writer.deleted_between(g, Seq(0), Seq(9), 9).unwrap().is_empty(),
            writer.count_deleted_after(g, Seq(0)).unwrap() == 1,
            writer.member(g, ada).unwrap().is_some(),
            !writer.members(g).unwrap().is_empty(),
            writer.count_members(g).unwrap() == 1,
            writer.count_conversations(ada).unwrap() == 1,
            !writer.entries(ada).unwrap().is_empty(),
            !writer.entries_after(ada, 0, 9).unwrap().is_empty(),
            writer.event(g, Seq(1)).unwrap().is_some(),
            writer.events_after(g, Seq(0), 9, 9_999).unwrap().is_some_and(|events| !events.is_empty()),
            !writer.items_before(g, None, 9).unwrap().is_empty(),
            writer.message(g, message(1)).unwrap().is_some(),
            !writer.search(ada, "\"secret\" *", None, None, 9).unwrap().is_empty(),
            !writer.search(ada, "\"secret\" *", Some(g), None, 9).unwrap().is_empty(),
            writer.verdict(device, 1).unwrap().is_some(),
            !writer.verdicts_after(device, 0).unwrap().is_empty(),
            writer.answer(ada, "key").unwrap().is_some(),
        ]
    };
    write(store, 1, |writer| assert_eq!(there(writer), [true; 29]));
    write(store, 2, |writer| {
        assert_eq!(there(writer), [false; 29]);
        assert!(writer.set_password_hash(ada, "x").is_err());
        assert!(writer.set_disabled(ada, Some(1)).is_err());
        assert!(writer.revoke_device(device, 1).is_err());
        assert!(writer.start_generation(device, generation(1)).is_err());
        assert!(writer.set_refresh_counter(device, 5).is_err());
        assert!(writer.set_title(g, "Mine").is_err());
        assert!(writer.advance(g, Position::default(), 1).is_err());
        assert!(writer.bury_message(g, &deleted_item(1, 2)).is_err());
        assert!(writer.replace_item(g, &text_item(1, "changed")).is_err());
        assert_eq!(writer.use_invite(&invite.hash, 1).unwrap(), None);
    });
    write(store, 1, |writer| assert_eq!(there(writer), [true; 29]));
}

pub(super) fn accounts_are_found_by_handle_and_words_of_their_names(store: &mut dyn Store) {
    populate(store);
    write(store, 1, |writer| {
        let handles = |query: &str| -> Vec<String> {
            writer.find_accounts(query, 10).unwrap().into_iter().map(|profile| profile.handle).collect()
        };
        assert_eq!(handles(""), ["ada", "ben", "eve"]);
        assert_eq!(handles("AD"), ["ada"]);
        assert_eq!(handles("lovel"), ["ada"]);
        assert_eq!(handles("elu"), ["ben"]);
        assert_eq!(handles("ada love"), ["ada"]);
        assert_eq!(handles("lace"), [""; 0]);
        assert_eq!(handles("%"), [""; 0]);
        writer.set_disabled(account(ADA), Some(5)).unwrap();
        assert_eq!(handles("ada"), [""; 0]);
        let mut ada = writer.account_by_handle("ada").unwrap().unwrap();
        assert_eq!(ada.disabled_at_ms, Some(5));
        assert!(matches!(writer.create_account(&ada), Err(StoreError::Exists(_))));
        ada.profile.account = account(50);
        assert!(matches!(writer.create_account(&ada), Err(StoreError::Exists(_))), "the handle is taken");
        writer.set_disabled(account(ADA), None).unwrap();
        writer.set_password_hash(account(ADA), "hash").unwrap();
        let ada = writer.account(account(ADA)).unwrap().unwrap();
        assert_eq!((ada.disabled_at_ms, ada.password_hash.as_deref()), (None, Some("hash")));
    });
}

pub(super) fn devices_keep_their_refresh_counter_and_their_end(store: &mut dyn Store) {
    populate(store);
    let device = actor(ADA).device;
    write(store, 1, |writer| {
        let refresh = || {
            let row = writer.device(device).unwrap().unwrap();
            (row.refresh_counter, row.refresh_seen_at_ms)
        };
        assert_eq!(refresh(), (0, None));
        for (counter, at_ms) in [(1, NOW_MS + 1), (42, NOW_MS + 2), (7, NOW_MS)] {
            writer.set_refresh_counter(device, counter).unwrap();
            assert_eq!(refresh(), (counter, None));
            writer.set_refresh_seen(device, at_ms).unwrap();
            writer.set_refresh_seen(device, at_ms + 9).unwrap();
            assert_eq!(refresh(), (counter, Some(at_ms)), "the first time counts");
        }
        let other = writer.device(actor(BEN).device).unwrap().unwrap();
        assert_eq!(other.refresh_counter, 0, "each device has its own");
        let nobody = fil_protocol::DeviceId::from([99; 16]);
        assert!(matches!(writer.set_refresh_counter(nobody, 1), Err(StoreError::Missing(_))));
        assert!(writer.progress(device).unwrap().unwrap().active);
        writer.revoke_device(device, NOW_MS + 3).unwrap();
        writer.revoke_device(device, NOW_MS + 4).unwrap();
        assert_eq!(writer.device(device).unwrap().unwrap().revoked_at_ms, Some(NOW_MS + 3));
        assert!(!writer.progress(device).unwrap().unwrap().active);
        assert_eq!(writer.devices_of(account(ADA)).unwrap(), []);
    });
}

pub(super) fn numbers_belong_to_a_generation(store: &mut dyn Store) {
    populate(store);
    let device = actor(ADA).device;
    let verdict = |no| Verdict { no, outcome: Outcome::Rejected { code: ErrorCode::Forbidden } };
    write(store, 1, |writer| {
        assert_eq!(writer.progress(device).unwrap().unwrap().generation, None);
        writer.start_generation(device, generation(1)).unwrap();
        for no in 1..=3 {
            writer.store_verdict(device, &verdict(no)).unwrap();
            writer.set_applied(device, no).unwrap();
        }
        assert!(matches!(writer.store_verdict(device, &verdict(3)), Err(StoreError::Exists(_))));
        writer.acknowledge(device, 2).unwrap();
        writer.acknowledge(device, 1).unwrap();
        assert_eq!(writer.verdicts_after(device, 0).unwrap(), [verdict(3)]);
        assert_eq!(writer.verdict(device, 2).unwrap(), None);
        writer.acknowledge(device, 99).unwrap();
        let progress = writer.progress(device).unwrap().unwrap();
        assert_eq!((progress.applied, progress.acknowledged), (3, 3));
        writer.start_generation(device, generation(2)).unwrap();
        let progress = writer.progress(device).unwrap().unwrap();
        assert_eq!((progress.generation, progress.applied, progress.acknowledged), (Some(generation(2)), 0, 0));
        writer.store_verdict(device, &verdict(1)).unwrap();
    });
}

pub(super) fn an_invite_is_used_once(store: &mut dyn Store) {
    populate(store);
    let invite =
        |hash: u8, who| InviteRow { hash: [hash; 32], account: account(who), expires_at_ms: NOW_MS, used_at_ms: None };
    write(store, 1, |writer| {
        for (hash, who) in [(1, ADA), (2, ADA), (3, BEN)] {
            writer.create_invite(&invite(hash, who)).unwrap();
        }
        assert_eq!(writer.use_invite(&[1; 32], 1).unwrap(), None, "the second invite replaced the first");
        assert_eq!(writer.use_invite(&[2; 32], NOW_MS).unwrap(), None, "expired");
        assert_eq!(writer.use_invite(&[2; 32], NOW_MS - 1).unwrap(), Some(account(ADA)));
        assert_eq!(writer.use_invite(&[2; 32], NOW_MS - 1).unwrap(), None, "used");
        assert_eq!(writer.invite(&[2; 32]).unwrap().unwrap().used_at_ms, Some(NOW_MS - 1));
    });
    let transaction = store.begin().unwrap();
    assert_eq!(transaction.organisation_of_invite(&[3; 32]).unwrap(), Some(organisation(1)));
    assert_eq!(transaction.organisation_of_invite(&[9; 32]).unwrap(), None);
}

pub(super) fn events_are_numbered_without_doubles(store: &mut dyn Store) {
    populate(store);
    let g = group(1);
    write(store, 1, |writer| {
        assert!(writer.append_event(g, &text_event(1, "no conversation")).is_err());
        writer.create_conversation(&record(1)).unwrap();
        for seq in 1..=5 {
            writer.append_event(g, &text_event(seq, &"x".repeat(1_000))).unwrap();
        }
        assert!(matches!(writer.append_event(g, &text_event(5, "twice")), Err(StoreError::Exists(_))));
        let count = |after, events_max, bytes_max| {
            writer.events_after(g, Seq(after), events_max, bytes_max).unwrap().map(|events| events.len())
        };
        assert_eq!(count(0, 5, 10_000), Some(5));
        assert_eq!(count(0, 4, 10_000), None);
        assert_eq!(count(1, 4, 10_000), Some(4));
        assert_eq!(count(0, 5, 5_000), None);
        assert_eq!(count(5, 0, 0), Some(0));
        assert_eq!(writer.event(g, Seq(2)).unwrap(), Some(text_event(2, &"x".repeat(1_000))));
        assert_eq!(writer.event(g, Seq(9)).unwrap(), None);
        let text = "y".to_owned();
        let edit = KnownEvent::Edit { message: message(2), target: Seq(2), text };
        writer.append_event(g, &Event { seq: Seq(6), body: EventBody::Known(edit), ..text_event(6, "") }).unwrap();
        writer.bury_message(g, &deleted_item(2, 6)).unwrap();
        let body = |seq| writer.event(g, Seq(seq)).unwrap().unwrap().body;
        let id = message(2);
        assert_eq!(body(2), EventBody::Known(KnownEvent::Tombstone { message: id, sent: Some(2) }));
        assert_eq!(body(6), EventBody::Known(KnownEvent::Tombstone { message: id, sent: None }));
        let unknown = EventBody::Unknown(serde_json::json!({ "type": "reaction", "emoji": "🔥" }));
        writer.append_event(g, &Event { seq: Seq(7), body: unknown.clone(), ..text_event(7, "") }).unwrap();
        assert_eq!(body(7), unknown);
    });
}

pub(super) fn items_come_in_pages_and_tell_what_touched_them(store: &mut dyn Store) {
    populate(store);
    let g = group(1);
    write(store, 1, |writer| {
        writer.create_conversation(&record(1)).unwrap();
        for seq in [2, 3, 5, 8] {
            writer.append_event(g, &text_event(seq, "text")).unwrap();
        }
        assert!(matches!(writer.append_event(g, &text_event(8, "twice")), Err(StoreError::Exists(_))));
        let page = |before: Option<u64>, items_max| -> Vec<u64> {
            let items = writer.items_before(g, before.map(Seq), items_max).unwrap();
            items.into_iter().map(|item| item.seq.0).collect()
        };
        assert_eq!(page(None, 3), [3, 5, 8]);
        assert_eq!(page(Some(3), 3), [2]);
        assert_eq!(page(Some(8), 2), [3, 5]);
        writer.replace_item(g, &Item { rev: Seq(9), ..text_item(5, "edited") }).unwrap();
        writer.replace_item(g, &Item { rev: Seq(10), ..text_item(2, "edited") }).unwrap();
        let touched = |since, below, items_max| -> Vec<u64> {
            let items = writer.items_touched(g, Seq(since), Seq(below), items_max).unwrap();
            items.into_iter().map(|item| item.seq.0).collect()
        };
        assert_eq!(touched(0, 99, 9), [2, 5]);
        assert_eq!(touched(9, 99, 9), [2]);
        assert_eq!(touched(0, 5, 9), [2]);
        assert_eq!(touched(0, 99, 1), [5]);
        assert_eq!(writer.message(g, message(5)).unwrap().unwrap().rev, Seq(9));
        assert_eq!(writer.message(g, message(9)).unwrap(), None);
        assert_eq!([1, 2, 4, 9].map(|seq| writer.sent_up_to(g, Seq(seq)).unwrap()), [0, 2, 3, 8]);
        for seq in [3, 5] {
            writer.record_deletion(g, Seq(seq)).unwrap();
        }
        assert_eq!(writer.deleted_between(g, Seq(0), Seq(5), 9).unwrap(), [Seq(3)]);
        assert_eq!(writer.deleted_between(g, Seq(3), Seq(9), 9).unwrap(), [Seq(5)]);
        assert_eq!(writer.deleted_between(g, Seq(0), Seq(9), 2).unwrap(), [Seq(3), Seq(5)]);
        assert_eq!(writer.deleted_between(g, Seq(0), Seq(9), 1).unwrap(), [Seq(5)], "the newest");
        assert_eq!([0, 3, 5].map(|seq| writer.count_deleted_after(g, Seq(seq)).unwrap()), [2, 1, 0]);
    });
}

pub(super) fn search_follows_edits_deletions_and_membership(store: &mut dyn Store) {
    populate(store);
    write(store, 1, |writer| {
        for number in [1, 2] {
            writer.create_conversation(&record(number)).unwrap();
            join(writer, group(number), account(ADA), true);
        }
        join(writer, group(1), account(BEN), true);
        let texts = ["the red Éléphant", "a red balloon", "東京都に行く", "elephants never forget"];
        for (index, text) in texts.iter().enumerate() {
            writer.append_event(group(1), &text_event(index as u64 + 1, text)).unwrap();
        }
        writer.append_event(group(2), &text_event(9, "red in another group")).unwrap();
    });
    let found = |store: &mut dyn Store, who, query: &str, conversation: Option<u8>| -> Vec<u64> {
        write(store, 1, |writer| {
            let hits = writer.search(account(who), query, conversation.map(group), None, 10).unwrap();
            hits.into_iter().map(|hit| hit.item.seq.0).collect()
        })
    };
    assert_eq!(found(store, ADA, "red", None), [9, 2, 1]);
    assert_eq!(found(store, ADA, "red", Some(1)), [2, 1]);
    assert_eq!(found(store, BEN, "red", None), [2, 1]);
    assert_eq!(found(store, BEN, "red", Some(2)), [0; 0]);
    assert_eq!(found(store, EVE, "red", None), [0; 0]);
    assert_eq!(found(store, BEN, "elephant", None), [4, 1]);
    assert_eq!(found(store, BEN, "elephant red", None), [1]);
    assert_eq!(found(store, BEN, "京都", None), [3]);
    assert_eq!(found(store, BEN, "\" OR * (", None).len(), 0);
    assert_eq!(found(store, BEN, "c01", None), [0; 0], "the scope is not part of the text");
    write(store, 1, |writer| {
        let page = writer.search(account(ADA), "red", None, None, 2).unwrap();
        let rest = writer.search(account(ADA), "red", None, Some(page[1].number), 2).unwrap();
        assert_eq!((page[0].item.seq, page[1].item.seq, rest[0].item.seq), (Seq(9), Seq(2), Seq(1)));
        writer.replace_item(group(1), &Item { rev: Seq(5), ..text_item(2, "a blue balloon") }).unwrap();
        writer.bury_message(group(1), &deleted_item(1, 6)).unwrap();
    });
    assert_eq!(found(store, ADA, "red", None), [9]);
    assert_eq!(found(store, ADA, "blue", None), [2]);
    assert_eq!(found(store, ADA, "elephant", None), [4]);
    write(store, 1, |writer| join(writer, group(1), account(BEN), false));
    assert_eq!(found(store, BEN, "blue", None), [0; 0]);
}

pub(super) fn members_take_the_next_revision(store: &mut dyn Store) {
    populate(store);
    let (g, ben) = (group(1), account(BEN));
    write(store, 1, |writer| {
        writer.create_conversation(&record(1)).unwrap();
        writer.create_conversation(&record(2)).unwrap();
        assert_eq!([join(writer, g, ben, true), join(writer, group(2), ben, true)], [1, 2]);
        assert_eq!(join(writer, g, account(ADA), true), 1);
        assert_eq!(
            writer.members(g).unwrap().iter().map(|member| member.account()).collect::<Vec<_>>(),
            [account(ADA), ben]
        );
        let read = Position { seq: Seq(7), sent: 4 };
        assert_eq!(writer.set_read(g, ben, read).unwrap(), 3);
        assert!(writer.set_read(g, account(EVE), read).is_err(), "no member");
        assert_eq!(join(writer, g, ben, false), 4);
        let row = writer.member(g, ben).unwrap().unwrap();
        assert_eq!((row.member, row.read, row.rev, row.since), (false, read, 4, Seq(1)));
        assert_eq!((writer.count_members(g).unwrap(), writer.account_rev(ben).unwrap()), (1, 4));
        let entries = |after| -> Vec<(ConversationId, bool)> {
            let entries = writer.entries_after(ben, after, 9).unwrap();
            entries.into_iter().map(|entry| (entry.conversation, entry.member)).collect()
        };
        assert_eq!(entries(0), [(group(2), true), (g, false)]);
        assert_eq!(entries(2), [(g, false)]);
        assert_eq!(entries(4), []);
        assert_eq!(writer.entries_after(ben, 0, 1).unwrap()[0].conversation, group(2), "the oldest first");
        let whole: Vec<_> = writer.entries(ben).unwrap().into_iter().map(|entry| entry.conversation).collect();
        assert_eq!((whole, writer.count_conversations(ben).unwrap()), (vec![group(2)], 1));
        let mine: Vec<_> = writer.conversations_of(ben).unwrap().into_iter().map(|(row, _)| row.record).collect();
        assert_eq!(mine, [record(2)]);
    });
}

pub(super) fn answers_are_kept_until_forgotten(store: &mut dyn Store) {
    populate(store);
    let ada = account(ADA);
    let applied = Answer { body_hash: [1; 32], result: Ok(Head { conversation: group(1), seq: Seq(3) }) };
    let refused =
        Answer { body_hash: [2; 32], result: Err(ProtocolError::new(ErrorCode::Invalid, "the text is empty")) };
    write(store, 1, |writer| {
        writer.store_answer(ada, "one", &applied, 10).unwrap();
        writer.store_answer(ada, "two", &refused, 20).unwrap();
        assert!(matches!(writer.store_answer(ada, "two", &applied, 30), Err(StoreError::Exists(_))));
        assert_eq!(writer.answer(ada, "one").unwrap(), Some(applied));
        assert_eq!(writer.answer(ada, "two").unwrap(), Some(refused));
        assert_eq!(writer.answer(account(BEN), "two").unwrap(), None);
        writer.forget_answers(20).unwrap();
        assert_eq!(writer.answer(ada, "one").unwrap(), None);
        assert!(writer.answer(ada, "two").unwrap().is_some());
    });
}
