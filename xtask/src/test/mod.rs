//! `cargo xtask test`: installs what the tests need and runs every test of the repository.
//!
//! The parts run one after the other, since two cores are soon busy. A part that fails does not stop the others: the
//! summary names it, and the exit code tells. All Rust is built once, with the features of the tests, so that the real
//! programs that later parts start are the ones that were tested.

mod display;
mod part;
mod tally;

use std::time::{Duration, Instant};

use part::{PARTS, Part};
use tally::Tally;

use crate::workspace::Workspace;
use crate::{Failure, packages};

/// The verb.
pub(crate) fn run(workspace: &Workspace, only: Option<&str>) -> Result<(), Failure> {
    let chosen: Vec<&Part> = PARTS.iter().filter(|part| only.is_none_or(|only| part.name == only)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
        return Err(format!("there is no such part; the parts are {}", names.join(", ")));
    }
    packages::install(workspace, &[packages::BUILD, packages::TEST].concat())?;
    let outcomes: Vec<Outcome> = chosen.into_iter().map(|part| Outcome::of(part, workspace)).collect();
    println!();
    for outcome in &outcomes {
        println!("{}", outcome.line());
    }
    let total = outcomes.iter().fold(Tally::default(), |total, outcome| total.and(outcome.tally));
    println!("{total}");
    let failed: Vec<&str> =
        outcomes.iter().filter(|outcome| outcome.failure.is_some()).map(|outcome| outcome.part).collect();
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// What became of one part.
struct Outcome {
    part: &'static str,
    tally: Tally,
    took: Duration,
    failure: Option<Failure>,
}

impl Outcome {
    fn of(part: &Part, workspace: &Workspace) -> Self {
        println!("\n== {}: {}", part.name, part.about);
        let start = Instant::now();
        let mut tally = Tally::default();
        let mut failure = (part.run)(workspace, &mut tally).err();
        if failure.is_none() && tally.failed == 0 && tally.passed == 0 {
            failure = Some("no test ran".to_owned());
        }
        if let Some(failure) = &failure {
            println!("{}: {failure}", part.name);
        }
        Self { part: part.name, tally, took: start.elapsed(), failure }
    }

    fn line(&self) -> String {
        let state = if self.failure.is_some() { "FAILED" } else { "ok" };
        let seconds = self.took.as_secs();
        let (part, tally) = (self.part, self.tally.to_string());
        format!("{part:<8} {state:<6}  {tally:<26} {} min {:02} s", seconds / 60, seconds % 60)
    }
}
