//! What a store promises about the writes of a send, which it may keep back until the commit.

use fil_protocol::{Outcome, Position, Seq, Verdict};

use super::{join, record, text_event, write};
use crate::store::{OrganisationWriter, Store, nested};
use crate::testing::{ADA, NOW_MS, account, actor, generation, group, message, organisation, populate};

/// The writes of a send, in parts that are kept and undone, with reads of every kind between them: a store may keep
/// writes back, but not so that anybody notices.
pub(in crate::store) fn a_send_is_seen_by_every_read_and_undone_with_its_part(store: &mut dyn Store) {
    populate(store);
    let (g, ada, device) = (group(1), account(ADA), actor(ADA).device);
    write(store, 1, |writer| {
        writer.create_conversation(&record(1)).unwrap();
        join(writer, g, ada, true);
        writer.start_generation(device, generation(1)).unwrap();
    });
    let send = |writer: &dyn OrganisationWriter, seq: u64| {
        let head = Position { seq: Seq(seq), sent: seq };
        assert_eq!(writer.conversation(g).unwrap().unwrap().head.seq, Seq(seq - 1));
        assert_eq!(writer.message(g, message(u8::try_from(seq).unwrap())).unwrap(), None);
        writer.append_event(g, &text_event(seq, "text")).unwrap();
        writer.advance(g, head, NOW_MS).unwrap();
        assert_eq!(writer.set_read(g, ada, head).unwrap(), seq + 1);
        writer.store_verdict(device, &Verdict { no: seq, outcome: Outcome::Applied { seq: Seq(seq) } }).unwrap();
        writer.set_applied(device, seq).unwrap();
        writer.acknowledge(device, seq - 1).unwrap();
    };
    // Looked up row by row, and by questions over many rows.
    let check = |writer: &dyn OrganisationWriter, seq: u64, everything: bool| {
        assert_eq!(writer.conversation(g).unwrap().unwrap().head.seq, Seq(seq));
        assert_eq!(writer.member(g, ada).unwrap().unwrap().read.seq, Seq(seq));
        assert_eq!(writer.account_rev(ada).unwrap(), seq + 1);
        let progress = writer.progress(device).unwrap().unwrap();
        assert_eq!((progress.applied, progress.acknowledged), (seq, seq - 1));
        let newest = message(u8::try_from(seq).unwrap());
        assert_eq!(writer.message(g, newest).unwrap().map(|item| item.seq), Some(Seq(seq)));
        if everything {
            let numbers: Vec<u64> = (1..=seq).collect();
            let events = writer.events_after(g, Seq(0), 99, 99_999).unwrap().unwrap();
            assert_eq!(events.iter().map(|event| event.seq.0).collect::<Vec<_>>(), numbers);
            let items = writer.items_before(g, None, 99).unwrap();
            assert_eq!(items.iter().map(|item| item.seq.0).collect::<Vec<_>>(), numbers);
            assert_eq!(writer.conversations_of(ada).unwrap()[0].0.head.seq, Seq(seq));
            assert_eq!(writer.entries_after(ada, seq, 9).unwrap().len(), 1);
            let verdicts = writer.verdicts_after(device, 0).unwrap();
            assert_eq!(verdicts.iter().map(|verdict| verdict.no).collect::<Vec<_>>(), [seq]);
        }
    };
    for everything in [false, true] {
        let transaction = store.begin().unwrap();
        let nest = transaction.as_ref();
        let organisation_1 = nest.organisation(organisation(1)).unwrap();
        let writer = organisation_1.as_ref();
        let first = if everything { 4 } else { 1 };
        send(writer, first);
        let kept = nested(nest, || {
            send(writer, first + 1);
            check(writer, first + 1, everything);
            let undone = nested(nest, || {
                send(writer, first + 2);
                check(writer, first + 2, everything);
                Ok(((), false))
            });
            undone.unwrap().unwrap();
            check(writer, first + 1, everything);
            Ok(((), true))
        });
        kept.unwrap().unwrap();
        check(writer, first + 1, everything);
        // A write of another kind inside a part that is undone, after a send that is kept.
        send(writer, first + 2);
        let undone = nested(nest, || {
            writer.set_title(g, "Other")?;
            send(writer, first + 3);
            check(writer, first + 3, everything);
            Ok(((), false))
        });
        undone.unwrap().unwrap();
        check(writer, first + 2, true);
        assert_eq!(writer.conversation(g).unwrap().unwrap().record, record(1));
        drop(organisation_1);
        drop(transaction);
        write(store, 1, |writer| assert_eq!(writer.conversation(g).unwrap().unwrap().head.seq, Seq(first - 1)));
        let transaction = store.begin().unwrap();
        let writer = transaction.organisation(organisation(1)).unwrap();
        (first..first + 3).for_each(|seq| send(writer.as_ref(), seq));
        drop(writer);
        transaction.commit().unwrap();
        write(store, 1, |writer| check(writer, first + 2, true));
    }
}
