//! One conversation's place in its log: cursor, head, and pushes that came too early.
//!
//! A push that follows the cursor is applied, an older one is ignored, a later one is held: the missing ones are
//! usually under way. If they do not come within [`GAP_MS`], they are pulled. A gap never costs the connection.

use std::collections::BTreeMap;

use fil_protocol::{Event, Seq};

/// How long a gap may close by itself, in milliseconds.
pub(super) const GAP_MS: u64 = 300;
/// How many events of one conversation are held. Beyond it the newest are dropped: the pull brings them.
pub const HELD_MAX: usize = 256;

/// The place.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// Whether the server has said that the account is a member: in the account stream, or by naming the head. Until
    /// then nothing is missing and nothing is applied: a copy of a push may come after the conversation was taken away.
    pub(super) followed: bool,
    /// The last event that is stored here; none if nothing is.
    pub(super) cursor: Option<Seq>,
    /// The newest event known of.
    pub(super) head: Seq,
    /// The pull that is under way.
    pub(super) pull: Option<Pull>,
    /// When to pull, if the gap is still there.
    pub(super) due_ms: Option<u64>,
    /// The order in which the server named it, newest first; pulls follow it.
    pub(super) rank: u64,
    held: BTreeMap<Seq, Event>,
}

/// A request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pull {
    /// Its number.
    pub(super) request: u64,
    /// When it is given up.
    pub(super) until_ms: u64,
}

impl Log {
    /// A log whose events up to the cursor are stored.
    pub(super) fn stored(cursor: Seq) -> Self {
        Self { followed: true, cursor: Some(cursor), head: cursor, ..Self::default() }
    }

    /// How many pushes wait for those before them.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// A log of which nothing is stored, of a conversation that the account is a member of.
    pub(super) fn named() -> Self {
        Self { followed: true, ..Self::default() }
    }

    /// Whether something is missing.
    pub(super) fn is_behind(&self) -> bool {
        self.followed && self.cursor.is_none_or(|cursor| cursor < self.head)
    }

    /// The answer to a pull came. One that was given up in the meantime is an answer too.
    pub(super) fn answered(&mut self, request: u64) {
        if self.pull.is_some_and(|pull| pull.request == request) {
            self.pull = None;
        }
    }

    /// A push came. Answers the events that can be applied now, in order.
    pub(super) fn push(&mut self, now_ms: u64, event: Event) -> Vec<Event> {
        self.head = self.head.max(event.seq);
        let next = self.cursor.unwrap_or(Seq::ZERO).next();
        if event.seq < next {
            return Vec::new();
        }
        let follows = event.seq == next;
        if follows || self.held.len() < HELD_MAX {
            self.held.insert(event.seq, event);
        }
        let ready = self.take_ready();
        if self.is_behind() {
            self.due_ms.get_or_insert(now_ms + GAP_MS);
        }
        ready
    }

    /// The answer to a pull came: events that begin after a number at or below the cursor.
    pub(super) fn extend(&mut self, events: Vec<Event>) -> Vec<Event> {
        let cursor = self.cursor.unwrap_or(Seq::ZERO);
        for event in events {
            self.head = self.head.max(event.seq);
            if event.seq > cursor {
                self.held.insert(event.seq, event);
            }
        }
        self.take_ready()
    }

    /// A window came: the cursor jumps. Answers the held events that follow it.
    pub(super) fn jump(&mut self, as_of: Seq) -> Vec<Event> {
        self.cursor = Some(as_of);
        self.head = self.head.max(as_of);
        self.held = self.held.split_off(&as_of.next());
        self.take_ready()
    }

    /// The account is a member. Answers the events that were held for that.
    pub(super) fn follow(&mut self) -> Vec<Event> {
        self.followed = true;
        self.take_ready()
    }

    /// Takes what follows the cursor, and moves it.
    fn take_ready(&mut self) -> Vec<Event> {
        let mut ready = Vec::new();
        if !self.followed {
            return ready;
        }
        let mut next = self.cursor.unwrap_or(Seq::ZERO).next();
        while let Some(event) = self.held.remove(&next) {
            self.cursor = Some(next);
            next = next.next();
            ready.push(event);
        }
        if !self.is_behind() {
            self.due_ms = None;
        }
        ready
    }

    /// The connection is gone: what was under way will not come.
    pub(super) fn disconnected(&mut self) {
        self.pull = None;
        self.due_ms = None;
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use fil_protocol::{AccountId, EventBody, KnownEvent};

    use super::*;

    fn event(seq: u64) -> Event {
        let body = EventBody::Known(KnownEvent::Title { title: format!("title {seq}") });
        Event { seq: Seq(seq), at_ms: 0, author: AccountId::from([0; 16]), body }
    }

    fn seqs(events: &[Event]) -> Vec<u64> {
        events.iter().map(|event| event.seq.0).collect()
    }

    #[test]
    fn pushes_are_applied_once_and_in_order_whatever_order_they_come_in() {
        let mut log = Log::stored(Seq(3));
        assert_eq!(seqs(&log.push(0, event(5))), [0u64; 0]);
        assert_eq!(log.due_ms, Some(GAP_MS));
        assert_eq!(seqs(&log.push(10, event(3))), [0u64; 0]);
        assert_eq!(seqs(&log.push(20, event(4))), [4, 5]);
        assert_eq!(log.due_ms, None);
        assert_eq!(seqs(&log.push(30, event(5))), [0u64; 0]);
    }

    #[test]
    fn the_first_event_of_a_new_conversation_needs_no_pull() {
        let mut log = Log::default();
        assert_eq!(seqs(&log.push(0, event(1))), [0u64; 0], "whose it is nobody has said yet");
        assert!(!log.is_behind());
        assert_eq!(seqs(&log.follow()), [1]);
        assert!(!log.is_behind());
    }

    #[test]
    fn held_pushes_follow_a_window() {
        let mut log = Log::stored(Seq(1));
        log.push(0, event(9));
        log.push(0, event(11));
        assert_eq!(seqs(&log.jump(Seq(10))), [11]);
        assert!(!log.is_behind());
    }

    #[test]
    fn too_many_early_pushes_are_dropped_and_pulled() {
        let mut log = Log::stored(Seq(0));
        for seq in 2..1_000 {
            log.push(0, event(seq));
        }
        assert_eq!(log.held.len(), HELD_MAX);
        assert_eq!(seqs(&log.push(0, event(1))).len(), HELD_MAX + 1);
        assert!(log.is_behind() && log.due_ms.is_some());
    }
}
