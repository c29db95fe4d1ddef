//! Scenarios as data: a script of inputs, and the transcript of what the engine wanted, reviewed like a chat.
//!
//! Each file in `scripts/` is one scenario. A line is one input (see `script.rs` for the words), `#` begins a remark.
//! The transcript shows every input with the actions that followed it; the snapshots are the expectations.

mod script;
mod transcript;

use fil_engine::outbox::Kept;
use fil_engine::sync::Cursors;
use fil_engine::{Engine, Snapshot};
use fil_protocol::Generation;

/// Plays a script on an engine with empty databases.
fn play(script: &str) -> String {
    let outbox =
        Kept { generation: Generation::from([1; 16]), epoch: None, last_no: 0, acknowledged: 0, rows: Vec::new() };
    let snapshot = Snapshot { outbox, cursors: Cursors::default(), read_marks: Vec::new() };
    let mut player = script::Player::default();
    let mut engine = Engine::new("scenario", snapshot, 7, player.now());
    let mut lines = Vec::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        lines.push(line.to_owned());
        if line.starts_with('#') {
            continue;
        }
        let input = player.read(line);
        let actions = engine.step(player.now(), input);
        lines.extend(actions.iter().map(|action| format!("    {}", transcript::line(action))));
    }
    lines.join("\n")
}

macro_rules! scenarios {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $(
            $(#[$doc])*
            #[test]
            fn $name() {
                insta::assert_snapshot!(play(include_str!(concat!("scripts/", stringify!($name), ".txt"))));
            }
        )*
    };
}

scenarios! {
    /// Row 11 of the failure catalogue: the answer is lost, the command is sent again under its number.
    a_lost_answer_sends_the_same_number_again
    /// Rows 17, 23, 24: a rejection consumes its number, stays visible, and blocks nothing.
    a_rejection_blocks_nothing
    /// An edit or deletion of something unsent changes its row; after transmission it queues behind.
    changes_to_unsent_messages_are_folded
    /// Row 1: the last push of a burst is lost, and the heartbeat names the head.
    a_lost_last_push_is_found_by_the_heartbeat
    /// A gap is held for 300 ms, then pulled; it never costs the connection.
    a_gap_is_held_and_then_pulled
    /// Rows 26 and 50: a restored server has another epoch; the journal is offered again under the same numbers.
    a_restored_server_is_offered_the_journal
    /// Rows 26 and 50: an older copy under the same epoch is noticed, and treated like another epoch.
    a_server_put_back_by_hand_is_offered_the_journal
    /// Row 50: the same, long after: the server has counted past everything that was seen, and says so by a stamp.
    a_server_that_counted_on_from_an_older_copy_is_found_out
    /// Row 50: it says so until the journal is in the outbox, however often it is interrupted.
    a_crash_before_the_journal_is_offered_forgets_nothing
    /// Row 50: which stamp that is: the newest one that came with anything, and none of another server or history.
    a_stamp_is_the_newest_that_was_heard
    /// Row 50: the same, noticed by the device's own numbers alone.
    lost_numbers_alone_show_a_server_that_was_put_back
    /// Found by the simulation (seed 9361): the verdicts before the one that the server has lost were still missing.
    a_lost_number_counts_though_earlier_verdicts_are_missing
    /// Row 50: whoever comes back first after a restore waits for the one who began the conversation.
    what_was_written_in_a_lost_conversation_waits_for_it
    /// The journal of an earlier generation has no numbers that the restored server could know: new ones are given.
    a_journal_of_an_earlier_generation_is_offered_too
    /// Found by the simulation (seed 107): the number of a refused command was left out after a restore, and what followed
    /// it was out of order.
    a_refused_number_at_the_end_is_not_left_out
    /// Found by the simulation (seed 516): the connection broke before the journal was offered, and the next hello said what
    /// was acknowledged in the history before, as if it were of the new one.
    what_was_acknowledged_in_another_history_is_not_said
    /// On a slow line an answer that comes late must not be asked for again for ever.
    a_late_answer_is_taken_all_the_same
    /// A database that is older than what the server has seen starts a new generation of numbers.
    numbers_that_cannot_continue_start_again
    /// Found by the simulation (seeds 46, 80, 126): a verdict that was lost must not be acknowledged by a later one.
    verdicts_may_come_out_of_order
    /// Found by the simulation (seed 139): a read mark that was lost on a connection that lives on.
    an_unconfirmed_read_mark_is_sent_again
    /// Row 27: a server that answers nonsense is asked less and less.
    a_lying_server_is_left_alone
    /// Row 31: read marks wait until everything is here, and are coalesced.
    read_marks_wait_until_caught_up
    /// Row 37: a conversation that was taken away leaves no trace.
    a_lost_membership_leaves_no_trace
    /// Found by the simulation (seeds 304 and 332): where a conversation was taken away before the verdict came, the journal
    /// would have kept it in the list for a week.
    a_verdict_after_the_end_leaves_no_trace
    /// A message that has lost its number to a new generation may have been applied: its deletion queues behind it.
    what_was_transmitted_is_not_taken_back
    /// Found by the simulation (seed 958): a late push of a conversation that is gone kept the client catching up for ever.
    a_push_after_the_end_is_not_waited_for
    /// The conversation on screen goes first, the others newest first, four at a time.
    pulls_follow_the_person
}
