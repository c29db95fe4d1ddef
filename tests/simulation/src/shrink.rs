//! Cutting a failing plan down to a short one that still fails.
//!
//! Three things are tried in turn until none helps: leaving a fault out, ending sooner, and milder numbers. People,
//! network and misfortunes draw from streams of their own, so leaving one fault out changes little of the rest.

use crate::Violation;
use crate::fault::Measure;
use crate::plan::Plan;

/// A failing plan, cut down.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The shortest plan found that fails.
    pub plan: Plan,
    /// How it fails.
    pub violation: Box<Violation>,
    /// How many plans were run to find it.
    pub runs: u32,
}

/// Runs at most this many plans to shorten one.
pub const RUNS_MAX: u32 = 120;

/// Cuts down a plan that failed with this violation. `run` runs a plan.
pub fn shrink(
    plan: &Plan,
    violation: Box<Violation>,
    mut run: impl FnMut(&Plan) -> Result<(), Box<Violation>>,
) -> Shrunk {
    let kind = violation.kind();
    let mut best = Shrunk { plan: plan.clone(), violation, runs: 0 };
    loop {
        let candidates = shorter(&best.plan, best.violation.at_ms);
        let before = best.plan.clone();
        for candidate in candidates {
            if best.runs >= RUNS_MAX {
                return best;
            }
            best.runs += 1;
            // Another promise that is broken on the way is another matter: it would lead away from this one.
            if let Err(violation) = run(&candidate)
                && violation.kind() == kind
            {
                (best.plan, best.violation) = (candidate, violation);
                break;
            }
        }
        if best.plan == before {
            return best;
        }
    }
}

/// Plans that are shorter than this one, the boldest cuts first.
fn shorter(plan: &Plan, failed_at_ms: u64) -> Vec<Plan> {
    let mut shorter = Vec::new();
    for active_ms in [failed_at_ms, plan.active_ms / 2, plan.active_ms * 3 / 4] {
        if active_ms < plan.active_ms && active_ms > 0 {
            shorter.push(Plan { active_ms, ..plan.clone() });
        }
    }
    for fault in plan.faults.0.keys() {
        let mut without = plan.clone();
        without.faults.0.remove(fault);
        shorter.push(without);
    }
    for (fault, number) in &plan.faults.0 {
        if matches!(fault.measure(), Measure::MsMax | Measure::Permille | Measure::Count) && *number > 1 {
            let mut milder = plan.clone();
            milder.faults.0.insert(*fault, number / 2);
            shorter.push(milder);
        }
    }
    shorter
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Fault, Faults};

    /// A world that breaks whenever replies are lost and it lasts six seconds: nothing else stays in the plan.
    #[test]
    fn what_does_not_matter_is_cut_off() {
        let faults = [(Fault::Drop, 40), (Fault::ReplyLost, 5_000), (Fault::Delay, 900), (Fault::Skew, 70_000)];
        let plan = Plan { seed: 1, active_ms: 30_000, pause_ms: 500, faults: Faults(faults.into()) };
        let run = |plan: &Plan| {
            let broken = plan.faults.has(Fault::ReplyLost) && plan.active_ms >= 6_000;
            let what = "lost".to_owned();
            if broken { Err(Box::new(Violation { plan: plan.clone(), at_ms: 7_000, what })) } else { Ok(()) }
        };
        let shrunk = shrink(&plan, run(&plan).unwrap_err(), run);
        assert_eq!(shrunk.plan.faults.0.keys().collect::<Vec<_>>(), [&Fault::ReplyLost]);
        assert!((6_000..8_000).contains(&shrunk.plan.active_ms), "{}", shrunk.plan.active_ms);
        assert!(shrunk.runs < RUNS_MAX);
    }

    /// A plan without the fault breaks another promise: it is not taken for a shorter one.
    #[test]
    fn another_violation_is_no_shorter_plan() {
        let faults = [(Fault::Drop, 1), (Fault::ReplyLost, 5_000)];
        let plan = Plan { seed: 1, active_ms: 30_000, pause_ms: 500, faults: Faults(faults.into()) };
        let run = |plan: &Plan| {
            let what = if plan.faults.has(Fault::ReplyLost) { "018bcf is lost" } else { "7 bytes wait for somebody" };
            Err(Box::new(Violation { plan: plan.clone(), at_ms: 40_000, what: what.to_owned() }))
        };
        let shrunk = shrink(&plan, run(&plan).unwrap_err(), run);
        assert_eq!(shrunk.plan.faults.0.keys().collect::<Vec<_>>(), [&Fault::ReplyLost]);
        assert_eq!(shrunk.violation.what, "018bcf is lost");
    }
}
