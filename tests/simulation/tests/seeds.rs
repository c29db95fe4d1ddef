//! Hundreds of worlds, each from its seed. `FIL_SEEDS` says how many; `cargo xtask simulate` runs many more.

use std::path::Path;

use fil_simulation::campaign::{Campaign, run};
use fil_simulation::fault::Fault;
use fil_simulation::plan::Plan;

/// Enough to meet every pair of faults many times over, few enough for every change.
const SEEDS: u64 = 240;
/// How long people act in each, in simulated milliseconds.
const ACTIVE_MS: u64 = 30_000;

fn campaign(seeds: u64) -> Campaign {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Campaign { seeds: 0..seeds, active_ms: ACTIVE_MS, only: Vec::new(), stop_at_first: false, threads }
}

/// Rows 1 to 4, 6, 9, 11 to 19, 21, 23 to 26, 30, 31, 36, 37, 46 to 52 and 57 of the failure catalogue, under every
/// mixture of faults that the seeds draw. Every fault must have struck, or nothing is proved about it.
#[test]
fn every_seed_keeps_the_promises() {
    let seeds = std::env::var("FIL_SEEDS").map_or(SEEDS, |text| text.parse().expect("FIL_SEEDS is a number"));
    let outcome = campaign(seeds).run(|_, _| true);
    println!("{}, {} violations", outcome.figures, outcome.violations.len());
    let violations: Vec<String> = outcome
        .violations
        .iter()
        .map(|broken| {
            let file = format!("target/simulation/seed-{}.json", broken.plan.seed);
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
            let saved = broken.plan.save(&root.join(&file), &broken.what);
            let saved = saved.map_or_else(|error| error.to_string(), |()| file);
            format!("{broken}\n  rerun: cargo xtask simulate --plan {saved}")
        })
        .collect();
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    let figures = outcome.figures;
    assert!(figures.commands > seeds * 20 && figures.events > seeds * 20, "the worlds were too quiet: {figures}");
    if seeds >= SEEDS {
        let idle: Vec<&Fault> = Fault::ALL.iter().filter(|fault| !figures.strikes.contains_key(fault)).collect();
        assert!(idle.is_empty(), "these faults never struck: {idle:?}");
    }
}

/// The same plan is the same run, to the last event.
#[test]
fn a_plan_repeats_itself() {
    let figures = |seed| run(&Plan::from_seed(seed, ACTIVE_MS)).map_err(|violation| violation.to_string());
    for seed in [3, 4, 5] {
        assert_eq!(figures(seed), figures(seed));
    }
}
