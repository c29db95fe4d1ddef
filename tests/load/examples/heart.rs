//! What the heart of the server costs per message: the node over SQLite, without sockets and threads.
//!
//! `cargo run --release -p fil-load --example heart -- [batches] [pairs] [folder]`
//!
//! Two people in each pair write to each other; everybody writes one message of 200 bytes per batch and acknowledges the
//! verdict of the one before, as clients do. The baseline is bare SQLite in the same run, on the same disk and with the
//! same settings: one row per message, a commit per batch. Both figures are CPU time of this thread, because wall clocks
//! of shared machines tell little; what is to be compared is their ratio. On a disk the waiting for it is in the wall
//! clock alone.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use fil_protocol::{
    AccountId, ClientFrame, Command, ConversationId, ConversationKind, DeviceId, Epoch, Generation, Hello, MessageId,
    OrganisationId, Profile, RawCommand, VersionRange,
};
use fil_server::actor::Actor;
use fil_server::node::{Backlog, ConnectionId, Input, Node, Output};
use fil_server::store::sqlite::SqliteStore;
use fil_server::store::{AccountRow, NewDevice, OrganisationRow, Store};

const NOW_MS: u64 = 1_800_000_000_000;
const TEXT_BYTES: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let batches: u64 = arguments.next().map_or(Ok(200), |text| text.parse())?;
    let pairs: u64 = arguments.next().map_or(Ok(50), |text| text.parse())?;
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(parent)?;
    let messages = batches * pairs * 2;

    let baseline = bare(&folder.path().join("bare.db"), batches, pairs * 2)?;
    let mut heart = Heart::new(&folder.path().join("fil.db"), pairs)?;
    let mut pushes = 0;
    let cost = measured(|| {
        for batch in 1..=batches {
            pushes += heart.batch(batch);
        }
        Ok(())
    })?;
    let expected = messages * 2;
    assert!(pushes >= expected, "{pushes} frames for {messages} messages: somebody was not answered");
    baseline.print("bare SQLite", messages);
    cost.print("heart", messages);
    println!("ratio of CPU time {:.2}", cost.cpu_ns as f64 / baseline.cpu_ns as f64);
    Ok(())
}

/// What something cost.
struct Cost {
    cpu_ns: u64,
    wall_ns: u128,
}

impl Cost {
    fn print(&self, what: &str, messages: u64) {
        let cpu_us = self.cpu_ns as f64 / 1_000.0 / messages as f64;
        let per_second = messages as f64 / (self.wall_ns as f64 / 1e9);
        println!("{what}: {cpu_us:.1} µs of CPU per message, {per_second:.0} messages/s by the clock");
    }
}

fn measured(work: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<Cost, Box<dyn Error>> {
    let (began, cpu) = (Instant::now(), cpu_ns()?);
    work()?;
    Ok(Cost { cpu_ns: cpu_ns()? - cpu, wall_ns: began.elapsed().as_nanos() })
}

/// CPU time of this thread, as the kernel counts it.
fn cpu_ns() -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

fn text(seed: u64) -> String {
    const WORDS: [&str; 16] = [
        "hose", "ladder", "engine", "tonight", "station", "the", "water", "crew", "alarm", "north", "bridge", "is",
        "ready", "pump", "tomorrow", "report",
    ];
    let mut text = String::with_capacity(TEXT_BYTES + 16);
    let mut state = seed;
    while text.len() < TEXT_BYTES {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(WORDS[(state >> 60) as usize]);
        text.push(' ');
    }
    text.truncate(TEXT_BYTES);
    text
}

/// One row per message, one commit per batch, with the settings of the store.
fn bare(path: &Path, batches: u64, per_batch: u64) -> Result<Cost, Box<dyn Error>> {
    let connection = rusqlite::Connection::open(path)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch("CREATE TABLE message (number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT")?;
    measured(|| {
        for batch in 0..batches {
            connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            for number in 0..per_batch {
                let text = text(batch * per_batch + number);
                connection.prepare_cached("INSERT INTO message (text) VALUES (?1)")?.execute([text])?;
            }
            connection.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    })
}

/// A node with everybody connected.
struct Heart {
    node: Node,
    people: Vec<Person>,
    messages: u64,
}

struct Person {
    connection: ConnectionId,
    conversation: ConversationId,
    backlog: Arc<Backlog>,
}

impl Heart {
    fn new(path: &Path, pairs: u64) -> Result<Self, Box<dyn Error>> {
        let mut store = SqliteStore::open(path, Epoch::from_parts(1, &[1; 10]))?;
        let organisation = OrganisationId::from_parts(1, &[1; 10]);
        let actors: Vec<Actor> = (0..pairs * 2).map(|number| actor(organisation, number)).collect();
        let transaction = store.begin()?;
        transaction.create_organisation(&OrganisationRow {
            id: organisation,
            slug: "brigade".to_owned(),
            name: "Brigade".to_owned(),
        })?;
        let writer = transaction.organisation(organisation)?;
        for (number, Actor { account, device, .. }) in actors.iter().enumerate() {
            let profile =
                Profile { account: *account, handle: format!("person{number}"), name: format!("Person {number}") };
            writer.create_account(&AccountRow {
                profile,
                password_hash: None,
                created_at_ms: NOW_MS,
                disabled_at_ms: None,
            })?;
            let name = "device".to_owned();
            writer.create_device(&NewDevice { device: *device, account: *account, name, created_at_ms: NOW_MS })?;
        }
        drop(writer);
        transaction.commit()?;

        let mut node = Node::new(Box::new(store))?;
        let mut people = Vec::new();
        for (number, actor) in (0..).zip(&actors) {
            let partner = &actors[(number ^ 1) as usize];
            let connection = ConnectionId(number + 1);
            let conversation = ConversationId::direct(organisation, actor.account, partner.account);
            let backlog = Arc::new(Backlog::default());
            people.push(Person { connection, conversation, backlog: backlog.clone() });
            let command = Command::CreateConversation {
                conversation,
                kind: ConversationKind::Direct,
                title: None,
                members: vec![partner.account],
            };
            let inputs = vec![
                Input::Connected { connection, actor: *actor, backlog },
                Input::Frame { connection, frame: ClientFrame::Hello(hello(number)) },
                Input::Frame { connection, frame: ClientFrame::Command { no: 1, command: RawCommand::Known(command) } },
            ];
            node.step(NOW_MS, inputs);
        }
        let heart = Self { node, people, messages: 0 };
        heart.read_everything();
        Ok(heart)
    }

    /// Everybody acknowledges the verdict before and writes a message. How many events and verdicts came out.
    fn batch(&mut self, batch: u64) -> u64 {
        let mut inputs = Vec::with_capacity(self.people.len() * 2);
        for person in &self.people {
            self.messages += 1;
            let mut random = [0; 10];
            random[..8].copy_from_slice(&self.messages.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
            let command = Command::SendMessage {
                conversation: person.conversation,
                message: MessageId::from_parts(NOW_MS + batch, &random),
                text: text(self.messages),
                composed_at_ms: NOW_MS + batch,
            };
            let connection = person.connection;
            inputs.push(Input::Frame { connection, frame: ClientFrame::Acknowledge { no: batch } });
            let frame = ClientFrame::Command { no: batch + 1, command: RawCommand::Known(command) };
            inputs.push(Input::Frame { connection, frame });
        }
        let outputs = self.node.step(NOW_MS + batch, inputs);
        self.read_everything();
        let told = outputs.iter().filter(|output| match output {
            Output::Send { frame, .. } => frame.contains("\"verdict\"") || frame.contains("\"event\""),
            Output::Close { reason, .. } => panic!("closed: {reason:?}"),
            Output::Answered { .. } => false,
        });
        told.count() as u64
    }

    /// All sockets take what waits.
    fn read_everything(&self) {
        for person in &self.people {
            let bytes = usize::try_from(person.backlog.queued_bytes()).unwrap_or(usize::MAX);
            person.backlog.subtract(bytes);
        }
    }
}

fn actor(organisation: OrganisationId, number: u64) -> Actor {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    Actor {
        organisation,
        account: AccountId::from_parts(NOW_MS, &random),
        device: DeviceId::from_parts(NOW_MS + 1, &random),
    }
}

fn hello(number: u64) -> Hello {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&number.to_le_bytes());
    Hello {
        protocol: VersionRange::OURS,
        client: "heart".to_owned(),
        generation: Generation::from_parts(NOW_MS, &random),
        epoch: None,
        horizon: 0,
        account_rev: 0,
        acknowledged: 0,
        stamp: None,
    }
}
