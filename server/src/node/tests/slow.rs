//! Slow readers: bounded in bytes, told what they missed, closed if they stay slow. Nobody waits for them (rows 9 and 48
//! of the failure catalogue).

use fil_protocol::limits::PULL_BYTES_MAX;
use fil_protocol::{ClientFrame, ErrorCode, Seq, ServerFrame, Stream};

use super::stage::{Stage, frame, script};
use crate::hub::CLOSE_TOO_SLOW;
use crate::hub::connection::{DRAINED_BYTES, HEADS_ONLY_BYTES, SLOW_CHECK_MS, SLOW_MS_MAX};
use crate::node::{Input, PULLS_PER_STEP, PULLS_WAITING_MAX};
use crate::testing::{ADA, BEN, create_direct, direct, send};

/// A stage with Ada writing and Ben at a socket with so many bytes queued.
fn stage_with_backlog(bytes: u64) -> Stage {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    stage.join(2, BEN);
    stage.run(1, create_direct(ADA, BEN));
    stage.hear(2);
    stage.backlogs[&2].add(usize::try_from(bytes).unwrap());
    stage
}

fn drain(stage: &Stage, bytes: u64) {
    stage.backlogs[&2].subtract(usize::try_from(bytes).unwrap());
}

#[test]
fn over_a_mebibyte_a_reader_gets_heads_only_and_pushes_again_once_drained() {
    let mut stage = stage_with_backlog(HEADS_ONLY_BYTES);
    let d = direct(ADA, BEN);
    stage.run(1, send(d, 1, "missed"));
    stage.run(1, send(d, 2, "missed too"));
    assert_eq!(stage.hear(2), []);
    assert_eq!(stage.node.deadline(), Some(stage.now_ms + SLOW_CHECK_MS));
    drain(&stage, HEADS_ONLY_BYTES - DRAINED_BYTES - 1);
    stage.run(1, send(d, 3, "not drained enough"));
    assert_eq!(stage.hear(2), []);
    drain(&stage, 1);
    stage.step(vec![Input::Tick]);
    assert_eq!(script(&stage.hear(2)), ["heartbeat rev 1 heads [4]"]);
    stage.run(1, send(d, 4, "heard"));
    assert_eq!(script(&stage.hear(2)), ["event 5"]);
}

#[test]
fn a_reader_that_does_not_drain_is_closed_after_thirty_seconds() {
    let mut stage = stage_with_backlog(HEADS_ONLY_BYTES);
    stage.run(1, send(direct(ADA, BEN), 1, "missed"));
    stage.now_ms += SLOW_MS_MAX - 1;
    stage.step(vec![Input::Tick]);
    assert!(stage.closed.is_empty());
    assert_eq!(stage.hear(2), [], "no heartbeat to somebody who does not read");
    stage.now_ms += 1;
    stage.step(vec![Input::Tick]);
    assert_eq!(stage.closed[&2], (CLOSE_TOO_SLOW, ErrorCode::TooSlow));
    assert_eq!(stage.node.connections(), 1);
}

/// Answers may pass the first limit, not the second.
#[test]
fn over_four_mebibytes_a_reader_is_closed_at_once() {
    let mut stage = stage_with_backlog(4 * 1024 * 1024 - 5);
    stage.step(vec![frame(2, ClientFrame::Ping)]);
    assert_eq!(stage.closed[&2], (CLOSE_TOO_SLOW, ErrorCode::TooSlow));
    assert_eq!(stage.hear(2), []);
}

/// A client may ask for much at once: it is answered as fast as it reads, and never closed for it.
#[test]
fn pulls_wait_for_the_socket() {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    stage.join(2, BEN);
    let d = direct(ADA, BEN);
    stage.run(1, create_direct(ADA, BEN));
    for number in 1..=100 {
        stage.run(1, send(d, number, &"long ".repeat(900)));
    }
    stage.hear(2);
    stage.reading = false;
    let stream = Stream::Conversation(d);
    let pull = |request| frame(2, ClientFrame::Pull { request, stream, after: Some(Seq(1)), items_max: None });
    stage.step((0..20).map(pull).collect());
    let mut answered = Vec::new();
    for _ in 0..40 {
        let queued = stage.backlogs[&2].queued_bytes();
        assert!(queued < 2 * PULL_BYTES_MAX as u64 + 1024, "{queued}");
        drain(&stage, queued);
        answered.extend(stage.hear(2));
        stage.step(vec![Input::Tick]);
    }
    let requests: Vec<_> = answered
        .iter()
        .map(|frame| match frame {
            ServerFrame::Events { request, .. } => *request,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(requests, (0..20).collect::<Vec<_>>());
    assert!(stage.closed.is_empty());
}

#[test]
fn waiting_pulls_have_a_bound() {
    let mut stage = stage_with_backlog(HEADS_ONLY_BYTES);
    let pull = |request| frame(2, ClientFrame::Pull { request, stream: Stream::Account, after: None, items_max: None });
    stage.step((0..=PULLS_WAITING_MAX as u64).map(pull).collect());
    assert_eq!(script(&stage.hear(2)), [format!("error RateLimited to {PULLS_WAITING_MAX}")]);
    assert!(stage.closed.is_empty());
}

/// Pulls are answered in turns, a few per step, so that commits do not wait for all of them; the next step is due at once.
#[test]
fn a_step_answers_a_few_pulls_of_each_in_turn() {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    stage.join(2, BEN);
    stage.run(1, create_direct(ADA, BEN));
    for connection in [1, 2] {
        stage.hear(connection);
    }
    let stream = Stream::Conversation(direct(ADA, BEN));
    let pull = |connection, request| {
        frame(connection, ClientFrame::Pull { request, stream, after: Some(Seq(0)), items_max: None })
    };
    let mut inputs: Vec<_> = (0..20).map(|request| pull(1, request)).collect();
    inputs.extend((0..3).map(|request| pull(2, request)));
    stage.step(inputs);
    let mut answered = vec![(stage.hear(1).len(), stage.hear(2).len())];
    while stage.node.deadline() == Some(stage.now_ms) {
        stage.step(vec![Input::Tick]);
        answered.push((stage.hear(1).len(), stage.hear(2).len()));
    }
    assert_eq!(answered, [(PULLS_PER_STEP - 3, 3), (PULLS_PER_STEP, 0), (20 + 3 - 2 * PULLS_PER_STEP, 0)]);
}
