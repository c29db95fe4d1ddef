//! The connection: when to open it, when to give it up, and when to try again.
//!
//! | input | who sends it |
//! |---|---|
//! | `connect_now`, `woke` | the person, the system |
//! | `connected`, `disconnected` | the transport |
//! | `received`, `welcomed`, `caught_up`, `commands_waiting` | the engine, about frames |
//! | `tick` | the driver, at `deadline` |
//!
//! A socket that says it is open proves nothing (half-open after sleep, rows 46 and 47 of the failure catalogue), so
//! silence is answered by a ping and continued silence by a new connection. Attempts are spread with full jitter, and
//! the back-off starts again only after the connection has been caught up and stable for a while: a server that
//! accepts and drops must not be hammered. Time that a connection was open counts as waiting: attempts are as far apart as
//! the back-off wants them, and nobody waits half a minute after the half minute that it took to find a line dead.

use fil_protocol::{Class, ErrorCode, ProtocolError};

use crate::jitter::Jitter;

/// Longest first delay, in milliseconds.
const FIRST_DELAY_MS: u64 = 2_000;
/// Shortest delay, in milliseconds.
const DELAY_MS_MIN: u64 = 300;
/// Longest delay, in milliseconds.
const DELAY_MS_MAX: u64 = 30_000;
/// How long an attempt may take, token refresh included, in milliseconds.
const ATTEMPT_MS_MAX: u64 = 30_000;
/// How long the server may take to answer `hello`, in milliseconds.
const WELCOME_MS_MAX: u64 = 10_000;
/// Silence after which the client asks whether anybody is there, in milliseconds.
const SILENCE_MS: u64 = 25_000;
/// How long the answer to that may take, in milliseconds.
const PONG_MS_MAX: u64 = 10_000;
/// The same after waking up, in milliseconds.
const PROBE_MS_MAX: u64 = 3_000;
/// How long the server may be silent while commands await their verdicts, in milliseconds.
const VERDICT_MS_MAX: u64 = 8_000;
/// The same while the answer to a pull is under way, in milliseconds: on a slow line it fills the line.
const VERDICT_BEHIND_PULL_MS_MAX: u64 = 30_000;
/// The longest that a server can keep a client away, in milliseconds. More is a fault, of whichever side.
const RETRY_AFTER_MS_MAX: u64 = 10 * 60 * 1000;
/// How long a caught-up connection has to last before the back-off starts again at the beginning, in milliseconds.
const STABLE_MS: u64 = 30_000;

/// Why only a person, or another version, can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The server ended the session.
    SignedOut,
    /// The account was disabled.
    AccountDisabled,
    /// This app is too old for the server.
    UpdateApp,
    /// The server is too old for this app.
    UpdateServer,
}

/// What the driver has to do about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Open a socket.
    Connect,
    /// Close the socket: it is regarded as gone.
    Close,
    /// Send a ping.
    Ping,
}

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// There is none; the next attempt is due then.
    Waiting {
        /// When, by the monotonic clock.
        until_ms: u64,
    },
    /// An attempt is under way.
    Connecting {
        /// When it is given up.
        until_ms: u64,
    },
    /// The socket is open and `hello` is sent.
    Greeting {
        /// When it is given up.
        until_ms: u64,
    },
    /// The server has answered `hello`.
    Open {
        /// Whether everything that the server named is here.
        caught_up: bool,
    },
    /// Only a person, or another version, can go on.
    Stopped(StopReason),
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Connection {
    phase: Phase,
    /// Attempts since the last stable connection; the back-off doubles with each.
    attempts: u32,
    /// Since when the connection is open.
    open_since_ms: Option<u64>,
    /// Since when the connection is open and caught up.
    stable_since_ms: Option<u64>,
    /// When the last frame came.
    heard_ms: u64,
    /// When an unanswered ping, or an unanswered command, makes the connection dead.
    dead_ms: Option<u64>,
    pinged: bool,
    /// It began anew since it was last stable.
    began_anew: bool,
}

impl Connection {
    /// A connection that is due at once.
    pub fn new(monotonic_ms: u64) -> Self {
        let phase = Phase::Waiting { until_ms: monotonic_ms };
        Self {
            phase,
            attempts: 0,
            open_since_ms: None,
            stable_since_ms: None,
            heard_ms: monotonic_ms,
            dead_ms: None,
            pinged: false,
            began_anew: false,
        }
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether frames can be sent: `hello` has been answered.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// When `tick` has something to do.
    pub fn deadline(&self) -> Option<u64> {
        match self.phase {
            Phase::Waiting { until_ms } | Phase::Connecting { until_ms } | Phase::Greeting { until_ms } => {
                Some(until_ms)
            }
            Phase::Open { .. } => Some(self.dead_ms.unwrap_or(self.heard_ms + SILENCE_MS)),
            Phase::Stopped(_) => None,
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now_ms: u64, jitter: &mut Jitter) -> Option<Step> {
        match self.phase {
            Phase::Waiting { until_ms } if now_ms >= until_ms => {
                self.attempts = self.attempts.saturating_add(1);
                self.phase = Phase::Connecting { until_ms: now_ms + ATTEMPT_MS_MAX };
                Some(Step::Connect)
            }
            Phase::Connecting { until_ms } | Phase::Greeting { until_ms } if now_ms >= until_ms => {
                self.wait(now_ms, 0, jitter);
                Some(Step::Close)
            }
            Phase::Open { .. } => self.listen(now_ms, jitter),
            _ => None,
        }
    }

    fn listen(&mut self, now_ms: u64, jitter: &mut Jitter) -> Option<Step> {
        if self.dead_ms.is_some_and(|dead_ms| now_ms >= dead_ms) {
            self.wait(now_ms, 0, jitter);
            return Some(Step::Close);
        }
        if !self.pinged && now_ms >= self.heard_ms + SILENCE_MS {
            return self.ping(now_ms, PONG_MS_MAX);
        }
        None
    }

    fn ping(&mut self, now_ms: u64, limit_ms: u64) -> Option<Step> {
        self.pinged = true;
        let dead_ms = now_ms + limit_ms;
        self.dead_ms = Some(self.dead_ms.map_or(dead_ms, |known| known.min(dead_ms)));
        Some(Step::Ping)
    }

    /// There may be a network now. An attempt that waits is made at once; an open socket is probed.
    pub fn connect_now(&mut self, now_ms: u64, jitter: &mut Jitter) -> Option<Step> {
        match self.phase {
            Phase::Waiting { .. } => {
                self.phase = Phase::Waiting { until_ms: now_ms };
                self.tick(now_ms, jitter)
            }
            Phase::Stopped(StopReason::UpdateApp | StopReason::UpdateServer) => {
                self.phase = Phase::Waiting { until_ms: now_ms };
                self.tick(now_ms, jitter)
            }
            Phase::Open { .. } => self.ping(now_ms, PROBE_MS_MAX),
            _ => None,
        }
    }

    /// The socket is open: `hello` goes out now.
    pub fn connected(&mut self, now_ms: u64) -> bool {
        if !matches!(self.phase, Phase::Connecting { .. }) {
            return false;
        }
        self.phase = Phase::Greeting { until_ms: now_ms + WELCOME_MS_MAX };
        true
    }

    /// Anything came from the server.
    pub fn received(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
        self.dead_ms = None;
        self.pinged = false;
        if self.stable_since_ms.is_some_and(|since_ms| now_ms >= since_ms + STABLE_MS) {
            self.calm_down();
        }
    }

    /// `welcome` came.
    pub fn welcomed(&mut self) {
        self.phase = Phase::Open { caught_up: false };
        self.open_since_ms = Some(self.heard_ms);
    }

    /// Whether everything that the server named is here. Answers whether that is news.
    pub fn caught_up(&mut self, now_ms: u64, caught_up: bool) -> bool {
        match self.phase {
            Phase::Open { caught_up: before } if before != caught_up => {
                self.phase = Phase::Open { caught_up };
                if caught_up {
                    self.stable_since_ms.get_or_insert(now_ms);
                }
                true
            }
            _ => false,
        }
    }

    /// Commands were sent and await their verdicts: silence from now on is suspicious sooner.
    pub fn commands_waiting(&mut self, now_ms: u64, behind_pull: bool) {
        let limit_ms = if behind_pull { VERDICT_BEHIND_PULL_MS_MAX } else { VERDICT_MS_MAX };
        self.dead_ms.get_or_insert(now_ms + limit_ms);
    }

    /// There is no socket any more, or the server has said that there should not be.
    pub fn disconnected(&mut self, now_ms: u64, error: Option<&ProtocolError>, jitter: &mut Jitter) {
        if matches!(self.phase, Phase::Stopped(_)) {
            return;
        }
        let stable = self.stable_since_ms.is_some_and(|since_ms| now_ms >= since_ms + STABLE_MS);
        if stable {
            self.calm_down();
        }
        match error.map(|error| (error.code, error.code.class())) {
            Some((ErrorCode::AccountDisabled, _)) => self.stop(StopReason::AccountDisabled),
            Some((_, Class::SignIn)) => self.stop(StopReason::SignedOut),
            Some((ErrorCode::ClientTooNew, _)) => self.stop(StopReason::UpdateServer),
            Some((_, Class::Update)) => self.stop(StopReason::UpdateApp),
            _ => self.wait(now_ms, error.and_then(|error| error.retry_after_ms).unwrap_or(0), jitter),
        }
    }

    /// Another `hello` is needed though nothing failed: the device's numbers begin again. The next attempt is made soon,
    /// but only once before the connection is stable: a server that asks for it again and again is not hammered.
    pub fn begin_anew(&mut self, now_ms: u64, jitter: &mut Jitter) {
        self.disconnected(now_ms, None, jitter);
        if matches!(self.phase, Phase::Waiting { .. }) && !std::mem::replace(&mut self.began_anew, true) {
            self.phase = Phase::Waiting { until_ms: now_ms + DELAY_MS_MIN };
        }
    }

    fn calm_down(&mut self) {
        self.attempts = 0;
        self.began_anew = false;
    }

    fn stop(&mut self, reason: StopReason) {
        self.phase = Phase::Stopped(reason);
        self.open_since_ms = None;
        self.stable_since_ms = None;
        self.dead_ms = None;
    }

    /// Full jitter between a floor and a ceiling that doubles, less the time that the connection was open; never sooner
    /// than the first delay or than the server asked for.
    fn wait(&mut self, now_ms: u64, retry_after_ms: u64, jitter: &mut Jitter) {
        let doublings = self.attempts.saturating_sub(1).min(16);
        let ceiling_ms = (FIRST_DELAY_MS << doublings).min(DELAY_MS_MAX);
        let drawn_ms = jitter.between(DELAY_MS_MIN, ceiling_ms);
        // A server that fell takes many connections with it: they are spread over the first delay at least.
        let shortest_ms = jitter.between(DELAY_MS_MIN, FIRST_DELAY_MS).min(drawn_ms);
        let open_ms = self.open_since_ms.take().map_or(0, |since_ms| now_ms.saturating_sub(since_ms));
        let delay_ms = drawn_ms.saturating_sub(open_ms).max(shortest_ms).max(retry_after_ms.min(RETRY_AFTER_MS_MAX));
        self.phase = Phase::Waiting { until_ms: now_ms + delay_ms };
        self.stable_since_ms = None;
        self.dead_ms = None;
        self.pinged = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(now_ms: u64, jitter: &mut Jitter) -> Connection {
        let mut connection = Connection::new(now_ms);
        assert_eq!(connection.tick(now_ms, jitter), Some(Step::Connect));
        assert!(connection.connected(now_ms));
        connection.received(now_ms);
        connection.welcomed();
        connection
    }

    #[test]
    fn silence_is_answered_by_a_ping_and_more_silence_by_a_new_connection() {
        let jitter = &mut Jitter::new(1);
        let mut connection = open(0, jitter);
        assert_eq!(connection.deadline(), Some(SILENCE_MS));
        assert_eq!(connection.tick(SILENCE_MS, jitter), Some(Step::Ping));
        assert_eq!(connection.tick(SILENCE_MS + PONG_MS_MAX - 1, jitter), None);
        assert_eq!(connection.tick(SILENCE_MS + PONG_MS_MAX, jitter), Some(Step::Close));
        assert!(matches!(connection.phase(), Phase::Waiting { .. }));
    }

    #[test]
    fn after_sleep_an_open_socket_has_three_seconds_to_prove_itself() {
        let jitter = &mut Jitter::new(1);
        let mut connection = open(0, jitter);
        assert_eq!(connection.connect_now(1_000, jitter), Some(Step::Ping));
        assert_eq!(connection.deadline(), Some(1_000 + PROBE_MS_MAX));
        connection.received(1_500);
        assert_eq!(connection.tick(1_000 + PROBE_MS_MAX, jitter), None);
    }

    #[test]
    fn the_back_off_doubles_until_a_connection_was_stable() {
        let jitter = &mut Jitter::new(7);
        let mut connection = Connection::new(0);
        let mut now_ms = 0;
        let mut longest_ms = 0;
        for _ in 0..12 {
            assert_eq!(connection.tick(now_ms, jitter), Some(Step::Connect));
            connection.disconnected(now_ms, None, jitter);
            let due_ms = connection.deadline().unwrap();
            assert!((DELAY_MS_MIN..=DELAY_MS_MAX).contains(&(due_ms - now_ms)));
            longest_ms = longest_ms.max(due_ms - now_ms);
            now_ms = due_ms;
        }
        assert!(longest_ms > 10_000, "the ceiling never grew: {longest_ms}");

        connection.tick(now_ms, jitter);
        connection.connected(now_ms);
        connection.welcomed();
        connection.caught_up(now_ms, true);
        connection.disconnected(now_ms + STABLE_MS, None, jitter);
        assert!(connection.deadline().unwrap() <= now_ms + STABLE_MS + FIRST_DELAY_MS);
    }

    /// A line that died silently took half a minute to be found out (in the simulation a device was not settled a minute
    /// after the last fault, because it then waited half a minute more). A connection that was open for long is followed
    /// by another within the first delay, however many attempts failed before; one that was dropped at once is not.
    #[test]
    fn the_time_that_a_connection_was_open_counts_as_waiting() {
        for seed in 0..50 {
            let jitter = &mut Jitter::new(seed);
            let mut connection = open(0, jitter);
            connection.attempts = 12;
            connection.tick(SILENCE_MS, jitter);
            assert_eq!(connection.tick(SILENCE_MS + PONG_MS_MAX, jitter), Some(Step::Close));
            let wait_ms = connection.deadline().unwrap() - (SILENCE_MS + PONG_MS_MAX);
            assert!((DELAY_MS_MIN..=FIRST_DELAY_MS).contains(&wait_ms), "seed {seed}: {wait_ms}");
        }
        let longest_ms = (0..50).map(|seed| {
            let jitter = &mut Jitter::new(seed);
            let mut connection = open(0, jitter);
            connection.attempts = 12;
            connection.disconnected(0, None, jitter);
            connection.deadline().unwrap()
        });
        assert!(longest_ms.max() > Some(DELAY_MS_MAX - 5_000), "a server that accepts and drops is hammered");
    }

    /// A new generation of numbers needs another hello: at once the first time, after the usual wait from then on.
    #[test]
    fn beginning_anew_is_quick_once() {
        let jitter = &mut Jitter::new(11);
        let mut connection = open(0, jitter);
        connection.begin_anew(0, jitter);
        assert_eq!(connection.deadline(), Some(DELAY_MS_MIN));
        let waits = (0..20).map(|_| {
            connection.phase = Phase::Open { caught_up: false };
            connection.begin_anew(0, jitter);
            connection.deadline().unwrap()
        });
        assert!(waits.max() > Some(DELAY_MS_MIN), "a server that asks for it for ever is hammered");
    }

    #[test]
    fn the_server_decides_when_and_whether_to_come_back() {
        let cases = [
            (ErrorCode::AccountDisabled, Phase::Stopped(StopReason::AccountDisabled)),
            (ErrorCode::DeviceRevoked, Phase::Stopped(StopReason::SignedOut)),
            (ErrorCode::Unauthorised, Phase::Stopped(StopReason::SignedOut)),
            (ErrorCode::ClientTooOld, Phase::Stopped(StopReason::UpdateApp)),
            (ErrorCode::ClientTooNew, Phase::Stopped(StopReason::UpdateServer)),
        ];
        let jitter = &mut Jitter::new(3);
        for (code, expected) in cases {
            let mut connection = open(0, jitter);
            connection.disconnected(0, Some(&ProtocolError::new(code, "")), jitter);
            assert_eq!(connection.phase(), expected);
        }
        let mut connection = open(0, jitter);
        let later = ProtocolError::retry_after(ErrorCode::Unavailable, "", 90_000);
        connection.disconnected(0, Some(&later), jitter);
        assert_eq!(connection.deadline(), Some(90_000));
        let mut connection = open(0, jitter);
        let never = ProtocolError::retry_after(ErrorCode::Unavailable, "", u64::MAX);
        connection.disconnected(0, Some(&never), jitter);
        assert_eq!(connection.deadline(), Some(RETRY_AFTER_MS_MAX));
    }
}
