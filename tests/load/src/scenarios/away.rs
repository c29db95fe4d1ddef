//! Coming back: what a device gets that missed much, as quickly as the wire allows.
//!
//! - *catch-up*: 10,000 messages in 50 conversations.
//! - *month*: 200,000 messages in 500 conversations.
//!
//! The device says hello with the cursors that it had, gets its welcome, pulls the account stream, and then every
//! conversation that the welcome names, four pulls at a time, as Fil's own client does. The time runs from the first byte
//! of the connection to the last answer; nothing is stored or decoded, since that is the client's figure. The baseline is
//! bare SQLite reading the same messages out of a plain table, and for bytes the texts alone.
//!
//! It comes back in three ways: as Fil's own client does, which asks for a page of the conversation on screen and for a
//! screenful of all others (the budgets are about this one); by every event that it missed; and by whole windows.

use std::time::{Duration, Instant};

use fil_engine::sync::{PULLS_MAX, SHOWN_ITEMS, UNSEEN_ITEMS};
use fil_protocol::limits::WINDOW_ITEMS;
use fil_protocol::{ClientFrame, ConversationId, Epoch, Seq, Stream};
use rusqlite::Connection;

use crate::house::House;
use crate::percentiles::Percentiles;
use crate::programs::Program;
use crate::wire::Wire;
use crate::{Baseline, Failure, Figure, Scenario, Stage, talk, text};

/// The smaller scenario.
pub const CATCH_UP: Scenario =
    Scenario { name: "catch_up", about: "back after 10,000 missed messages in 50 conversations", run: catch_up };
/// The larger one.
pub const MONTH: Scenario =
    Scenario { name: "month", about: "back after a month: 200,000 missed messages in 500 conversations", run: month };

fn catch_up(stage: &Stage) -> Result<(), Failure> {
    let away =
        Away { conversations: stage.sized(3, 50, 50), missed: stage.sized(10, 200, 200), asks: stage.sized(2, 10, 30) };
    let mut result = away.measure(stage)?;
    let missed = away.conversations * away.missed;
    let (reading_ms, text_bytes) = away.bare(stage)?;
    let time = |name: &str, samples: &mut Percentiles| -> Result<Figure, Failure> {
        let baseline = Baseline::new("sqlite_plain_table", reading_ms);
        Ok(Figure::cost(name, samples.at_ms(50.0)?, "ms", baseline).note("missed", missed))
    };
    let bytes = |name: &str, bytes: u64| {
        Figure::cost(name, bytes as f64, "B", Baseline::new("texts", text_bytes)).note("missed", missed)
    };
    stage.print(&time("catch_up.client.all_ms", &mut result.client.all)?.budget(60.0));
    stage.print(&bytes("catch_up.client.received_bytes", result.client.bytes).budget(1_000_000.0));
    stage.print(&time("catch_up.events.all_ms", &mut result.events.all)?);
    stage.print(&bytes("catch_up.events.received_bytes", result.events.bytes));
    stage.print(&time("catch_up.windows.all_ms", &mut result.windows.all)?);
    stage.print(&bytes("catch_up.windows.received_bytes", result.windows.bytes));
    Ok(())
}

fn month(stage: &Stage) -> Result<(), Failure> {
    let away =
        Away { conversations: stage.sized(5, 100, 500), missed: stage.sized(20, 200, 400), asks: stage.sized(2, 3, 5) };
    let mut result = away.measure(stage)?;
    let missed = away.conversations * away.missed;
    let (reading_ms, text_bytes) = away.bare(stage)?;
    let list = Baseline::new("sqlite_plain_table", reading_ms);
    let figure = Figure::cost("month.list_usable_ms", result.client.list.at_ms(50.0)?, "ms", list);
    stage.print(&figure.budget(1_000.0).note("conversations", away.conversations));
    let ways = [("client", &mut result.client), ("events", &mut result.events), ("windows", &mut result.windows)];
    for (name, came) in ways {
        let baseline = Baseline::new("sqlite_plain_table", reading_ms);
        let time = Figure::cost(format!("month.{name}.all_ms"), came.all.at_ms(50.0)?, "ms", baseline);
        let baseline = Baseline::new("texts", text_bytes);
        let bytes = Figure::cost(format!("month.{name}.received_bytes"), came.bytes as f64, "B", baseline);
        let is_client = name == "client";
        let (time, bytes) = if is_client { (time.budget(10_000.0), bytes.budget(3_000_000.0)) } else { (time, bytes) };
        stage.print(&time.note("missed", missed));
        stage.print(&bytes.note("missed", missed));
    }
    Ok(())
}

/// How much was missed.
struct Away {
    conversations: usize,
    /// Messages in each.
    missed: usize,
    /// How often it is measured; the middle counts.
    asks: usize,
}

#[derive(Default)]
struct Return {
    client: Came,
    events: Came,
    windows: Came,
}

/// What is asked for.
#[derive(Clone, Copy)]
enum Way {
    Client,
    Events,
    Windows,
}

/// What came, and how quickly.
#[derive(Default)]
struct Came {
    /// Until the list of conversations is complete: welcome and account stream.
    list: Percentiles,
    /// Until everything is there.
    all: Percentiles,
    /// Received in one return.
    bytes: u64,
}

/// What the device knew when it left.
struct Known {
    epoch: Epoch,
    horizon: u64,
    account_rev: u64,
    cursor: Seq,
}

impl Away {
    fn measure(&self, stage: &Stage) -> Result<Return, Failure> {
        let mut house = House::with(stage, 3)?;
        let mut seeding = house.seed()?;
        let members: &[usize] = &[0, 1, 2];
        let groups = seeding.groups(&vec![members; self.conversations])?;
        let (epoch, horizon) = seeding.horizon()?;
        let known = Known { epoch, horizon, account_rev: seeding.account_rev(2)?, cursor: Seq(1) };
        let missed = (0..self.missed).flat_map(|number| groups.iter().map(move |group| (number, *group)));
        let texts =
            missed.enumerate().map(|(all, (number, group))| (number % 2, group, text::of(all as u64, text::BYTES)));
        seeding.messages(texts)?;
        drop(seeding);
        let fil = Program::fil(&house.data(), 0)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut result = Return::default();
        for _ in 0..self.asks {
            runtime.block_on(self.come_back(&fil, &house, &known, Way::Client, &mut result.client))?;
            runtime.block_on(self.come_back(&fil, &house, &known, Way::Events, &mut result.events))?;
            runtime.block_on(self.come_back(&fil, &house, &known, Way::Windows, &mut result.windows))?;
        }
        Ok(result)
    }

    async fn come_back(
        &self,
        fil: &Program,
        house: &House,
        known: &Known,
        way: Way,
        came: &mut Came,
    ) -> Result<(), Failure> {
        let token = house.token(2);
        let start = Instant::now();
        let mut wire = Wire::open(fil.address, "/api/v1/socket", &token).await?;
        wire.queue(&talk::hello(Some(known.epoch), known.horizon, known.account_rev));
        let after_rev = Some(Seq(known.account_rev));
        wire.send(
            &ClientFrame::Pull { request: 0, stream: Stream::Account, after: after_rev, items_max: None }.encode(),
        )
        .await?;
        let mut heads = welcome_heads(&mut wire).await?.into_iter();
        if heads.len() != self.conversations {
            return Err(format!("the welcome named {} of {} conversations", heads.len(), self.conversations).into());
        }
        let mut requests = 0;
        let mut under_way = 0;
        let (mut answers, mut messages) = (0, 0);
        let mut list = None;
        while answers < self.conversations || list.is_none() {
            while under_way < PULLS_MAX
                && let Some(conversation) = heads.next()
            {
                requests += 1;
                under_way += 1;
                let stream = Stream::Conversation(conversation);
                let (after, items_max) = match way {
                    // The one on screen is asked for first.
                    Way::Client if requests == 1 => (Some(known.cursor), Some(SHOWN_ITEMS)),
                    Way::Client => (Some(known.cursor), Some(UNSEEN_ITEMS)),
                    Way::Events => (Some(known.cursor), None),
                    Way::Windows => (None, None),
                };
                wire.queue(&ClientFrame::Pull { request: requests, stream, after, items_max }.encode());
            }
            wire.flush().await?;
            let frame = wire.next().await?.ok_or("closed in the middle of catching up")?;
            let text = wire.text(&frame);
            if text.starts_with("{\"type\":\"account\"") {
                list = Some(start.elapsed());
            } else if text.starts_with("{\"type\":\"events\"") || text.starts_with("{\"type\":\"window\"") {
                answers += 1;
                under_way -= 1;
                messages += text.matches("\"type\":\"message\"").count();
            } else if text.starts_with("{\"type\":\"error\"") {
                return Err(format!("the server said {text}").into());
            }
        }
        let all = start.elapsed();
        let page = self.missed.min(WINDOW_ITEMS);
        let expected = match way {
            Way::Client => page + self.missed.min(UNSEEN_ITEMS as usize) * (self.conversations - 1),
            Way::Events => self.missed * self.conversations,
            Way::Windows => page * self.conversations,
        };
        if messages < expected {
            return Err(format!("{messages} of {expected} messages came").into());
        }
        came.list.add(list.unwrap_or(all));
        came.all.add(all);
        came.bytes = wire.received_bytes;
        Ok(())
    }

    /// The same messages read by bare SQLite out of a table that holds nothing else: milliseconds, and bytes of text.
    fn bare(&self, stage: &Stage) -> Result<(f64, f64), Failure> {
        let folder = stage.folder()?;
        let mut database = Connection::open(folder.path().join("bare.db"))?;
        database.execute_batch(
            "CREATE TABLE message (conversation INTEGER, seq INTEGER, body TEXT, PRIMARY KEY (conversation, seq)) WITHOUT ROWID",
        )?;
        let transaction = database.transaction()?;
        for conversation in 0..self.conversations {
            for seq in 0..self.missed {
                let body = text::of((conversation * self.missed + seq) as u64, text::BYTES);
                transaction.prepare_cached("INSERT INTO message VALUES (?, ?, ?)")?.execute((
                    conversation,
                    seq,
                    body,
                ))?;
            }
        }
        transaction.commit()?;
        let mut samples = Percentiles::default();
        let mut bytes = 0;
        for _ in 0..self.asks {
            let start = Instant::now();
            bytes = 0;
            for conversation in 0..self.conversations {
                let mut statement =
                    database.prepare_cached("SELECT body FROM message WHERE conversation = ? ORDER BY seq")?;
                let mut rows = statement.query([conversation])?;
                while let Some(row) = rows.next()? {
                    bytes += row.get_ref(0)?.as_str()?.len();
                }
            }
            samples.add(start.elapsed().max(Duration::from_micros(1)));
        }
        Ok((samples.at_ms(50.0)?, bytes as f64))
    }
}

/// The conversations that a welcome names.
async fn welcome_heads(wire: &mut Wire) -> Result<Vec<ConversationId>, Failure> {
    let frame = wire.next().await?.ok_or("closed before the welcome")?;
    match fil_protocol::ServerFrame::decode(wire.text(&frame))? {
        fil_protocol::ServerFrame::Welcome(welcome) => Ok(welcome.heads.iter().map(|head| head.conversation).collect()),
        other => Err(format!("instead of a welcome: {other:?}").into()),
    }
}
