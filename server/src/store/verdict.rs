//! Verdicts: the stored answers to a device's numbered commands.

use fil_protocol::{DeviceId, Verdict};

use super::StoreError;

/// Reads.
pub trait ReadVerdicts {
    /// The verdict on one number of the device's generation, unless it was acknowledged.
    fn verdict(&self, device: DeviceId, no: u64) -> Result<Option<Verdict>, StoreError>;

    /// All verdicts after this number, in order.
    fn verdicts_after(&self, device: DeviceId, no: u64) -> Result<Vec<Verdict>, StoreError>;
}

/// Writes.
pub trait WriteVerdicts {
    /// Stores a verdict.
    fn store_verdict(&self, device: DeviceId, verdict: &Verdict) -> Result<(), StoreError>;
}
