//! Pairs: a hundred people in fifty direct conversations who all write at the same time.
//!
//! - *saturated*: each writes its next message when the one before is acknowledged, which is durable by then.
//! - *eager*: the same, and each verdict is acknowledged by itself, as Fil's own client does when it writes one at a time.
//! - *pipelined*: eight messages of each are under way.
//! - *half load*: half of the saturated rate, on schedule, with times from the moment at which a message was due.
//!
//! The baseline is the relay with the same devices, the same texts and the same pace; at half load it gets the same rate.
//! A relay that stores nothing knows nothing of a disk that stands still, so the slowest hundredth has another baseline.

use std::time::Duration;

use crate::house::House;
use crate::programs::Program;
use crate::talk::{self, Pace, Plan, Seat, Talk};
use crate::{Baseline, Failure, Figure, Scenario, Stage, disk, text};

/// The scenario.
pub const SCENARIO: Scenario =
    Scenario { name: "pairs", about: "fifty direct conversations, everybody writes: rate and times", run };

fn run(stage: &Stage) -> Result<(), Failure> {
    let pairs = stage.sized(4, 50, 50);
    let disk = stage.disk()?;
    let mut house = House::with(stage, 2 * pairs)?;
    let people: Vec<(usize, usize)> = (0..pairs).map(|pair| (2 * pair, 2 * pair + 1)).collect();
    house.seed()?.directs(&people)?;
    let plan = Plan {
        pace: Pace::AfterAcknowledgement(1),
        acknowledge_every: 16,
        warm_up: Duration::from_millis(stage.sized(50, 500, 3_000)),
        measured: Duration::from_millis(stage.sized(200, 2_500, 15_000)),
        text_bytes: text::BYTES,
    };
    let eager = Plan { acknowledge_every: 1, ..plan };
    let pipelined = Plan { pace: Pace::AfterAcknowledgement(8), ..plan };

    let fil = Program::fil(&house.data(), 0)?;
    let relay = Program::relay(0)?;
    let both = |plan: Plan| -> Result<(Talk, Talk), Failure> {
        Ok((
            talk::run(&fil, &everybody(&fil, &house, &people), plan)?,
            talk::run(&relay, &everybody(&relay, &house, &people), plan)?,
        ))
    };
    let (saturated, bare) = both(plan)?;
    print(stage, "saturated", &saturated, &bare, Some((30_000.0, 12.0)))?;
    let group_commit = Figure::rate(
        "pairs.saturated.acknowledged_per_s.of_sqlite",
        saturated.acknowledged_per_s(),
        "1/s",
        Baseline::new("sqlite_rows_in_commits_of_100", disk.grouped_rows),
    );
    stage.print(&group_commit);
    let (talk, bare) = both(eager)?;
    print(stage, "eager", &talk, &bare, None)?;
    let (talk, bare) = both(pipelined)?;
    print(stage, "pipelined", &talk, &bare, None)?;
    let every = Duration::from_secs_f64(2.0 * house.count() as f64 / saturated.acknowledged_per_s());
    let (talk, bare) = both(Plan { pace: Pace::Scheduled(every), ..plan })?;
    print(stage, "half_load", &talk, &bare, None)?;
    let name = "pairs.half_load.acknowledgement_p99_ms.of_the_disk";
    let disk = Baseline::new("waits_for_the_disk", disk::wait_p99_ms(stage)?);
    stage.print(&Figure::cost(name, talk.acknowledgement.clone().at_ms(99.0)?, "ms", disk));
    Ok(())
}

fn everybody(program: &Program, house: &House, pairs: &[(usize, usize)]) -> Vec<Seat> {
    let seats = pairs.iter().enumerate().map(|(room, (one, other))| {
        talk::seats(program, house, room, house.direct_id(*one, *other), &[*one, *other], 2)
    });
    seats.flatten().collect()
}

fn print(stage: &Stage, name: &str, fil: &Talk, relay: &Talk, budgets: Option<(f64, f64)>) -> Result<(), Failure> {
    let share = (fil.generator_share() * 100.0).round() / 100.0;
    let rate = Figure::rate(
        format!("pairs.{name}.acknowledged_per_s"),
        fil.acknowledged_per_s(),
        "1/s",
        Baseline::new("relay", relay.acknowledged_per_s()),
    );
    let rate = budgets.map_or(rate.clone(), |(rate_min, _)| rate.budget(rate_min));
    stage.print(&rate.note("generator_share", share));
    let (mut fil, mut relay) = (fil.clone(), relay.clone());
    for percent in [50.0, 99.0] {
        let baseline = Baseline::new("relay", relay.acknowledgement.at_ms(percent)?);
        let name = format!("pairs.{name}.acknowledgement_p{percent}_ms");
        let figure = Figure::cost(name, fil.acknowledgement.at_ms(percent)?, "ms", baseline);
        let budget = budgets.filter(|_| percent > 98.0);
        stage.print(&budget.map_or(figure.clone(), |(_, ms_max)| figure.budget(ms_max)));
    }
    for percent in [50.0, 99.0] {
        let baseline = Baseline::new("relay", relay.delivery.at_ms(percent)?);
        let name = format!("pairs.{name}.delivery_p{percent}_ms");
        let figure = Figure::cost(name, fil.delivery.at_ms(percent)?, "ms", baseline);
        // Who writes when an acknowledgement makes room is never late.
        let on_schedule = fil.late.count() > 0;
        stage.print(&if on_schedule { figure.note("late_p50_ms", fil.late.at_ms(50.0)?) } else { figure });
    }
    Ok(())
}
