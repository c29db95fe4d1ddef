//! Growth on a device: the same work with ten times the conversations, members or messages around it. The baseline of a
//! figure is a tenth of the size, so its ratio is what the growth costs; `should_be` says what it should be.

use std::time::Instant;

use fil_client::bridge::request::Request;
use fil_client::bridge::types::Response;
use tokio::runtime::{Builder, Runtime};

use super::feed::Feed;
use super::million::first_screen;
use super::profile::Profile;
use super::sample::{self, Sample};
use crate::percentiles::Percentiles;
use crate::{Baseline, Failure, Figure, Scenario, Stage};

/// The scenario.
pub(super) const SCENARIO: Scenario =
    Scenario { name: "client_growth", about: "ten times the conversations, members, messages on a device", run };

/// How much more than it should be a growth may be.
const TOLERANCE: f64 = 1.33;
/// Events that are pushed, to measure one.
const PUSHES: u64 = 200;

/// What a size costs.
#[derive(Clone, Copy, Debug)]
struct Costs {
    /// Processor time of the client for an event that is pushed, in microseconds.
    push_micros: f64,
    /// From opening the profile to the first screen, in milliseconds.
    start_millis: f64,
    /// The list of conversations again, in milliseconds.
    list_millis: f64,
    /// A search for a common word, in milliseconds.
    search_millis: f64,
}

/// A question to a size, its unit, and how much more it should cost at ten times the size.
type Question = (&'static str, &'static str, fn(&Costs) -> f64, f64);

const PUSH: Question = ("push", "µs", |costs| costs.push_micros, 1.0);
const SEARCH: Question = ("search", "ms", |costs| costs.search_millis, 1.0);

fn run(stage: &Stage) -> Result<(), Failure> {
    let base = Sample { conversations: stage.sized(3, 50, 500), members: 5 };
    let each = stage.sized(5, 10, 20);
    // What runs first pays for warming up.
    costs(stage, base, each)?;
    let one = costs(stage, base, each)?;
    let list = |should_be| ("list", "ms", (|costs: &Costs| costs.list_millis) as fn(&Costs) -> f64, should_be);
    let start = |should_be| ("start", "ms", (|costs: &Costs| costs.start_millis) as fn(&Costs) -> f64, should_be);
    let ten = costs(stage, Sample { conversations: base.conversations * 10, ..base }, each)?;
    print(stage, "conversations", one, ten, &[PUSH, list(10.0), start(10.0)]);
    let ten = costs(stage, Sample { members: base.members * 10, ..base }, each)?;
    print(stage, "members", one, ten, &[PUSH, list(1.0), start(1.0)]);
    let ten = costs(stage, base, each * 10)?;
    print(stage, "messages", one, ten, &[PUSH, list(1.0), start(1.0), SEARCH]);
    Ok(())
}

fn print(stage: &Stage, what: &str, one: Costs, ten: Costs, questions: &[Question]) {
    for (name, unit, of, should_be) in questions {
        let baseline = Baseline::new("a_tenth", of(&one));
        let figure = Figure::cost(format!("client_growth.{what}.{name}"), of(&ten), unit, baseline);
        stage.print(&figure.budget(of(&one) * should_be * TOLERANCE).note("should_be", *should_be));
    }
}

fn costs(stage: &Stage, sample: Sample, each: u64) -> Result<Costs, Failure> {
    let profile = Profile::new(stage)?;
    let mut session = profile.session()?;
    let mut feed = Feed::new(sample);
    feed.catch_up(&mut session, each)?;
    let mut pushes = Percentiles::default();
    let pushed = stage.sized(3, PUSHES, PUSHES);
    for number in 0..pushed {
        let (turn, conversation) = (number / sample.conversations, number % sample.conversations);
        pushes.add(feed.push(&mut session, conversation, each + 1 + turn)?.cpu);
    }
    drop(session);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut starts = Percentiles::default();
    for _ in 0..stage.sized(1, 5, 9) {
        let began = Instant::now();
        let bridge = profile.bridge()?;
        runtime.block_on(first_screen(&bridge))?;
        starts.add(began.elapsed());
        runtime.block_on(bridge.close());
    }
    let bridge = profile.bridge()?;
    let turns = stage.sized(1, 11, 21);
    let ask = |request: Request| -> Result<f64, Failure> {
        let mut times = Percentiles::default();
        for _ in 0..turns {
            times.add(answered(&runtime, &bridge, request.clone())?);
        }
        times.at_ms(50.0)
    };
    let costs = Costs {
        push_micros: pushes.at_ms(50.0)? * 1e3,
        start_millis: starts.at_ms(50.0)?,
        list_millis: ask(Request::Conversations)?,
        search_millis: ask(Request::Search { query: sample::word(10), conversation: None })?,
    };
    runtime.block_on(bridge.close());
    Ok(costs)
}

fn answered(
    runtime: &Runtime,
    bridge: &fil_client::bridge::Bridge,
    request: Request,
) -> Result<std::time::Duration, Failure> {
    let began = Instant::now();
    match runtime.block_on(bridge.request(request))? {
        Response::Conversations { .. } | Response::Found { .. } => Ok(began.elapsed()),
        other => Err(format!("an answer to something else: {other:?}").into()),
    }
}
