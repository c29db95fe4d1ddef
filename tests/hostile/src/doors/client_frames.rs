//! What a client sends: decoded, and given to the real node on a real database, beside a neighbour.

use std::collections::BTreeMap;
use std::sync::Arc;

use fil_protocol::limits::FRAME_BYTES_MAX;
use fil_protocol::{
    ClientFrame, Command, ConversationKind, Epoch, ErrorCode, Generation, Hello, RawCommand, Seq, ServerFrame, Stream,
    VersionRange,
};
use fil_server::node::{Actor, Backlog, ConnectionId, Input, Node, Output};
use fil_server::store::Store;
use fil_server::store::sqlite::SqliteStore;
use tempfile::TempDir;

use super::DETAIL_BYTES_MAX;
use super::town::{NOW_MS, SECRET, ada, ben, group, settle};

/// Answers and pushes to one connection that one frame brings about, with a heartbeat beside them.
const ANSWERS_MAX: usize = 8;
/// The close codes of the protocol's table.
const CLOSE_CODES: [u16; 7] = [1001, 1011, 4400, 4401, 4409, 4426, 4429];

struct World {
    node: Node,
    _folder: TempDir,
    now_ms: u64,
    backlogs: BTreeMap<ConnectionId, Arc<Backlog>>,
    connections: u64,
    hostile: ConnectionId,
    neighbour: ConnectionId,
    /// The input says the secret itself, so hearing it proves nothing.
    guessed: bool,
}

/// Every line is one frame of one connection, which is opened again when the node closes it.
pub(super) fn enter(bytes: &[u8]) {
    let frames: Vec<ClientFrame> = bytes.split(|byte| *byte == b'\n').filter_map(decode).collect();
    if frames.is_empty() {
        return;
    }
    // A database of its own for every input, so that what an input does is a function of it.
    let mut world = World::new();
    world.guessed = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
    for frame in frames {
        world.take(frame);
    }
    world.check_log();
}

fn decode(line: &[u8]) -> Option<ClientFrame> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.len() <= FRAME_BYTES_MAX)?;
    let frame = ClientFrame::decode(text).ok()?;
    // What a newer version wrote is kept as a value, which has the last of two fields of one name: once, and then no more.
    let again = ClientFrame::decode(&frame.encode()).expect("what was written is read");
    assert_eq!(ClientFrame::decode(&again.encode()).ok().as_ref(), Some(&again), "a frame is read as it was written");
    Some(frame)
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let mut store = SqliteStore::open(&folder.path().join("fil.db"), Epoch::from([2; 16])).expect("a new database");
        let transaction = store.begin().expect("nobody else writes");
        settle(&*transaction, None).expect("the database is new");
        transaction.commit().expect("the disk has room");
        let node = Node::new(Box::new(store)).expect("the database was just made");
        let (hostile, neighbour) = (ConnectionId(0), ConnectionId(0));
        let backlogs = BTreeMap::new();
        let (now_ms, connections, guessed) = (NOW_MS, 0, false);
        let mut world = Self { node, _folder: folder, now_ms, backlogs, connections, hostile, neighbour, guessed };
        world.hostile = world.connect(ada(), 1);
        world.neighbour = world.connect(ben(), 2);
        // The group that the corpus names, so that changes of it find something.
        let (kind, title, members) = (ConversationKind::Group, Some("Garde".into()), vec![ben().account]);
        let command = Command::CreateConversation { conversation: group(), kind, title, members };
        world.take(ClientFrame::Command { no: 1, command: RawCommand::Known(command) });
        world
    }

    fn connect(&mut self, actor: Actor, generation: u8) -> ConnectionId {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let hello = Hello {
            protocol: VersionRange::OURS,
            client: "hostile".into(),
            generation: Generation::from([generation; 16]),
            epoch: None,
            horizon: 0,
            account_rev: 0,
            acknowledged: 0,
            stamp: None,
        };
        let backlog = Arc::new(Backlog::default());
        self.backlogs.insert(connection, Arc::clone(&backlog));
        let inputs = vec![
            Input::Connected { connection, actor, backlog },
            Input::Frame { connection, frame: ClientFrame::Hello(hello) },
        ];
        let outputs = self.step(inputs);
        let welcomed = outputs.iter().any(|output| {
            matches!(output, Output::Send { connection: to, frame } if *to == connection && frame.contains("\"welcome\""))
        });
        assert!(welcomed, "an honest hello is welcome: {outputs:?}");
        connection
    }

    /// The hostile frame, and with it in one batch the neighbour's ping.
    fn take(&mut self, frame: ClientFrame) {
        let shown = format!("{frame:?}");
        let outputs = self.step(vec![
            Input::Frame { connection: self.hostile, frame },
            Input::Frame { connection: self.neighbour, frame: ClientFrame::Ping },
        ]);
        let mut closed = false;
        let mut answered = false;
        let mut answers = 0;
        for output in outputs {
            match output {
                Output::Send { connection, frame } => {
                    answers += usize::from(connection == self.hostile);
                    let told = connection == self.hostile && frame.contains(SECRET);
                    assert!(self.guessed || !told, "{shown:.300} tells what Ada may not see: {frame:.300}");
                    let frame = ServerFrame::decode(&frame).expect("what the server says is a frame");
                    if let ServerFrame::Error { error, .. } = &frame {
                        let known = !matches!(error.code, ErrorCode::Unknown | ErrorCode::Internal);
                        assert!(known && error.detail.len() <= DETAIL_BYTES_MAX, "{error:?} to {shown:.300}");
                    }
                    answered |= connection == self.neighbour && frame == ServerFrame::Pong;
                }
                Output::Close { connection, code, .. } => {
                    assert!(CLOSE_CODES.contains(&code), "{code}");
                    assert_eq!(connection, self.hostile, "the neighbour was closed by {shown:.300}");
                    closed = true;
                }
                Output::Answered { .. } => panic!("nobody asked over HTTP"),
            }
        }
        assert!(answered, "the neighbour was not answered beside {shown:.300}");
        assert!(answers <= ANSWERS_MAX, "{answers} frames answer {shown:.300}");
        if closed {
            self.step(vec![Input::Disconnected { connection: self.hostile }]);
            self.hostile = self.connect(ada(), 1);
        }
    }

    /// Whatever was written, the neighbour reads a log without a gap, from its beginning to where a window says it ends;
    /// or has been shown out of the conversation.
    fn check_log(&mut self) {
        let pull = |request, after| {
            let frame = ClientFrame::Pull { request, stream: Stream::Conversation(group()), after, items_max: None };
            Input::Frame { connection: self.neighbour, frame }
        };
        let mut inputs = vec![pull(1, None), pull(2, Some(Seq(0)))];
        // Pulls wait in a row, so that nobody's long one holds up the others.
        let steps = (0..4).flat_map(|_| self.step(std::mem::take(&mut inputs)));
        let outputs: Vec<Output> = steps.collect();
        let answers: Vec<ServerFrame> = outputs
            .iter()
            .filter_map(|output| match output {
                Output::Send { connection, frame } if *connection == self.neighbour => ServerFrame::decode(frame).ok(),
                _ => None,
            })
            .collect();
        let refused = |frame: &&ServerFrame| matches!(frame, ServerFrame::Error { error, .. } if error.code == ErrorCode::NotFound);
        if answers.iter().filter(refused).count() == 2 {
            return;
        }
        let head = answers.iter().find_map(|frame| match frame {
            ServerFrame::Window { request: 1, window, .. } => Some(window.as_of.seq),
            _ => None,
        });
        let events = answers.iter().find_map(|frame| match frame {
            ServerFrame::Events { request: 2, events, .. } => Some(events),
            _ => None,
        });
        let (Some(head), Some(events)) = (head, events) else { panic!("two pulls are answered by {answers:?}") };
        let numbers: Vec<u64> = events.iter().map(|event| event.seq.0).collect();
        assert_eq!(numbers, (1..=head.0).collect::<Vec<u64>>(), "the log has a gap");
        assert!(events.iter().all(|event| event.known().is_some()), "the log has what nobody knows: {events:?}");
    }

    /// Sockets that take everything at once, so that nobody is ever slow.
    fn step(&mut self, mut inputs: Vec<Input>) -> Vec<Output> {
        self.now_ms += 1;
        inputs.push(Input::Tick);
        let outputs = self.node.step(self.now_ms, inputs);
        for output in &outputs {
            if let Output::Send { connection, frame } = output
                && let Some(backlog) = self.backlogs.get(connection)
            {
                backlog.subtract(frame.len());
            }
        }
        outputs
    }
}
