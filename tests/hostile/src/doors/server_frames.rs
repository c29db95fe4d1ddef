//! What a server sends: decoded, and given to the client's engine and databases. The server may lie as it likes.

use fil_client::session::{Effect, Session};
use fil_engine::connection::Phase;
use fil_engine::outbox::RowId;
use fil_engine::{Input, Now};
use fil_protocol::limits::FRAME_BYTES_MAX;
use fil_protocol::{AccountId, ClientFrame, Command, MessageId, Outcome, ServerFrame};
use tempfile::TempDir;

const NOW_MS: u64 = 1_700_000_000_000;

struct World {
    session: Session,
    _folder: TempDir,
    now_ms: u64,
    /// The server has said that the one command was applied: from then on it is the server's to keep.
    applied: bool,
}

/// Every line is one frame on the connection, which is opened again when the engine gives it up.
pub(super) fn enter(bytes: &[u8]) {
    let frames: Vec<ServerFrame> = bytes.split(|byte| *byte == b'\n').filter_map(decode).collect();
    if frames.is_empty() {
        return;
    }
    // Databases of its own for every input, so that what an input does is a function of it.
    let mut world = World::new();
    for frame in frames {
        world.take(frame);
    }
    world.check_what_waits();
}

fn decode(line: &[u8]) -> Option<ServerFrame> {
    let frame = ServerFrame::decode(std::str::from_utf8(line).ok()?).ok()?;
    // What a newer version wrote is kept as a value, which has the last of two fields of one name: once, and then no more.
    let again = ServerFrame::decode(&frame.encode()).expect("what was written is read");
    assert_eq!(ServerFrame::decode(&again.encode()).ok().as_ref(), Some(&again), "a frame is read as it was written");
    Some(frame)
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let now = Now { monotonic_ms: 0, wall_ms: NOW_MS };
        let (session, _) = Session::open(folder.path(), "hostile", AccountId::from([0x0a; 16]), 7, now).expect("new");
        let mut world = Self { session, _folder: folder, now_ms: 0, applied: false };
        world.step(Input::Tick);
        let row = world.session.next_row();
        assert!(row > RowId(0));
        let command = Command::SendMessage {
            conversation: "018bcfe5-6800-7000-8000-0c0c0c0c0c0c".parse().expect("it is one"),
            message: MessageId::from([0x0e; 16]),
            text: "not sent yet".to_owned(),
            composed_at_ms: NOW_MS,
        };
        world.step(Input::Enqueue { row, command });
        world
    }

    fn take(&mut self, frame: ServerFrame) {
        self.applied |= match &frame {
            ServerFrame::Verdict(verdict) => matches!(verdict.outcome, Outcome::Applied { .. }),
            ServerFrame::Welcome(welcome) => welcome.applied > 0,
            _ => false,
        };
        self.step(Input::Frame(frame));
    }

    /// One step, and whatever it asks for: a socket that opens, and later ones that open again.
    fn step(&mut self, input: Input) {
        self.now_ms += 50;
        let mut inputs = vec![input, Input::Tick];
        for _ in 0..8 {
            let now = Now { monotonic_ms: self.now_ms, wall_ms: NOW_MS + self.now_ms };
            let effects =
                self.session.step(now, std::mem::take(&mut inputs)).expect("a frame does not break the store");
            for effect in effects {
                match effect {
                    Effect::Connect => inputs.push(Input::Connected),
                    Effect::Send(frame) => {
                        let text = frame.encode();
                        assert!(text.len() <= FRAME_BYTES_MAX, "the client sends {} bytes", text.len());
                        // The server refuses what does not read, and the client would send it again for ever.
                        let read = ClientFrame::decode(&text);
                        assert_eq!(
                            read.ok().as_ref(),
                            Some(&frame),
                            "the client sends what no server reads: {text:.300}"
                        );
                    }
                    Effect::Close | Effect::Tell(_) => {}
                }
            }
            if inputs.is_empty() {
                // Timers: whatever is due by a back-off comes at once.
                let open = matches!(self.session.status().phase, Phase::Open { .. });
                match self.session.deadline() {
                    Some(due_ms) if due_ms <= self.now_ms + 60_000 && !open => {
                        self.now_ms = self.now_ms.max(due_ms);
                        inputs.push(Input::Tick);
                    }
                    _ => return,
                }
            }
        }
    }

    /// Both databases can be read, and what the person wrote is there until the server says that it has it.
    fn check_what_waits(&mut self) {
        let mut reader = self.session.reader().expect("the databases are there");
        reader.projections().expect("the cache is whole");
        let commands = reader.commands().expect("the outbox is whole");
        assert!(self.applied || commands.len() == 1, "the one command is lost: {commands:?}");
    }
}
