//! A small server of the protocol, in memory: one account, Ada, and as many others as a test names.
//!
//! It answers honestly unless a test tells it otherwise: handshakes can be refused, commands rejected, answers lost,
//! tokens expired and sockets cut.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use fil_protocol::{
    AccountChanges, AccountEntry, AccountId, ClientFrame, Command, ConversationEntry, ConversationId, ConversationKind,
    DeviceId, Epoch, ErrorCode, Event, EventBody, Generation, Head, Item, KnownAccountEntry, KnownEvent, Member,
    MessageId, OrganisationId, Outcome, Position, Profile, ProtocolError, RawCommand, Role, Seq, ServerFrame, Stream,
    Verdict, Welcome,
};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol;

use super::http::{Answer, read_request, write_answer};

/// Ada's password.
pub(crate) const PASSWORD: &str = "correct-horse";
const NOW_MS: u64 = 1_700_000_000_000;

pub(crate) struct FakeServer {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
    happened: Arc<Notify>,
    task: JoinHandle<()>,
}

pub(crate) struct State {
    /// Answered to the next handshakes instead of opening a socket.
    pub(crate) handshakes: VecDeque<Answer>,
    /// Every command is refused with this.
    pub(crate) reject: Option<ErrorCode>,
    /// Commands are applied, and their verdicts and pushes lost.
    pub(crate) mute: bool,
    /// Requests over HTTP that fail with this.
    pub(crate) failing: Option<Answer>,
    /// How long access tokens live.
    pub(crate) access_ms: u64,
    /// Method and path of every request.
    pub(crate) requests: Vec<String>,
    /// Every frame received but `ping`.
    pub(crate) frames: Vec<ClientFrame>,
    /// Access tokens that are good.
    pub(crate) good: BTreeSet<String>,
    tokens: u32,
    logs: BTreeMap<ConversationId, Vec<Event>>,
    read: BTreeMap<ConversationId, Position>,
    verdicts: BTreeMap<Generation, Vec<Verdict>>,
    sockets: Vec<mpsc::UnboundedSender<Option<String>>>,
}

pub(crate) fn profile(handle: &str) -> Profile {
    let mut name = handle.to_owned();
    name[..1].make_ascii_uppercase();
    let number = handle.as_bytes()[0];
    Profile { account: AccountId::from_parts(1, &[number; 10]), handle: handle.to_owned(), name }
}

pub(crate) fn organisation() -> OrganisationId {
    OrganisationId::from_parts(1, &[9; 10])
}

impl FakeServer {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    pub(crate) async fn start_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State {
            handshakes: VecDeque::new(),
            reject: None,
            mute: false,
            failing: None,
            access_ms: 600_000,
            requests: Vec::new(),
            frames: Vec::new(),
            good: BTreeSet::new(),
            tokens: 0,
            logs: BTreeMap::new(),
            read: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            sockets: Vec::new(),
        }));
        let happened = Arc::new(Notify::new());
        let (shared, notified) = (Arc::clone(&state), Arc::clone(&happened));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared), Arc::clone(&notified)));
            }
        });
        Self { address, state, happened, task }
    }

    /// Waits until something is true of what the server has seen.
    pub(crate) async fn until(&self, what: impl Fn(&State) -> bool) {
        loop {
            let next = self.happened.notified();
            if what(&self.state()) {
                return;
            }
            next.await;
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Cuts every socket.
    pub(crate) fn cut(&self) {
        for socket in self.state().sockets.drain(..) {
            let _ = socket.send(None);
        }
    }

    /// A message of somebody's in a conversation with Ada, which begins if need be.
    pub(crate) fn write(&self, handle: &str, text: &str) -> ConversationId {
        let author = profile(handle).account;
        let conversation = ConversationId::direct(organisation(), profile("ada").account, author);
        let mut state = self.state();
        if !state.logs.contains_key(&conversation) {
            state.create(author, conversation, ConversationKind::Direct, None, &[profile("ada").account]);
        }
        let number = state.logs[&conversation].len() as u8;
        let id = MessageId::from_parts(u64::from(number), &[handle.as_bytes()[0]; 10]);
        state.message(author, conversation, id, text);
        conversation
    }

    /// The texts of all messages of a conversation.
    pub(crate) fn texts(&self, conversation: ConversationId) -> Vec<String> {
        let text = |event: &Event| match event.known() {
            Some(KnownEvent::Message { text, .. }) => Some(text.clone()),
            _ => None,
        };
        self.state().logs.get(&conversation).into_iter().flatten().filter_map(text).collect()
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

impl State {
    fn push(&mut self, frame: &ServerFrame) {
        if !self.mute {
            self.push_text(&frame.encode());
        }
    }

    /// Ada has read this far, on another device.
    pub(crate) fn read_to(&mut self, conversation: ConversationId, seq: u64) {
        self.read.insert(conversation, Position { seq: Seq(seq), sent: seq - 1 });
    }

    /// Sends every socket a text that need not be a frame.
    pub(crate) fn push_text(&mut self, text: &str) {
        self.sockets.retain(|socket| socket.send(Some(text.to_owned())).is_ok());
    }

    fn append(&mut self, conversation: ConversationId, author: AccountId, known: KnownEvent) -> Seq {
        let log = self.logs.entry(conversation).or_default();
        let seq = Seq(log.len() as u64 + 1);
        let event = Event { seq, at_ms: NOW_MS + seq.0, author, body: EventBody::Known(known) };
        log.push(event.clone());
        self.push(&ServerFrame::Event { conversation, event, stamp: None });
        seq
    }

    fn create(
        &mut self,
        author: AccountId,
        conversation: ConversationId,
        kind: ConversationKind,
        title: Option<String>,
        others: &[AccountId],
    ) -> Seq {
        let everybody = ["ada", "ben", "zoe"].map(profile);
        let members = everybody
            .into_iter()
            .filter(|profile| profile.account == author || others.contains(&profile.account))
            .map(|profile| Member { profile, role: Role::Member })
            .collect();
        let rev = self.logs.len() as u64;
        let seq = self.append(conversation, author, KnownEvent::Created { kind, title, members });
        let entries = vec![self.entry(conversation, kind)];
        self.push(&ServerFrame::Account(AccountChanges {
            request: None,
            after: rev,
            rev: rev + 1,
            full: false,
            entries,
            stamp: None,
        }));
        seq
    }

    fn message(&mut self, author: AccountId, conversation: ConversationId, id: MessageId, text: &str) -> Seq {
        let sent = self.sent(conversation) + 1;
        let body = KnownEvent::Message { id, text: text.to_owned(), sent, composed_at_ms: NOW_MS };
        self.append(conversation, author, body)
    }

    fn sent(&self, conversation: ConversationId) -> u64 {
        let message = |event: &&Event| matches!(event.known(), Some(KnownEvent::Message { .. }));
        self.logs.get(&conversation).into_iter().flatten().filter(message).count() as u64
    }

    fn entry(&self, conversation: ConversationId, kind: ConversationKind) -> AccountEntry {
        let read = self.read.get(&conversation).copied().unwrap_or_default();
        AccountEntry::Known(KnownAccountEntry::Conversation(ConversationEntry {
            conversation,
            kind,
            member: true,
            read,
        }))
    }

    /// Applies a command once, like a server whose verdicts are stored.
    fn apply(&mut self, generation: Generation, no: u64, command: Command) {
        let ada = profile("ada").account;
        let applied = self.verdicts.entry(generation).or_default().len() as u64;
        if no <= applied {
            let verdict = self.verdicts[&generation][no as usize - 1].clone();
            return self.push(&ServerFrame::Verdict(verdict));
        }
        let outcome = match (self.reject, command) {
            (Some(code), _) => Outcome::Rejected { code },
            (None, Command::CreateConversation { conversation, kind, title, members }) => {
                let seq = if self.logs.contains_key(&conversation) {
                    Seq(1)
                } else {
                    self.create(ada, conversation, kind, title, &members)
                };
                Outcome::Applied { seq }
            }
            (None, Command::SendMessage { conversation, message, text, .. }) => {
                Outcome::Applied { seq: self.message(ada, conversation, message, &text) }
            }
            (None, Command::EditMessage { conversation, message, text }) => {
                let target = self.find(conversation, message);
                Outcome::Applied { seq: self.append(conversation, ada, KnownEvent::Edit { message, target, text }) }
            }
            (None, _) => Outcome::Rejected { code: ErrorCode::Unsupported },
        };
        let verdict = Verdict { no, outcome };
        self.verdicts.entry(generation).or_default().push(verdict.clone());
        self.push(&ServerFrame::Verdict(verdict));
    }

    fn find(&self, conversation: ConversationId, message: MessageId) -> Seq {
        let found = self.logs[&conversation]
            .iter()
            .find(|event| matches!(event.known(), Some(KnownEvent::Message { id, .. }) if *id == message));
        found.map_or(Seq::ZERO, |event| event.seq)
    }

    fn session(&mut self) -> Answer {
        self.tokens += 1;
        let access = format!("access-{}", self.tokens);
        self.good.insert(access.clone());
        let session = fil_protocol::http::Session {
            organisation: organisation(),
            organisation_slug: "acme".to_owned(),
            profile: profile("ada"),
            device: DeviceId::from_parts(1, &[7; 10]),
            access_token: access,
            access_expires_in_ms: self.access_ms,
            refresh_token: format!("refresh-{}", self.tokens),
        };
        Answer::json(200, serde_json::to_string(&session).unwrap())
    }

    fn answer(&mut self, method: &str, path: &str, request: &str) -> Answer {
        if let Some(failing) = &self.failing {
            return failing.clone();
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let route = path.strip_prefix("/api/v1/").unwrap_or_default();
        let open = matches!((method, route), ("GET", "server") | ("POST", _));
        if !open && !self.authorised(request) {
            return refusal(401, ErrorCode::TokenExpired);
        }
        match (method, route) {
            ("GET", "server") => Answer::json(200, r#"{"name":"fil","protocol":{"current":1,"lowest":1}}"#),
            ("POST", "sessions") if request.contains(PASSWORD) => self.session(),
            ("POST", "sessions") => refusal(401, ErrorCode::Unauthorised),
            ("POST", "invites/accept") if request.contains("good-invite") => self.session(),
            ("POST", "invites/accept") => refusal(404, ErrorCode::NotFound),
            ("POST", "sessions/refresh") if request.contains(&format!("\"refresh-{}\"", self.tokens)) => self.session(),
            ("POST", "sessions/refresh") => refusal(401, ErrorCode::DeviceRevoked),
            ("DELETE", "sessions/current") => Answer::json(200, "{}"),
            ("GET", "accounts") => {
                let accounts = ["ada", "ben", "zoe"].map(profile);
                let wanted = query.strip_prefix("query=").unwrap_or_default();
                let accounts = accounts.into_iter().filter(|known| known.handle.starts_with(wanted)).collect();
                Answer::json(200, serde_json::to_string(&fil_protocol::http::AccountPage { accounts }).unwrap())
            }
            ("GET", route) => self.history(route, query),
            _ => refusal(404, ErrorCode::NotFound),
        }
    }

    fn history(&self, route: &str, query: &str) -> Answer {
        let conversation = route.split('/').nth(1).and_then(|id| id.parse().ok());
        let before = query.split('&').find_map(|part| part.strip_prefix("before=")?.parse().ok());
        let (Some(conversation), Some(before)) = (conversation, before) else {
            return refusal(404, ErrorCode::NotFound);
        };
        let log = &self.logs[&conversation];
        let from = 1_u64.max(u64::saturating_sub(before, 50));
        let items = (from..before).filter_map(|seq| Item::from_event(&log[seq as usize - 1])).collect();
        let page = fil_protocol::http::HistoryPage { items, from: Seq(from), as_of: Seq(log.len() as u64) };
        Answer::json(200, serde_json::to_string(&page).unwrap())
    }

    fn authorised(&self, request: &str) -> bool {
        request.lines().filter_map(|line| line.split_once(": ")).any(|(name, value)| {
            name.eq_ignore_ascii_case("authorization")
                && value.strip_prefix("Bearer ").is_some_and(|token| self.good.contains(token))
        })
    }

    /// Answers a frame of a socket.
    fn receive(&mut self, frame: ClientFrame, generation: &mut Generation) -> Option<ServerFrame> {
        self.frames.push(frame.clone());
        match frame {
            ClientFrame::Hello(hello) => {
                *generation = hello.generation;
                let verdicts = self.verdicts.entry(hello.generation).or_default().clone();
                let heads = self.logs.iter().map(|(id, log)| Head { conversation: *id, seq: Seq(log.len() as u64) });
                let unseen = verdicts.iter().filter(|verdict| verdict.no > hello.acknowledged).cloned().collect();
                Some(ServerFrame::Welcome(Welcome {
                    protocol: 1,
                    server_time_ms: NOW_MS,
                    epoch: Epoch::from_parts(1, &[1; 10]),
                    horizon: self.logs.values().map(Vec::len).sum::<usize>() as u64,
                    profile: profile("ada"),
                    applied: verdicts.len() as u64,
                    verdicts: unseen,
                    account_rev: self.logs.len() as u64,
                    heads: heads.collect(),
                    diverged: false,
                    stamp: None,
                }))
            }
            ClientFrame::Command { no, command: RawCommand::Known(command) } => {
                self.apply(*generation, no, command);
                None
            }
            ClientFrame::Pull { request, stream: Stream::Account, .. } => {
                let entries = self.logs.iter().map(|(id, log)| match log[0].known() {
                    Some(KnownEvent::Created { kind, .. }) => self.entry(*id, *kind),
                    _ => unreachable!("every log begins with its creation"),
                });
                let entries = entries.collect();
                let rev = self.logs.len() as u64;
                Some(ServerFrame::Account(AccountChanges {
                    request: Some(request),
                    after: 0,
                    rev,
                    full: true,
                    entries,
                    stamp: None,
                }))
            }
            ClientFrame::Pull { request, stream: Stream::Conversation(conversation), after, .. } => {
                Some(self.pull(request, conversation, after))
            }
            ClientFrame::Read { conversation, seq } => {
                self.read.insert(conversation, Position { seq, sent: self.sent(conversation) });
                None
            }
            ClientFrame::Ping => Some(ServerFrame::Pong),
            _ => None,
        }
    }

    fn pull(&self, request: u64, conversation: ConversationId, after: Option<Seq>) -> ServerFrame {
        let log = &self.logs[&conversation];
        if let Some(after) = after {
            let events = log[after.0 as usize..].to_vec();
            return ServerFrame::Events { request, conversation, after, events, stamp: None };
        }
        let Some(KnownEvent::Created { kind, title, members }) = log[0].known().cloned() else {
            unreachable!("every log begins with its creation")
        };
        let from = log.len().saturating_sub(50);
        let as_of = Position { seq: Seq(log.len() as u64), sent: self.sent(conversation) };
        ServerFrame::Window {
            request,
            window: fil_protocol::Window {
                record: fil_protocol::ConversationRecord { conversation, kind, title },
                members,
                items: log[from..].iter().filter_map(Item::from_event).collect(),
                from: Seq(from as u64 + 1),
                as_of,
                changed: Vec::new(),
                reset: false,
                deleted: Vec::new(),
            },
            stamp: None,
        }
    }
}

pub(crate) fn refusal(status: u16, code: ErrorCode) -> Answer {
    Answer::json(status, serde_json::to_string(&ProtocolError::new(code, "refused")).unwrap())
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>, happened: Arc<Notify>) {
    if let Some(request) = read_request(&mut stream).await {
        let line = request.lines().next().unwrap_or_default();
        let [method, path, _] = line.split(' ').collect::<Vec<_>>()[..] else { return };
        let upgrade = path == "/api/v1/socket";
        let refused = {
            let mut state = state.lock().unwrap();
            state.requests.push(format!("{method} {path}"));
            match (upgrade, if upgrade { state.handshakes.pop_front() } else { None }) {
                (true, None) if state.authorised(&request) => None,
                (true, None) => Some(refusal(401, ErrorCode::TokenExpired)),
                (_, Some(answer)) => Some(answer),
                (false, None) => Some(state.answer(method, path, &request)),
            }
        };
        happened.notify_one();
        match refused {
            Some(answer) => write_answer(&mut stream, &answer).await,
            None => talk(stream, &request, state, &happened).await,
        }
    }
}

/// The socket: frames in, frames out, until one side ends it.
async fn talk(mut stream: TcpStream, request: &str, state: Arc<Mutex<State>>, happened: &Notify) {
    use tokio::io::AsyncWriteExt;
    let mut headers = request.lines().filter_map(|line| line.split_once(": "));
    let key = headers.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key")).map_or("", |(_, key)| key);
    let accept = derive_accept_key(key.trim().as_bytes());
    let head = format!(
        "HTTP/1.1 101 -\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
    );
    if stream.write_all(head.as_bytes()).await.is_err() {
        return;
    }
    let mut socket = WebSocketStream::from_raw_socket(stream, protocol::Role::Server, None).await;
    let (sender, mut pushes) = mpsc::unbounded_channel();
    let mut generation = Generation::from_parts(0, &[0; 10]);
    loop {
        let frame = tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let frame = ClientFrame::decode(&text).unwrap();
                    let mut state = state.lock().unwrap();
                    let hello = matches!(frame, ClientFrame::Hello(_));
                    let answer = state.receive(frame, &mut generation);
                    if hello {
                        state.sockets.push(sender.clone());
                    }
                    happened.notify_one();
                    answer.map(|frame| frame.encode())
                }
                Some(Ok(_)) => None,
                Some(Err(_)) | None => return,
            },
            push = pushes.recv() => match push.flatten() {
                Some(frame) => Some(frame),
                None => return,
            },
        };
        if let Some(frame) = frame
            && socket.send(Message::text(frame)).await.is_err()
        {
            return;
        }
    }
}
