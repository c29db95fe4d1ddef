//! What the operating system says about a process, read from `/proc`.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Failure;

/// Clock ticks per second in `/proc/<pid>/stat`: `USER_HZ`, which is 100 on every Linux that is used.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(pub u32);

impl Process {
    /// This one.
    pub fn current() -> Self {
        Self(std::process::id())
    }

    /// Processor time used so far, in user and system mode, of all its threads. Steps of 10 ms.
    pub fn cpu(self) -> Result<Duration, Failure> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        // The name in parentheses may hold anything; what follows it are fields 3 and on.
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        Ok(Duration::from_secs_f64((ticks(11) + ticks(12)) / TICKS_PER_SECOND))
    }

    /// Memory that is resident, in bytes.
    pub fn resident_bytes(self) -> Result<u64, Failure> {
        self.kib("status", "VmRSS:")
    }

    /// Memory that is resident, with what is shared counted in proportion, in bytes.
    pub fn proportional_bytes(self) -> Result<u64, Failure> {
        self.kib("smaps_rollup", "Pss:")
    }

    /// Open file descriptors.
    pub fn descriptors(self) -> Result<u64, Failure> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.0))?.count() as u64)
    }

    fn kib(self, file: &str, key: &str) -> Result<u64, Failure> {
        let text = fs::read_to_string(format!("/proc/{}/{file}", self.0))?;
        let line = text.lines().find(|line| line.starts_with(key));
        let value = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        Ok(value.ok_or_else(|| format!("/proc/{}/{file} has no {key}", self.0))? * 1024)
    }
}

/// Raises the limit on open files as far as this process may; programs that it starts inherit it.
pub fn raise_limits() {
    let limit = getrlimit(Resource::Nofile);
    // What cannot be raised is found by the scenario that needs it, which says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// Open files that a process of this run may have.
pub fn descriptors_max() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_can_be_looked_at() {
        let here = Process::current();
        assert!(here.resident_bytes().unwrap() > 100_000);
        assert!(here.proportional_bytes().unwrap() <= here.resident_bytes().unwrap() * 2);
        assert!(here.descriptors().unwrap() >= 3);
        let before = here.cpu().unwrap();
        let mut sum = 0u64;
        while here.cpu().unwrap() == before {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(here.cpu().unwrap() > before && sum > 0);
    }
}
