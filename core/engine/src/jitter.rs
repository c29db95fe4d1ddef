//! Numbers that look random, from a seed: for spreading retries, and for naming a generation.
//!
//! SplitMix64 (Steele, Lea, Flood 2014): eight lines, a full period, and good enough for delays. It is not for secrets.

use fil_protocol::Generation;

/// A stream of numbers that the same seed always repeats.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// A stream for this seed. The driver brings it from the operating system, the simulation from its plan.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high.saturating_sub(low) + 1)
    }

    /// A seed for another stream.
    pub fn seed(&mut self) -> u64 {
        self.next()
    }

    /// A name for a new generation of command numbers.
    pub fn generation(&mut self, wall_ms: u64) -> Generation {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.next().to_be_bytes());
        random[8..].copy_from_slice(&self.next().to_be_bytes()[..2]);
        Generation::from_parts(wall_ms, &random)
    }
}
