//! A device that has kept a million messages: catching up, starting, searching, writing offline.

use std::time::{Duration, Instant};

use fil_client::bridge::Bridge;
use fil_client::bridge::request::{Request, TimelineRange};
use fil_client::bridge::types::{ConversationRow, Response, SearchHit};
use tokio::runtime::{Builder, Runtime};

use super::bare;
use super::feed::Feed;
use super::profile::Profile;
use super::sample::{self, Sample};
use crate::percentiles::Percentiles;
use crate::process::Process;
use crate::{Baseline, Failure, Figure, Scenario, Stage};

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "client",
    about: "a client with a million messages: catching up, starting, searching, writing offline",
    run,
};

/// Members of each conversation.
const MEMBERS: u64 = 5;
/// Ranks of words that are searched for: in nearly every message, in many, in few. The first two are longer than the
/// index of beginnings.
const WORDS: [(&str, u64); 4] = [("commonest", 1), ("common", 10), ("uncommon", 500), ("rare", 15_000)];

fn run(stage: &Stage) -> Result<(), Failure> {
    let (conversations, each, rounds) = stage.sized((10, 20, 2), (100, 200, 2), (500, 400, 5));
    let profile = Profile::new(stage)?;
    catch_up(stage, &profile, Sample { conversations, members: MEMBERS }, each, rounds)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    start(stage, &profile, &runtime)?;
    search(stage, &profile, &runtime)?;
    write(stage, &profile, &runtime)
}

/// The first round is the figure; the others make the profile as large as it has to be.
fn catch_up(stage: &Stage, profile: &Profile, sample: Sample, each: u64, rounds: u64) -> Result<(), Failure> {
    let mut session = profile.session()?;
    let mut feed = Feed::new(sample);
    for round in 1..=rounds {
        let fed = feed.catch_up(&mut session, each * round)?;
        if round > 1 {
            continue;
        }
        let bare = bare::insert(stage, fed.events, each)?;
        let seconds = fed.wall.as_secs_f64();
        let per_second = |time: Duration| fed.events as f64 / time.as_secs_f64();
        stage.print(
            &Figure::rate(
                "client.catch_up.events",
                per_second(fed.wall),
                "1/s",
                Baseline::new("sqlite_inserts", per_second(bare)),
            )
            .budget(20_000.0)
            .note("events", fed.events)
            .note("seconds", crate::figure::round(seconds))
            .note("frame_bytes", fed.bytes),
        );
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / fed.events as f64;
        stage.print(
            &Figure::cost("client.catch_up.cpu", micros(fed.cpu), "µs", Baseline::new("sqlite_inserts", micros(bare)))
                .note("baseline_is", "wall"),
        );
        stage.print(
            &Figure::cost("client.catch_up.first", millis(fed.first), "ms", Baseline::new("all", millis(fed.wall)))
                .budget(1_000.0),
        );
    }
    stage.say(&format!("{} messages kept, {} bytes", each * rounds * sample.conversations, profile.bytes()?));
    Ok(())
}

/// From opening the profile to the list of conversations and the newest messages of the first.
fn start(stage: &Stage, profile: &Profile, runtime: &Runtime) -> Result<(), Failure> {
    for (name, cold) in [("client.start.cold", true), ("client.start.warm", false)] {
        let mut times = Percentiles::default();
        let mut bare = Percentiles::default();
        let turns = stage.sized(1, 5, 9);
        let mut cpu = Duration::ZERO;
        for _ in 0..turns {
            if cold {
                profile.forget_pages()?;
            }
            bare.add(bare::first_fifty(&profile.folder())?);
            if cold {
                profile.forget_pages()?;
            }
            let (began, before) = (Instant::now(), Process::current().cpu()?);
            let bridge = profile.bridge()?;
            runtime.block_on(first_screen(&bridge))?;
            times.add(began.elapsed());
            cpu += Process::current().cpu()?.saturating_sub(before);
            runtime.block_on(bridge.close());
        }
        let baseline = Baseline::new("sqlite_select_50", bare.at_ms(50.0)?);
        let figure = Figure::cost(name, times.at_ms(50.0)?, "ms", baseline)
            .note("slowest_ms", times.at_ms(100.0)?)
            .note("cpu_ms", crate::figure::round(millis(cpu / turns)));
        stage.print(&if cold { figure.budget(200.0) } else { figure });
    }
    Ok(())
}

/// What the app shows first.
pub(super) async fn first_screen(bridge: &Bridge) -> Result<Vec<ConversationRow>, Failure> {
    let Response::Conversations { conversations } = bridge.request(Request::Conversations).await? else {
        return Err("no list of conversations".into());
    };
    let conversation = conversations.first().ok_or("no conversation")?.id.clone();
    let opening = Request::Timeline { conversation, range: TimelineRange::Opening { limit: 50 } };
    match bridge.request(opening).await? {
        Response::Timeline { timeline } if !timeline.items.is_empty() => Ok(conversations),
        other => Err(format!("no timeline but {other:?}").into()),
    }
}

fn search(stage: &Stage, profile: &Profile, runtime: &Runtime) -> Result<(), Failure> {
    let turns = stage.sized(1, 9, 21);
    let bridge = profile.bridge()?;
    let mut queries: Vec<(String, String)> =
        WORDS.iter().map(|(name, rank)| ((*name).to_owned(), sample::word(*rank))).collect();
    queries.push(("two_words".to_owned(), format!("{} {}", sample::word(10), sample::word(500))));
    for (name, query) in queries {
        let mut times = Percentiles::default();
        let mut hits = 0;
        let cpu = Process::current().cpu()?;
        for _ in 0..turns {
            let began = Instant::now();
            hits = runtime.block_on(find(&bridge, &query))?.len();
            times.add(began.elapsed());
        }
        let cpu = Process::current().cpu()?.saturating_sub(cpu) / turns as u32;
        let bare = bare::find(&profile.folder(), &query, turns)?;
        stage.print(
            &Figure::cost(
                format!("client.search.{name}"),
                times.at_ms(50.0)?,
                "ms",
                Baseline::new("sqlite_fts5", millis(bare)),
            )
            .budget(30.0)
            .note("hits", hits)
            .note("cpu_ms", crate::figure::round(millis(cpu)))
            .note("slowest_ms", times.at_ms(100.0)?),
        );
    }
    runtime.block_on(bridge.close());
    Ok(())
}

async fn find(bridge: &Bridge, query: &str) -> Result<Vec<SearchHit>, Failure> {
    match bridge.request(Request::Search { query: query.to_owned(), conversation: None }).await? {
        Response::Found { hits } => Ok(hits),
        other => Err(format!("nothing found but {other:?}").into()),
    }
}

/// Messages that wait for a server: each is answered when it is durable. One after the other, as a person writes, and
/// many at once, as a bot does.
fn write(stage: &Stage, profile: &Profile, runtime: &Runtime) -> Result<(), Failure> {
    let disk = stage.disk()?;
    let count = stage.sized(20u64, 200, 1_000);
    let bridge = profile.bridge()?;
    let conversation = runtime.block_on(first_screen(&bridge))?[0].id.clone();
    let send = |number| {
        let request = Request::Send { conversation: conversation.clone(), text: sample::message_text(number) };
        async { bridge.request(request).await }
    };
    for (name, together) in [("client.outbox.one_by_one", 1), ("client.outbox.together", 64)] {
        let mut times = Percentiles::default();
        let began = Instant::now();
        for from in (0..count).step_by(together) {
            let one = Instant::now();
            let sends = (from..count.min(from + together as u64)).map(send);
            for answer in runtime.block_on(futures_util::future::join_all(sends)) {
                answer?;
            }
            times.add(one.elapsed());
        }
        let per_second = count as f64 / began.elapsed().as_secs_f64();
        let baseline = Baseline::new("sqlite_commits_of_1", disk.single_commits);
        let figure = Figure::rate(name, per_second, "1/s", baseline).note("messages", count);
        stage.print(&figure.note("p50_ms", times.at_ms(50.0)?).note("p99_ms", times.at_ms(99.0)?));
    }
    runtime.block_on(bridge.close());
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
