//! Rate limits: token buckets per address, handle, account and device, with an answer that says when to come back.
//!
//! Memory is bounded: a table keeps at most [`KEYS_MAX`] keys. When it is full, buckets that have filled up again are
//! swept out; while that frees nothing, all share one bucket that is [`SHARED_TIMES`] as large. An attacker with fifty
//! thousand addresses can therefore slow down signing in, and never takes the server's memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fil_protocol::{AccountId, DeviceId, ErrorCode, ProtocolError};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};

use crate::config;
use crate::network::counted;

/// Keys that one table remembers.
pub const KEYS_MAX: usize = 50_000;
/// How much larger the bucket is that all share while a table is full.
pub const SHARED_TIMES: u32 = 50;
/// How much larger than one account's is the bucket for refreshes from one address: an office is behind it.
const OFFICE_TIMES: u32 = 10;

/// The limits of requests and frames.
pub struct RateLimits {
    sign_in_address: Keyed<IpAddr>,
    sign_in_handle: Keyed<String>,
    requests: Keyed<AccountId>,
    refresh_address: Keyed<IpAddr>,
    refresh_device: Keyed<DeviceId>,
    frames: Mutex<HashMap<DeviceId, DeviceFrames>>,
    figures: config::Limits,
}

impl RateLimits {
    /// With the figures of the configuration.
    pub fn new(limits: &config::Limits) -> Self {
        let sign_in =
            Quota::per_minute(at_least_one(limits.sign_in_per_minute)).allow_burst(at_least_one(limits.sign_in_burst));
        let requests = Quota::per_second(at_least_one(limits.requests_per_second))
            .allow_burst(at_least_one(limits.requests_burst));
        Self {
            sign_in_address: Keyed::new(sign_in),
            sign_in_handle: Keyed::new(sign_in),
            requests: Keyed::new(requests),
            refresh_address: Keyed::new(times(requests, OFFICE_TIMES)),
            refresh_device: Keyed::new(sign_in),
            frames: Mutex::default(),
            figures: limits.clone(),
        }
    }

    /// An attempt from this address to sign in, to use an invite, or to refresh with what is no token.
    pub fn sign_in_from(&self, address: IpAddr) -> Result<(), ProtocolError> {
        self.sign_in_address.check(&counted(address))
    }

    /// An attempt to sign in as this handle, from wherever: guessing one password from many addresses is slow too.
    pub fn sign_in_as(&self, organisation: &str, handle: &str) -> Result<(), ProtocolError> {
        self.sign_in_handle.check(&format!("{organisation}/{handle}"))
    }

    /// A refresh with a genuine token of this device, revoked or not, from this address. Asked before the writer is, so
    /// that a refused refresh has changed nothing.
    pub fn refresh_of(&self, device: DeviceId, address: IpAddr) -> Result<(), ProtocolError> {
        self.refresh_device.check(&device)?;
        self.refresh_address.check(&counted(address))
    }

    /// The bucket for the frames of this device. It outlives the socket: connecting again does not fill it. When the
    /// table is full of devices that are connected or in debt, a further one gets a bucket for its socket alone.
    pub fn frames_of(&self, device: DeviceId, now: Instant) -> DeviceFrames {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = frames.get(&device) {
            return found.clone();
        }
        if frames.len() >= KEYS_MAX {
            frames.retain(|_, kept| Arc::strong_count(&kept.0) > 1 || !kept.limit().is_full(now));
        }
        let made = DeviceFrames(Arc::new(Mutex::new(FrameLimit::new(&self.figures, now))));
        if frames.len() < KEYS_MAX {
            frames.insert(device, made.clone());
        }
        made
    }

    /// A request of this account.
    pub fn request_of(&self, account: AccountId) -> Result<(), ProtocolError> {
        self.requests.check(&account)
    }
}

/// The bucket of one device, shared by its sockets.
#[derive(Clone, Debug)]
pub struct DeviceFrames(Arc<Mutex<FrameLimit>>);

impl DeviceFrames {
    /// Counts a frame.
    pub fn take(&self, now: Instant) -> Pace {
        self.limit().take(now)
    }

    fn limit(&self) -> MutexGuard<'_, FrameLimit> {
        // Arithmetic does not panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The arithmetic of a bucket for frames. It may go into debt, which the sender pays by waiting.
#[derive(Clone, Copy, Debug)]
pub struct FrameLimit {
    tokens: f64,
    filled: Instant,
    burst: f64,
    per_second: f64,
    /// Frames that had to wait since the bucket was last half full.
    slowed: u32,
    slowed_max: u32,
}

/// What to do with a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Pace {
    /// Take it.
    Now,
    /// Read nothing for this long, then take it: the sender feels it as a slow network.
    After(Duration),
    /// The sender has been slowed down for a long time and goes on: refuse it.
    Abuse {
        /// When it may come back.
        retry_after_ms: u64,
    },
}

impl FrameLimit {
    /// A full bucket.
    pub fn new(limits: &config::Limits, now: Instant) -> Self {
        let burst = f64::from(limits.frames_burst);
        let slowed_max = limits.frames_burst.saturating_mul(10);
        Self {
            tokens: burst,
            filled: now,
            burst,
            per_second: f64::from(limits.frames_per_second),
            slowed: 0,
            slowed_max,
        }
    }

    /// Whether nobody would notice if it were made anew.
    fn is_full(&self, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.filled).as_secs_f64() * self.per_second;
        self.tokens + earned >= self.burst
    }

    /// Counts a frame.
    pub fn take(&mut self, now: Instant) -> Pace {
        let earned = now.saturating_duration_since(self.filled).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + earned).min(self.burst) - 1.0;
        self.filled = now;
        if self.tokens >= self.burst / 2.0 {
            self.slowed = 0;
        }
        if self.tokens >= 0.0 {
            return Pace::Now;
        }
        self.slowed += 1;
        if self.slowed > self.slowed_max {
            return Pace::Abuse { retry_after_ms: 10_000 };
        }
        Pace::After(Duration::from_secs_f64(-self.tokens / self.per_second))
    }
}

struct Keyed<K: Hash + Eq + Clone> {
    buckets: DefaultKeyedRateLimiter<K>,
    shared: DefaultDirectRateLimiter,
    swept: Mutex<Instant>,
}

impl<K: Hash + Eq + Clone> Keyed<K> {
    fn new(quota: Quota) -> Self {
        Self {
            buckets: RateLimiter::keyed(quota),
            shared: RateLimiter::direct(
                quota.allow_burst(at_least_one(quota.burst_size().get().saturating_mul(SHARED_TIMES))),
            ),
            swept: Mutex::new(Instant::now()),
        }
    }

    fn check(&self, key: &K) -> Result<(), ProtocolError> {
        if self.buckets.len() >= KEYS_MAX && !self.sweep() {
            return self.shared.check().map_err(|not_until| refused(&not_until));
        }
        self.buckets.check_key(key).map_err(|not_until| refused(&not_until))
    }

    /// Sweeps at most once a second; whether there is room now.
    fn sweep(&self) -> bool {
        let Ok(mut swept) = self.swept.try_lock() else { return false };
        if swept.elapsed() < Duration::from_secs(1) {
            return false;
        }
        *swept = Instant::now();
        self.buckets.retain_recent();
        self.buckets.len() < KEYS_MAX
    }
}

/// A quota that is larger by this factor, lasting and at once.
fn times(quota: Quota, factor: u32) -> Quota {
    let burst = at_least_one(quota.burst_size().get().saturating_mul(factor));
    Quota::with_period(quota.replenish_interval() / factor).unwrap_or(quota).allow_burst(burst)
}

fn refused(not_until: &NotUntil<<DefaultClock as Clock>::Instant>) -> ProtocolError {
    let wait_ms = u64::try_from(wait(not_until).as_millis()).unwrap_or(u64::MAX).max(1);
    ProtocolError::retry_after(ErrorCode::RateLimited, "too many requests", wait_ms)
}

fn wait(not_until: &NotUntil<<DefaultClock as Clock>::Instant>) -> Duration {
    not_until.wait_time_from(DefaultClock::default().now())
}

fn at_least_one(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
}

impl std::fmt::Debug for RateLimits {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RateLimits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_the_next_is_told_when_to_come_back() {
        let limits = config::Limits { sign_in_burst: 3, sign_in_per_minute: 1, ..config::Limits::default() };
        let limits = RateLimits::new(&limits);
        let (here, there) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..3 {
            limits.sign_in_from(here).unwrap();
        }
        let refused = limits.sign_in_from(here).unwrap_err();
        assert_eq!(refused.code, ErrorCode::RateLimited);
        let wait_ms = refused.retry_after_ms.unwrap();
        assert!((1..=60_000).contains(&wait_ms), "{wait_ms}");
        limits.sign_in_from(there).unwrap();
        // One customer has a whole /64.
        for address in ["2001:db8::1", "2001:db8::2", "2001:db8::3"] {
            limits.sign_in_from(address.parse().unwrap()).unwrap();
        }
        assert!(limits.sign_in_from("2001:db8::4".parse().unwrap()).is_err());
        assert!(limits.sign_in_from("2001:db8:0:1::1".parse().unwrap()).is_ok());
    }

    #[test]
    fn a_full_table_stays_full_and_all_share_a_bucket() {
        let quota = Quota::per_minute(at_least_one(1)).allow_burst(at_least_one(2));
        let keyed = Keyed::new(quota);
        for key in 0..KEYS_MAX {
            keyed.check(&key).unwrap();
        }
        let taken = (0..200).filter(|offset| keyed.check(&(KEYS_MAX + offset)).is_ok()).count();
        assert_eq!((taken, keyed.buckets.len()), (2 * SHARED_TIMES as usize, KEYS_MAX));
    }

    #[test]
    fn a_fast_socket_is_slowed_down_first_and_refused_only_if_it_goes_on() {
        let limits = config::Limits { frames_burst: 2, frames_per_second: 10, ..config::Limits::default() };
        let mut now = Instant::now();
        let mut limit = FrameLimit::new(&limits, now);
        assert_eq!((limit.take(now), limit.take(now)), (Pace::Now, Pace::Now));
        for _ in 0..20 {
            // It waits as long as it was told, and sends again at once: one frame per tenth of a second gets through.
            let Pace::After(wait) = limit.take(now) else { panic!("taken or refused too early") };
            assert!((95..=105).contains(&wait.as_millis()), "{wait:?}");
            now += wait;
        }
        assert_eq!(limit.take(now), Pace::Abuse { retry_after_ms: 10_000 });
        assert_eq!(limit.take(now + Duration::from_secs(1)), Pace::Now);
    }

    #[test]
    fn a_device_that_connects_again_finds_its_bucket_as_it_left_it() {
        let limits = config::Limits { frames_burst: 2, frames_per_second: 10, ..config::Limits::default() };
        let limits = RateLimits::new(&limits);
        let (now, device) = (Instant::now(), DeviceId::from([1; 16]));
        for _ in 0..2 {
            assert_eq!(limits.frames_of(device, now).take(now), Pace::Now);
        }
        assert!(matches!(limits.frames_of(device, now).take(now), Pace::After(_)));
        assert_eq!(limits.frames_of(DeviceId::from([2; 16]), now).take(now), Pace::Now);
        assert!(!limits.frames_of(device, now).limit().is_full(now));
        assert!(limits.frames_of(device, now).limit().is_full(now + Duration::from_secs(1)));
    }
}
