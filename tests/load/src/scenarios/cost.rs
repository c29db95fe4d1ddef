//! What one message costs the server: processor time, allocations, bytes on the wire, bytes on the disk.
//!
//! - *process*: the whole `fil-server`, sockets and all, with fifty pairs at saturation; the baseline is the relay's
//!   process under the same load.
//! - *heart*: the node alone in this thread, from the text of a command to the texts of verdict and pushes, in batches of
//!   one and of fifty. The baseline of its processor time is bare SQLite writing one row per message in the same batches; of
//!   its allocations, decoding the command and encoding what comes out.

use std::time::Duration;

use fil_protocol::{ClientFrame, ConversationId, Outcome, Seq, ServerFrame, Stamp, Verdict};
use fil_server::node::ConnectionId;
use rusqlite::Connection;

use crate::heart::{Cost, Heart};
use crate::house::House;
use crate::programs::Program;
use crate::talk::{self, Pace, Plan};
use crate::{Baseline, Failure, Figure, Scenario, Stage, text};

/// The scenario.
pub const SCENARIO: Scenario =
    Scenario { name: "cost", about: "processor time, allocations and bytes of one message", run };

const PAIRS: usize = 50;

fn run(stage: &Stage) -> Result<(), Failure> {
    process(stage)?;
    for batch in [1, PAIRS] {
        heart(stage, batch)?;
    }
    Ok(())
}

fn process(stage: &Stage) -> Result<(), Failure> {
    let mut house = House::with(stage, 2 * PAIRS)?;
    let pairs: Vec<(usize, usize)> = (0..PAIRS).map(|pair| (2 * pair, 2 * pair + 1)).collect();
    house.seed()?.directs(&pairs)?;
    let plan = Plan {
        pace: Pace::AfterAcknowledgement(1),
        acknowledge_every: 16,
        warm_up: Duration::from_millis(stage.sized(50, 500, 2_000)),
        measured: Duration::from_millis(stage.sized(200, 2_000, 10_000)),
        text_bytes: text::BYTES,
    };
    let talk = |program: &Program| {
        let rooms = pairs.iter().enumerate();
        let seats = rooms.flat_map(|(room, (one, other))| {
            talk::seats(program, &house, room, house.direct_id(*one, *other), &[*one, *other], 2)
        });
        talk::run(program, &seats.collect::<Vec<_>>(), plan)
    };
    let fil = Program::fil(&house.data(), 0)?;
    let (fil, relay) = (talk(&fil)?, talk(&Program::relay(0)?)?);
    let micros = Baseline::new("relay", relay.server_micros());
    stage.print(&Figure::cost("cost.process.cpu_us", fil.server_micros(), "µs", micros));
    let each = |bytes: u64, talk: &talk::Talk| bytes as f64 / talk.acknowledged_in_all.max(1) as f64;
    let sent = Baseline::new("relay", each(relay.sent_bytes, &relay));
    stage.print(&Figure::cost("cost.wire.to_server_bytes", each(fil.sent_bytes, &fil), "B", sent));
    let received = Baseline::new("relay", each(relay.received_bytes, &relay));
    stage.print(&Figure::cost("cost.wire.from_server_bytes", each(fil.received_bytes, &fil), "B", received));
    Ok(())
}

fn heart(stage: &Stage, batch: usize) -> Result<(), Failure> {
    let messages = stage.sized(100, 3_000, 30_000);
    let rounds = (messages / batch).max(2);
    let mut house = House::with(stage, 2 * PAIRS)?;
    let pairs: Vec<(usize, usize)> = (0..PAIRS).map(|pair| (2 * pair, 2 * pair + 1)).collect();
    let conversations = house.seed()?.directs(&pairs)?;
    let people: Vec<usize> = (0..2 * PAIRS).collect();
    let mut heart = Heart::open(&house)?;
    let devices = heart.connect_all(&house, &people)?;
    let before_bytes = stored_bytes(&house)?;
    // One of each pair writes; which, changes from round to round.
    let writers: Vec<(ConnectionId, ConversationId)> =
        devices.iter().enumerate().map(|(person, device)| (*device, conversations[person / 2])).collect();
    let mut cost = Cost::default();
    let mut frames_out = 0;
    let mut command = String::new();
    for round in 0..rounds {
        let mut frames = Vec::with_capacity(batch);
        for place in 0..batch {
            let (device, conversation) = writers[(2 * (round * batch + place) + round % 2) % writers.len()];
            frames.push((device, heart.message(device, conversation)?));
        }
        command.clone_from(&frames[0].1);
        let (out, one) = Cost::of(|| heart.batch(&frames))?;
        frames_out += out;
        // The first round prepares statements.
        if round > 0 {
            cost.cpu += one.cpu;
            cost.allocations += one.allocations;
            cost.allocated_bytes += one.allocated_bytes;
        }
        if round % 16 == 15 {
            let acknowledged: Result<Vec<_>, Failure> =
                devices.iter().map(|device| Ok((*device, heart.acknowledge(*device)?))).collect();
            heart.batch(&acknowledged?)?;
        }
    }
    let count = ((rounds - 1) * batch) as u64;
    drop(heart);
    let disk_each = (stored_bytes(&house)? - before_bytes) / (rounds * batch) as f64;
    let bare_micros = bare_rows(stage, batch, rounds)?;
    let codec = codec(&command)?;
    let name = |what: &str| format!("cost.heart.batch_{batch}.{what}");
    let baseline = Baseline::new("sqlite_one_row", bare_micros);
    let out_each = frames_out as f64 / (rounds * batch) as f64;
    stage.print(&Figure::cost(name("cpu_us"), cost.micros_each(count), "µs", baseline).note("frames_out", out_each));
    let baseline = Baseline::new("codec", codec.allocations as f64);
    stage.print(&Figure::cost(name("allocations"), cost.allocations as f64 / count as f64, "1", baseline));
    let baseline = Baseline::new("codec", codec.allocated_bytes as f64);
    stage.print(&Figure::cost(name("allocated_bytes"), cost.allocated_bytes as f64 / count as f64, "B", baseline));
    let baseline = Baseline::new("text", text::BYTES as f64);
    stage.print(&Figure::cost(name("disk_bytes"), disk_each, "B", baseline));
    Ok(())
}

/// The size of the database, whether its pages are in the file already or still in the log.
fn stored_bytes(house: &House) -> Result<f64, Failure> {
    let database = Connection::open(house.database())?;
    let pragma = |name: &str| database.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok((pragma("page_count")? * pragma("page_size")?) as f64)
}

/// Processor time of bare SQLite per row, in transactions of `batch`.
fn bare_rows(stage: &Stage, batch: usize, rounds: usize) -> Result<f64, Failure> {
    let folder = stage.folder()?;
    let mut database = Connection::open(folder.path().join("bare.db"))?;
    database.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.execute_batch("CREATE TABLE message (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)")?;
    let texts: Vec<String> = (0..batch as u64).map(|number| text::of(number, text::BYTES)).collect();
    let ((), cost) = Cost::of(|| {
        for _ in 0..rounds {
            let transaction = database.transaction()?;
            let mut statement = transaction.prepare_cached("INSERT INTO message (body) VALUES (?)")?;
            for text in &texts {
                statement.execute([text])?;
            }
            drop(statement);
            transaction.commit()?;
        }
        Ok(())
    })?;
    Ok(cost.micros_each((rounds * batch) as u64))
}

/// What decoding one command and encoding one verdict and one event costs.
fn codec(command: &str) -> Result<Cost, Failure> {
    let ClientFrame::Command { no, command: known } = ClientFrame::decode(command)? else {
        return Err("a command decodes as a command".into());
    };
    let fil_protocol::RawCommand::Known(fil_protocol::Command::SendMessage { conversation, message: id, text, .. }) =
        known
    else {
        return Err("a message decodes as a message".into());
    };
    let body = fil_protocol::KnownEvent::Message { id, text, sent: 1, composed_at_ms: 1 };
    let author = fil_protocol::AccountId(id.0);
    let event = fil_protocol::Event { seq: Seq(1), at_ms: 1, author, body: fil_protocol::EventBody::Known(body) };
    let event =
        ServerFrame::Event { conversation, event, stamp: Some(Stamp { horizon: 1_000_000, mark: 3_735_928_559 }) };
    let verdict = ServerFrame::Verdict(Verdict { no, outcome: Outcome::Applied { seq: Seq(1) } });
    let (_, cost) = Cost::of(|| Ok((ClientFrame::decode(command)?, verdict.encode(), event.encode())))?;
    Ok(cost)
}
