//! A node with a few people on it, and what their connections heard.

use std::collections::BTreeMap;
use std::sync::Arc;

use fil_protocol::{
    AccountChanges, ClientFrame, Command, DeviceId, Epoch, ErrorCode, Generation, Head, Hello, Outcome, ProtocolError,
    RawCommand, Seq, ServerFrame, Stream, VersionRange, Welcome, Window,
};

use crate::actor::Actor;
use crate::clock::Now;
use crate::hub::{Backlog, ConnectionId};
use crate::node::{Idempotency, Input, Node, Output, RequestId};
use crate::store::sqlite::{SqliteStore, back_up};
use crate::store::{NewDevice, Store};
use crate::testing::{ADA, House, NOW_MS, actor, dump, epoch, generation};

/// A node, its clock and its connections.
pub(super) struct Stage {
    pub(super) node: Node,
    pub(super) now_ms: u64,
    /// How far the wall clock was set back since.
    pub(super) set_back_ms: u64,
    pub(super) backlogs: BTreeMap<u64, Arc<Backlog>>,
    /// Frames heard, by connection, since last asked for.
    heard: BTreeMap<u64, Vec<ServerFrame>>,
    /// Close codes and reasons, by connection.
    pub(super) closed: BTreeMap<u64, (u16, ErrorCode)>,
    pub(super) answers: BTreeMap<u64, Result<Head, ProtocolError>>,
    /// Whether sockets take what they get at once.
    pub(super) reading: bool,
    next_no: BTreeMap<u64, u64>,
    folder: tempfile::TempDir,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self::on(|store| store)
    }

    /// A stage on a store that is wrapped by the test.
    pub(super) fn on(wrap: impl FnOnce(Box<dyn Store>) -> Box<dyn Store>) -> Self {
        let mut house = House::new();
        let phone = second_device(ADA);
        let (device, account) = (phone.device, phone.account);
        let row = NewDevice { device, account, name: "phone".to_owned(), created_at_ms: NOW_MS };
        house.write(|organisation| organisation.create_device(&row).unwrap());
        Self {
            node: Node::new(wrap(house.store)).unwrap(),
            now_ms: NOW_MS,
            set_back_ms: 0,
            backlogs: BTreeMap::new(),
            heard: BTreeMap::new(),
            closed: BTreeMap::new(),
            answers: BTreeMap::new(),
            reading: true,
            next_no: BTreeMap::new(),
            folder: house.folder,
        }
    }

    /// Does something to the database behind the node's back.
    pub(super) fn sabotage(&self, sql: &str) {
        rusqlite::Connection::open(self.folder.path().join("fil.db")).unwrap().execute_batch(sql).unwrap();
    }

    /// The whole database as text.
    pub(super) fn dump(&self) -> String {
        dump(self.folder.path())
    }

    /// Takes a copy of the whole database, as a snapshot of the machine does.
    pub(super) fn snapshot(&self) {
        let folder = self.folder.path();
        back_up(&folder.join("fil.db"), &folder.join("snapshot.db")).unwrap();
    }

    /// The process ends. The next one finds the database as it is or, if the folder was put back, the snapshot.
    pub(super) fn restart(&mut self, put_back: bool) {
        let file = self.folder.path().join(if put_back { "snapshot.db" } else { "fil.db" });
        self.node = Node::new(Box::new(SqliteStore::open(&file, epoch(9)).unwrap())).unwrap();
    }

    /// One batch.
    pub(super) fn step(&mut self, inputs: Vec<Input>) {
        let now = Now { wall_ms: self.now_ms - self.set_back_ms, steady_ms: self.now_ms };
        for output in self.node.step(now, inputs) {
            match output {
                Output::Send { connection, frame } => {
                    if self.reading {
                        self.backlogs[&connection.0].subtract(frame.len());
                    }
                    self.heard.entry(connection.0).or_default().push(ServerFrame::decode(&frame).unwrap());
                }
                Output::Close { connection, code, reason } => {
                    let before = self.closed.insert(connection.0, (code, reason));
                    assert_eq!(before, None, "closed twice");
                }
                Output::Answered { request, result } => {
                    self.answers.insert(request.0, result);
                }
            }
        }
    }

    pub(super) fn connected(&mut self, connection: u64, who: Actor) -> Input {
        let backlog = Arc::new(Backlog::default());
        self.backlogs.insert(connection, backlog.clone());
        Input::Connected { connection: ConnectionId(connection), actor: who, backlog }
    }

    /// Connects somebody, says hello as a new device, and gives the welcome.
    pub(super) fn join(&mut self, connection: u64, who: u8) -> Welcome {
        self.join_with(connection, who, hello(generation(who)))
    }

    pub(super) fn join_with(&mut self, connection: u64, who: u8, hello: Hello) -> Welcome {
        self.join_as(connection, actor(who), hello)
    }

    pub(super) fn join_as(&mut self, connection: u64, who: Actor, hello: Hello) -> Welcome {
        let connected = self.connected(connection, who);
        self.step(vec![connected, frame(connection, ClientFrame::Hello(hello))]);
        let heard = self.hear(connection);
        match heard.as_slice() {
            [ServerFrame::Welcome(welcome)] => {
                self.next_no.insert(connection, welcome.applied + 1);
                welcome.clone()
            }
            other => panic!("no welcome: {other:?} {:?}", self.closed),
        }
    }

    /// What a connection heard since last asked.
    pub(super) fn hear(&mut self, connection: u64) -> Vec<ServerFrame> {
        self.heard.remove(&connection).unwrap_or_default()
    }

    /// The input that sends a command under the connection's next number.
    pub(super) fn command(&mut self, connection: u64, command: Command) -> Input {
        let no = self.next_no.get_mut(&connection).unwrap();
        *no += 1;
        numbered(connection, *no - 1, command)
    }

    /// Sends a command in a batch of its own and gives its outcome; other frames stay to be heard.
    pub(super) fn run(&mut self, connection: u64, command: Command) -> Outcome {
        let input = self.command(connection, command);
        self.step(vec![input]);
        let heard = self.heard.entry(connection).or_default();
        let at = heard.iter().position(|frame| matches!(frame, ServerFrame::Verdict(_))).expect("a verdict");
        match heard.remove(at) {
            ServerFrame::Verdict(verdict) => verdict.outcome,
            _ => unreachable!("chosen by its kind"),
        }
    }

    /// Pulls and gives the one answer; pushes heard before it are dropped.
    pub(super) fn pull(&mut self, connection: u64, stream: Stream, after: Option<u64>) -> ServerFrame {
        self.hear(connection);
        let after = after.map(Seq);
        self.step(vec![frame(connection, ClientFrame::Pull { request: 7, stream, after, items_max: None })]);
        let mut heard = self.hear(connection);
        assert_eq!(heard.len(), 1, "{heard:?}");
        heard.remove(0)
    }
}

/// The same account on another device; Ada has one.
pub(super) fn second_device(who: u8) -> Actor {
    Actor { device: DeviceId::from_parts(3, &[who; 10]), ..actor(who) }
}

pub(super) fn frame(connection: u64, frame: ClientFrame) -> Input {
    Input::Frame { connection: ConnectionId(connection), frame }
}

pub(super) fn numbered(connection: u64, no: u64, command: Command) -> Input {
    frame(connection, ClientFrame::Command { no, command: RawCommand::Known(command) })
}

pub(super) fn disconnected(connection: u64) -> Input {
    Input::Disconnected { connection: ConnectionId(connection) }
}

pub(super) fn http(request: u64, who: u8, key: Option<(&str, u8)>, command: Command) -> Input {
    Input::Command {
        request: RequestId(request),
        actor: actor(who),
        idempotency: key.map(|(key, body)| Idempotency { key: key.to_owned(), body_hash: [body; 32] }),
        command,
    }
}

pub(super) fn hello(generation: Generation) -> Hello {
    Hello {
        protocol: VersionRange::OURS,
        client: "test".to_owned(),
        generation,
        epoch: None,
        horizon: 0,
        account_rev: 0,
        acknowledged: 0,
        stamp: None,
    }
}

/// The hello of a client that comes back.
pub(super) fn hello_again(generation: Generation, epoch: Epoch, horizon: u64, acknowledged: u64) -> Hello {
    Hello { epoch: Some(epoch), horizon, acknowledged, ..hello(generation) }
}

/// Frames in one line each, to compare like a chat.
pub(super) fn script(frames: &[ServerFrame]) -> Vec<String> {
    frames.iter().map(line).collect()
}

fn line(frame: &ServerFrame) -> String {
    match frame {
        ServerFrame::Welcome(welcome) => format!("welcome {}", welcome.heads.len()),
        ServerFrame::Verdict(verdict) => match &verdict.outcome {
            Outcome::Applied { seq } => format!("verdict {} applied {seq}", verdict.no),
            Outcome::Rejected { code } => format!("verdict {} rejected {code:?}", verdict.no),
        },
        ServerFrame::Event { event, .. } => format!("event {}", event.seq),
        ServerFrame::Events { after, events, .. } => format!("events after {after}: {}", events.len()),
        ServerFrame::Window { window: Window { from, as_of, items, changed, reset, .. }, .. } => {
            let (seq, items, changed) = (as_of.seq, items.len(), changed.len());
            format!("window {from}..={seq}: {items} items, {changed} changed, reset {reset}")
        }
        ServerFrame::Account(AccountChanges { after, rev, full, entries, .. }) => {
            format!("account {after}..{rev}: {}{}", entries.len(), if *full { " full" } else { "" })
        }
        ServerFrame::Heartbeat { account_rev, heads, .. } => {
            let heads: Vec<_> = heads.iter().map(|head| head.seq.to_string()).collect();
            format!("heartbeat rev {account_rev} heads [{}]", heads.join(" "))
        }
        ServerFrame::Pong => "pong".to_owned(),
        ServerFrame::GoingAway { .. } => "going away".to_owned(),
        ServerFrame::Error { request, error } => match request {
            Some(request) => format!("error {:?} to {request}", error.code),
            None => format!("error {:?}", error.code),
        },
    }
}
