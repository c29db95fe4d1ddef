//! Many runs, on all cores: what `cargo xtask simulate` and the tests do.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, Once};

use crate::Violation;
use crate::fault::Fault;
use crate::figures::Figures;
use crate::plan::Plan;
use crate::world;

/// What to run.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The seeds.
    pub seeds: Range<u64>,
    /// How long people act in each, in simulated milliseconds.
    pub active_ms: u64,
    /// These faults and no others; those that a seed draws if there are none.
    pub only: Vec<Fault>,
    /// Stop at the first violation.
    pub stop_at_first: bool,
    /// How many runs go on at the same time.
    pub threads: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What the runs did that kept every promise.
    pub figures: Figures,
    /// The others, by seed.
    pub violations: Vec<Violation>,
}

impl Campaign {
    /// The plan of one of the seeds.
    pub fn plan(&self, seed: u64) -> Plan {
        if self.only.is_empty() {
            Plan::from_seed(seed, self.active_ms)
        } else {
            Plan::with_faults(seed, self.active_ms, &self.only)
        }
    }

    /// Runs all seeds. `progress` is told after each run how many are done; when it answers false, no further one begins.
    pub fn run(&self, progress: impl Fn(u64, usize) -> bool + Sync) -> Outcome {
        let outcome = Mutex::new(Outcome::default());
        let (next, done, stop) = (AtomicU64::new(self.seeds.start), AtomicU64::new(0), AtomicBool::new(false));
        let work = || {
            while !stop.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= self.seeds.end {
                    return;
                }
                let result = run(&self.plan(seed));
                let mut outcome = outcome.lock().expect("a run that panics is caught");
                match result {
                    Ok(figures) => outcome.figures.add(&figures),
                    Err(violation) => {
                        eprintln!("{violation}");
                        outcome.violations.push(*violation);
                        stop.fetch_or(self.stop_at_first, Ordering::Relaxed);
                    }
                }
                if !progress(done.fetch_add(1, Ordering::Relaxed) + 1, outcome.violations.len()) {
                    stop.store(true, Ordering::Relaxed);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(work);
            }
        });
        let mut outcome = outcome.into_inner().expect("a run that panics is caught");
        outcome.violations.sort_by_key(|violation| violation.plan.seed);
        outcome
    }
}

thread_local! {
    /// Whether a run is under way on this thread.
    static RUNNING: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic of a run happened.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on a panic in a run is not printed, and keeps its place; any other is told as before.
fn note_places() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if RUNNING.get() {
                PLACE.set(panic.location().map(ToString::to_string));
            } else {
                before(panic);
            }
        }));
    });
}

/// Runs one plan. A panic is a violation as any other (invariant 8).
pub fn run(plan: &Plan) -> Result<Figures, Box<Violation>> {
    note_places();
    RUNNING.set(true);
    let ran = catch_unwind(AssertUnwindSafe(|| world::run(plan)));
    RUNNING.set(false);
    ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let place = PLACE.take().unwrap_or_else(|| "somewhere".to_owned());
        let what = format!("panic: {}, at {place}", text.unwrap_or_default());
        Err(Box::new(Violation { plan: plan.clone(), at_ms: 0, what }))
    })
}
