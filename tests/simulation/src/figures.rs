//! What runs did, for the page that says how much was simulated.

use std::collections::BTreeMap;
use std::fmt;

use crate::fault::Fault;

/// What a run did, or many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many runs.
    pub runs: u64,
    /// Simulated time, in milliseconds.
    pub simulated_ms: u64,
    /// Commands that people gave.
    pub commands: u64,
    /// Events in the server's logs at the end.
    pub events: u64,
    /// How often each fault struck.
    pub strikes: BTreeMap<Fault, u64>,
    /// How long it took everybody to settle after the last fault, in milliseconds: the longest of all runs.
    pub settled_in_ms: u64,
    /// One number for everything that happened: the same plan gives the same one.
    pub trace: u64,
}

impl Figures {
    /// How many faults struck in all.
    pub fn faults(&self) -> u64 {
        self.strikes.values().sum()
    }

    /// Adds those of one run.
    pub fn add(&mut self, run: &Self) {
        self.runs += 1;
        self.simulated_ms += run.simulated_ms;
        self.commands += run.commands;
        self.events += run.events;
        for (fault, strikes) in &run.strikes {
            *self.strikes.entry(*fault).or_default() += strikes;
        }
        self.settled_in_ms = self.settled_in_ms.max(run.settled_in_ms);
        // In whatever order the runs end.
        self.trace ^= run.trace;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.simulated_ms as f64 / 3_600_000.0;
        write!(
            formatter,
            "{} seeds, {hours:.1} simulated hours, {} commands, {} events, {} faults, settled within {:.1} s",
            self.runs,
            self.commands,
            self.events,
            self.faults(),
            self.settled_in_ms as f64 / 1_000.0
        )
    }
}
