//! Commands exactly once, over the socket and over HTTP, and read positions.

use fil_protocol::{
    AccountEntry, ClientFrame, Command, ErrorCode, Hello, KnownAccountEntry, Outcome, Position, RawCommand, Seq,
    ServerFrame,
};

use super::stage::{Stage, disconnected, frame, hello, hello_again, http, numbered, script};
use crate::node::commands::VERDICTS_UNACKNOWLEDGED_MAX;
use crate::node::{ANSWERS_KEPT_MS, Input};
use crate::testing::{ADA, BEN, actor, create_direct, create_group, direct, generation, group, message, rename, send};

/// Row 14 of the failure catalogue: a number is applied once, answered again with its stored verdict however late it comes
/// again, and never skipped.
#[test]
fn a_number_is_applied_once_and_answered_again() {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    let d = direct(ADA, BEN);
    stage.step(vec![
        numbered(1, 1, create_direct(ADA, BEN)),
        numbered(1, 2, send(d, 1, "hello")),
        numbered(1, 2, send(d, 2, "another under the same number")),
        numbered(1, 1, create_direct(ADA, BEN)),
        numbered(1, 3, send(d, 9, " ")),
        numbered(1, 4, send(d, 3, "after the rejected one")),
    ]);
    let verdicts: Vec<_> = script(&stage.hear(1)).into_iter().filter(|line| line.starts_with("verdict")).collect();
    assert_eq!(
        verdicts,
        [
            "verdict 1 applied 1",
            "verdict 2 applied 2",
            "verdict 2 applied 2",
            "verdict 1 applied 1",
            "verdict 3 rejected Invalid",
            "verdict 4 applied 3"
        ]
    );
    stage.step(vec![numbered(1, 6, send(d, 4, "a hole")), numbered(1, 5, send(d, 5, "not looked at any more"))]);
    assert_eq!(script(&stage.hear(1)), ["error OutOfOrder"]);
    assert_eq!(stage.closed[&1].1, ErrorCode::OutOfOrder);
    let again = stage.join(2, ADA);
    assert_eq!((again.applied, again.verdicts.len()), (4, 4));
}

/// Acknowledged verdicts are forgotten, and their numbers stay applied.
#[test]
fn acknowledged_verdicts_are_not_kept() {
    let mut stage = Stage::new();
    let first = stage.join(1, ADA);
    let d = direct(ADA, BEN);
    stage.run(1, create_direct(ADA, BEN));
    stage.run(1, send(d, 1, "one"));
    stage.run(1, send(d, 2, "two"));
    stage.hear(1);
    stage.step(vec![frame(1, ClientFrame::Acknowledge { no: 1 }), numbered(1, 1, create_direct(ADA, BEN))]);
    assert_eq!(stage.hear(1), []);
    stage.step(vec![disconnected(1)]);
    let back = stage.join_with(2, ADA, hello_again(generation(ADA), first.epoch, 0, 2));
    assert_eq!((back.applied, back.verdicts.iter().map(|verdict| verdict.no).collect::<Vec<_>>()), (3, vec![3]));
    stage.step(vec![frame(2, ClientFrame::Acknowledge { no: 99 })]);
    assert_eq!(stage.run(2, send(d, 3, "three")), Outcome::Applied { seq: Seq(4) });
}

/// What was acknowledged in another history proves nothing here: the verdicts are all offered.
#[test]
fn an_acknowledgement_of_another_epoch_forgets_nothing() {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    stage.run(1, create_direct(ADA, BEN));
    let elsewhere = crate::testing::epoch(77);
    let welcome = stage.join_with(2, ADA, hello_again(generation(ADA), elsewhere, 0, 1));
    assert_eq!(welcome.verdicts.len(), 1);
}

/// Another generation begins from nothing; the connection before it is gone, and its numbers are no longer taken.
#[test]
fn another_generation_begins_from_nothing() {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    stage.run(1, create_group(1, "Crew", &[]));
    let welcome = stage.join_with(2, ADA, hello(generation(50)));
    assert_eq!((welcome.applied, welcome.verdicts.len()), (0, 0));
    assert_eq!(stage.closed[&1].1, ErrorCode::Unavailable);
    stage.step(vec![numbered(1, 1, rename(group(1), "From the old connection"))]);
    assert_eq!(stage.run(2, rename(group(1), "From the new one")), Outcome::Applied { seq: Seq(2) });
}

/// Connecting writes nothing, whatever generation it names: the next one begins with its first command. A device that
/// goes back to its generation before that finds it as it was.
#[test]
fn a_generation_begins_with_its_first_command() {
    let mut stage = Stage::new();
    let first = stage.join(1, ADA);
    stage.run(1, create_group(1, "Crew", &[]));
    let before = stage.dump();
    let welcome = stage.join_with(2, ADA, hello(generation(50)));
    assert_eq!((welcome.applied, welcome.verdicts.len()), (0, 0));
    // There is no verdict yet, and what is acknowledged is not one of the generation before.
    stage.step(vec![frame(2, ClientFrame::Acknowledge { no: 1 })]);
    let back = stage.join_with(3, ADA, hello_again(generation(ADA), first.epoch, 0, 0));
    assert_eq!((back.applied, back.verdicts.len()), (1, 1));
    assert_eq!(stage.dump(), before);
    stage.join_with(4, ADA, hello(generation(50)));
    stage.step(vec![numbered(4, 2, rename(group(1), "Out of order"))]);
    assert_eq!(stage.closed[&4].1, ErrorCode::OutOfOrder);
    assert_eq!(stage.dump(), before);
    stage.join_with(5, ADA, hello(generation(50)));
    assert_eq!(stage.run(5, rename(group(1), "Another")), Outcome::Applied { seq: Seq(2) });
    let back = stage.join_with(6, ADA, hello_again(generation(ADA), first.epoch, 0, 0));
    assert_eq!((back.applied, back.verdicts.len()), (0, 0));
}

/// Two connections of a device, in one batch, each with a generation that has not begun: the one that said hello last begins
/// its own, and the numbers of the other are refused, whoever sends first. Otherwise each would make the other's count from 1
/// again.
#[test]
fn of_two_generations_that_may_begin_the_newest_does() {
    for older_first in [true, false] {
        let mut stage = Stage::new();
        stage.join(1, ADA);
        let connected = stage.connected(2, actor(ADA));
        let mut inputs = vec![connected, frame(2, ClientFrame::Hello(hello(generation(50))))];
        inputs.push(numbered(2, 1, create_group(1, "Crew", &[])));
        inputs.insert(if older_first { 2 } else { 3 }, numbered(1, 1, create_group(2, "Too late", &[])));
        inputs.push(numbered(2, 2, rename(group(1), "Numbers go on")));
        stage.step(inputs);
        let verdicts = |heard: &[ServerFrame]| -> Vec<String> {
            script(heard).into_iter().filter(|line| line.starts_with("verdict")).collect()
        };
        assert_eq!(verdicts(&stage.hear(2)), ["verdict 1 applied 1", "verdict 2 applied 2"]);
        assert_eq!(verdicts(&stage.hear(1)), [""; 0]);
        assert!(stage.closed.contains_key(&1));
        stage.step(vec![numbered(2, 3, rename(group(2), "Nobody made it"))]);
        assert_eq!(verdicts(&stage.hear(2)), ["verdict 3 rejected NotFound"]);
    }
}

/// A command of a newer client consumes its number.
#[test]
fn an_unknown_command_is_rejected_and_consumes_its_number() {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    let command = RawCommand::Unknown(serde_json::json!({ "type": "start_call" }));
    stage.step(vec![frame(1, ClientFrame::Command { no: 1, command }), numbered(1, 2, create_direct(ADA, BEN))]);
    let heard: Vec<_> = script(&stage.hear(1)).into_iter().filter(|line| line.starts_with("verdict")).collect();
    assert_eq!(heard, ["verdict 1 rejected Unsupported", "verdict 2 applied 1"]);
}

/// A device that never acknowledges is stopped before its verdicts fill the disk, and goes on once it does.
#[test]
fn verdicts_have_a_bound() {
    let mut stage = Stage::new();
    let first = stage.join(1, ADA);
    let missing = || Command::DeleteMessage { conversation: group(1), message: message(1) };
    let inputs = (1..=VERDICTS_UNACKNOWLEDGED_MAX + 1).map(|no| numbered(1, no, missing())).collect();
    stage.step(inputs);
    assert_eq!(stage.closed[&1].1, ErrorCode::RateLimited);
    let max = VERDICTS_UNACKNOWLEDGED_MAX;
    let back = stage.join_with(2, ADA, hello_again(generation(ADA), first.epoch, 0, max));
    assert_eq!((back.applied, back.verdicts.len()), (max, 0));
    assert_eq!(stage.run(2, missing()), Outcome::Rejected { code: ErrorCode::NotFound });
}

/// The same key is answered the same, with another body refused, and forgotten after a week.
#[test]
fn an_idempotency_key_is_answered_like_the_first_time() {
    let mut stage = Stage::new();
    let d = direct(ADA, BEN);
    stage.step(vec![
        http(1, ADA, Some(("POST /c k1", 1)), create_direct(ADA, BEN)),
        http(2, ADA, Some(("POST /m k1", 2)), send(d, 1, "hello")),
        http(3, ADA, Some(("POST /m k1", 2)), send(d, 2, "hello, with an id made anew")),
        http(4, ADA, Some(("POST /m k1", 3)), send(d, 3, "another body")),
        http(5, BEN, Some(("POST /m k1", 3)), send(d, 4, "another account")),
        http(6, ADA, Some(("POST /m k2", 4)), send(d, 5, " ")),
        http(7, ADA, Some(("POST /m k2", 4)), send(d, 6, "never looked at")),
        http(8, ADA, None, send(d, 7, "no key")),
    ]);
    let seq = |stage: &Stage, request: u64| stage.answers[&request].clone().map(|head| head.seq.0).map_err(|e| e.code);
    assert_eq!(seq(&stage, 1), Ok(1));
    assert_eq!(seq(&stage, 2), Ok(2));
    assert_eq!(seq(&stage, 3), Ok(2));
    assert_eq!(seq(&stage, 4), Err(ErrorCode::Conflict));
    assert_eq!(seq(&stage, 5), Ok(3));
    assert_eq!(seq(&stage, 6), Err(ErrorCode::Invalid));
    assert_eq!(seq(&stage, 7), Err(ErrorCode::Invalid));
    assert_eq!(seq(&stage, 8), Ok(4));
    stage.now_ms += ANSWERS_KEPT_MS + 1;
    stage.step(vec![http(9, BEN, None, send(d, 8, "a week later"))]);
    stage.step(vec![http(10, ADA, Some(("POST /m k1", 2)), send(d, 9, "forgotten"))]);
    assert_eq!(seq(&stage, 10), Ok(6));
}

/// Only the furthest of a batch's read positions is written, it never goes back, and the account's devices hear it.
#[test]
fn read_positions_are_coalesced_and_monotonic() {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    stage.join(2, BEN);
    let d = direct(ADA, BEN);
    stage.run(1, create_direct(ADA, BEN));
    for number in 1..=3 {
        stage.run(1, send(d, number, "hello"));
    }
    stage.hear(1);
    stage.hear(2);
    let read = |seq| frame(2, ClientFrame::Read { conversation: d, seq: Seq(seq) });
    stage.step(vec![read(2), read(3), read(1)]);
    assert_eq!(script(&stage.hear(2)), ["account 1..2: 1"]);
    stage.step(vec![read(2)]);
    assert_eq!(stage.hear(2), []);
    stage.step(vec![read(u64::MAX)]);
    let heard = stage.hear(2);
    let [ServerFrame::Account(changes)] = heard.as_slice() else { panic!("{heard:?}") };
    let [AccountEntry::Known(KnownAccountEntry::Conversation(entry))] = changes.entries.as_slice() else { panic!() };
    assert_eq!((changes.rev, entry.read), (3, Position { seq: Seq(4), sent: 3 }), "not beyond the head");
    assert_eq!(stage.hear(1), []);
    stage.step(vec![frame(2, ClientFrame::Read { conversation: group(9), seq: Seq(1) }), frame(2, ClientFrame::Ping)]);
    assert_eq!(script(&stage.hear(2)), ["pong"]);
}

/// A device that was revoked in a job of the same batch can do nothing after it.
#[test]
fn a_revoked_device_can_do_nothing() {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    let who = actor(ADA);
    let revoke = crate::node::job(
        move |transaction| transaction.organisation(who.organisation)?.revoke_device(who.device, 5),
        |result| assert!(result.is_ok()),
    );
    let command = stage.command(1, create_direct(ADA, BEN));
    stage.step(vec![Input::Job(revoke), command, http(3, ADA, None, create_direct(ADA, BEN))]);
    assert_eq!(script(&stage.hear(1)), ["error DeviceRevoked"]);
    assert_eq!(stage.answers[&3].as_ref().unwrap_err().code, ErrorCode::DeviceRevoked);
    let connected = stage.connected(2, who);
    stage.step(vec![connected, frame(2, ClientFrame::Hello(Hello { ..hello(generation(ADA)) }))]);
    assert_eq!(stage.closed[&2].1, ErrorCode::DeviceRevoked);
}
