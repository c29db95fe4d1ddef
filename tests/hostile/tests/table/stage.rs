//! What every door's table needs: a running server with two organisations, people who attack, and a neighbour.
//!
//! `demo` holds Ada (who attacks), Ben (the neighbour, with a socket that stays open) and Cleo; `other` holds Eve and
//! Dan. Ada and Ben share a direct conversation and a group; Ada left another group; Ben and Cleo share a group that
//! Ada must not know of; Eve and Dan have theirs in the other organisation. A case fails, too, when the server panics in
//! it: see [`fil_hostile::panics`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fil_hostile::panics::Watch;
use fil_protocol::http::Session;
use fil_protocol::{
    AccountId, ClientFrame, Command, ConversationId, ConversationKind, Generation, Hello, MessageId, OrganisationId,
    Profile, ProtocolError, RawCommand, ServerFrame, VersionRange,
};
use fil_server::auth::keys::random;
use fil_server::auth::password::Passwords;
use fil_server::clock::now_ms;
use fil_server::config::{self, Config};
use fil_server::edge::Running;
use fil_server::secret::Secret;
use fil_server::store::{AccountRow, OrganisationRow};
use futures_util::{SinkExt, StreamExt};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

/// Everybody's.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// Longer than anything here takes; what is waited for comes, or the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server with its people.
pub(crate) struct Stage {
    pub(crate) running: Running,
    folder: TempDir,
    http: reqwest::Client,
    /// What a client trusts, if it comes through TLS.
    pub(crate) tls: Arc<ClientConfig>,
    /// Signed in: Ada attacks.
    pub(crate) ada: Session,
    /// The neighbour.
    pub(crate) ben: Session,
    pub(crate) cleo: Session,
    /// Of the other organisation.
    pub(crate) eve: Session,
    /// Ada and Ben's group, which Ada owns.
    pub(crate) group: ConversationId,
    /// A message of Ada's and one of Ben's in it.
    pub(crate) messages: [MessageId; 2],
    /// The group that Ada left, and a message in it.
    pub(crate) left: (ConversationId, MessageId),
    /// Ben's and Cleo's group, and a message in it.
    pub(crate) secret: (ConversationId, MessageId),
    /// Eve's group, and a message in it.
    pub(crate) foreign: (ConversationId, MessageId),
    /// An account of the other organisation besides Eve.
    pub(crate) dan: AccountId,
    /// Fails the case whose input made a task or a thread of the server panic, though its answer may look right.
    panics: Watch,
}

impl Stage {
    /// With limits that no table reaches by accident.
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// The same, configured.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let panics = Watch::begin();
        let folder = tempfile::tempdir().unwrap();
        let mut config = test_config(&folder.path().join("data"));
        change(&mut config);
        let running = Running::start(config).await.unwrap();
        let certificate = reqwest::Certificate::from_pem(&std::fs::read(tls_file("certificate.pem")).unwrap()).unwrap();
        let http = reqwest::Client::builder().no_gzip().redirect(reqwest::redirect::Policy::none());
        let http = http.tls_certs_only([certificate]).build().unwrap();
        let demo = organisation(&running, "demo").await;
        let other = organisation(&running, "other").await;
        for handle in ["ada", "ben", "cleo"] {
            account(&running, demo, handle).await;
        }
        account(&running, other, "eve").await;
        let dan = account(&running, other, "dan").await;
        let sign_in = async |organisation: &str, handle: &str| -> Session {
            let body =
                json!({ "organisation": organisation, "handle": handle, "password": PASSWORD, "device_name": "test" });
            let request = http.post(format!("{}/api/v1/sessions", running.url())).json(&body);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            response.json().await.unwrap()
        };
        let (ada, ben) = (sign_in("demo", "ada").await, sign_in("demo", "ben").await);
        let (cleo, eve) = (sign_in("demo", "cleo").await, sign_in("other", "eve").await);
        let mut stage = Self {
            running,
            folder,
            http,
            tls: trusting(),
            group: nobody().into(),
            messages: [nobody().into(); 2],
            left: (nobody().into(), nobody().into()),
            secret: (nobody().into(), nobody().into()),
            foreign: (nobody().into(), nobody().into()),
            ada,
            ben,
            cleo,
            eve,
            dan,
            panics,
        };
        stage.populate().await;
        stage
    }

    /// The same behind TLS.
    pub(crate) async fn with_tls(change: impl FnOnce(&mut Config)) -> Self {
        Self::with(|config| {
            config.tls = config::Tls { certificate: tls_file("certificate.pem"), key: tls_file("key.pem") };
            change(config);
        })
        .await
    }

    async fn populate(&mut self) {
        let (ada, ben, cleo) = (who(&self.ada), who(&self.ben), who(&self.cleo));
        let mut writer = self.socket_of(&self.ada.clone()).await;
        let group = writer.begin("ours", &[ben]).await;
        let first = writer.write(group, "the plan is known to both of us").await;
        let left = writer.begin("left", &[cleo]).await;
        let in_left = writer.write(left, "the vault opens at noon").await;
        writer.run(Command::RemoveMember { conversation: left, account: ada }).await;
        let direct = ConversationId::direct(self.ada.organisation, ada, ben);
        let kind = ConversationKind::Direct;
        writer.run(Command::CreateConversation { conversation: direct, kind, title: None, members: vec![ben] }).await;
        let mut writer = self.socket_of(&self.ben.clone()).await;
        let second = writer.write(group, "Ben's own message").await;
        let secret = writer.begin("secret", &[cleo]).await;
        let in_secret = writer.write(secret, "the vault opens at midnight").await;
        let mut writer = self.socket_of(&self.eve.clone()).await;
        let foreign = writer.begin("foreign", &[self.dan]).await;
        let in_foreign = writer.write(foreign, "the vault is elsewhere").await;
        (self.group, self.messages) = (group, [first, second]);
        (self.left, self.secret, self.foreign) = ((left, in_left), (secret, in_secret), (foreign, in_foreign));
    }

    /// A request with whatever in it.
    pub(crate) async fn ask(&self, ask: &Ask) -> Answer {
        let mut request = self.http.request(ask.method.clone(), format!("{}{}", self.running.url(), ask.path));
        for (name, value) in &ask.headers {
            request = request.header(*name, value.as_slice());
        }
        let response = request.body(ask.body.clone()).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    /// A `GET` with somebody's token.
    pub(crate) async fn get(&self, session: &Session, path: &str) -> Answer {
        self.ask(&Ask::get(path).bearer(&session.access_token)).await
    }

    /// Bytes on a connection of their own; everything that comes back until the server closes it.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.running.address()).await.unwrap();
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let reading = stream.read_to_end(&mut answer);
        let _ = tokio::time::timeout(PATIENCE, reading).await.expect("the server closes the connection");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Opens a socket with these headers; a refusal is the status and the error.
    pub(crate) async fn open(&self, headers: &[(&str, &str)]) -> Result<Socket, (u16, ProtocolError)> {
        let url = format!("{}/api/v1/socket", self.running.url().replacen("http", "ws", 1));
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let name: reqwest::header::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let connector = Connector::Rustls(Arc::clone(&self.tls));
        match connect_async_tls_with_config(request, None, false, Some(connector)).await {
            Ok((stream, _)) => Ok(Socket { stream, no: 0 }),
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                Err((response.status().as_u16(), serde_json::from_slice(&body).expect("a typed refusal")))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// A socket that has said nothing yet.
    pub(crate) async fn silent(&self, session: &Session) -> Socket {
        self.open(&[("Authorization", &format!("Bearer {}", session.access_token))]).await.unwrap()
    }

    /// A socket that has said hello.
    pub(crate) async fn socket_of(&self, session: &Session) -> Socket {
        let mut socket = self.silent(session).await;
        socket.send(&ClientFrame::Hello(hello())).await;
        match socket.frame().await {
            ServerFrame::Welcome(_) => socket,
            other => panic!("{other:?}"),
        }
    }

    /// Nothing has panicked, and the server answers somebody else, on a socket that stays open and over HTTP.
    pub(crate) async fn check_neighbour(&self, neighbour: &mut Socket) {
        self.panics.check();
        neighbour.ping().await;
        assert_eq!(self.get(&self.ben, "/api/v1/me").await.status, 200);
    }

    /// The database file.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("data/fil.db")
    }
}

/// The defaults, with the smallest password hash, a port of its own, and limits that nobody reaches by accident.
pub(crate) fn test_config(data: &Path) -> Config {
    let defaults = Config::default();
    Config {
        data: data.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        password: config::Password { memory_kib: 19 * 1024, iterations: 2, parallelism: 1, wait_ms: 60_000 },
        limits: config::Limits {
            sign_in_per_minute: 1_000_000,
            sign_in_burst: 1_000_000,
            requests_per_second: 1_000_000,
            requests_burst: 1_000_000,
            frames_per_second: 1_000_000,
            frames_burst: 1_000_000,
            ..defaults.limits
        },
        ..defaults
    }
}

/// Certificate and key for this machine, made for the server's own test of TLS, and good for nothing else.
fn tls_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../server/tests/edge/tls").join(name)
}

/// A client that trusts that certificate alone.
fn trusting() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(tls_file("certificate.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// An id that nothing has.
pub(crate) fn nobody() -> [u8; 16] {
    *b"\x01\x8b\xcf\xe5\x68\x00\x70\x00\x80\x00\xde\xad\xbe\xef\xde\xad"
}

/// Whose session it is.
pub(crate) fn who(session: &Session) -> AccountId {
    session.profile.account
}

async fn organisation(running: &Running, slug: &str) -> OrganisationId {
    let id = OrganisationId::from_parts(now_ms(), &random().unwrap());
    let row = OrganisationRow { id, slug: slug.to_owned(), name: slug.to_owned() };
    running.edge().node.write(move |transaction| transaction.create_organisation(&row)).await.unwrap();
    id
}

async fn account(running: &Running, organisation: OrganisationId, handle: &str) -> AccountId {
    let account = AccountId::from_parts(now_ms(), &random().unwrap());
    let row = AccountRow {
        profile: Profile { account, handle: handle.to_owned(), name: handle.to_owned() },
        password_hash: Some(password_hash()),
        created_at_ms: now_ms(),
        disabled_at_ms: None,
    };
    let node = &running.edge().node;
    node.write(move |transaction| transaction.organisation(organisation)?.create_account(&row)).await.unwrap();
    account
}

/// Made once: the tables are not about waiting for Argon2.
fn password_hash() -> String {
    static HASH: OnceLock<String> = OnceLock::new();
    let config = test_config(Path::new("")).password;
    HASH.get_or_init(|| Passwords::new(&config).hash_now(&Secret::new(PASSWORD)).unwrap()).clone()
}

/// A first frame.
pub(crate) fn hello() -> Hello {
    Hello {
        protocol: VersionRange::OURS,
        client: "hostile".to_owned(),
        generation: Generation::from_parts(now_ms(), &random().unwrap()),
        epoch: None,
        horizon: 0,
        account_rev: 0,
        acknowledged: 0,
        stamp: None,
    }
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        let mut ask = Self::new(Method::POST, path).with("content-type", "application/json");
        ask.body = body.into();
        ask
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.with("authorization", format!("Bearer {token}"))
    }
}

/// What a request was answered with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The status and the error's code, `404 not_found`; the status alone if it was no refusal.
    pub(crate) fn refusal(&self) -> String {
        if self.status < 300 {
            return self.status.to_string();
        }
        let error: ProtocolError = serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{} is not refused with a type: {error}: {}", self.status, self.text));
        assert!(error.detail.len() <= 1_024, "the detail has {} bytes", error.detail.len());
        format!("{} {}", self.status, code(&error))
    }
}

/// The code of an error as it stands on the wire.
pub(crate) fn code(error: &ProtocolError) -> String {
    serde_json::to_value(error.code).unwrap().as_str().unwrap().to_owned()
}

/// An open socket.
pub(crate) struct Socket {
    pub(crate) stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    no: u64,
}

/// What came of reading.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub(crate) enum Next {
    Frame(ServerFrame),
    Closed(u16),
}

impl Socket {
    pub(crate) async fn send(&mut self, frame: &ClientFrame) {
        self.send_raw(Message::Text(frame.encode().into())).await;
    }

    /// Sends whatever it is. The server may have closed already, which the test sees when it reads.
    pub(crate) async fn send_raw(&mut self, message: Message) {
        let _ = self.stream.send(message).await;
    }

    pub(crate) async fn next(&mut self) -> Next {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a frame in time");
            match message {
                Some(Ok(Message::Text(text))) => return Next::Frame(ServerFrame::decode(&text).unwrap()),
                Some(Ok(Message::Close(Some(close)))) => return Next::Closed(close.code.into()),
                Some(Ok(Message::Close(None))) | None => return Next::Closed(1005),
                Some(Ok(_)) => {}
                Some(Err(_)) => return Next::Closed(1006),
            }
        }
    }

    pub(crate) async fn frame(&mut self) -> ServerFrame {
        match self.next().await {
            Next::Frame(frame) => frame,
            Next::Closed(code) => panic!("closed: {code}"),
        }
    }

    /// Reads to the end: the last error, as its code, and the close code: `malformed 4400`.
    pub(crate) async fn end(&mut self) -> String {
        let mut last = "nothing".to_owned();
        loop {
            match self.next().await {
                Next::Frame(ServerFrame::Error { error, .. }) => {
                    assert!(error.detail.len() <= 1_024 && !error.detail.contains("canary"), "{}", error.detail);
                    last = code(&error);
                }
                Next::Frame(_) => {}
                Next::Closed(close) => return format!("{last} {close}"),
            }
        }
    }

    /// Asks, and reads everything up to the answer.
    pub(crate) async fn ping(&mut self) -> Vec<ServerFrame> {
        self.send(&ClientFrame::Ping).await;
        let mut before = Vec::new();
        loop {
            match self.frame().await {
                ServerFrame::Pong => return before,
                frame => before.push(frame),
            }
        }
    }

    /// Sends a command under the next number; its verdict: `applied` or `rejected not_found`.
    pub(crate) async fn run(&mut self, command: Command) -> String {
        self.no += 1;
        let no = self.no;
        self.send(&ClientFrame::Command { no, command: RawCommand::Known(command) }).await;
        loop {
            if let ServerFrame::Verdict(verdict) = self.frame().await
                && verdict.no == no
            {
                let value = serde_json::to_value(&verdict).unwrap();
                let outcome = value["outcome"].as_str().unwrap();
                return match value["code"].as_str() {
                    Some(code) => format!("{outcome} {code}"),
                    None => outcome.to_owned(),
                };
            }
        }
    }

    async fn begin(&mut self, title: &str, members: &[AccountId]) -> ConversationId {
        let conversation = ConversationId::from_parts(now_ms(), &random().unwrap());
        let (kind, title) = (ConversationKind::Group, Some(title.to_owned()));
        let members = members.to_vec();
        assert_eq!(self.run(Command::CreateConversation { conversation, kind, title, members }).await, "applied");
        conversation
    }

    async fn write(&mut self, conversation: ConversationId, text: &str) -> MessageId {
        let message = MessageId::from_parts(now_ms(), &random().unwrap());
        let command = Command::SendMessage { conversation, message, text: text.to_owned(), composed_at_ms: now_ms() };
        assert_eq!(self.run(command).await, "applied");
        message
    }
}

/// Every row of every table but those named, as text. Two dumps that are equal say that nothing changed.
pub(crate) fn dump(database: &Path, but: &[&str]) -> BTreeMap<String, Vec<String>> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut names = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'")
        .unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut tables = BTreeMap::new();
    for name in names.into_iter().filter(|name| !but.contains(&name.as_str())) {
        let mut statement = connection.prepare(&format!("SELECT * FROM \"{name}\"")).unwrap();
        let columns = statement.column_count();
        let mut rows: Vec<String> = statement
            .query_map([], |row| {
                let cells = (0..columns).map(|column| match row.get_ref(column) {
                    Ok(ValueRef::Text(text)) => format!("{:?}", String::from_utf8_lossy(text)),
                    Ok(ValueRef::Blob(bytes)) => format!("{bytes:02x?}"),
                    other => format!("{other:?}"),
                });
                Ok(cells.collect::<Vec<_>>().join(" "))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        rows.sort_unstable();
        tables.insert(name, rows);
    }
    tables
}

/// What came out otherwise than expected, all of it, so that one run shows every wrong case of a door.
#[derive(Default)]
pub(crate) struct Findings(Vec<String>);

impl Findings {
    /// Compares what came out with what was expected.
    pub(crate) fn check(&mut self, got: impl AsRef<str>, expected: impl AsRef<str>, case: impl std::fmt::Display) {
        let (got, expected) = (got.as_ref(), expected.as_ref());
        if got != expected {
            self.0.push(format!("{case}: {got}, not {expected}"));
        }
    }

    /// Fails the test if anything was wrong.
    pub(crate) fn end(self) {
        assert!(self.0.is_empty(), "{} cases are wrong:\n{}", self.0.len(), self.0.join("\n"));
    }
}

/// The JSON of a value, as bytes.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
