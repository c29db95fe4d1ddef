//! What the tests share: a server with people, and clients of it.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use fil_protocol::http::Session;
use fil_protocol::{
    AccountId, ClientFrame, Command, ConversationId, Generation, Hello, MessageId, OrganisationId, Profile,
    ProtocolError, RawCommand, ServerFrame, VersionRange, Welcome,
};
use fil_server::auth::keys::random;
use fil_server::auth::password::Passwords;
use fil_server::clock::now_ms;
use fil_server::config::{self, Config};
use fil_server::edge::Running;
use fil_server::secret::Secret;
use fil_server::store::{AccountRow, OrganisationRow};
use futures_util::{SinkExt, StreamExt};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Everybody's.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// Longer than anything here takes; what is waited for comes, or the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server.
pub(crate) struct Stage {
    pub(crate) running: Running,
    pub(crate) folder: TempDir,
    pub(crate) http: reqwest::Client,
}

impl Stage {
    /// With the organisation `demo` and the accounts `ada` and `ben`.
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// The same, configured.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = test_config(&folder.path().join("data"));
        change(&mut config);
        let stage = Self::on(folder, config).await;
        let demo = stage.organisation("demo").await;
        stage.account(demo, "ada").await;
        stage.account(demo, "ben").await;
        stage
    }

    /// On a folder that may hold data already.
    pub(crate) async fn on(folder: TempDir, config: Config) -> Self {
        Self { running: Running::start(config).await.unwrap(), folder, http: reqwest::Client::new() }
    }

    /// Adds an organisation.
    pub(crate) async fn organisation(&self, slug: &str) -> OrganisationId {
        let id = OrganisationId::from_parts(now_ms(), &random().unwrap());
        let row = OrganisationRow { id, slug: slug.to_owned(), name: slug.to_owned() };
        let node = &self.running.edge().node;
        node.write(move |transaction| transaction.create_organisation(&row)).await.unwrap();
        id
    }

    /// Adds an account.
    pub(crate) async fn account(&self, organisation: OrganisationId, handle: &str) -> AccountId {
        let account = AccountId::from_parts(now_ms(), &random().unwrap());
        let row = AccountRow {
            profile: Profile { account, handle: handle.to_owned(), name: handle.to_owned() },
            password_hash: Some(password_hash()),
            created_at_ms: now_ms(),
            disabled_at_ms: None,
        };
        let node = &self.running.edge().node;
        node.write(move |transaction| transaction.organisation(organisation)?.create_account(&row)).await.unwrap();
        account
    }

    /// A request.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.running.url()))
    }

    /// A `POST` without a token.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body)).await
    }

    /// Signs in to the organisation `demo`.
    pub(crate) async fn sign_in(&self, handle: &str) -> Client<'_> {
        self.sign_in_to("demo", handle).await
    }

    /// Signs in.
    pub(crate) async fn sign_in_to(&self, organisation: &str, handle: &str) -> Client<'_> {
        let body = sign_in(organisation, handle, PASSWORD);
        let session = self.post("/api/v1/sessions", body).await.expect(StatusCode::OK);
        Client { stage: self, session }
    }

    /// Opens a socket with this token; a refusal is the status and the error.
    pub(crate) async fn socket(&self, token: &str) -> Result<Socket, (u16, ProtocolError)> {
        self.socket_with(&[("Authorization", &format!("Bearer {token}"))]).await
    }

    /// Opens a socket with these headers.
    pub(crate) async fn socket_with(&self, headers: &[(&str, &str)]) -> Result<Socket, (u16, ProtocolError)> {
        let url = format!("ws://{}/api/v1/socket", self.running.address());
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let name: reqwest::header::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Socket(socket)),
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                Err((response.status().as_u16(), serde_json::from_slice(&body).expect("a typed refusal")))
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// The defaults, with the smallest password hash and a port of its own.
pub(crate) fn test_config(data: &Path) -> Config {
    Config {
        data: data.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        password: config::Password { memory_kib: 19 * 1024, iterations: 2, parallelism: 1, wait_ms: 60_000 },
        ..Config::default()
    }
}

/// The body of a sign-in.
pub(crate) fn sign_in(organisation: &str, handle: &str, password: &str) -> Value {
    json!({ "organisation": organisation, "handle": handle, "password": password, "device_name": "test" })
}

/// Made once: the tests are not about waiting for Argon2.
fn password_hash() -> String {
    static HASH: OnceLock<String> = OnceLock::new();
    let config = test_config(Path::new("")).password;
    HASH.get_or_init(|| Passwords::new(&config).hash_now(&Secret::new(PASSWORD)).unwrap()).clone()
}

/// What a request was answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// Sends the request.
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    /// The body, if this is the status.
    pub(crate) fn expect<T: DeserializeOwned>(self, status: StatusCode) -> T {
        assert_eq!(self.status, status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The status and the error's code.
    pub(crate) fn refusal(&self) -> (u16, String) {
        let error: ProtocolError =
            serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text));
        let code = serde_json::to_value(error.code).unwrap();
        (self.status.as_u16(), code.as_str().unwrap().to_owned())
    }
}

/// Status and code as [`Answer::refusal`] gives them.
pub(crate) fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Somebody who is signed in.
pub(crate) struct Client<'s> {
    stage: &'s Stage,
    pub(crate) session: Session,
}

impl Client<'_> {
    /// A request with the access token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.stage.request(method, path).bearer_auth(&self.session.access_token)
    }

    /// A `GET`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// A `POST`.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body)).await
    }

    /// A `DELETE`.
    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    /// The account.
    pub(crate) fn account(&self) -> AccountId {
        self.session.profile.account
    }

    /// A direct conversation with somebody.
    pub(crate) async fn direct(&self, other: AccountId) -> ConversationId {
        let body = json!({ "kind": "direct", "members": [other] });
        let applied: Value = self.post("/api/v1/conversations", body).await.expect(StatusCode::CREATED);
        applied["conversation"].as_str().unwrap().parse().unwrap()
    }

    /// Writes a message; its number.
    pub(crate) async fn say(&self, conversation: ConversationId, text: &str) -> u64 {
        let path = format!("/api/v1/conversations/{conversation}/messages");
        let applied: Value = self.post(&path, json!({ "text": text })).await.expect(StatusCode::CREATED);
        applied["seq"].as_u64().unwrap()
    }

    /// A socket that has said hello.
    pub(crate) async fn connect(&self) -> Socket {
        let mut socket = self.stage.socket(&self.session.access_token).await.unwrap();
        socket.hello().await;
        socket
    }
}

/// An open socket.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Says hello and waits for the welcome.
    pub(crate) async fn hello(&mut self) -> Welcome {
        self.say_hello(VersionRange::OURS).await;
        match self.frame().await {
            ServerFrame::Welcome(welcome) => welcome,
            other => panic!("{other:?}"),
        }
    }

    /// Says hello as a client that speaks these versions.
    pub(crate) async fn say_hello(&mut self, protocol: VersionRange) {
        let hello = Hello {
            protocol,
            client: "test".to_owned(),
            generation: Generation::from_parts(now_ms(), &random().unwrap()),
            epoch: None,
            horizon: 0,
            account_rev: 0,
            acknowledged: 0,
            stamp: None,
        };
        self.send(&ClientFrame::Hello(hello)).await;
    }

    /// Sends a frame.
    pub(crate) async fn send(&mut self, frame: &ClientFrame) {
        self.send_raw(Message::Text(frame.encode().into())).await;
    }

    /// Sends whatever it is. The server may have closed already, which the test sees when it reads.
    pub(crate) async fn send_raw(&mut self, message: Message) {
        let _ = self.0.send(message).await;
    }

    /// Sends a message as a numbered command.
    pub(crate) async fn say(&mut self, no: u64, conversation: ConversationId, text: &str) {
        let message = MessageId::from_parts(now_ms(), &random().unwrap());
        let text = text.to_owned();
        let command = Command::SendMessage { conversation, message, text, composed_at_ms: now_ms() };
        self.send(&ClientFrame::Command { no, command: RawCommand::Known(command) }).await;
    }

    /// The next frame.
    pub(crate) async fn frame(&mut self) -> ServerFrame {
        match self.next().await {
            Next::Frame(frame) => frame,
            Next::Closed(code, reason) => panic!("closed: {code} {reason}"),
        }
    }

    /// Frames until one is accepted.
    pub(crate) async fn until<T>(&mut self, accept: impl Fn(&ServerFrame) -> Option<T>) -> T {
        loop {
            if let Some(accepted) = accept(&self.frame().await) {
                return accepted;
            }
        }
    }

    /// Reads to the end: the last error frame, the close code and its reason.
    pub(crate) async fn end(mut self) -> (Option<ProtocolError>, u16, String) {
        let mut last = None;
        loop {
            match self.next().await {
                Next::Frame(ServerFrame::Error { error, .. }) => last = Some(error),
                Next::Frame(_) => {}
                Next::Closed(code, reason) => return (last, code, reason),
            }
        }
    }

    async fn next(&mut self) -> Next {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a frame in time");
            match message {
                Some(Ok(Message::Text(text))) => return Next::Frame(ServerFrame::decode(&text).unwrap()),
                Some(Ok(Message::Close(Some(close)))) => {
                    return Next::Closed(close.code.into(), close.reason.to_string());
                }
                Some(Ok(Message::Close(None))) | None => return Next::Closed(1005, String::new()),
                Some(Ok(_)) => {}
                Some(Err(_)) => return Next::Closed(1006, String::new()),
            }
        }
    }
}

enum Next {
    Frame(ServerFrame),
    Closed(u16, String),
}
