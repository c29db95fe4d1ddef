//! Samples of a running server, and what they say together.

use serde::Serialize;

use super::device::Shared;
use crate::Failure;
use crate::http::Http;

/// The server at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// Seconds since the beginning.
    pub at_s: f64,
    /// Resident memory.
    pub resident_bytes: u64,
    /// The write-ahead log's file.
    pub log_bytes: u64,
    /// The database's file.
    pub database_bytes: u64,
    /// Open file descriptors.
    pub descriptors: u64,
    /// Open sockets, as the server says.
    pub sockets: f64,
    /// Messages that wait for the node.
    pub node_queue: f64,
    /// Bytes that wait for sockets.
    pub backlog_bytes: f64,
    /// Messages acknowledged so far.
    pub acknowledged: u64,
}

/// All samples, in the order in which they were taken.
#[derive(Debug, Default)]
pub struct Samples(pub Vec<Sample>);

impl Sample {
    /// Looks at the server.
    pub(crate) async fn take(shared: &Shared, metrics: &mut Http) -> Result<Self, Failure> {
        let text = String::from_utf8(metrics.get("/metrics", "none", false).await?)?;
        let process = shared.program.process();
        let size = |path: std::path::PathBuf| std::fs::metadata(path).map(|file| file.len());
        Ok(Self {
            at_s: (shared.origin.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            resident_bytes: process.resident_bytes()?,
            log_bytes: size(shared.house.database().with_extension("db-wal"))?,
            database_bytes: size(shared.house.database())?,
            descriptors: process.descriptors()?,
            sockets: gauge(&text, "fil_sockets")?,
            node_queue: gauge(&text, "fil_node_queue")?,
            backlog_bytes: gauge(&text, "fil_backlog_bytes")?,
            acknowledged: shared.counts.borrow().acknowledged,
        })
    }
}

/// The value of a gauge. One that is not there is a defect of the measuring and not a queue of length 0.
fn gauge(text: &str, name: &str) -> Result<f64, Failure> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = value.ok_or_else(|| format!("the server's metrics have no {name}"))?;
    Ok(value.trim().parse()?)
}

impl Samples {
    /// The mean of one of the four quarters of the time, counted from 0.
    pub fn mean_of_quarter(&self, quarter: usize, of: &dyn Fn(&Sample) -> f64) -> f64 {
        let (from, to) = (self.0.len() * quarter / 4, self.0.len() * (quarter + 1) / 4);
        let part = &self.0[from..to];
        part.iter().map(of).sum::<f64>() / part.len().max(1) as f64
    }

    /// The highest.
    pub fn highest(&self, of: &dyn Fn(&Sample) -> f64) -> f64 {
        self.0.iter().map(of).fold(0.0, f64::max)
    }

    /// What a line through the second half rises in a minute (least squares), to four digits.
    pub fn slope_per_minute(&self, of: &dyn Fn(&Sample) -> f64) -> f64 {
        let half = &self.0[self.0.len() / 2..];
        let count = half.len().max(1) as f64;
        let mean_at = half.iter().map(|sample| sample.at_s).sum::<f64>() / count;
        let mean = half.iter().map(of).sum::<f64>() / count;
        let across: f64 = half.iter().map(|sample| (sample.at_s - mean_at) * (of(sample) - mean)).sum();
        let along: f64 = half.iter().map(|sample| (sample.at_s - mean_at).powi(2)).sum();
        if along == 0.0 { 0.0 } else { (across / along * 60.0 * 10.0).round() / 10.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_that_is_absent_is_no_gauge_of_nothing() {
        let text = "# TYPE fil_sockets gauge\nfil_sockets 0\nfil_sockets_opened_total 7\n";
        assert!(gauge(text, "fil_sockets").is_ok_and(|value| value.abs() < f64::EPSILON));
        assert!(gauge(text, "fil_node_queue").is_err());
        assert!(gauge("fil_node_queue many\n", "fil_node_queue").is_err());
    }

    /// Memory that rises by 600 bytes a minute in the second half, and was higher once before.
    #[test]
    fn a_line_through_the_second_half_shows_what_grows() {
        let sample = |number: u64| Sample {
            at_s: number as f64,
            resident_bytes: if number < 4 { 9_000 } else { 1_000 + 10 * number },
            log_bytes: 0,
            database_bytes: 0,
            descriptors: 7,
            sockets: 0.0,
            node_queue: 0.0,
            backlog_bytes: 0.0,
            acknowledged: 0,
        };
        let samples = Samples((0..16).map(sample).collect());
        let resident = |sample: &Sample| sample.resident_bytes as f64;
        assert!((samples.slope_per_minute(&resident) - 600.0).abs() < 0.1);
        assert!((samples.highest(&resident) - 9_000.0).abs() < 0.1);
        assert!((samples.mean_of_quarter(1, &resident) - 1_055.0).abs() < 0.1);
        assert!(samples.slope_per_minute(&|sample| sample.descriptors as f64).abs() < 0.1);
    }
}
