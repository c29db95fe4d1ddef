//! Hello, welcome, fan-out, heartbeats, goodbyes.

use fil_protocol::limits::HEARTBEAT_MS;
use fil_protocol::{
    AccountEntry, AccountId, ClientFrame, ErrorCode, KnownAccountEntry, Seq, ServerFrame, Stream, VersionRange,
};

use super::stage::{Stage, disconnected, frame, hello, hello_again, script, second_device};
use crate::actor::Actor;
use crate::hub::connection::HELLO_MS_MAX;
use crate::hub::{CLOSE_GOING_AWAY, CLOSE_REFUSED, CLOSE_SIGN_IN, CLOSE_VERSION};
use crate::node::{Input, Revoked};
use crate::testing::{
    ADA, BEN, EVE, MALLORY, NOW_MS, account, actor, add, create_direct, create_group, delete, direct, epoch,
    generation, group, remove, send,
};

/// The first frame decides: what is not a hello, a second one, or one of another age is told so, and closed.
#[test]
fn a_connection_begins_with_one_hello_of_a_common_version() {
    let old = VersionRange { current: 0, lowest: 0 };
    let new = VersionRange { current: 900, lowest: 800 };
    let say = |protocol| ClientFrame::Hello(fil_protocol::Hello { protocol, ..hello(generation(1)) });
    let cases = [
        (vec![ClientFrame::Ping], ErrorCode::Malformed, CLOSE_REFUSED),
        (vec![say(VersionRange::OURS), say(VersionRange::OURS)], ErrorCode::Malformed, CLOSE_REFUSED),
        (vec![say(old)], ErrorCode::ClientTooOld, CLOSE_VERSION),
        (vec![say(new)], ErrorCode::ClientTooNew, CLOSE_VERSION),
    ];
    for (frames, reason, code) in cases {
        let mut stage = Stage::new();
        let mut inputs = vec![stage.connected(1, actor(ADA))];
        inputs.extend(frames.into_iter().map(|one| frame(1, one)));
        inputs.push(frame(1, ClientFrame::Ping));
        stage.step(inputs);
        assert_eq!(stage.closed.get(&1), Some(&(code, reason)));
        assert_eq!(script(&stage.hear(1)).last(), Some(&format!("error {reason:?}")));
        assert_eq!(stage.node.connections(), 0);
    }
}

#[test]
fn a_connection_that_says_nothing_is_closed_after_ten_seconds() {
    let mut stage = Stage::new();
    let connected = stage.connected(1, actor(ADA));
    stage.step(vec![connected]);
    assert_eq!(stage.node.deadline(), Some(stage.now_ms + HELLO_MS_MAX));
    stage.now_ms += HELLO_MS_MAX;
    stage.step(vec![Input::Tick]);
    assert_eq!(stage.closed[&1].1, ErrorCode::Malformed);
}

/// Each member hears the event once, nobody else does, and the author hears its own read position as well.
#[test]
fn events_reach_the_members_and_nobody_else() {
    let mut stage = Stage::new();
    for (connection, who) in [(1, ADA), (2, BEN), (3, EVE), (9, MALLORY)] {
        stage.join(connection, who);
    }
    stage.join_as(11, second_device(ADA), hello(generation(ADA)));
    stage.run(1, create_direct(ADA, BEN));
    assert_eq!(script(&stage.hear(1)), ["account 0..1: 1", "event 1"]);
    assert_eq!(script(&stage.hear(2)), ["account 0..1: 1", "event 1"]);
    stage.run(2, send(direct(ADA, BEN), 1, "hello"));
    assert_eq!(script(&stage.hear(1)), ["event 2"]);
    assert_eq!(script(&stage.hear(2)), ["event 2", "account 1..2: 1"]);
    assert_eq!(script(&stage.hear(11)), ["account 0..1: 1", "event 1", "event 2"]);
    assert_eq!(stage.hear(3), []);
    assert_eq!(stage.hear(9), []);
}

/// Removal and message in one batch: the removed member gets its entry and nothing after it. Coming back works too.
#[test]
fn no_frame_reaches_a_member_after_its_removal() {
    let mut stage = Stage::new();
    for (connection, who) in [(1, ADA), (2, BEN)] {
        stage.join(connection, who);
    }
    let g = group(1);
    stage.run(1, create_group(1, "Crew", &[BEN]));
    stage.hear(2);
    let batch = [send(g, 1, "before"), remove(g, BEN), send(g, 2, "after"), add(g, BEN), send(g, 3, "welcome back")];
    let inputs = batch.map(|command| stage.command(1, command));
    stage.step(inputs.into());
    let heard = stage.hear(2);
    assert_eq!(script(&heard), ["event 2", "account 1..2: 1", "account 2..3: 1", "event 5", "event 6"]);
    let members = heard.iter().filter_map(|frame| match frame {
        ServerFrame::Account(changes) => match changes.entries.as_slice() {
            [AccountEntry::Known(KnownAccountEntry::Conversation(entry))] => Some(entry.member),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(members.collect::<Vec<_>>(), [false, true]);
}

/// Welcome names what changed since the client's horizon, newest first; a horizon of another history counts as none.
#[test]
fn a_welcome_names_the_heads_that_changed() {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    for number in [1, 2, 3] {
        stage.run(1, create_group(number, "Crew", &[BEN]));
    }
    let first = stage.join(2, BEN);
    let heads: Vec<_> = first.heads.iter().map(|head| head.conversation).collect();
    assert_eq!(heads, [group(3), group(2), group(1)]);
    stage.run(1, send(group(1), 1, "hello"));
    stage.step(vec![disconnected(2)]);
    let cases = [
        (Some(epoch(1)), first.horizon, vec![group(1)]),
        (Some(epoch(1)), first.horizon + 99, vec![group(1), group(3), group(2)]),
        (Some(epoch(2)), first.horizon, vec![group(1), group(3), group(2)]),
        (None, first.horizon, vec![group(1), group(3), group(2)]),
    ];
    for (index, (epoch, horizon, expected)) in cases.into_iter().enumerate() {
        let hello = fil_protocol::Hello { epoch, horizon, ..hello(generation(BEN)) };
        let welcome = stage.join_with(10 + index as u64, BEN, hello);
        let heads: Vec<_> = welcome.heads.iter().map(|head| head.conversation).collect();
        assert_eq!(heads, expected, "case {index}");
        assert_eq!((welcome.horizon, welcome.account_rev), (first.horizon + 1, 3));
    }
}

/// A hello and a message in one batch, in both orders: the message is in the welcome's heads or comes as a push.
#[test]
fn nothing_falls_between_welcome_and_pushes() {
    for hello_first in [true, false] {
        let mut stage = Stage::new();
        stage.join(1, ADA);
        stage.run(1, create_direct(ADA, BEN));
        let connected = stage.connected(2, actor(BEN));
        let hello = frame(2, ClientFrame::Hello(hello(generation(BEN))));
        let message = stage.command(1, send(direct(ADA, BEN), 1, "hello"));
        let inputs = if hello_first { vec![connected, hello, message] } else { vec![connected, message, hello] };
        stage.step(inputs);
        let heard = stage.hear(2);
        let named = heard.iter().any(|frame| match frame {
            ServerFrame::Welcome(welcome) => welcome.heads.iter().any(|head| head.seq == Seq(2)),
            ServerFrame::Event { event, .. } => event.seq == Seq(2),
            _ => false,
        });
        assert!(named, "{heard:?}");
    }
}

/// Heartbeats come every 25 s, each with the heads that changed since the one before.
#[test]
fn heartbeats_carry_the_changed_heads() {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    stage.join(2, BEN);
    stage.run(1, create_direct(ADA, BEN));
    stage.run(1, send(direct(ADA, BEN), 1, "hello"));
    stage.hear(2);
    assert_eq!(stage.node.deadline(), Some(stage.now_ms + HEARTBEAT_MS));
    stage.now_ms += HEARTBEAT_MS;
    stage.step(vec![Input::Tick]);
    assert_eq!(script(&stage.hear(2)), ["heartbeat rev 1 heads [2]"]);
    stage.now_ms += HEARTBEAT_MS;
    stage.step(vec![Input::Tick]);
    assert_eq!(script(&stage.hear(2)), ["heartbeat rev 1 heads []"]);
}

/// Somebody sets the server's clock back: heartbeats go on at their pace and tell the new time, and the log goes on with
/// times that do not go back.
#[test]
fn a_clock_that_is_set_back_keeps_nobody_waiting() {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    stage.join(2, BEN);
    stage.run(1, create_direct(ADA, BEN));
    stage.hear(2);
    stage.set_back_ms = 86_400_000;
    stage.now_ms += HEARTBEAT_MS;
    stage.step(vec![Input::Tick]);
    let told = |frame: &ServerFrame| match frame {
        ServerFrame::Heartbeat { server_time_ms, .. } => *server_time_ms,
        other => panic!("{other:?}"),
    };
    assert_eq!(stage.hear(2).iter().map(told).collect::<Vec<_>>(), [stage.now_ms - stage.set_back_ms]);
    stage.run(1, send(direct(ADA, BEN), 1, "yesterday"));
    let heard = stage.hear(2);
    let ServerFrame::Event { event, .. } = &heard[0] else { panic!("{heard:?}") };
    assert_eq!(event.at_ms, NOW_MS);
    stage.now_ms += HEARTBEAT_MS;
    stage.step(vec![Input::Tick]);
    assert_eq!(script(&stage.hear(2)), ["heartbeat rev 1 heads [2]"]);
}

#[test]
fn revoked_devices_and_disabled_accounts_are_closed() {
    let mut stage = Stage::new();
    for (connection, who) in [(1, ADA), (2, BEN), (3, EVE)] {
        stage.join(connection, who);
    }
    stage
        .step(vec![Input::Revoked(Revoked::Device(actor(ADA).device)), Input::Revoked(Revoked::Account(account(BEN)))]);
    assert_eq!(stage.closed.remove(&1), Some((CLOSE_SIGN_IN, ErrorCode::DeviceRevoked)));
    assert_eq!(stage.closed.remove(&2), Some((CLOSE_SIGN_IN, ErrorCode::AccountDisabled)));
    assert!(stage.closed.is_empty());
    assert_eq!(script(&stage.hear(1)), ["error DeviceRevoked"]);
}

/// Everybody is told to come back, at different times, and nothing is applied afterwards.
#[test]
fn shutting_down_spreads_the_return() {
    let mut stage = Stage::new();
    stage.join(0, ADA);
    let others: Vec<_> = (1..200)
        .map(|connection| {
            let somebody = Actor { account: AccountId::from_parts(connection, &[0; 10]), ..actor(BEN) };
            stage.connected(connection, somebody)
        })
        .collect();
    stage.step(others);
    let late = stage.command(0, create_direct(ADA, BEN));
    stage.step(vec![Input::ShutDown, late, super::stage::http(5, ADA, None, create_direct(ADA, BEN))]);
    let mut times: Vec<u64> = Vec::new();
    for connection in 0..200 {
        match stage.hear(connection).as_slice() {
            [ServerFrame::GoingAway { retry_after_ms }] => times.push(*retry_after_ms),
            other => panic!("{other:?}"),
        }
        assert_eq!(stage.closed[&connection], (CLOSE_GOING_AWAY, ErrorCode::Unavailable));
    }
    times.sort_unstable();
    let between: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(between.iter().all(|gap| *gap < 50) && times[199] - times[0] > 800, "{times:?}");
    assert_eq!(stage.answers[&5].as_ref().unwrap_err().code, ErrorCode::Unavailable);
}

/// Pulls: events if that is cheap, a window if it is not or if the cursor is none of ours, an error for strangers.
#[test]
fn pulls_are_answered_with_what_is_cheaper() {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    stage.join(9, MALLORY);
    stage.run(1, create_group(1, "Crew", &[]));
    let stream = Stream::Conversation(group(1));
    for number in 1..=100 {
        stage.run(1, send(group(1), number, &"long ".repeat(1_500)));
    }
    stage.run(1, delete(group(1), 1));
    let mut answer = |connection, stream, after| script(&[stage.pull(connection, stream, after)]).remove(0);
    assert_eq!(answer(1, stream, Some(60)), "events after 60: 42");
    assert_eq!(answer(1, stream, Some(102)), "events after 102: 0");
    assert_eq!(answer(1, stream, Some(2)), "window 52..=102: 50 items, 1 changed, reset false");
    assert_eq!(answer(1, stream, None), "window 52..=102: 50 items, 0 changed, reset true");
    assert_eq!(answer(1, stream, Some(103)), "window 52..=102: 50 items, 0 changed, reset true");
    assert_eq!(answer(1, Stream::Account, None), "account 0..101: 1 full");
    assert_eq!(answer(1, Stream::Account, Some(101)), "account 101..101: 0");
    assert_eq!(answer(1, Stream::Account, Some(500)), "account 0..101: 1 full");
    assert_eq!(answer(9, stream, None), "error NotFound to 7");
    assert_eq!(answer(9, Stream::Conversation(group(7)), Some(3)), "error NotFound to 7");
    assert!(stage.closed.is_empty());
}

/// The last connection of an account takes its subscriptions with it.
#[test]
fn a_closed_connection_hears_nothing() {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    let welcome = stage.join(2, BEN);
    stage.step(vec![disconnected(2), disconnected(2)]);
    stage.run(1, create_direct(ADA, BEN));
    assert_eq!(stage.hear(2), []);
    let back = stage.join_with(3, BEN, hello_again(generation(BEN), welcome.epoch, welcome.horizon, 0));
    assert_eq!(back.heads.len(), 1);
}
