//! Reading in a conversation of 100,000 messages over HTTP: a page of its history, and searching it.
//!
//! Questions are asked one after the other over one kept-alive connection, each with another place or word. As clients do,
//! they allow compression; `plain` is without. The baselines are bare SQLite with a plain table and a plain full-text
//! index in the same run: no HTTP, no permissions, no JSON.

use std::time::Instant;

use fil_protocol::ConversationId;
use rusqlite::Connection;

use crate::house::House;
use crate::http::Http;
use crate::percentiles::Percentiles;
use crate::programs::Program;
use crate::{Baseline, Failure, Figure, Scenario, Stage, text};

/// The scenario.
pub const SCENARIO: Scenario =
    Scenario { name: "reading", about: "a history page and a search in a conversation of 100,000 messages", run };

/// DESIGN.md §9, in milliseconds.
const PAGE_MS: f64 = 0.5;
const SEARCH_MS: f64 = 2.0;

fn run(stage: &Stage) -> Result<(), Failure> {
    let messages = stage.sized(300, 20_000, 100_000);
    let asks = stage.sized(5, 200, 1_000);
    let mut house = House::with(stage, 2)?;
    let mut seeding = house.seed()?;
    let conversation = seeding.directs(&[(0, 1)])?.remove(0);
    seeding
        .messages((1..=messages).map(|number| ((number % 2) as usize, conversation, text::of(number, text::BYTES))))?;
    drop(seeding);
    let bare = Bare::new(stage, messages)?;
    let fil = Program::fil(&house.data(), 0)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut reader = Reader { http: runtime.block_on(Http::open(fil.address))?, token: house.token(0), conversation };

    let newest = |_: u64| "".to_owned();
    let middle = |ask: u64| format!("&before={}", 60 + (ask * 7_919) % (messages - 59));
    let page = format!("/api/v1/conversations/{conversation}/messages?limit=50");
    let plain = runtime.block_on(reader.http.get(&page, &reader.token, false))?.len();
    let compressed = runtime.block_on(reader.http.get(&page, &reader.token, true))?.len();
    let baseline = Baseline::new("plain", plain as f64);
    stage.print(&Figure::cost("reading.page_newest_bytes", compressed as f64, "B", baseline));
    let mut page_newest = bare.page(asks, messages, true)?;
    let mut page_middle = bare.page(asks, messages, false)?;
    let mut search_one = bare.search(asks, |ask| own_word(ask, messages))?;
    let mut search_many = bare.search(asks, common_word)?;
    for (name, gzip) in [("reading", true), ("reading.plain", false)] {
        let mut ask = |path: &dyn Fn(u64) -> String, hits: usize| runtime.block_on(reader.ask(asks, gzip, hits, path));
        let history = |rest: String| format!("/api/v1/conversations/{conversation}/messages?limit=50{rest}");
        let search = |word: String| format!("/api/v1/search?query={word}&limit=50");
        let mut nothing = ask(&|_| "/healthz".to_owned(), 0)?;
        let questions: [(&str, Percentiles, &mut Percentiles, f64); 4] = [
            ("page_newest", ask(&|number| history(newest(number)), 50)?, &mut page_newest, PAGE_MS),
            ("page_middle", ask(&|number| history(middle(number)), 50)?, &mut page_middle, PAGE_MS),
            ("search_one", ask(&|number| search(own_word(number, messages)), 1)?, &mut search_one, SEARCH_MS),
            ("search_many", ask(&|number| search(common_word(number)), 2)?, &mut search_many, SEARCH_MS),
        ];
        for (what, mut took, bare, budget) in questions {
            for percent in [50.0, 99.0] {
                let baseline = Baseline::new("sqlite_plain_table", bare.at_ms(percent)?);
                let figure = Figure::cost(format!("{name}.{what}_p{percent}_ms"), took.at_ms(percent)?, "ms", baseline);
                let figure = figure.note("messages", messages).note("empty_request_ms", nothing.at_ms(percent)?);
                stage.print(&if percent < 51.0 { figure.budget(budget) } else { figure });
            }
        }
    }
    Ok(())
}

/// A word that one message has.
fn own_word(ask: u64, messages: u64) -> String {
    format!("n{}", 1 + (ask * 7_919) % messages)
}

/// A word that most messages have.
fn common_word(ask: u64) -> String {
    ["bridge", "water", "station", "report", "urgent"][(ask % 5) as usize].to_owned()
}

struct Reader {
    http: Http,
    token: String,
    conversation: ConversationId,
}

impl Reader {
    /// Asks this often; every answer must have at least this many messages in it.
    async fn ask(
        &mut self,
        asks: u64,
        gzip: bool,
        hits: usize,
        path: &dyn Fn(u64) -> String,
    ) -> Result<Percentiles, Failure> {
        let body = self.http.get(&path(0), &self.token, false).await?;
        let text = String::from_utf8(body)?;
        let found = text.matches("\"type\":\"message\"").count();
        if found < hits {
            let conversation = self.conversation;
            return Err(format!("{found} instead of {hits} messages in {conversation}: {}", path(0)).into());
        }
        let mut samples = Percentiles::default();
        for number in 0..asks {
            let path = path(number);
            let start = Instant::now();
            self.http.get(&path, &self.token, gzip).await?;
            samples.add(start.elapsed());
        }
        Ok(samples)
    }
}

/// The same messages in a plain table and a plain index.
struct Bare {
    database: Connection,
    _folder: tempfile::TempDir,
}

impl Bare {
    fn new(stage: &Stage, messages: u64) -> Result<Self, Failure> {
        let folder = stage.folder()?;
        let mut database = Connection::open(folder.path().join("bare.db"))?;
        database.execute_batch(
            "CREATE TABLE message (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
             CREATE VIRTUAL TABLE words USING fts5(body)",
        )?;
        let transaction = database.transaction()?;
        for number in 1..=messages {
            let body = text::of(number, text::BYTES);
            transaction.prepare_cached("INSERT INTO message VALUES (?, ?)")?.execute((number, &body))?;
            transaction.prepare_cached("INSERT INTO words (rowid, body) VALUES (?, ?)")?.execute((number, &body))?;
        }
        transaction.commit()?;
        Ok(Self { database, _folder: folder })
    }

    fn page(&self, asks: u64, messages: u64, newest: bool) -> Result<Percentiles, Failure> {
        let before = |ask: u64| if newest { messages + 1 } else { 60 + (ask * 7_919) % (messages - 59) };
        self.read("SELECT body FROM message WHERE seq < ? ORDER BY seq DESC LIMIT 50", asks, |ask| before(ask).into())
    }

    fn search(&self, asks: u64, word: impl Fn(u64) -> String) -> Result<Percentiles, Failure> {
        let statement = "SELECT body FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT 50";
        self.read(statement, asks, |ask| word(ask).into())
    }

    fn read(&self, sql: &str, asks: u64, value: impl Fn(u64) -> Value) -> Result<Percentiles, Failure> {
        let mut samples = Percentiles::default();
        let mut statement = self.database.prepare(sql)?;
        for number in 0..asks {
            let start = Instant::now();
            let mut bytes = 0;
            let mut rows = statement.query([value(number).0])?;
            while let Some(row) = rows.next()? {
                bytes += row.get_ref(0)?.as_str()?.len();
            }
            drop(rows);
            samples.add(start.elapsed());
            if bytes == 0 {
                return Err("bare SQLite found nothing".into());
            }
        }
        Ok(samples)
    }
}

/// A number or a word for a statement.
struct Value(rusqlite::types::Value);

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self(rusqlite::types::Value::Integer(number as i64))
    }
}

impl From<String> for Value {
    fn from(word: String) -> Self {
        Self(rusqlite::types::Value::Text(word))
    }
}
