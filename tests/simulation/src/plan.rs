//! Plans: what a run consists of, all by seed.

use crate::random::Random;

/// A run.
#[derive(Clone, Debug)]
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

/// Misfortunes. Those of frames are chances in a thousand for each frame; the others are average intervals in
/// milliseconds, 0 for never.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// A frame disappears, though the connection goes on.
    pub drop_permille: u64,
    /// A frame arrives twice.
    pub duplicate_permille: u64,
    /// A frame overtakes others.
    pub reorder_permille: u64,
    /// The longest that a frame is under way, in milliseconds.
    pub delay_ms_max: u64,
    /// How many bytes a line carries in a second, each way; 0 for as many as there are.
    pub bytes_per_second: u64,
    /// A connection breaks, with everything under way on it.
    pub break_every_ms: u64,
    /// A connection goes dead without either side being told.
    pub half_open_every_ms: u64,
    /// A device cannot reach the server for a while.
    pub partition_every_ms: u64,
    /// The server commits, and what it would have answered is lost with all connections.
    pub reply_lost_every_ms: u64,
    /// A client's process ends between two steps, or after a commit and before its frames leave.
    pub client_crash_every_ms: u64,
    /// The server's process ends.
    pub server_crash_every_ms: u64,
}

impl Plan {
    /// The plan of a seed: each seed suffers from another mixture, and some from nothing.
    pub fn from_seed(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut some = |chance: u64, low: u64, high: u64| {
            let drawn = random.between(low, high);
            if random.permille(chance) { drawn } else { 0 }
        };
        let faults = Faults {
            drop_permille: some(400, 1, 60),
            duplicate_permille: some(400, 1, 60),
            reorder_permille: some(400, 1, 100),
            delay_ms_max: some(700, 10, 3_000),
            bytes_per_second: some(250, 1_000, 50_000),
            break_every_ms: some(500, 2_000, 30_000),
            half_open_every_ms: some(300, 10_000, 60_000),
            partition_every_ms: some(400, 10_000, 60_000),
            reply_lost_every_ms: some(500, 3_000, 30_000),
            client_crash_every_ms: some(500, 3_000, 30_000),
            server_crash_every_ms: some(400, 5_000, 40_000),
        };
        let pause_ms = some(1000, 200, 3_000);
        Self { seed, active_ms: 30_000, pause_ms, faults }
    }
}
