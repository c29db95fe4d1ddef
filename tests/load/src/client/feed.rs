//! Feeds a session as a server does: a `welcome` with heads, then an answer to every pull, all of them encoded.
//!
//! Making the frames is not measured, decoding them is: it is what the client's socket does. The network and the TLS
//! around it are not in the figure.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use fil_client::session::{Effect, Session};
use fil_engine::{Input, Now};
use fil_protocol::limits::PULL_EVENTS_MAX;
use fil_protocol::{ClientFrame, ConversationId, Head, Seq, ServerFrame, Stamp, Stream, Welcome};

use super::sample::{self, Sample};
use crate::Failure;
use crate::heart::Cost;

/// What it cost the client.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fed {
    /// From the first frame until everything was stored, without the time in which the frames were made.
    pub(crate) wall: Duration,
    /// Processor time of the same.
    pub(crate) cpu: Duration,
    /// Until the first conversation was stored and could be shown.
    pub(crate) first: Duration,
    /// Bytes of the frames.
    pub(crate) bytes: u64,
    /// Events in them.
    pub(crate) events: u64,
}

/// A server that exists only as far as a session asks it.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) sample: Sample,
    numbers: HashMap<ConversationId, u64>,
    clock_ms: u64,
}

impl Feed {
    pub(crate) fn new(sample: Sample) -> Self {
        let numbers = (0..sample.conversations).map(|number| (sample::conversation(number), number)).collect();
        Self { sample, numbers, clock_ms: 0 }
    }

    /// Connects, and brings every conversation to its event `up_to`. All of it has arrived when this returns.
    pub(crate) fn catch_up(&mut self, session: &mut Session, up_to: u64) -> Result<Fed, Failure> {
        let mut fed = Fed::default();
        let opening = vec![Input::Disconnected { error: None }, Input::ConnectNow, Input::Connected];
        session.step(self.now(), opening)?;
        let newest_first = (0..self.sample.conversations).rev();
        let welcome = ServerFrame::Welcome(Welcome {
            protocol: 1,
            server_time_ms: fil_server::clock::now_ms(),
            epoch: sample::epoch(),
            horizon: up_to * self.sample.conversations,
            profile: sample::me(),
            applied: 0,
            verdicts: Vec::new(),
            account_rev: self.sample.conversations,
            heads: newest_first
                .map(|number| Head { conversation: sample::conversation(number), seq: Seq(up_to) })
                .collect(),
            diverged: false,
            stamp: self.stamp(),
        });
        let mut asked = VecDeque::new();
        self.frame(session, &welcome, &mut fed, &mut asked)?;
        while let Some(frame) = asked.pop_front() {
            // However many items it would have in a window: what is measured here is applying events.
            let ClientFrame::Pull { request, stream, after, .. } = frame else { continue };
            let answer = self.answer(request, stream, after, up_to);
            if let ServerFrame::Events { events, .. } = &answer {
                fed.events += events.len() as u64;
            }
            self.frame(session, &answer, &mut fed, &mut asked)?;
            if fed.events > 0 && fed.first.is_zero() {
                fed.first = fed.wall;
            }
        }
        let status = session.status();
        if status.phase == (fil_engine::connection::Phase::Open { caught_up: true }) {
            Ok(fed)
        } else {
            Err(format!("the client is not caught up: {status:?}").into())
        }
    }

    /// Pushes the event that follows in a conversation, as a server does.
    pub(crate) fn push(&mut self, session: &mut Session, number: u64, seq: u64) -> Result<Fed, Failure> {
        let event = self.sample.event(number, seq);
        let frame = ServerFrame::Event { conversation: sample::conversation(number), event, stamp: self.stamp() };
        let mut fed = Fed { events: 1, ..Fed::default() };
        self.frame(session, &frame, &mut fed, &mut VecDeque::new())?;
        Ok(fed)
    }

    fn frame(
        &mut self,
        session: &mut Session,
        frame: &ServerFrame,
        fed: &mut Fed,
        asked: &mut VecDeque<ClientFrame>,
    ) -> Result<(), Failure> {
        let (text, now) = (frame.encode(), self.now());
        fed.bytes += text.len() as u64;
        let began = Instant::now();
        let (effects, cost) = Cost::of(|| Ok(session.step(now, vec![Input::Frame(ServerFrame::decode(&text)?)])?))?;
        fed.wall += began.elapsed();
        fed.cpu += cost.cpu;
        asked.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Send(frame) => Some(frame),
            _ => None,
        }));
        Ok(())
    }

    fn answer(&self, request: u64, stream: Stream, after: Option<Seq>, up_to: u64) -> ServerFrame {
        match stream {
            Stream::Account => ServerFrame::Account(self.sample.account_stream(request)),
            Stream::Conversation(conversation) => {
                let number = self.numbers.get(&conversation).copied().unwrap_or_default();
                let after = after.unwrap_or(Seq::ZERO);
                let last = up_to.min(after.0 + PULL_EVENTS_MAX as u64);
                let events = (after.0 + 1..=last).map(|seq| self.sample.event(number, seq)).collect();
                ServerFrame::Events { request, conversation, after, events, stamp: self.stamp() }
            }
        }
    }

    /// Another one with every frame, as a busy server gives it.
    fn stamp(&self) -> Option<Stamp> {
        Some(Stamp { horizon: self.clock_ms, mark: 3_735_928_559 })
    }

    fn now(&mut self) -> Now {
        self.clock_ms += 1;
        Now { monotonic_ms: self.clock_ms, wall_ms: fil_server::clock::now_ms() + self.clock_ms }
    }
}
