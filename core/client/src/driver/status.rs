//! The status in the screen's words.

use fil_engine::Now;
use fil_engine::connection::{Phase, StopReason};
use fil_engine::engine;

use crate::bridge::types::{Connection, Problem, Status};

/// What the driver knows beside the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// The last step could not be stored, because the disk is full.
    pub(crate) disk_full: bool,
    /// The cache was moved aside, and is not caught up again yet.
    pub(crate) cache_rebuilt: bool,
}

/// The status after a step. `rejected` is left to whoever reads the database.
pub(crate) fn status(engine: engine::Status, trouble: Trouble, now: Now) -> Status {
    let connection = match engine.phase {
        Phase::Waiting { .. } => Connection::Offline,
        Phase::Connecting { .. } | Phase::Greeting { .. } => Connection::Connecting,
        Phase::Open { caught_up: false } => Connection::Syncing,
        Phase::Open { caught_up: true } => Connection::Live,
        Phase::Stopped(_) => Connection::Stopped,
    };
    let next_attempt_ms = match engine.phase {
        Phase::Waiting { until_ms } => Some(now.wall_ms + until_ms.saturating_sub(now.monotonic_ms)),
        _ => None,
    };
    Status {
        connection,
        offline_since_ms: engine.offline_since_ms,
        next_attempt_ms,
        waiting: u32::try_from(engine.waiting).unwrap_or(u32::MAX),
        rejected: 0,
        problem: problem(engine, trouble),
    }
}

/// The most pressing problem: what stops everything first.
fn problem(engine: engine::Status, trouble: Trouble) -> Option<Problem> {
    match engine.phase {
        Phase::Stopped(StopReason::SignedOut) => return Some(Problem::SignedOut),
        Phase::Stopped(StopReason::AccountDisabled) => return Some(Problem::AccountDisabled),
        Phase::Stopped(StopReason::UpdateApp) => return Some(Problem::UpdateApp),
        Phase::Stopped(StopReason::UpdateServer) => return Some(Problem::UpdateServer),
        _ => {}
    }
    let order = [
        (trouble.disk_full, Problem::DiskFull),
        (engine.outbox_stuck, Problem::OutboxStuck),
        (engine.sync_trouble, Problem::SyncProblem),
        (trouble.cache_rebuilt, Problem::CacheRebuilt),
    ];
    order.into_iter().find_map(|(there, problem)| there.then_some(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(phase: Phase) -> engine::Status {
        engine::Status { phase, offline_since_ms: None, waiting: 3, outbox_stuck: false, sync_trouble: false }
    }

    #[test]
    fn a_phase_becomes_a_connection_and_the_most_pressing_problem() {
        let now = Now { monotonic_ms: 5_000, wall_ms: 1_000_000 };
        let check = |phase, connection, next_attempt_ms, problem| {
            let trouble = Trouble { disk_full: false, cache_rebuilt: true };
            let status = status(engine(phase), trouble, now);
            assert_eq!((status.connection, status.next_attempt_ms), (connection, next_attempt_ms));
            assert_eq!((status.problem, status.waiting), (Some(problem), 3));
        };
        check(Phase::Waiting { until_ms: 7_500 }, Connection::Offline, Some(1_002_500), Problem::CacheRebuilt);
        check(Phase::Connecting { until_ms: 9_000 }, Connection::Connecting, None, Problem::CacheRebuilt);
        check(Phase::Open { caught_up: false }, Connection::Syncing, None, Problem::CacheRebuilt);
        check(Phase::Open { caught_up: true }, Connection::Live, None, Problem::CacheRebuilt);
        check(Phase::Stopped(StopReason::UpdateServer), Connection::Stopped, None, Problem::UpdateServer);
        let trouble = Trouble { disk_full: true, cache_rebuilt: true };
        let status = status(engine(Phase::Open { caught_up: true }), trouble, now);
        assert_eq!(status.problem, Some(Problem::DiskFull));
    }
}
