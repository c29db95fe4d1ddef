//! The two stores on a simulated disk: nothing acknowledged is lost, nothing is half done, and they go on.
//!
//! Every test here runs the product's own code (the server's node and store, the client's session and store) on real
//! SQLite files. Small by default: every so-manieth write point, others each day. `FIL_DISK_EVERY=1` tries all, and
//! `FIL_DAMAGES=1000` sets how many random damages are made.

use std::time::SystemTime;

mod check;
mod cuts;
mod damage;
mod device;
mod fixtures;
mod foreign;
mod full;
mod migrations;
mod script;
mod server;
mod stage;

/// Which write points a run tries: every so-manieth, beginning with another one each day, so that in as many days as the
/// step is long each has been tried. `FIL_DISK_FROM` sets the day, and so repeats a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    step: usize,
    day: usize,
}

impl Choice {
    /// Every so-manieth unless the environment says otherwise. Prints how to choose the same again.
    pub(crate) fn every(default: usize) -> Self {
        let step = number("FIL_DISK_EVERY").unwrap_or(default).max(1);
        let day = number("FIL_DISK_FROM").unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            (now.as_secs() / 86_400) as usize
        });
        println!("FIL_DISK_EVERY={step} FIL_DISK_FROM={day}");
        Self { step, day }
    }

    /// The chosen ones of these.
    pub(crate) fn of<T>(self, all: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        all.skip(self.day % self.step).step_by(self.step)
    }

    /// Whether all of them are.
    pub(crate) fn is_everything(self) -> bool {
        self.step == 1
    }

    /// How often everything was chosen before this day: what else takes turns moves on by this.
    pub(crate) fn turn(self) -> usize {
        self.day / self.step
    }
}

/// In as many days as the step is long, each is chosen once.
#[test]
fn every_write_point_has_its_day() {
    let mut chosen: Vec<u64> = (100..111).flat_map(|day| Choice { step: 11, day }.of(0..500_u64)).collect();
    chosen.sort_unstable();
    assert_eq!(chosen, (0..500).collect::<Vec<_>>());
    assert!(Choice { step: 1, day: 100 }.of(0..500_u64).eq(0..500), "all of them");
}

/// A number from the environment.
pub(crate) fn number(name: &str) -> Option<usize> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}
