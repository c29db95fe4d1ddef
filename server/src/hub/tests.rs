//! What only the hub knows: one encoding for all, and nothing left behind.

use std::sync::Arc;

use fil_protocol::{
    AccountId, ConversationId, DeviceId, ErrorCode, Event, EventBody, Generation, Head, KnownEvent, Profile, Seq,
    ServerFrame, VersionRange, Welcome,
};

use super::{
    Backlog, CLOSE_GOING_AWAY, CLOSE_RATE_LIMITED, ConnectionId, DEVICES_CONNECTED_MAX, Delivery, Hub, Subscription,
};
use crate::actor::Actor;
use crate::bus::Push;
use crate::testing::{ADA, BEN, NOW_MS, actor, epoch, generation, group, organisation};

/// Connects one more device. Sixteen connections share an account.
fn join(hub: &mut Hub, connection: u64, who: u8, conversations: &[ConversationId]) {
    let account = AccountId::from_parts(1 + connection / 16, &[who; 10]);
    let device = DeviceId::from_parts(connection, &[who; 10]);
    join_as(hub, connection, Actor { account, device, ..actor(who) }, conversations);
}

fn join_as(hub: &mut Hub, connection: u64, who: Actor, conversations: &[ConversationId]) {
    let id = ConnectionId(connection);
    hub.connect(NOW_MS, id, who, Arc::new(Backlog::default()));
    let generation: Generation = generation(1);
    hub.greet(id, generation);
    let heads = conversations.iter().map(|conversation| (Head { conversation: *conversation, seq: Seq(1) }, 1));
    let subscription = Subscription { account_rev: 1, conversations: heads.collect() };
    let profile = Profile { account: who.account, handle: "x".to_owned(), name: "X".to_owned() };
    let welcome = Welcome {
        protocol: VersionRange::OURS.current,
        server_time_ms: NOW_MS,
        epoch: epoch(1),
        horizon: 1,
        profile,
        applied: 0,
        verdicts: Vec::new(),
        account_rev: 1,
        heads: Vec::new(),
        diverged: false,
        stamp: None,
    };
    hub.welcome(NOW_MS, id, &subscription, welcome);
}

fn title(seq: u64) -> Push {
    let body = EventBody::Known(KnownEvent::Title { title: "Crew".to_owned() });
    Push::Event {
        organisation: organisation(1),
        conversation: group(1),
        event: Event { seq: Seq(seq), at_ms: NOW_MS, author: actor(ADA).account, body },
        horizon: seq,
    }
}

/// A thousand receivers, one encoding: all frames are the same allocation.
#[test]
fn a_push_is_encoded_once() {
    let mut hub = Hub::new(1, None);
    for connection in 0..1_000 {
        join(&mut hub, connection, if connection % 2 == 0 { ADA } else { BEN }, &[group(1)]);
    }
    hub.take();
    hub.push(NOW_MS, &title(2));
    let frames: Vec<Arc<str>> = hub
        .take()
        .into_iter()
        .map(|delivery| match delivery {
            Delivery::Send { frame, .. } => frame,
            Delivery::Close { .. } => panic!("nobody is closed"),
        })
        .collect();
    assert_eq!(frames.len(), 1_000);
    assert!(frames.iter().all(|frame| Arc::ptr_eq(frame, &frames[0])));
}

/// Whatever the order in which connections come and go, the last one takes everything with it.
#[test]
fn nothing_is_left_when_everybody_is_gone() {
    let mut hub = Hub::new(1, None);
    join(&mut hub, 1, ADA, &[group(1), group(2)]);
    join(&mut hub, 2, BEN, &[group(2), group(3)]);
    join(&mut hub, 3, ADA, &[group(1), group(2)]);
    hub.connect(NOW_MS, ConnectionId(4), actor(BEN), Arc::new(Backlog::default()));
    hub.push(NOW_MS, &title(2));
    for connection in [2, 1, 4, 3] {
        hub.disconnect(ConnectionId(connection));
    }
    assert!(hub.subscriptions.is_empty() && hub.of_account.is_empty());
    assert!(hub.due.is_empty() && hub.behind.is_empty() && hub.connections.is_empty());
    assert_eq!(hub.deadline(NOW_MS), None);
}

/// What a hub asks for, in one line each.
fn script(deliveries: Vec<Delivery>) -> Vec<String> {
    let line = |delivery| match delivery {
        Delivery::Close { connection, code, .. } => format!("{} closed {code}", connection.0),
        Delivery::Send { connection, frame } => match ServerFrame::decode(&frame).unwrap() {
            ServerFrame::Welcome(_) => format!("{} welcome", connection.0),
            ServerFrame::GoingAway { .. } => format!("{} going away", connection.0),
            ServerFrame::Error { error, .. } => format!("{} error {:?}", connection.0, error.code),
            ServerFrame::Event { .. } => format!("{} event", connection.0),
            other => panic!("{other:?}"),
        },
    };
    deliveries.into_iter().map(line).collect()
}

/// The old connection is half open: nobody ever closed it. The new one works at once, and hears every event once; an
/// even older one whose hello comes now is told to go. Before its hello a connection replaces nothing but a silent one.
#[test]
fn the_newest_connection_of_a_device_replaces_the_ones_before() {
    let mut hub = Hub::new(1, None);
    let connect = |hub: &mut Hub, id| hub.connect(NOW_MS, ConnectionId(id), actor(ADA), Arc::new(Backlog::default()));
    join_as(&mut hub, 1, actor(ADA), &[group(1)]);
    connect(&mut hub, 2);
    connect(&mut hub, 3);
    assert_eq!(script(hub.take()), ["1 welcome", "2 going away", &format!("2 closed {CLOSE_GOING_AWAY}")]);
    hub.push(NOW_MS, &title(2));
    assert_eq!(script(hub.take()), ["1 event"]);
    join_as(&mut hub, 4, actor(ADA), &[group(1)]);
    let closed = |id: u64| [format!("{id} going away"), format!("{id} closed {CLOSE_GOING_AWAY}")];
    assert_eq!(script(hub.take()), [&closed(3)[..], &closed(1)[..], &["4 welcome".to_owned()]].concat());
    hub.push(NOW_MS, &title(3));
    assert_eq!(script(hub.take()), ["4 event"]);
    join_as(&mut hub, 0, actor(ADA), &[group(1)]);
    assert_eq!(script(hub.take()), closed(0));
    assert_eq!(hub.count(), 1);
}

#[test]
fn an_account_has_a_limited_number_of_devices_connected() {
    let mut hub = Hub::new(1, None);
    let device = |number: u64| Actor { device: DeviceId::from_parts(number, &[0; 10]), ..actor(ADA) };
    let max = DEVICES_CONNECTED_MAX as u64;
    for number in 1..=max {
        join_as(&mut hub, number, device(number), &[]);
    }
    hub.take();
    join_as(&mut hub, max + 1, device(max + 1), &[]);
    let refused =
        [format!("{} error {:?}", max + 1, ErrorCode::RateLimited), format!("{} closed {CLOSE_RATE_LIMITED}", max + 1)];
    assert_eq!(script(hub.take()), refused);
    // One of those that are there comes back, and somebody else is not concerned.
    join_as(&mut hub, max + 2, device(5), &[]);
    join_as(&mut hub, max + 3, actor(BEN), &[]);
    assert_eq!(hub.count() as u64, max + 1);
}

#[test]
fn every_error_has_its_close_code() {
    use fil_protocol::ErrorCode::{Malformed, TooSlow, Unauthorised};
    assert_eq!([Malformed, TooSlow, Unauthorised].map(super::close_code), [4400, 4409, 4401]);
}
