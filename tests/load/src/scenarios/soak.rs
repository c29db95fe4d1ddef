//! The soak: mixed traffic at a bounded rate for a long time. Nothing may grow.
//!
//! People in direct conversations and a busy group write on schedule, edit and delete; devices go and come back with
//! cursors; some do not read until the server closes them; pages and searches are asked for over HTTP. Every ten seconds a
//! line is printed with memory, log, descriptors and queues. At the end the last quarter is compared with the second one
//! (the first fills caches), and a line is fitted through the second half. Asked for by `--soak`, a budget that is missed
//! fails the run; as one of the scenarios it is too short to say anything about growth, and only has to work.

use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until};

use crate::house::House;
use crate::http::Http;
use crate::percentiles::Percentiles;
use crate::programs::Program;
use crate::soak::device::{Device, Habits, Shared};
use crate::soak::samples::{Sample, Samples};
use crate::{Baseline, Failure, Figure, Scenario, Stage};

/// The scenario: a short soak, which says that it works. The real one is `--soak 20`.
pub const SCENARIO: Scenario =
    Scenario { name: "soak", about: "mixed traffic for a minute (20 with --soak 20): nothing grows", run };

/// The size of the log at which SQLite empties it (`wal_autocheckpoint` in `server/src/store/sqlite`): 4,000 pages.
const CHECKPOINT_BYTES: f64 = 4_000.0 * 4_096.0;
/// What the log may grow to.
const LOG_BYTES_MAX: f64 = 64.0 * 1024.0 * 1024.0;
/// How much more of something the last quarter may have than the second.
const GROWTH_MAX: f64 = 1.1;
/// What a line through the memory of the second half may rise by in a minute, as a part of the second quarter's mean: what
/// [`GROWTH_MAX`] allows, over the ten minutes from the middle of one to that of the other in a soak of twenty.
const SLOPE_MAX: f64 = 0.01;
/// What comes and goes by chance: descriptors of devices that are just coming back.
const DESCRIPTORS_BY_CHANCE: f64 = 16.0;
/// Messages that happen to wait when the server is looked at: one batch of the node.
const QUEUE_BY_CHANCE: f64 = 64.0;
/// What waits for the devices that do not read, whose number is not the same in every quarter.
const BACKLOG_BY_CHANCE: f64 = 8.0 * 1024.0 * 1024.0;
/// Requests over HTTP per second.
const REQUESTS_PER_S: u32 = 8;

fn run(stage: &Stage) -> Result<(), Failure> {
    soak_for(stage, stage.sized(0.05, 0.25, 1.0)).map(drop)
}

/// Runs it for this many minutes. A budget that is missed is an error.
pub fn run_for(stage: &Stage, minutes: f64) -> Result<(), Failure> {
    let missed = soak_for(stage, minutes)?;
    if missed.is_empty() { Ok(()) } else { Err(format!("budgets are missed: {}", missed.join("; ")).into()) }
}

/// Runs it for this many minutes, and gives the budgets that were missed.
fn soak_for(stage: &Stage, minutes: f64) -> Result<Vec<String>, Failure> {
    if !(minutes.is_finite() && minutes > 0.0) {
        return Err("a soak lasts longer than nothing".into());
    }
    let time = Duration::from_secs_f64(minutes * 60.0);
    let (pairs, members) = stage.sized((5, 6), (50, 50), (75, 50));
    let mut house = House::with(stage, 2 * pairs + members)?;
    let mut seeding = house.seed()?;
    let direct: Vec<(usize, usize)> = (0..pairs).map(|pair| (2 * pair, 2 * pair + 1)).collect();
    let directs = seeding.directs(&direct)?;
    let people: Vec<usize> = (2 * pairs..2 * pairs + members).collect();
    let group = seeding.group(&people)?;
    drop(seeding);
    let mut habits = Vec::new();
    for (person, conversation) in (0..2 * pairs).map(|person| (person, directs[person / 2])) {
        habits.push(Habits { person, conversation, every: Some(Duration::from_millis(500)), slow: false });
    }
    for (place, person) in people.iter().enumerate() {
        let writes = place % 5 == 0;
        let every = writes.then(|| Duration::from_millis(100));
        habits.push(Habits { person: *person, conversation: group, every, slow: place % 10 == 7 });
    }
    let program = Program::fil(&house.data(), 0)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shared = Shared::new(house, program, time);
    let samples = LocalSet::new().block_on(&runtime, soak(stage, &shared, habits))?;
    judge(stage, &samples, &shared)
}

async fn soak(stage: &Stage, shared: &Rc<Shared>, habits: Vec<Habits>) -> Result<Samples, Failure> {
    let every = Duration::from_millis(stage.sized(250, 1_000, 10_000)).min(shared.time / 8);
    let devices: Vec<_> = habits
        .into_iter()
        .enumerate()
        .map(|(number, habits)| tokio::task::spawn_local(Device::new(Rc::clone(shared), number as u32, habits).live()))
        .collect();
    let reader = tokio::task::spawn_local(read(Rc::clone(shared)));
    let mut metrics = Http::open(shared.program.address).await?;
    let mut samples = Samples::default();
    let mut next = shared.origin + every;
    while next <= shared.until {
        sleep_until(next).await;
        next += every;
        let sample = Sample::take(shared, &mut metrics).await?;
        stage.line(&json!({ "sample": sample }));
        samples.0.push(sample);
    }
    for device in devices {
        device.await??;
    }
    reader.await??;
    Ok(samples)
}

/// Asks for pages and searches, each time somebody else.
async fn read(shared: Rc<Shared>) -> Result<(), Failure> {
    let mut http = Http::open(shared.program.address).await?;
    let mut number = 0;
    let mut next = shared.origin;
    while next < shared.until {
        sleep_until(next).await;
        next += Duration::from_secs(1) / REQUESTS_PER_S;
        number += 1;
        let (person, conversation) = shared.somewhere(number);
        let path = match (number % 4, shared.head(conversation)) {
            (0, _) => format!("/api/v1/search?query=bridge&conversation={conversation}&limit=20"),
            (1, _) | (_, 0..=60) => format!("/api/v1/conversations/{conversation}/messages?limit=50"),
            (_, head) => {
                let before = 51 + u64::from(number) * 7_919 % (head - 50);
                format!("/api/v1/conversations/{conversation}/messages?limit=50&before={before}")
            }
        };
        let start = Instant::now();
        http.get(&path, &shared.house.token(person), true).await?;
        shared.counts.borrow_mut().reading.add(start.elapsed());
    }
    Ok(())
}

fn judge(stage: &Stage, samples: &Samples, shared: &Shared) -> Result<Vec<String>, Failure> {
    let minutes = shared.time.as_secs_f64() / 60.0;
    let figures = growth(samples).into_iter().map(|figure| figure.note("minutes", minutes));
    let figures: Vec<Figure> = figures.collect();
    figures.iter().for_each(|figure| stage.print(figure));
    let mut counts = shared.counts.borrow_mut();
    let quarter = |quarter: usize, percent: f64, all: &mut Vec<Percentiles>| all[quarter].at_ms(percent);
    for percent in [50.0, 99.0] {
        let baseline = Baseline::new("second_quarter", quarter(1, percent, &mut counts.acknowledgement)?);
        let value = quarter(3, percent, &mut counts.acknowledgement)?;
        stage.print(&Figure::cost(format!("soak.acknowledgement_p{percent}_ms"), value, "ms", baseline));
    }
    let (acknowledged, reading_ms) = (counts.acknowledged, counts.reading.at_ms(99.0)?);
    stage.line(&json!({ "soak": {
        "minutes": minutes, "acknowledged": acknowledged, "delivered": counts.delivered, "connections": counts.connections,
        "pulls": counts.pulls, "closed_as_too_slow": counts.closed_as_too_slow, "reading_p99_ms": reading_ms,
    }}));
    if acknowledged == 0 {
        return Err("nothing was acknowledged".into());
    }
    Ok(figures.iter().filter_map(Figure::missed).collect())
}

/// What must not grow, each with its budget: so many times the second quarter, and what comes by chance.
fn growth(samples: &Samples) -> Vec<Figure> {
    let compared = |name: &str, unit: &'static str, chance: f64, of: &dyn Fn(&Sample) -> f64| {
        let (second, last) = (samples.mean_of_quarter(1, of), samples.mean_of_quarter(3, of));
        let figure = Figure::cost(format!("soak.{name}"), last, unit, Baseline::new("second_quarter", second));
        let figure = figure.note("highest", samples.highest(of)).note("per_minute", samples.slope_per_minute(of));
        figure.budget(second * GROWTH_MAX + chance)
    };
    let resident = |sample: &Sample| sample.resident_bytes as f64;
    let second = samples.mean_of_quarter(1, &resident);
    let slope = samples.slope_per_minute(&resident);
    let slope = Figure::cost("soak.resident_bytes_per_minute", slope, "B", Baseline::new("second_quarter", second));
    let log_max = samples.highest(&|sample| sample.log_bytes as f64);
    let log = Figure::cost("soak.log_bytes_max", log_max, "B", Baseline::new("checkpoint", CHECKPOINT_BYTES));
    vec![
        compared("resident_bytes", "B", 0.0, &resident),
        slope.budget(second * SLOPE_MAX),
        compared("descriptors", "1", DESCRIPTORS_BY_CHANCE, &|sample| sample.descriptors as f64),
        compared("node_queue", "1", QUEUE_BY_CHANCE, &|sample| sample.node_queue),
        compared("backlog_bytes", "B", BACKLOG_BY_CHANCE, &|sample| sample.backlog_bytes),
        log.budget(LOG_BYTES_MAX),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty minutes of samples of a server that is steady, but for what the case changes in them, by the sample's number.
    fn missed(change: impl Fn(u64, &mut Sample)) -> Vec<String> {
        let steady = |number: u64| Sample {
            at_s: number as f64 * 10.0,
            resident_bytes: 50_000_000 + number % 7 * 100_000,
            log_bytes: 16_000_000,
            database_bytes: number * 1_000_000,
            descriptors: 200 + number % 5,
            sockets: 150.0,
            node_queue: (number % 3) as f64,
            backlog_bytes: (number % 11) as f64 * 100_000.0,
            acknowledged: number * 5_000,
        };
        let sample = |number| {
            let mut sample = steady(number);
            change(number, &mut sample);
            sample
        };
        growth(&Samples((0..120).map(sample).collect())).iter().filter_map(Figure::missed).collect()
    }

    /// Row 54 and the budgets of docs/PERFORMANCE.md: each thing that may grow is made to grow, and is named; a steady
    /// server is not.
    #[test]
    fn whatever_grows_in_a_soak_misses_its_budget_by_name() {
        let check = |expected: &[&str], change: fn(u64, &mut Sample)| {
            let found = missed(change);
            let names: Vec<&str> = found.iter().filter_map(|line| line.split(' ').next()).collect();
            assert_eq!(names, expected, "{found:?}");
        };
        check(&[], |_, _| ());
        check(&["soak.resident_bytes", "soak.resident_bytes_per_minute"], |number, sample| {
            sample.resident_bytes += number * 200_000;
        });
        check(&["soak.descriptors"], |number, sample| sample.descriptors += number);
        check(&["soak.node_queue"], |number, sample| sample.node_queue += (number * 2) as f64);
        check(&["soak.backlog_bytes"], |number, sample| sample.backlog_bytes += number as f64 * 200_000.0);
        check(&["soak.log_bytes_max"], |number, sample| sample.log_bytes *= 1 + 5 * u64::from(number == 60));
    }
}
