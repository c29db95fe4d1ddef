//! What a client sends: decoded, and given to the real node on a real database, beside a neighbour.

use std::collections::BTreeMap;
use std::sync::Arc;

use fil_protocol::limits::FRAME_BYTES_MAX;
use fil_protocol::{
    AccountId, ClientFrame, Command, ConversationId, ConversationKind, DeviceId, Epoch, ErrorCode, Generation, Hello,
    OrganisationId, Profile, RawCommand, ServerFrame, VersionRange,
};
use fil_server::node::{Actor, Backlog, ConnectionId, Input, Node, Output};
use fil_server::store::sqlite::SqliteStore;
use fil_server::store::{AccountRow, NewDevice, OrganisationRow, Store};
use tempfile::TempDir;

use super::DETAIL_BYTES_MAX;

const NOW_MS: u64 = 1_700_000_000_000;
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
}

/// Every line is one frame of one connection, which is opened again when the node closes it.
pub(super) fn enter(bytes: &[u8]) {
    let frames: Vec<ClientFrame> = bytes.split(|byte| *byte == b'\n').filter_map(decode).collect();
    if frames.is_empty() {
        return;
    }
    // A database of its own for every input, so that what an input does is a function of it.
    let mut world = World::new();
    for frame in frames {
        world.take(frame);
    }
}

fn decode(line: &[u8]) -> Option<ClientFrame> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.len() <= FRAME_BYTES_MAX)?;
    let frame = ClientFrame::decode(text).ok()?;
    // What a newer version wrote is kept as a value, which has the last of two fields of one name: once, and then no more.
    let again = ClientFrame::decode(&frame.encode()).expect("what was written is read");
    assert_eq!(ClientFrame::decode(&again.encode()).ok().as_ref(), Some(&again), "a frame is read as it was written");
    Some(frame)
}

fn actor(organisation: u8, account: u8, device: u8) -> Actor {
    Actor {
        organisation: OrganisationId::from([organisation; 16]),
        account: AccountId::from([account; 16]),
        device: DeviceId::from([device; 16]),
    }
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let mut store = SqliteStore::open(&folder.path().join("fil.db"), Epoch::from([2; 16])).expect("a new database");
        let transaction = store.begin().expect("nobody else writes");
        for (organisation, people) in [(0x0d, &[0x0a, 0x0b][..]), (0x1d, &[0x1a][..])] {
            let id = OrganisationId::from([organisation; 16]);
            let slug = format!("o{organisation}");
            let row = OrganisationRow { id, name: slug.clone(), slug };
            transaction.create_organisation(&row).expect("it is new");
            let writer = transaction.organisation(id).expect("it was just made");
            for account in people {
                let actor = actor(organisation, *account, *account);
                let handle = format!("a{account}");
                let profile = Profile { account: actor.account, name: handle.clone(), handle };
                let row = AccountRow { profile, password_hash: None, created_at_ms: NOW_MS, disabled_at_ms: None };
                writer.create_account(&row).expect("it is new");
                let (device, account) = (actor.device, actor.account);
                let row = NewDevice { device, account, name: "x".into(), created_at_ms: NOW_MS };
                writer.create_device(&row).expect("it is new");
            }
        }
        transaction.commit().expect("the disk has room");
        let node = Node::new(Box::new(store)).expect("the database was just made");
        let (hostile, neighbour) = (ConnectionId(0), ConnectionId(0));
        let backlogs = BTreeMap::new();
        let mut world = Self { node, _folder: folder, now_ms: NOW_MS, backlogs, connections: 0, hostile, neighbour };
        world.hostile = world.connect(actor(0x0d, 0x0a, 0x0a), 1);
        world.neighbour = world.connect(actor(0x0d, 0x0b, 0x0b), 2);
        // The group that the corpus names, so that changes of it find something.
        let conversation: ConversationId = "018bcfe5-6800-7000-8000-0c0c0c0c0c0c".parse().expect("it is one");
        let (kind, title, members) = (ConversationKind::Group, Some("Garde".into()), vec![AccountId::from([0x0b; 16])]);
        let command = Command::CreateConversation { conversation, kind, title, members };
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
        for output in outputs {
            match output {
                Output::Send { connection, frame } => {
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
        if closed {
            self.step(vec![Input::Disconnected { connection: self.hostile }]);
            self.hostile = self.connect(actor(0x0d, 0x0a, 0x0a), 1);
        }
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
