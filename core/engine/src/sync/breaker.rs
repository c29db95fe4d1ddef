//! The loop breaker: the same request again and again without progress is a fault, of whichever side.
//!
//! Other systems have looped for months on such faults (row 27 of the failure catalogue). Here five requests for the
//! same stream at the same cursor within ten seconds escalate: first a window is asked for instead of events, then the
//! stream is left alone for a while and the person is told.

use std::collections::BTreeMap;

use fil_protocol::{Seq, Stream};

/// Identical requests that are one too many.
const REQUESTS_MAX: u32 = 5;
/// The time they have to fall into, in milliseconds.
const SPAN_MS: u64 = 10_000;
/// How long a stream is left alone, in milliseconds.
const PAUSE_MS: u64 = 60_000;

/// What to do about a request that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// Ask for what follows the cursor.
    Events,
    /// Ask for a window, since events led nowhere.
    Window,
    /// Do not ask before then.
    NotBefore(u64),
}

#[derive(Clone, Copy, Debug)]
struct Record {
    after: Option<Seq>,
    first_ms: u64,
    count: u32,
    windowed: bool,
    paused_until_ms: Option<u64>,
}

/// The machine. It holds one record for each stream that is being asked for, and forgets it with the next progress.
#[derive(Clone, Debug, Default)]
pub(super) struct Breaker {
    records: BTreeMap<Stream, Record>,
}

impl Breaker {
    /// Whether any stream is being left alone.
    pub(super) fn is_open(&self) -> bool {
        self.records.values().any(|record| record.paused_until_ms.is_some())
    }

    /// A request is due.
    pub(super) fn ask(&mut self, now_ms: u64, stream: Stream, after: Option<Seq>) -> Allowed {
        let fresh = Record { after, first_ms: now_ms, count: 0, windowed: false, paused_until_ms: None };
        let record = self.records.entry(stream).or_insert(fresh);
        if let Some(until_ms) = record.paused_until_ms {
            if now_ms < until_ms {
                return Allowed::NotBefore(until_ms);
            }
            *record = fresh;
        }
        if record.after != after || now_ms > record.first_ms + SPAN_MS {
            *record = Record { windowed: record.windowed && record.after == after, ..fresh };
        }
        record.count += 1;
        if record.count <= REQUESTS_MAX {
            return if record.windowed { Allowed::Window } else { Allowed::Events };
        }
        if record.windowed {
            record.paused_until_ms = Some(now_ms + PAUSE_MS);
            return Allowed::NotBefore(now_ms + PAUSE_MS);
        }
        *record = Record { windowed: true, count: 1, first_ms: now_ms, ..*record };
        Allowed::Window
    }

    /// The stream's cursor moved, or it needs nothing more.
    pub(super) fn progress(&mut self, stream: Stream) {
        self.records.remove(&stream);
    }

    /// Another connection begins: its server may be in order.
    pub(super) fn clear_pauses(&mut self) {
        self.records.retain(|_, record| record.paused_until_ms.is_none());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identical_requests_escalate_to_a_window_and_then_to_a_pause() {
        let mut breaker = Breaker::default();
        let mut ask = |now_ms| breaker.ask(now_ms, Stream::Account, Some(Seq(7)));
        for now_ms in 0..5 {
            assert_eq!(ask(now_ms), Allowed::Events);
        }
        for now_ms in 5..10 {
            assert_eq!(ask(now_ms), Allowed::Window);
        }
        assert_eq!(ask(10), Allowed::NotBefore(10 + PAUSE_MS));
        assert_eq!(ask(11), Allowed::NotBefore(10 + PAUSE_MS));
        assert_eq!(ask(10 + PAUSE_MS), Allowed::Events);
    }

    #[test]
    fn progress_and_slow_requests_are_no_loop() {
        let mut breaker = Breaker::default();
        for turn in 0..20 {
            assert_eq!(breaker.ask(turn, Stream::Account, Some(Seq(turn))), Allowed::Events);
        }
        for turn in 0..20 {
            assert_eq!(breaker.ask(turn * SPAN_MS, Stream::Account, Some(Seq(99))), Allowed::Events);
        }
    }
}
