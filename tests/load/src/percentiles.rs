//! Percentiles, exactly: every sample is kept, in microseconds, and sorted once.
//!
//! A histogram with buckets was refused: a run has some million samples at most, which is a few megabytes in the load
//! generator, and an exact value needs no word about its error.

use std::time::Duration;

use crate::Failure;

/// Samples of a time.
#[derive(Clone, Debug, Default)]
pub struct Percentiles {
    micros: Vec<u32>,
    sorted: bool,
}

impl Percentiles {
    /// Adds a sample. More than an hour counts as an hour.
    pub fn add(&mut self, time: Duration) {
        self.sorted = false;
        self.micros.push(u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    }

    /// Adds the samples of another.
    pub fn merge(&mut self, other: &Self) {
        self.sorted = false;
        self.micros.extend_from_slice(&other.micros);
    }

    /// How many samples there are.
    pub fn count(&self) -> usize {
        self.micros.len()
    }

    /// The smallest sample that at least this share of all do not exceed, in milliseconds. Without samples this fails: a
    /// time of nothing would be the best figure of all.
    pub fn at_ms(&mut self, percent: f64) -> Result<f64, Failure> {
        if self.micros.is_empty() {
            return Err("there is no sample to take a percentile of".into());
        }
        if !self.sorted {
            self.micros.sort_unstable();
            self.sorted = true;
        }
        let rank = (percent / 100.0 * self.micros.len() as f64).ceil() as usize;
        Ok(f64::from(self.micros[rank.clamp(1, self.micros.len()) - 1]) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the numbers 1 to 100 the p-th percentile is p; the ends are the smallest and the largest.
    #[test]
    fn a_percentile_is_a_sample_that_was_taken() {
        let mut samples = Percentiles::default();
        assert!(samples.at_ms(99.0).is_err(), "of nothing there is none");
        for millis in (1..=100).rev() {
            samples.add(Duration::from_millis(millis));
        }
        let mut two = Percentiles::default();
        two.merge(&samples);
        for (percent, expected) in [(0.0, 1.0), (50.0, 50.0), (99.0, 99.0), (99.5, 100.0), (100.0, 100.0)] {
            assert!((two.at_ms(percent).unwrap() - expected).abs() < f64::EPSILON, "{percent}");
        }
    }
}
