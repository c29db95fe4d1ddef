//! Figures for Prometheus. Every name begins with `fil_`, carries its unit, and is listed in [`names`].
//!
//! Labels are from small closed sets (route patterns, status codes, kinds of frame): an id as a label would make the
//! number of series grow with the organisation.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::Counter;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// The names.
pub mod names {
    /// Counter: requests, by `method`, `route` and `status`.
    pub const HTTP_REQUESTS: &str = "fil_http_requests_total";
    /// Histogram: time to answer a request, by `route`.
    pub const HTTP_SECONDS: &str = "fil_http_request_seconds";
    /// Gauge: open TCP connections, sockets included.
    pub const CONNECTIONS: &str = "fil_connections";
    /// Counter: connections refused because of a limit.
    pub const CONNECTIONS_REFUSED: &str = "fil_connections_refused_total";
    /// Gauge: open sockets.
    pub const SOCKETS: &str = "fil_sockets";
    /// Counter: sockets opened.
    pub const SOCKETS_OPENED: &str = "fil_sockets_opened_total";
    /// Counter: sockets closed, by `code`.
    pub const SOCKETS_CLOSED: &str = "fil_sockets_closed_total";
    /// Counter: frames received, by `type`.
    pub const FRAMES_RECEIVED: &str = "fil_frames_received_total";
    /// Counter: frames sent.
    pub const FRAMES_SENT: &str = "fil_frames_sent_total";
    /// Counter: bytes of frames sent.
    pub const BYTES_SENT: &str = "fil_frame_bytes_sent_total";
    /// Histogram: what one batch of the node contained.
    pub const BATCH_INPUTS: &str = "fil_node_batch_inputs";
    /// Gauge: messages that wait for the node, besides those of the newest batch.
    pub const NODE_QUEUE: &str = "fil_node_queue";
    /// Gauge: bytes of frames that wait for sockets which do not read as fast, as of the newest batch.
    pub const BACKLOG_BYTES: &str = "fil_backlog_bytes";
    /// Histogram: time from taking a batch to its commit.
    pub const BATCH_SECONDS: &str = "fil_node_batch_seconds";
    /// Counter: attempts to sign in, by `result` (`right`, `wrong`, `disabled`).
    pub const SIGN_INS: &str = "fil_sign_ins_total";
    /// Counter: refresh tokens presented, by `result` (`rotated`, `repeated`, `reused`, `refused`).
    pub const REFRESHES: &str = "fil_refreshes_total";
    /// Counter: refusals because the database could not be written or read, by `kind` (`full`, `busy`, `failed`).
    pub const STORE_FAILURES: &str = "fil_store_failures_total";
    /// Gauge: 1 while the database can be written, 0 after a write that failed.
    pub const WRITABLE: &str = "fil_writable";
    /// Counter: what was refused because of a rate limit, by `limit`.
    pub const RATE_LIMITED: &str = "fil_rate_limited_total";
}

/// The figures that every frame touches, looked up once: finding a counter by its name and label costs more than counting.
#[derive(Debug)]
pub struct FrameFigures {
    received: [(&'static str, Counter); FRAME_TYPES.len()],
    /// [`names::FRAMES_SENT`].
    pub sent: Counter,
    /// [`names::BYTES_SENT`].
    pub bytes_sent: Counter,
}

/// The types of frames that a client sends.
const FRAME_TYPES: [&str; 7] = ["hello", "command", "acknowledge", "pull", "read", "renew", "ping"];

impl FrameFigures {
    /// [`names::FRAMES_RECEIVED`] of one type.
    pub fn received(&self, kind: &str) {
        if let Some((_, counter)) = self.received.iter().find(|(known, _)| *known == kind) {
            counter.increment(1);
        }
    }
}

/// The figures of frames. Of no use before [`recorder`] was called: what is counted then is lost.
pub fn frames() -> &'static FrameFigures {
    static FRAMES: OnceLock<FrameFigures> = OnceLock::new();
    FRAMES.get_or_init(|| FrameFigures {
        received: FRAME_TYPES.map(|kind| (kind, metrics::counter!(names::FRAMES_RECEIVED, "type" => kind))),
        sent: metrics::counter!(names::FRAMES_SENT),
        bytes_sent: metrics::counter!(names::BYTES_SENT),
    })
}

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// The figures of this process. A process has one set, however many servers a test starts in it.
pub fn recorder() -> &'static PrometheusHandle {
    RECORDER.get_or_init(|| {
        let seconds = [0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        let inputs = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0];
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_inputs".to_owned()), &inputs))
            .expect("the lists of buckets are not empty")
            .build_recorder();
        let handle = recorder.handle();
        // Fails only if the process has another recorder already; then this one stays empty.
        let _ = metrics::set_global_recorder(recorder);
        describe();
        handle
    })
}

/// How often the database has failed in this process.
static FAILURES: AtomicU64 = AtomicU64::new(0);

/// The database failed (`full`, `busy` or `failed`), and somebody was refused because of it.
pub fn store_failed(kind: &'static str) {
    FAILURES.fetch_add(1, Ordering::Relaxed);
    metrics::counter!(names::STORE_FAILURES, "kind" => kind).increment(1);
}

/// How often [`store_failed`] was called: a change tells whoever watches to look closer.
pub fn store_failures() -> u64 {
    FAILURES.load(Ordering::Relaxed)
}

/// Folds what histograms have recorded into their buckets, which otherwise happens only when somebody asks, so that a
/// server that nobody watches does not grow.
pub async fn keep_up(mut stopping: crate::shutdown::Stopping) {
    let mut ticks = tokio::time::interval(std::time::Duration::from_secs(10));
    loop {
        tokio::select! {
            _ = ticks.tick() => recorder().run_upkeep(),
            () = stopping.wait() => return,
        }
    }
}

fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!(names::HTTP_REQUESTS, "Requests.");
    describe_histogram!(names::HTTP_SECONDS, "Time to answer a request.");
    describe_gauge!(names::CONNECTIONS, "Open TCP connections, sockets included.");
    describe_counter!(names::CONNECTIONS_REFUSED, "Connections refused because of a limit.");
    describe_gauge!(names::SOCKETS, "Open sockets.");
    describe_counter!(names::SOCKETS_OPENED, "Sockets opened.");
    describe_counter!(names::SOCKETS_CLOSED, "Sockets closed, by close code.");
    describe_counter!(names::FRAMES_RECEIVED, "Frames received, by type.");
    describe_counter!(names::FRAMES_SENT, "Frames sent.");
    describe_counter!(names::BYTES_SENT, "Bytes of frames sent.");
    describe_histogram!(names::BATCH_INPUTS, "Inputs in one batch of the node.");
    describe_gauge!(names::NODE_QUEUE, "Messages that wait for the node.");
    describe_gauge!(names::BACKLOG_BYTES, "Bytes of frames that wait for sockets.");
    describe_histogram!(names::BATCH_SECONDS, "Time from taking a batch to its commit.");
    describe_counter!(names::SIGN_INS, "Attempts to sign in, by result.");
    describe_counter!(names::REFRESHES, "Refresh tokens presented, by result.");
    describe_counter!(names::STORE_FAILURES, "Refusals because the database failed, by kind.");
    describe_gauge!(names::WRITABLE, "1 while the database can be written.");
    describe_counter!(names::RATE_LIMITED, "What was refused because of a rate limit.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rendered_with_their_names() {
        let handle = recorder();
        metrics::counter!(names::SOCKETS_OPENED).increment(1);
        metrics::histogram!(names::BATCH_SECONDS).record(0.002);
        let text = handle.render();
        assert!(text.contains("# TYPE fil_sockets_opened_total counter"), "{text}");
        assert!(text.contains("fil_node_batch_seconds_bucket{le=\"0.0025\"}"), "{text}");
    }
}
