//! Marks: when the node writes one, what it says with every frame, and how it finds out who has heard another history.

use fil_protocol::limits::HEARTBEAT_MS;
use fil_protocol::{ErrorCode, Hello, ServerFrame, Stamp, Stream};

use super::stage::{Stage, frame, hello_again};
use crate::node::{Input, MARK_MS};
use crate::testing::{ADA, BEN, EVE, actor, create_group, epoch, generation, group, send};

/// The stamp of every frame that has one.
fn stamps(frames: &[ServerFrame]) -> Vec<Stamp> {
    let stamp = |frame: &ServerFrame| match frame {
        ServerFrame::Welcome(welcome) => welcome.stamp,
        ServerFrame::Event { stamp, .. }
        | ServerFrame::Events { stamp, .. }
        | ServerFrame::Window { stamp, .. }
        | ServerFrame::Heartbeat { stamp, .. } => *stamp,
        ServerFrame::Account(changes) => changes.stamp,
        _ => None,
    };
    frames.iter().filter_map(stamp).collect()
}

/// The hello of a client that was told this last, and is behind in everything else.
fn told(who: u8, stamp: Stamp) -> Hello {
    Hello { stamp: Some(stamp), ..hello_again(generation(who), epoch(1), 0, 0) }
}

/// Two people in a group, and what they were told last.
fn pair(stage: &mut Stage) -> Stamp {
    assert_eq!(stage.join(1, ADA).stamp, None, "nothing has happened yet");
    stage.join(2, BEN);
    stage.run(1, create_group(1, "plan", &[BEN]));
    stage.run(1, send(group(1), 1, "one"));
    *stamps(&stage.hear(2)).last().expect("pushes have stamps")
}

/// Every way in which a client learns something carries where the history stands: pushes of conversations and accounts,
/// welcomes, answers to pulls, heartbeats. What changes nothing moves nothing, and reading moves it.
#[test]
fn whatever_is_told_says_where_the_history_stands() {
    let mut stage = Stage::new();
    let stamp = pair(&mut stage);
    assert_eq!(stamp.horizon, 2);
    let next = Stamp { horizon: 3, ..stamp };
    stage.step(vec![frame(2, fil_protocol::ClientFrame::Read { conversation: group(1), seq: fil_protocol::Seq(2) })]);
    assert_eq!(stamps(&stage.hear(2)), [next], "a read position is in the stream of the account");
    for (stream, after) in
        [(Stream::Account, None), (Stream::Conversation(group(1)), Some(1)), (Stream::Conversation(group(1)), None)]
    {
        let answer = stage.pull(2, stream, after);
        assert_eq!(stamps(&[answer]), [next]);
    }
    stage.now_ms += HEARTBEAT_MS;
    stage.step(vec![Input::Tick]);
    assert_eq!(stamps(&stage.hear(2)), [next]);
    assert_eq!(stage.join(3, BEN).stamp, Some(next));
}

/// A machine that is put back with its memory goes on with the same run, and has its wall clock set forward: what is
/// committed from then on has a mark of its own. So has what follows when somebody sets the clock back.
#[test]
fn a_clock_that_is_set_begins_another_mark() {
    let mut stage = Stage::new();
    stage.set_back_ms = 3_600_000;
    let mut before = pair(&mut stage);
    for (number, set_back_ms) in [(2, 0), (3, 3_600_000)] {
        stage.set_back_ms = set_back_ms;
        stage.run(1, send(group(1), number, "on"));
        let stamp = *stamps(&stage.hear(2)).last().unwrap();
        assert_ne!(stamp.mark, before.mark);
        stage.run(1, send(group(1), number + 10, "and on"));
        assert_eq!(stamps(&stage.hear(2)).last().unwrap().mark, stamp.mark);
        before = stamp;
    }
}

/// A mark holds for a minute in which something happens, and for one run of the process: the next change after either
/// has another one. Until then what was in force is in force.
#[test]
fn every_minute_and_every_run_has_a_mark_of_its_own() {
    let mut stage = Stage::new();
    let first = pair(&mut stage);
    stage.now_ms += MARK_MS - 1;
    stage.run(1, send(group(1), 2, "two"));
    assert_eq!(stamps(&stage.hear(2)).last(), Some(&Stamp { horizon: 3, ..first }));
    stage.now_ms += 1;
    assert_eq!(stage.join(3, EVE).stamp, Some(Stamp { horizon: 3, ..first }), "who only comes in changes nothing");
    stage.run(1, send(group(1), 3, "three"));
    let second = *stamps(&stage.hear(2)).last().unwrap();
    assert_eq!(second.horizon, 4);
    assert_ne!(second.mark, first.mark);
    stage.restart(false);
    assert_eq!(stage.join(4, ADA).stamp, Some(second), "a start writes nothing");
    stage.run(4, send(group(1), 4, "four"));
    stage.run(4, send(group(1), 5, "five"));
    let third = stamps(&stage.hear(4));
    assert_ne!(third[0].mark, second.mark);
    assert_eq!(third.last(), Some(&Stamp { horizon: 6, ..third[0] }));
    // Whatever somebody was told on the way is still so.
    for (connection, stamp) in (10..).zip([first, second, third[0], Stamp { horizon: 1, ..first }]) {
        let welcome = stage.join_with(connection, BEN, told(BEN, stamp));
        assert!(!welcome.diverged, "{stamp:?}");
    }
    let wrong = stage.join_with(20, BEN, told(BEN, Stamp { horizon: 3, ..second }));
    assert!(wrong.diverged, "at 3 the first mark was in force");
}

/// Row 50: the whole folder was put back, and the server has counted past what a client has seen. It is told so, with
/// every head; who was away since before the snapshot is told nothing, and neither is who says what another epoch said.
#[test]
fn a_client_that_heard_another_history_is_told_so() {
    let mut stage = Stage::new();
    let shared = pair(&mut stage);
    stage.snapshot();
    stage.run(1, send(group(1), 2, "lost"));
    let lost = *stamps(&stage.hear(2)).last().unwrap();
    assert_eq!(lost, Stamp { horizon: shared.horizon + 1, ..shared });
    stage.restart(true);
    stage.now_ms += 1_000;
    // Not counted on yet: it was told more than there is.
    assert!(stage.join_with(3, BEN, told(BEN, lost)).diverged);
    stage.join(4, ADA);
    for number in 2..6 {
        stage.run(4, send(group(1), number, "instead"));
    }
    let horizon = lost.horizon + 1;
    let ahead = Hello { horizon, ..told(BEN, lost) };
    let welcome = stage.join_with(5, BEN, ahead.clone());
    assert!(welcome.diverged);
    assert!(welcome.horizon > horizon, "no number shows it");
    assert_eq!(welcome.heads.len(), 1, "what it has seen, it has not seen here");
    assert!(!stage.join_with(6, BEN, told(BEN, shared)).diverged);
    let elsewhere = stage.join_with(7, BEN, Hello { epoch: Some(epoch(7)), ..ahead });
    assert!(!elsewhere.diverged, "another epoch says enough");
    let heard_since = elsewhere.stamp.unwrap();
    assert!(!stage.join_with(8, BEN, told(BEN, heard_since)).diverged);
}

/// Row 50: stamps of another history are evidence, like numbers that were never reached: three accounts begin a new epoch.
#[test]
fn stamps_of_another_history_of_three_accounts_begin_a_new_epoch() {
    let mut stage = Stage::new();
    let stamp = pair(&mut stage);
    let other = Stamp { mark: stamp.mark ^ 1, ..stamp };
    assert_eq!(stage.join_with(3, ADA, told(ADA, other)).epoch, epoch(1));
    assert_eq!(stage.join_with(4, BEN, told(BEN, other)).epoch, epoch(1));
    assert!(!stage.closed.contains_key(&4));
    let connected = stage.connected(5, actor(EVE));
    stage.step(vec![connected, frame(5, fil_protocol::ClientFrame::Hello(told(EVE, other)))]);
    assert_eq!(stage.closed[&5].1, ErrorCode::Unavailable);
    assert_ne!(stage.join(6, ADA).epoch, epoch(1));
}

/// Where nothing is known nothing is compared: below the oldest mark that is kept, as after an update from a version
/// without marks. The newest mark stays however old it is.
#[test]
fn below_the_oldest_mark_nothing_is_compared() {
    let mut stage = Stage::new();
    let first = pair(&mut stage);
    stage.now_ms += MARK_MS;
    stage.run(1, send(group(1), 2, "two"));
    let second = *stamps(&stage.hear(2)).last().unwrap();
    let wrong = |stamp: Stamp| Stamp { mark: stamp.mark ^ 1, ..stamp };
    assert!(stage.join_with(3, BEN, told(BEN, wrong(first))).diverged);
    stage.now_ms += super::super::MARKS_KEPT_MS + 1;
    stage.step(vec![Input::Tick]);
    assert!(!stage.join_with(4, BEN, told(BEN, wrong(first))).diverged);
    assert!(stage.join_with(5, BEN, told(BEN, wrong(second))).diverged);
    assert!(!stage.join_with(6, BEN, told(BEN, second)).diverged);
    stage.sabotage("DELETE FROM mark");
    assert!(!stage.join_with(7, BEN, told(BEN, wrong(second))).diverged);
}
