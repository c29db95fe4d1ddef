//! A flood: clients that send far too much and come back whenever they are ended, and a neighbour who just writes.
//!
//! The server has its own limits, as it is shipped: a flooder's frames have a burst, are then slowed down to fifty a second,
//! and end its connection after eighty seconds of that, which is longer than this lasts; its sign-ins have a burst and are
//! refused then. Each flooder has an address of its own. Two people write to each other on schedule, within those limits;
//! times run from the moment at which a message was due. The baseline is the same two on the same server without a flood,
//! and the budget is a multiple of it. The flooders have a thread of their own, so the neighbour does not wait for them in
//! the generator; they do share the cores.

use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use fil_server::config::layers::defaults;

use crate::flood::{Flood, Flooder, Kind};
use crate::house::House;
use crate::programs::Program;
use crate::talk::{self, Pace, Plan, Talk};
use crate::{Baseline, Failure, Figure, Scenario, Stage, text};

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "flood",
    about: "clients that send far too much: what a neighbour's messages take meanwhile",
    run,
};

/// How often each of the two neighbours writes: with the acknowledgements of verdicts two thirds of the limit.
const EVERY: Duration = Duration::from_millis(60);
/// The first flooder; those before it are the neighbours.
const FIRST_FLOODER: usize = 2;

fn run(stage: &Stage) -> Result<(), Failure> {
    let flooders = stage.sized(2, 8, 16);
    let mut house = House::with(stage, FIRST_FLOODER + flooders)?;
    let people: Vec<usize> = (FIRST_FLOODER..FIRST_FLOODER + flooders).collect();
    let mut seeding = house.seed()?;
    let direct = seeding.directs(&[(0, 1)])?.remove(0);
    let group = seeding.group(&people)?;
    drop(seeding);
    let plan = Plan {
        pace: Pace::Scheduled(EVERY),
        acknowledge_every: 4,
        warm_up: Duration::from_millis(stage.sized(50, 500, 2_000)),
        measured: Duration::from_millis(stage.sized(400, 5_000, 20_000)),
        text_bytes: text::BYTES,
    };
    let limits = as_shipped();
    let limits: Vec<&str> = limits.iter().map(String::as_str).collect();
    let fil = Program::fil_with(&house.data(), 0, &limits)?;
    let speak = || talk::run(&fil, &talk::seats(&fil, &house, 0, direct, &[0, 1], 2), plan);
    let mut calm = speak()?;
    for (name, kind, times_calm) in Kind::ALL {
        let tokens = people.iter().zip(1..);
        let flooders: Vec<Flooder> =
            tokens.map(|(person, number)| Flooder { number, token: house.token(*person) }).collect();
        let flood = Flood::new(fil.address, kind, group, stage.sized(20, 200, 500))?;
        let mut during = thread::scope(|scope| {
            let flooding = scope.spawn(|| flood.run(&flooders));
            let during = speak();
            flood.over.send_replace(true);
            flooding.join().map_err(|_| "the flood panicked")??;
            during
        })?;
        let figures = figures(&flood, name, times_calm, &mut calm, &mut during)?;
        figures.iter().for_each(|figure| stage.print(figure));
    }
    Ok(())
}

/// The limits as they are shipped: elsewhere the load takes them out of its way.
fn as_shipped() -> Vec<String> {
    let limits = defaults().into_iter().filter(|(key, _)| key.starts_with("limits."));
    limits.map(|(key, value)| format!("{key}={value}")).collect()
}

/// What the neighbours' messages took, each with what there was of a flood meanwhile; the slowest hundredth has a budget.
fn figures(
    flood: &Flood,
    name: &str,
    times_calm: f64,
    calm: &mut Talk,
    during: &mut Talk,
) -> Result<Vec<Figure>, Failure> {
    let sent = flood.sent.load(Relaxed);
    if sent == 0 {
        return Err(format!("nobody flooded with {name}").into());
    }
    let mut figures = Vec::new();
    for (percent, budget) in [(50.0, None), (99.0, Some(times_calm))] {
        let calm_ms = calm.acknowledgement.at_ms(percent)?;
        let value = during.acknowledgement.at_ms(percent)?;
        let baseline = Baseline::new("calm", calm_ms);
        let mut figure = Figure::cost(format!("flood.{name}.acknowledgement_p{percent}_ms"), value, "ms", baseline);
        if let Some(times) = budget {
            figure = figure.budget(times * calm_ms);
        }
        let figure = figure.note("messages", during.acknowledged).note(flood.kind.unit(), sent);
        let figure = figure.note("flooders_ended", flood.ends.load(Relaxed));
        let figure = figure.note("flooders_limited", flood.limited.load(Relaxed));
        figures.push(figure.note("late_p50_ms", during.late.at_ms(50.0)?));
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use fil_protocol::ConversationId;

    use super::*;

    fn talk(milliseconds: u64) -> Talk {
        let mut talk = Talk::default();
        talk.acknowledgement.add(Duration::from_millis(milliseconds));
        talk.late.add(Duration::from_millis(1));
        talk
    }

    /// Every kind has its budget: a neighbour who waits as long as it allows keeps it, and one who waits longer misses it
    /// by name. A flood of nothing is no measurement.
    #[test]
    fn a_neighbour_who_waits_too_long_misses_the_budget_of_the_flood_by_name() {
        for (name, kind, times_calm) in Kind::ALL {
            let address = "127.0.0.1:1".parse().unwrap();
            let flood = Flood::new(address, kind, ConversationId::from([1; 16]), 1).unwrap();
            let missed = |milliseconds: u64| -> Result<Vec<String>, Failure> {
                let figures = figures(&flood, name, times_calm, &mut talk(100), &mut talk(milliseconds))?;
                Ok(figures.iter().filter_map(Figure::missed).collect())
            };
            assert!(missed(100).is_err(), "{name}");
            flood.sent.store(1, Relaxed);
            let longest = (100.0 * times_calm) as u64;
            assert_eq!(missed(longest).unwrap(), [""; 0], "{name}");
            let found = missed(longest + 1).unwrap();
            let expected = format!("flood.{name}.acknowledgement_p99_ms is");
            assert!(matches!(&found[..], [one] if one.starts_with(&expected)), "{found:?}");
        }
    }
}
