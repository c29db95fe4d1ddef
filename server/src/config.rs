//! Everything that an operator can set, with a default for each key.
//!
//! The values come from a TOML file, then from environment variables, then from flags; a later one wins
//! ([`layers`]). A key that does not exist is an error that names it, because a misspelt limit that is silently
//! ignored is found on the worst day. `fil-server.example.toml` shows every key with its default, and a test holds it
//! to that. There is no reading of the configuration after the start: a restart takes less than a second, and clients
//! come back by themselves.

pub mod layers;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use fil_protocol::limits::{ACCESS_TOKEN_MS, REFRESH_GRACE_MS};
use serde::{Deserialize, Serialize};

use crate::network::Network;
use crate::secret::Secret;

/// What an operator can set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folder of the database and the keys. Created with private permissions.
    pub data: PathBuf,
    /// The address to listen on. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address that people reach the server under, for invite links. Empty: made from `listen`.
    pub public_url: String,
    /// A proxy in front of the server ends TLS. Without it, plain HTTP is refused on an address that others can reach.
    pub behind_proxy: bool,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Web origins that may open a socket. A client that sends no `Origin` is not a browser and needs no entry.
    pub allowed_origins: Vec<String>,
    /// Certificate and key.
    pub tls: Tls,
    /// What the server writes to its standard error.
    pub log: Log,
    /// Figures for Prometheus.
    pub metrics: Metrics,
    /// How passwords are hashed.
    pub password: Password,
    /// Tokens and invites.
    pub sessions: Sessions,
    /// Bounds that protect the server and its neighbours.
    pub limits: Limits,
    /// How the server stops.
    pub shutdown: Shutdown,
}

/// Certificate and key. Both or neither.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// What the server writes to its standard error.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// For people or for programs.
    pub format: LogFormat,
    /// From which level on: `info`, or finer by module: `info,fil_server::socket=debug`.
    pub level: String,
}

/// For people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// A line of text per event.
    Pretty,
    /// A JSON object per event.
    Json,
}

/// Figures for Prometheus.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// A second address that serves `/metrics` alone, without a token. Empty: `/metrics` is on the main address.
    pub listen: String,
    /// The bearer token that `/metrics` on the main address asks for. Empty: only connections from this machine that
    /// no proxy forwarded are answered.
    pub token: Secret,
}

/// How passwords are hashed: Argon2id. Never below what OWASP asks for (19 MiB, two passes).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Password {
    /// Memory for one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
    /// How long a sign-in waits for a free core before it is told to come back.
    pub wait_ms: u64,
}

/// Tokens and invites.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// Life of an access token.
    pub access_token_ms: u64,
    /// Time in which a replaced refresh token still yields its successor, from the successor's first use.
    pub refresh_grace_ms: u64,
    /// Life of an invite.
    pub invite_hours: u64,
}

/// Bounds that protect the server and its neighbours.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open connections. Further ones wait in the operating system's queue.
    pub connections_max: u32,
    /// Open connections from one address; trusted proxies are exempt. Further ones are closed.
    pub connections_per_address_max: u32,
    /// Time for a client to send the head of a request, and to keep a connection idle between two.
    pub header_timeout_ms: u64,
    /// Time for a client to send the body of a request.
    pub body_timeout_ms: u64,
    /// Time for a client to send `hello` on a new socket.
    pub hello_timeout_ms: u64,
    /// Attempts to sign in from one address or as one handle, and refreshes of one device, lasting and at once.
    pub sign_in_per_minute: u32,
    /// See `sign_in_per_minute`.
    pub sign_in_burst: u32,
    /// Requests of one account, lasting and at once.
    pub requests_per_second: u32,
    /// See `requests_per_second`.
    pub requests_burst: u32,
    /// Frames of one device, on whichever socket, lasting and at once.
    pub frames_per_second: u32,
    /// See `frames_per_second`.
    pub frames_burst: u32,
}

/// How the server stops.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shutdown {
    /// Time for requests and sockets to finish.
    pub drain_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 7340)),
            public_url: String::new(),
            behind_proxy: false,
            trusted_proxies: Vec::new(),
            allowed_origins: ["tauri://localhost", "http://tauri.localhost", "https://tauri.localhost"]
                .map(str::to_owned)
                .to_vec(),
            tls: Tls::default(),
            log: Log::default(),
            metrics: Metrics::default(),
            password: Password::default(),
            sessions: Sessions::default(),
            limits: Limits::default(),
            shutdown: Shutdown::default(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Pretty, level: "info".to_owned() }
    }
}

impl Default for Password {
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, iterations: 3, parallelism: 1, wait_ms: 5_000 }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self { access_token_ms: ACCESS_TOKEN_MS, refresh_grace_ms: REFRESH_GRACE_MS, invite_hours: 72 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 20_000,
            connections_per_address_max: 2_000,
            header_timeout_ms: 15_000,
            body_timeout_ms: 30_000,
            hello_timeout_ms: 5_000,
            sign_in_per_minute: 20,
            sign_in_burst: 40,
            requests_per_second: 20,
            requests_burst: 200,
            frames_per_second: 50,
            frames_burst: 400,
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { drain_ms: 5_000 }
    }
}

impl Config {
    /// Whether connections are encrypted by this server.
    pub fn has_tls(&self) -> bool {
        !self.tls.certificate.as_os_str().is_empty()
    }

    /// The address for invite links, without a slash at the end; `listening` stands in for an unset one.
    pub fn public_url(&self, listening: SocketAddr) -> String {
        if self.public_url.is_empty() {
            let scheme = if self.has_tls() { "https" } else { "http" };
            format!("{scheme}://{listening}")
        } else {
            self.public_url.trim_end_matches('/').to_owned()
        }
    }

    /// The second address for `/metrics`, if there is one.
    pub fn metrics_listen(&self) -> Option<SocketAddr> {
        self.metrics.listen.parse().ok()
    }

    /// Finds values that are well formed but wrong together, or beyond what is safe. Each sentence says what to do.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |sentence: String| Err(ConfigError(sentence));
        if self.tls.certificate.as_os_str().is_empty() != self.tls.key.as_os_str().is_empty() {
            return refuse("tls.certificate and tls.key go together: set both or neither".to_owned());
        }
        if !self.listen.ip().is_loopback() && !self.has_tls() && !self.behind_proxy {
            return refuse(format!(
                "refusing to listen on {} without encryption: set tls.certificate and tls.key, or behind_proxy = true \
                 if a proxy in front of this server ends TLS, or listen on 127.0.0.1",
                self.listen
            ));
        }
        if !self.metrics.listen.is_empty() && self.metrics_listen().is_none() {
            return refuse(format!(
                "metrics.listen is no address: {:?}; write it like 127.0.0.1:9464",
                self.metrics.listen
            ));
        }
        if !self.public_url.is_empty()
            && !["http://", "https://"].iter().any(|scheme| self.public_url.starts_with(scheme))
        {
            return refuse(format!("public_url must begin with https:// or http://: {:?}", self.public_url));
        }
        let password = &self.password;
        if password.memory_kib < 19 * 1024 || password.memory_kib > 4 * 1024 * 1024 || password.iterations < 2 {
            return refuse(
                "password hashing is too weak or too large: memory_kib is 19456 to 4194304, iterations at least 2"
                    .to_owned(),
            );
        }
        if password.parallelism < 1 || password.parallelism > 64 || password.iterations > 100 {
            return refuse("password.parallelism is 1 to 64, password.iterations at most 100".to_owned());
        }
        if !(1..=ACCESS_TOKEN_MS).contains(&self.sessions.access_token_ms) {
            return refuse(format!("sessions.access_token_ms is 1 to {ACCESS_TOKEN_MS}"));
        }
        if !(1..=24 * 365).contains(&self.sessions.invite_hours) {
            return refuse("sessions.invite_hours is 1 to 8760".to_owned());
        }
        let limits = &self.limits;
        let positive = [
            ("connections_max", u64::from(limits.connections_max)),
            ("connections_per_address_max", u64::from(limits.connections_per_address_max)),
            ("header_timeout_ms", limits.header_timeout_ms),
            ("body_timeout_ms", limits.body_timeout_ms),
            ("hello_timeout_ms", limits.hello_timeout_ms),
            ("sign_in_per_minute", u64::from(limits.sign_in_per_minute)),
            ("sign_in_burst", u64::from(limits.sign_in_burst)),
            ("requests_per_second", u64::from(limits.requests_per_second)),
            ("requests_burst", u64::from(limits.requests_burst)),
            ("frames_per_second", u64::from(limits.frames_per_second)),
            ("frames_burst", u64::from(limits.frames_burst)),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return refuse(format!("limits.{key} must be at least 1"));
        }
        Ok(())
    }

    /// Whether `X-Forwarded-For` from this peer is believed.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(peer))
    }
}

impl Limits {
    /// Time for the head of a request.
    pub fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    /// Time for the body of a request.
    pub fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    /// Time for `hello`.
    pub fn hello_timeout(&self) -> Duration {
        Duration::from_millis(self.hello_timeout_ms)
    }
}

/// A configuration that cannot be used, as a sentence for the operator.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_or_contradictory_values_are_refused_with_what_to_do() {
        let check = |change: fn(&mut Config), expected: &str| {
            let mut config = Config::default();
            change(&mut config);
            let sentence = config.check().map_or_else(|error| error.0, |()| String::new());
            assert!(sentence.contains(expected) && sentence.is_empty() == expected.is_empty(), "{sentence:?}");
        };
        check(|_| (), "");
        check(|config| config.listen = "0.0.0.0:80".parse().unwrap(), "behind_proxy = true");
        check(
            |config| {
                config.listen = "0.0.0.0:80".parse().unwrap();
                config.behind_proxy = true;
            },
            "",
        );
        check(|config| config.listen = "[::1]:80".parse().unwrap(), "");
        check(|config| config.tls.key = "key.pem".into(), "go together");
        check(|config| config.password.memory_kib = 8 * 1024, "too weak");
        check(|config| config.password.iterations = 1, "too weak");
        check(|config| config.sessions.access_token_ms = 11 * 60 * 1000, "access_token_ms");
        check(|config| config.limits.frames_burst = 0, "limits.frames_burst");
        check(|config| config.metrics.listen = "nonsense".into(), "metrics.listen");
        check(|config| config.public_url = "chat.example".into(), "public_url");
    }
}
