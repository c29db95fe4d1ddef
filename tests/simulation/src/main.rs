//! `cargo xtask simulate`: many seeds, one seed, or one saved plan.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use fil_simulation::Violation;
use fil_simulation::campaign::{Campaign, run};
use fil_simulation::fault::Fault;
use fil_simulation::plan::Plan;
use fil_simulation::shrink::shrink;
use fil_simulation::world::run_traced;

/// Simulates worlds of clients and a server, with every misfortune by seed, and checks that nothing is lost, doubled or
/// reordered. A failing seed prints a line that reruns it; its plan is saved, cut down, and saved again.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask simulate")]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Begin no further seed after so many minutes.
    #[arg(long)]
    minutes: Option<u64>,
    /// Run this seed alone.
    #[arg(long, conflicts_with_all = ["seeds", "from", "plan"])]
    seed: Option<u64>,
    /// Run this saved plan alone.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// These faults in every seed and no others, by name; those that a seed draws without it.
    #[arg(long, value_delimiter = ',', value_name = "FAULTS")]
    faults: Vec<Fault>,
    /// How long people act and faults strike in each seed, in simulated seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    active: u64,
    /// How many seeds at the same time; one per core without it.
    #[arg(long)]
    threads: Option<usize>,
    /// Stop at the first violation.
    #[arg(long)]
    first: bool,
    /// Save failing plans as they are.
    #[arg(long)]
    whole: bool,
    /// Tell everything that happens; with one seed or one plan.
    #[arg(long)]
    trace: bool,
    /// Where failing plans are saved.
    #[arg(long, default_value = "target/simulation", value_name = "FOLDER")]
    save: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match &arguments.plan {
        Some(file) => match Plan::load(file) {
            Ok(plan) => one(&plan, &arguments),
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(2)
            }
        },
        None => match arguments.seed {
            Some(seed) => one(&campaign(&arguments).plan(seed), &arguments),
            None => many(&arguments),
        },
    }
}

fn campaign(arguments: &Arguments) -> Campaign {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Campaign {
        seeds: arguments.from..arguments.from + arguments.seeds,
        active_ms: arguments.active * 1_000,
        only: arguments.faults.clone(),
        stop_at_first: arguments.first,
        threads: arguments.threads.unwrap_or(cores),
    }
}

fn one(plan: &Plan, arguments: &Arguments) -> ExitCode {
    let faults: Vec<String> = plan.faults.0.iter().map(|(fault, number)| format!("{fault} {number}")).collect();
    println!("seed {}, {} ms, faults: {}", plan.seed, plan.active_ms, faults.join(", "));
    let ran = if arguments.trace { run_traced(plan, Some(|line| println!("{line}"))) } else { run(plan) };
    match ran {
        Ok(mut figures) => {
            figures.runs = 1;
            println!("{figures}, 0 violations");
            ExitCode::SUCCESS
        }
        Err(violation) => {
            tell(&violation, arguments);
            ExitCode::FAILURE
        }
    }
}

fn many(arguments: &Arguments) -> ExitCode {
    let (campaign, started) = (campaign(arguments), Instant::now());
    let until = arguments.minutes.map(|minutes| started + Duration::from_secs(60 * minutes));
    let outcome = campaign.run(|done, violations| {
        if done.is_multiple_of(100) {
            eprintln!("{done} of {} seeds, {violations} violations, {:.0?}", arguments.seeds, started.elapsed());
        }
        until.is_none_or(|until| Instant::now() < until)
    });
    println!("{}, {} violations, {:.0?}", outcome.figures, outcome.violations.len(), started.elapsed());
    for (fault, strikes) in &outcome.figures.strikes {
        println!("  {fault}: {strikes}");
    }
    for violation in &outcome.violations {
        tell(violation, arguments);
    }
    if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tells what was broken and how to see it again, and cuts the plan down.
fn tell(violation: &Violation, arguments: &Arguments) {
    println!("{violation}");
    let seed = violation.plan.seed;
    keep(violation, &arguments.save.join(format!("seed-{seed}.json")));
    if arguments.whole {
        return;
    }
    let shrunk = shrink(&violation.plan, Box::new(violation.clone()), |plan| run(plan).map(drop));
    println!("  cut down in {} runs to {} ms and {:?}", shrunk.runs, shrunk.plan.active_ms, shrunk.plan.faults.0);
    println!("  {}", shrunk.violation);
    keep(&shrunk.violation, &arguments.save.join(format!("seed-{seed}-short.json")));
}

fn keep(violation: &Violation, file: &Path) {
    match violation.plan.save(file, &violation.what) {
        Ok(()) => println!("  rerun: cargo xtask simulate --plan {}", file.display()),
        Err(error) => eprintln!("  the plan was not saved: {error}"),
    }
}
