//! Plans: what a run consists of. A plan is data: drawn from a seed, saved when it fails, cut down, and run again.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Faults};
use crate::random::Random;

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Where all chance comes from.
    pub seed: u64,
    /// How long people act and faults strike, in simulated milliseconds.
    pub active_ms: u64,
    /// Average pause between two actions of one device, in milliseconds.
    pub pause_ms: u64,
    /// What goes wrong.
    pub faults: Faults,
}

/// A plan that once failed, and why it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Regression {
    /// What was broken when it failed.
    pub found: String,
    /// The plan.
    pub plan: Plan,
}

/// A file that should hold a plan does not.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {what}")]
pub struct PlanError {
    file: String,
    what: String,
}

impl Plan {
    /// The plan of a seed: each seed suffers from another mixture, and some from nothing. People act and faults strike
    /// for this long.
    pub fn from_seed(seed: u64, active_ms: u64) -> Self {
        let mut random = Random::new(seed);
        let pause_ms = random.between(200, 3_000);
        Self { seed, active_ms, pause_ms, faults: Faults::drawn(&mut random) }
    }

    /// The plan of a seed that suffers from all of these faults, and from no other.
    pub fn with_faults(seed: u64, active_ms: u64, faults: &[Fault]) -> Self {
        let mut random = Random::new(seed);
        let pause_ms = random.between(200, 3_000);
        Self { seed, active_ms, pause_ms, faults: Faults::all_of(faults, &mut random) }
    }

    /// Reads a plan, saved alone or as a regression.
    pub fn load(file: &Path) -> Result<Self, PlanError> {
        let failed = |what: String| PlanError { file: file.display().to_string(), what };
        let text = fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
        let regression = serde_json::from_str::<Regression>(&text).map(|regression| regression.plan);
        regression.or_else(|_| serde_json::from_str(&text)).map_err(|error| failed(error.to_string()))
    }

    /// Writes the plan, so that it can be run again.
    pub fn save(&self, file: &Path, found: &str) -> Result<(), PlanError> {
        let regression = Regression { found: found.to_owned(), plan: self.clone() };
        let failed = |what: String| PlanError { file: file.display().to_string(), what };
        let text = serde_json::to_string_pretty(&regression).map_err(|error| failed(error.to_string()))?;
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        }
        fs::write(file, text + "\n").map_err(|error| failed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who asks for a fault gets it with every seed, as strong as the seed would have drawn it.
    #[test]
    fn faults_that_are_asked_for_are_in_every_plan() {
        let faults = [Fault::Drop, Fault::RestoreFolder];
        for seed in 0..50 {
            let (plan, drawn) = (Plan::with_faults(seed, 1_000, &faults), Plan::from_seed(seed, 1_000));
            assert_eq!(plan.faults.0.keys().copied().collect::<Vec<_>>(), faults);
            for fault in faults.into_iter().filter(|fault| drawn.faults.has(*fault)) {
                assert_eq!(plan.faults.get(fault), drawn.faults.get(fault));
            }
        }
    }

    /// A saved plan is the same plan, whichever way it was saved.
    #[test]
    fn a_saved_plan_is_the_same_plan() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan::from_seed(7, 30_000);
        let file = folder.path().join("failed/seed-7.json");
        plan.save(&file, "a message was lost").unwrap();
        assert_eq!(Plan::load(&file).unwrap(), plan);
        let bare = folder.path().join("bare.json");
        fs::write(&bare, serde_json::to_string(&plan).unwrap()).unwrap();
        assert_eq!(Plan::load(&bare).unwrap(), plan);
        fs::write(&bare, "{}").unwrap();
        assert!(Plan::load(&bare).is_err());
    }
}
