//! The outbox by itself; what it does together with the rest is in the scenarios.

use super::*;

/// A long outbox leaves at the pace at which the server takes frames, so few of them may be anything but commands.
/// Counts the frames of 320 messages whose verdicts come one by one; in the end everything is acknowledged.
#[test]
fn a_long_outbox_is_acknowledged_in_few_frames() {
    let (generation, conversation) = (Generation::from([1; 16]), ConversationId::from([2; 16]));
    let rows = (1..=320u64).map(|number| {
        let message = MessageId::from_parts(number, &[0; 10]);
        let command = Command::SendMessage { conversation, message, text: "text".into(), composed_at_ms: 0 };
        Row { row: RowId(number as i64), no: None, command, transmitted: false }
    });
    let kept = Kept { generation, epoch: None, last_no: 0, acknowledged: 0, rows: rows.collect() };
    let mut outbox = Outbox::new(kept);
    let (now, jitter, mut actions) = (Now::default(), &mut Jitter::new(1), Vec::new());
    outbox.begin(now, 0, jitter, &mut actions);
    for no in 1..=320 {
        outbox.settle(now, &Verdict { no, outcome: Outcome::Applied { seq: Seq(no) } }, &mut actions);
        outbox.finish(&mut actions);
    }
    let frames = actions.iter().filter(|action| matches!(action, Action::Send(_))).count();
    assert_eq!(frames, 320 + 320 / ACKNOWLEDGE_EVERY as usize);
    let last = actions.iter().rev().find(|action| matches!(action, Action::Send(ClientFrame::Acknowledge { .. })));
    assert_eq!(last, Some(&Action::Send(ClientFrame::Acknowledge { no: 320 })));
}
