//! The two clocks, and whether the device was asleep.
//!
//! Timers run on the monotonic clock, which stands still while a laptop sleeps on most systems; the wall clock goes on.
//! A wall clock that moved more than [`JUMP_MS`] away from the monotonic one means that the device slept or that
//! somebody set the time: either way every socket has to prove itself (row 46 of the failure catalogue).

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use fil_engine::Now;

/// A jump smaller than this is a clock being corrected.
const JUMP_MS: u64 = 10_000;

/// Reads the clocks.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    drift: Drift,
}

/// How far the wall clock is ahead of the monotonic one.
#[derive(Debug)]
struct Drift {
    wall_ahead_ms: i64,
}

impl Clock {
    /// Clocks whose monotonic time begins now.
    pub(crate) fn start() -> Self {
        let now = Now { monotonic_ms: 0, wall_ms: wall_ms() };
        Self { started: Instant::now(), drift: Drift::of(now) }
    }

    /// The time.
    pub(crate) fn now(&self) -> Now {
        let monotonic_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { monotonic_ms, wall_ms: wall_ms() }
    }

    /// The time, and whether the clocks moved apart since this was last asked.
    pub(crate) fn now_or_woke(&mut self) -> (Now, bool) {
        let now = self.now();
        (now, self.drift.jumped(now))
    }

    /// The instant at which the monotonic clock shows this.
    pub(crate) fn instant(&self, monotonic_ms: u64) -> Instant {
        self.started + std::time::Duration::from_millis(monotonic_ms)
    }
}

/// The wall clock in milliseconds since 1970; 0 on a device that believes to live before.
pub(crate) fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Drift {
    fn of(now: Now) -> Self {
        Self { wall_ahead_ms: now.wall_ms.cast_signed() - now.monotonic_ms.cast_signed() }
    }

    fn jumped(&mut self, now: Now) -> bool {
        let before = std::mem::replace(self, Self::of(now));
        before.wall_ahead_ms.abs_diff(self.wall_ahead_ms) > JUMP_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_or_a_set_clock_is_noticed_once_and_a_correction_is_not() {
        let at = |monotonic_ms, wall_ms| Now { monotonic_ms, wall_ms };
        let mut drift = Drift::of(at(0, 1_000_000));
        assert!(!drift.jumped(at(5_000, 1_005_000)));
        assert!(!drift.jumped(at(6_000, 1_015_000)), "nine seconds of correction");
        assert!(drift.jumped(at(7_000, 1_915_000)), "a quarter of an hour of sleep");
        assert!(!drift.jumped(at(8_000, 1_916_000)));
        assert!(drift.jumped(at(9_000, 1_016_000)), "the clock was set back");
    }

    #[test]
    fn monotonic_time_begins_at_zero() {
        let clock = Clock::start();
        let now = clock.now();
        assert!(now.monotonic_ms < 10_000, "{now:?}");
        assert!(clock.instant(now.monotonic_ms) <= Instant::now());
    }
}
