//! Bodies of requests: through a real server on loopback, every route that takes one.

use std::cell::RefCell;

use fil_protocol::{ErrorCode, ProtocolError};
use fil_server::config::{Config, Limits, Password};
use fil_server::edge::Running;
use reqwest::Method;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{CANARY, DETAIL_BYTES_MAX};

/// Routes, by the number on the input's first line.
const ROUTES: &[(Method, &str)] = &[
    (Method::POST, "/api/v1/sessions/refresh"),
    (Method::POST, "/api/v1/invites/accept"),
    (Method::POST, "/api/v1/conversations"),
    (Method::POST, "/api/v1/conversations/018bcfe5-6800-7000-8000-0c0c0c0c0c0c/messages"),
    (Method::POST, "/api/v1/sessions"),
];

struct World {
    runtime: Runtime,
    http: reqwest::Client,
    url: String,
    _running: Running,
    _folder: TempDir,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// A line with the number of the route, then the body.
pub(super) fn enter(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let number = parts.next().unwrap_or_default().first().copied().unwrap_or(0);
    let body = parts.next().unwrap_or_default().to_vec();
    let route = &ROUTES[usize::from(number) % ROUTES.len()];
    WORLD.with_borrow_mut(|world| {
        let here = world.take().unwrap_or_else(World::new);
        here.ask(route, body);
        *world = Some(here);
    });
}

impl World {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the system has threads");
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let defaults = Config::default();
        let config = Config {
            data: folder.path().join("data"),
            listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
            password: Password { memory_kib: 19 * 1024, iterations: 2, parallelism: 1, wait_ms: 60_000 },
            limits: Limits {
                sign_in_per_minute: u32::MAX,
                sign_in_burst: u32::MAX,
                requests_per_second: u32::MAX,
                requests_burst: u32::MAX,
                ..defaults.limits
            },
            ..defaults
        };
        let running = runtime.block_on(Running::start(config)).expect("a server starts on a new folder");
        let url = running.url();
        Self { runtime, http: reqwest::Client::new(), url, _running: running, _folder: folder }
    }

    /// Nobody is signed in and nobody exists, so every answer is a refusal: a typed one that names no secret.
    fn ask(&self, (method, path): &(Method, &str), body: Vec<u8>) {
        let request = self.http.request(method.clone(), format!("{}{path}", self.url));
        let request = request.header("content-type", "application/json").body(body);
        let (status, text) = self.runtime.block_on(async {
            let response = request.send().await.expect("the server answers");
            (response.status().as_u16(), response.text().await.expect("the answer is text"))
        });
        assert!([400, 401, 404, 413].contains(&status), "{path}: {status} {text}");
        let error: ProtocolError = serde_json::from_str(&text).expect("a refusal has a type");
        assert!(!matches!(error.code, ErrorCode::Unknown | ErrorCode::Internal), "{path}: {text}");
        // The name of an unknown field is told, since whoever wrote it has to find it; a value never is.
        assert!(!text.contains(CANARY) || error.detail.contains("unknown field"), "{path}: {text:.300}");
        assert!(error.detail.len() <= DETAIL_BYTES_MAX, "{path}: {text:.300}");
    }
}
