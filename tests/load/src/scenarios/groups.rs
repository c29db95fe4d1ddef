//! Groups: one conversation of 200 or 1,000 connected members, eight of whom write.
//!
//! - *saturated*: each of the eight writes when its message before is acknowledged: deliveries per second.
//! - *at the budget*: the deliveries per second that the budget asks for, on schedule: how long until the last member has
//!   a message.
//! - *half load*: the same at half of the saturated rate, which is more.
//!
//! A receiver that reads too slowly is spared pushes by Fil, and told the heads instead; `missed` says how many deliveries
//! were replaced in that way. The baseline is the relay with one room.

use std::time::Duration;

use crate::house::House;
use crate::programs::Program;
use crate::talk::{self, Pace, Plan, Talk};
use crate::{Baseline, Failure, Figure, Scenario, Stage, text};

/// The scenario.
pub const SCENARIO: Scenario =
    Scenario { name: "groups", about: "one group of 200 or 1,000 connected members: deliveries", run };

const WRITERS: usize = 8;
/// DESIGN.md §9: deliveries per second.
const DELIVERIES_PER_S: f64 = 150_000.0;

fn run(stage: &Stage) -> Result<(), Failure> {
    // Members, and the budget for the last of them in milliseconds.
    let sizes: &[(usize, f64)] = stage.sized(&[(12, 5.0)], &[(200, 5.0), (1_000, 25.0)], &[(200, 5.0), (1_000, 25.0)]);
    let most = sizes.iter().map(|(members, _)| *members).max().unwrap_or_default();
    let mut house = House::with(stage, most)?;
    let people: Vec<usize> = (0..most).collect();
    let mut groups = Vec::new();
    let mut seeding = house.seed()?;
    for (members, _) in sizes {
        groups.push(seeding.group(&people[..*members])?);
    }
    drop(seeding);
    let plan = Plan {
        pace: Pace::AfterAcknowledgement(1),
        acknowledge_every: 16,
        warm_up: Duration::from_millis(stage.sized(50, 500, 3_000)),
        measured: Duration::from_millis(stage.sized(200, 1_500, 10_000)),
        text_bytes: text::BYTES,
    };
    let fil = Program::fil(&house.data(), 0)?;
    let relay = Program::relay(0)?;
    for ((members, last_ms_max), group) in sizes.iter().zip(groups) {
        let run = |program: &Program, plan: Plan| {
            let seats = talk::seats(program, &house, *members, group, &people[..*members], WRITERS);
            talk::run(program, &seats, plan)
        };
        let (saturated, bare) = (run(&fil, plan)?, run(&relay, plan)?);
        let name = format!("groups.{members}.saturated");
        let baseline = Baseline::new("relay", bare.delivered_per_s());
        let figure = Figure::rate(format!("{name}.deliveries_per_s"), saturated.delivered_per_s(), "1/s", baseline);
        let figure = figure.budget(DELIVERIES_PER_S).note("missed", missed(&saturated, *members));
        stage.print(&figure.note("generator_share", share(&saturated)));
        let baseline = Baseline::new("relay", bare.acknowledged_per_s());
        let name = format!("{name}.acknowledged_per_s");
        stage.print(&Figure::rate(name, saturated.acknowledged_per_s(), "1/s", baseline));

        let half_load = saturated.acknowledged_per_s() / 2.0;
        let at_the_budget = stage.sized(half_load, half_load, DELIVERIES_PER_S / (*members as f64 - 1.0));
        for (load, messages_per_s, budget) in
            [("at_the_budget", at_the_budget, Some(*last_ms_max)), ("half_load", half_load, None)]
        {
            let every = Duration::from_secs_f64(WRITERS as f64 / messages_per_s);
            let scheduled = Plan { pace: Pace::Scheduled(every), ..plan };
            let (mut calm, mut bare) = (run(&fil, scheduled)?, run(&relay, scheduled)?);
            for percent in [50.0, 99.0] {
                let name = format!("groups.{members}.{load}.last_member_p{percent}_ms");
                let baseline = Baseline::new("relay", bare.last_delivery.at_ms(percent)?);
                let figure = Figure::cost(name, calm.last_delivery.at_ms(percent)?, "ms", baseline)
                    .note("deliveries_per_s", calm.delivered_per_s().round())
                    .note("missed", missed(&calm, *members));
                let budget = budget.filter(|_| percent > 98.0);
                stage.print(&budget.map_or(figure.clone(), |ms_max| figure.budget(ms_max)));
            }
        }
    }
    Ok(())
}

fn share(talk: &Talk) -> f64 {
    (talk.generator_share() * 100.0).round() / 100.0
}

/// Deliveries that did not happen as pushes.
fn missed(talk: &Talk, members: usize) -> u64 {
    (talk.acknowledged_in_all * (members as u64 - 1)).saturating_sub(talk.delivered_in_all)
}
