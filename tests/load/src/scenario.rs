//! The scenarios: their registry and their running.

use crate::{Failure, Stage, client, scenarios};

/// One situation that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name, for `--only`; its figures' names begin with it.
    pub name: &'static str,
    /// One line on what it measures.
    pub about: &'static str,
    /// Runs it and prints its figures through [`Stage::print`]. An error says what went wrong, never that it was slow.
    pub run: fn(&Stage) -> Result<(), Failure>,
}

/// All scenarios, in the order in which they run.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    scenarios::SCENARIOS.iter().chain(client::SCENARIOS)
}

/// Runs the scenarios with these names, or all. One that fails does not stop the others.
pub fn run(stage: &Stage, only: &[String]) -> Result<(), Failure> {
    if let Some(unknown) = only.iter().find(|name| !all().any(|scenario| scenario.name == **name)) {
        let names: Vec<&str> = all().map(|scenario| scenario.name).collect();
        return Err(format!("there is no scenario {unknown:?}; there are {}", names.join(", ")).into());
    }
    let mut failed = Vec::new();
    for scenario in all().filter(|scenario| only.is_empty() || only.iter().any(|name| scenario.name == name)) {
        stage.say(&format!("== {}: {}", scenario.name, scenario.about));
        if let Err(failure) = (scenario.run)(stage) {
            stage.say(&format!("{} failed: {failure}", scenario.name));
            failed.push(scenario.name);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
}
