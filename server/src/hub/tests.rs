//! What only the hub knows: one encoding for all, and nothing left behind.

use std::sync::Arc;

use fil_protocol::{
    ConversationId, Event, EventBody, Generation, Head, KnownEvent, Profile, Seq, VersionRange, Welcome,
};

use super::{Backlog, ConnectionId, Delivery, Hub, Subscription};
use crate::actor::Actor;
use crate::bus::Push;
use crate::testing::{ADA, BEN, NOW_MS, actor, epoch, generation, group, organisation};

fn join(hub: &mut Hub, connection: u64, who: u8, conversations: &[ConversationId]) {
    let id = ConnectionId(connection);
    let who: Actor = actor(who);
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
    let mut hub = Hub::new(1);
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
    let mut hub = Hub::new(1);
    join(&mut hub, 1, ADA, &[group(1), group(2)]);
    join(&mut hub, 2, BEN, &[group(2), group(3)]);
    join(&mut hub, 3, ADA, &[group(1), group(2)]);
    hub.connect(NOW_MS, ConnectionId(4), actor(BEN), Arc::new(Backlog::default()));
    hub.push(NOW_MS, &title(2));
    for connection in [2, 1, 4, 3] {
        hub.disconnect(ConnectionId(connection));
    }
    assert!(hub.subscriptions.is_empty());
    assert!(hub.due.is_empty() && hub.behind.is_empty() && hub.connections.is_empty());
    assert_eq!(hub.deadline(NOW_MS), None);
}

#[test]
fn every_error_has_its_close_code() {
    use fil_protocol::ErrorCode::{Malformed, TooSlow, Unauthorised};
    assert_eq!([Malformed, TooSlow, Unauthorised].map(super::close_code), [4400, 4409, 4401]);
}
