//! Requests over HTTP: any method, address, headers and body, through a real server on loopback, by somebody who is
//! signed in.
//!
//! What the server may answer is what its own OpenAPI document says of the route, so a new route is held to its word
//! without a line here.

use std::cell::RefCell;
use std::collections::BTreeMap;

use fil_protocol::{ErrorCode, ProtocolError};
use fil_server::auth::invite;
use fil_server::auth::password::Passwords;
use fil_server::auth::refresh::Presented;
use fil_server::config::{Config, Limits, Password};
use fil_server::edge::Running;
use fil_server::http::document;
use fil_server::node::Actor;
use fil_server::secret::Secret;
use fil_server::store::InviteRow;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::town::{SECRET, ada, begin, ben, group, say, settle};
use super::{CANARY, DETAIL_BYTES_MAX};

/// Ada's password and Ben's invite, in a corpus as they are.
const PASSWORD: &str = "correct horse battery";
const INVITE: &str = "kq3yZb1mC0l5d8uQxv7w2e";
/// In a corpus, these stand for Ada's tokens, which are others in every world.
const REFRESH: &[u8] = b"ADAS_REFRESH_TOKEN";
const ACCESS: &[u8] = b"ADAS_ACCESS_TOKEN";

/// More headers than this are the business of the HTTP library, which has an answer of its own.
const HEADERS_MAX: usize = 20;
/// What the server reads of a head, and about what the client itself puts into it.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEAD_REST_BYTES: usize = 512;
/// Requests that one world takes before another begins, so that what piles up in it stays small.
const REQUESTS_MAX: usize = 256;
/// What frames a message, or changes the protocol: that is the business of the HTTP libraries on both sides.
const FRAMING: [&str; 10] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

struct World {
    runtime: Runtime,
    http: reqwest::Client,
    running: Running,
    /// Access tokens.
    ada: String,
    ben: String,
    refresh: String,
    /// Every route of the document: its method, its path in pieces, and the statuses that it may answer.
    routes: Vec<(String, Vec<String>, Vec<u16>)>,
    requests: usize,
    /// An input said the secret itself, so seeing it proves nothing from then on.
    guessed: bool,
    _folder: TempDir,
}

struct Request {
    method: Method,
    target: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// `METHOD /address` on the first line, headers below, an empty line, the body.
pub(super) fn enter(bytes: &[u8]) {
    WORLD.with_borrow_mut(|world| {
        let mut here = world.take().unwrap_or_else(World::new);
        let bytes = replaced(&replaced(bytes, REFRESH, here.refresh.as_bytes()), ACCESS, here.ada.as_bytes());
        let Some(request) = read(&bytes) else {
            *world = Some(here);
            return;
        };
        here.guessed |= contains(&bytes, SECRET);
        here.ask(request);
        here.check_neighbour();
        *world = here.go_on();
    });
}

fn read(bytes: &[u8]) -> Option<Request> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((bytes, &[][..]), |at| (&bytes[..at], &bytes[at + 2..]));
    let mut lines = head.split(|byte| *byte == b'\n');
    let (method, target) = std::str::from_utf8(lines.next()?).ok()?.split_once(' ')?;
    let method: Method = method.parse().ok()?;
    // A tunnel and a socket are no requests; the table of hostile input has their cases.
    if !target.starts_with('/') || method == Method::CONNECT || target.contains("/socket") {
        return None;
    }
    let header = |line: &[u8]| -> Option<(HeaderName, HeaderValue)> {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        (!FRAMING.contains(&name.as_str())).then_some(())?;
        Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
    };
    let headers = lines.filter_map(header).take(HEADERS_MAX).collect();
    Some(Request { method, target: target.to_owned(), headers, body: body.to_vec() })
}

fn replaced(bytes: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    match bytes.windows(name.len()).position(|window| window == name) {
        Some(at) => [&bytes[..at], value, &bytes[at + name.len()..]].concat(),
        None => bytes.to_vec(),
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn config(folder: &TempDir) -> Config {
    let defaults = Config::default();
    Config {
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
    }
}

impl World {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the system has threads");
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let config = config(&folder);
        let password = Passwords::new(&config.password).hash_now(&Secret::new(PASSWORD)).expect("it can be hashed");
        let running = runtime.block_on(Running::start(config)).expect("a server starts on a new folder");
        let populate = running.edge().node.write(move |transaction| {
            settle(transaction, Some(&password))?;
            let writer = transaction.organisation(ada().organisation)?;
            begin(&*writer, &ada(), group(), "Garde", ben().account)?;
            for message in 0..3 {
                say(&*writer, &ada(), group(), message, "bonjour")?;
            }
            let (hash, account) = (invite::hash(INVITE), ben().account);
            writer.create_invite(&InviteRow { hash, account, expires_at_ms: u64::MAX >> 12, used_at_ms: None })
        });
        runtime.block_on(populate).expect("the database is new");
        let edge = running.edge();
        let token = |Actor { organisation, account, device }| {
            edge.access.issue(organisation, account, device, fil_server::clock::now_ms())
        };
        let Actor { organisation, device, .. } = ada();
        let (ada, ben) = (token(ada()), token(ben()));
        let refresh = edge.refresh.issue(Presented { organisation, device, counter: 0 });
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("it is plain");
        let (routes, requests, guessed) = (routes(), 0, false);
        Self { runtime, http, running, ada, ben, refresh, routes, requests, guessed, _folder: folder }
    }

    fn ask(&mut self, request: Request) {
        self.requests += 1;
        let Ok(url) = Url::parse(&format!("{}{}", self.running.url(), request.target)) else { return };
        assert_eq!(url.host_str(), Some("127.0.0.1"), "an input may not choose where a door connects to");
        let shown = format!("{} {}", request.method, request.target);
        let expected = self.expected(&request.method, url.path());
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        let bearer = HeaderValue::try_from(format!("Bearer {}", self.ada)).expect("a token is ASCII");
        headers.insert("authorization", bearer);
        for (name, value) in request.headers {
            headers.insert(name, value);
        }
        let lines: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        let overlong = shown.len() + lines + HEAD_REST_BYTES > HEAD_BYTES_MAX;
        let asked = self.http.request(request.method, url).headers(headers).body(request.body);
        let (status, text) = self.runtime.block_on(async {
            let response = asked.send().await.unwrap_or_else(|error| panic!("{shown:.300} is not answered: {error:?}"));
            (response.status().as_u16(), response.text().await.expect("the answer is text"))
        });

        assert!(self.guessed || !text.contains(SECRET), "{shown:.300} tells what Ada may not see: {text:.300}");
        match expected {
            // No HTTP request, says docs/PROTOCOL.md: a status alone.
            _ if overlong && status == 431 => assert!(text.is_empty(), "{shown:.300}: {text:.300}"),
            Some(statuses) => {
                assert!(statuses.contains(&status), "{shown:.300}: {status} is not documented: {text:.300}");
            }
            None => assert!(status < 500, "{shown:.300}: {status} {text:.300}"),
        }
        if status < 400 || text.is_empty() {
            return;
        }
        let error: ProtocolError =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{shown:.300}: {status} {error}: {text:.300}"));
        assert!(!matches!(error.code, ErrorCode::Unknown | ErrorCode::Internal), "{shown:.300}: {text:.300}");
        // The name of an unknown field is told, since whoever wrote it has to find it; a value never is.
        assert!(!text.contains(CANARY) || error.detail.contains("unknown field"), "{shown:.300}: {text:.300}");
        assert!(error.detail.len() <= DETAIL_BYTES_MAX, "{shown:.300}: {text:.300}");
    }

    /// The statuses of the route, if the document has it. A failure of the server is documented, and is none of them.
    fn expected(&self, method: &Method, path: &str) -> Option<Vec<u16>> {
        let method = if *method == Method::HEAD { "get".to_owned() } else { method.as_str().to_ascii_lowercase() };
        let pieces: Vec<&str> = path.split('/').collect();
        let fits = |template: &[String]| {
            let same = |(piece, template): (&&str, &String)| {
                template == piece || (template.starts_with('{') && !piece.is_empty())
            };
            template.len() == pieces.len() && pieces.iter().zip(template).all(same)
        };
        let route = self.routes.iter().find(|(of, template, _)| *of == method && fits(template))?;
        Some(route.2.iter().copied().filter(|status| *status < 500).collect())
    }

    /// The neighbour is served as ever.
    fn check_neighbour(&self) {
        let asked = self.http.get(format!("{}/api/v1/me", self.running.url())).bearer_auth(&self.ben);
        let status = self.runtime.block_on(asked.send()).expect("the server answers").status().as_u16();
        assert_eq!(status, 200, "the neighbour is turned away");
    }

    /// Whether the world is as good as new: Ada is still signed in, and not too much has piled up.
    fn go_on(self) -> Option<Self> {
        let asked = self.http.get(format!("{}/api/v1/me", self.running.url())).bearer_auth(&self.ada);
        let status = self.runtime.block_on(asked.send()).expect("the server answers").status().as_u16();
        if status == 200 && self.requests < REQUESTS_MAX {
            return Some(self);
        }
        self.runtime.block_on(self.running.stop());
        None
    }
}

fn routes() -> Vec<(String, Vec<String>, Vec<u16>)> {
    let document = serde_json::to_value(document()).expect("the document is JSON");
    let paths: BTreeMap<String, Value> =
        serde_json::from_value(document["paths"].clone()).expect("the document has paths");
    let mut routes = Vec::new();
    for (path, methods) in paths {
        let pieces: Vec<String> = path.split('/').map(str::to_owned).collect();
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let answers = operation["responses"].as_object().into_iter().flatten();
            let statuses = answers.filter_map(|(status, _)| status.parse().ok()).collect();
            routes.push((method.clone(), pieces.clone(), statuses));
        }
    }
    assert!(routes.len() > 10, "the document has its routes: {routes:?}");
    routes
}
