//! Hundreds of worlds, each from its seed. `FIL_SEEDS` says how many, `FIL_SEED` runs one.

use fil_simulation::Figures;
use fil_simulation::plan::Plan;
use fil_simulation::world::run;

/// Enough to meet every pair of faults many times over, few enough for every change.
const SEEDS: u64 = 240;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// Rows 1, 2, 3, 6, 11, 13, 15, 16, 17, 18, 21, 24, 25, 30, 31, 37, 46 of the failure catalogue, under every mixture
/// of faults that the seeds draw.
#[test]
fn every_seed_keeps_the_promises() {
    let seeds = number("FIL_SEEDS").unwrap_or(SEEDS);
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let results: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    (worker..seeds).step_by(threads as usize).map(|seed| run(Plan::from_seed(seed))).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a run panicked")).collect()
    });
    let mut total = Figures::default();
    let mut violations = Vec::new();
    for result in results {
        match result {
            Ok(figures) => {
                total.simulated_ms += figures.simulated_ms;
                total.commands += figures.commands;
                total.events += figures.events;
                total.faults += figures.faults;
                total.settled_in_ms = total.settled_in_ms.max(figures.settled_in_ms);
            }
            Err(violation) => violations.push(violation.to_string()),
        }
    }
    println!(
        "{seeds} seeds, {} simulated minutes, {} commands, {} events, {} faults, settled within {} ms, {} violations",
        total.simulated_ms / 60_000,
        total.commands,
        total.events,
        total.faults,
        total.settled_in_ms,
        violations.len()
    );
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    assert!(total.commands > seeds * 20 && total.events > seeds * 20, "the worlds were too quiet to prove anything");
}

/// The seed named by `FIL_SEED`; without it, the first.
#[test]
fn one_seed() {
    if let Err(violation) = run(Plan::from_seed(number("FIL_SEED").unwrap_or(0))) {
        panic!("{violation}");
    }
}

/// The same seed is the same run, to the last event.
#[test]
fn a_seed_repeats_itself() {
    let figures = |seed| run(Plan::from_seed(seed)).map(|figures| format!("{figures:?}")).map_err(|v| v.to_string());
    assert_eq!(figures(3), figures(3));
}
