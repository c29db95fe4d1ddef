//! Unread is arithmetic on positions, the same function on both sides.
//!
//! Every message carries its ordinal (`sent`: how many messages the conversation had when it was sent, itself
//! included). An ordinal never changes, so a read position `(seq, sent)` needs no correction when something before
//! it is deleted. Only messages deleted *after* the read position must be taken off, and those are few and indexed.
//! Own messages need no rule: sending moves the sender's read position to the message sent.

use crate::Position;

/// Messages after the read position that still exist.
///
/// `deleted_between` is the number of deleted messages with a `seq` in `(read.seq, head.seq]`.
pub fn unread(head: Position, read: Position, deleted_between: u64) -> u64 {
    if read.seq >= head.seq {
        return 0;
    }
    head.sent.saturating_sub(read.sent).saturating_sub(deleted_between)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Seq;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Send,
        Notice,
        Delete(prop::sample::Index),
        Read(prop::sample::Index),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => Just(Step::Send),
            1 => Just(Step::Notice),
            2 => any::<prop::sample::Index>().prop_map(Step::Delete),
            2 => any::<prop::sample::Index>().prop_map(Step::Read),
        ];
        prop::collection::vec(step, 0..120)
    }

    proptest! {
        /// Row 30 of the failure catalogue: wrong or stuck unread counts. Proved against a recount of the whole log
        /// after every step, with deletions before and after the read position.
        #[test]
        fn the_formula_equals_a_recount(steps in steps()) {
            // The log: per event whether it is a message and whether it still exists.
            let mut log: Vec<(bool, bool)> = Vec::new();
            let mut read = Position::default();
            for step in steps {
                match step {
                    Step::Send => log.push((true, true)),
                    Step::Notice => log.push((false, true)),
                    Step::Delete(index) if !log.is_empty() => {
                        let at = index.index(log.len());
                        if log[at].0 {
                            log[at].1 = false;
                        }
                        log.push((false, true));
                    }
                    Step::Read(index) if !log.is_empty() => {
                        let seq = index.index(log.len()) as u64 + 1;
                        if seq > read.seq.0 {
                            let sent = log[..seq as usize].iter().filter(|event| event.0).count() as u64;
                            read = Position { seq: Seq(seq), sent };
                        }
                    }
                    Step::Delete(_) | Step::Read(_) => {}
                }
                let after = &log[read.seq.0 as usize..];
                let recount = after.iter().filter(|event| event.0 && event.1).count() as u64;
                let deleted = after.iter().filter(|event| event.0 && !event.1).count() as u64;
                let head = Position {
                    seq: Seq(log.len() as u64),
                    sent: log.iter().filter(|event| event.0).count() as u64,
                };
                prop_assert_eq!(unread(head, read, deleted), recount);
            }
        }
    }
}
