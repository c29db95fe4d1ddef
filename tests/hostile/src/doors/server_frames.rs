//! What a server sends, on the socket and as pages over HTTP: decoded, given to the client's engine and databases, and
//! shown. The server may lie as it likes.

use fil_client::bridge::Bridge;
use fil_client::bridge::types::{FailureKind, Request, Response, TimelineRange};
use fil_client::session::{Effect, Session};
use fil_engine::connection::Phase;
use fil_engine::outbox::RowId;
use fil_engine::{Input, Now};
use fil_protocol::http::{AccountPage, HistoryPage};
use fil_protocol::limits::FRAME_BYTES_MAX;
use fil_protocol::{AccountId, ClientFrame, Command, MessageId, Outcome, Seq, ServerFrame};
use tempfile::TempDir;

use super::bridge::{options, sign_in};
use super::town::group;

const NOW_MS: u64 = 1_700_000_000_000;

struct World {
    session: Session,
    folder: TempDir,
    now_ms: u64,
    /// The server has said that the one command was applied: from then on it is the server's to keep.
    applied: bool,
}

/// What a server says.
enum Word {
    Frame(ServerFrame),
    /// A page of the conversation's history, which was asked for from [`BEFORE`] on.
    History(HistoryPage),
    /// People who were looked for.
    People(AccountPage),
}

/// Where the one page begins that is ever asked for.
const BEFORE: Seq = Seq(9);

/// Every line is a page, or one frame on the connection, which is opened again when the engine gives it up.
pub(super) fn enter(bytes: &[u8]) {
    let words: Vec<Word> = bytes.split(|byte| *byte == b'\n').filter_map(read).collect();
    if words.is_empty() {
        return;
    }
    // Databases of its own for every input, so that what an input does is a function of it.
    let mut world = World::new();
    for word in words {
        match word {
            Word::Frame(frame) => world.take(frame),
            Word::History(page) => {
                let merged = world.session.merge_history(group(), BEFORE, &page);
                merged.expect("a page does not break the store");
            }
            Word::People(page) => world.session.meet(&page.accounts).expect("people do not break the store"),
        }
    }
    world.check_what_waits();
    world.check_what_is_shown();
}

fn read(line: &[u8]) -> Option<Word> {
    let history = || serde_json::from_slice(line).ok().map(Word::History);
    let people = || serde_json::from_slice(line).ok().map(Word::People);
    decode(line).map(Word::Frame).or_else(history).or_else(people)
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
        sign_in(folder.path());
        let now = Now { monotonic_ms: 0, wall_ms: NOW_MS };
        let profile = folder.path().join("profiles/hostile");
        let (session, _) = Session::open(&profile, "hostile", AccountId::from([0x0a; 16]), 7, now).expect("new");
        let mut world = Self { session, folder, now_ms: 0, applied: false };
        world.step(Input::Tick);
        let row = world.session.next_row();
        assert!(row > RowId(0));
        let command = Command::SendMessage {
            conversation: group(),
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
    /// The app is opened on what the lies have left, without a server: every view of it can be drawn.
    fn check_what_is_shown(self) {
        drop(self.session);
        let bridge = Bridge::open(options(self.folder.path())).expect("the profile is sound");
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the system has threads");
        let ask = |request: Request| {
            let shown = format!("{request:?}");
            match runtime.block_on(bridge.request(request)) {
                Ok(response) => Some(response),
                Err(failure) => {
                    assert_ne!(failure.kind, FailureKind::Internal, "{shown} is a defect: {}", failure.detail);
                    None
                }
            }
        };
        let Some(Response::Conversations { conversations }) = ask(Request::Conversations) else {
            panic!("the conversations are not shown")
        };
        for row in conversations.into_iter().take(4) {
            let ranges = [
                TimelineRange::Opening { limit: 50 },
                TimelineRange::From { seq: 0 },
                TimelineRange::Before { seq: row.unread.max(2), limit: 50 },
            ];
            for range in ranges {
                ask(Request::Timeline { conversation: row.id.clone(), range });
            }
            let one = ask(Request::Conversation { conversation: row.id.clone() });
            assert_eq!(one, Some(Response::Conversation { conversation: Some(row) }));
        }
        ask(Request::People { query: "b".to_owned() });
        ask(Request::Search { query: "bon".to_owned(), conversation: None });
        runtime.block_on(bridge.close());
    }
}
