//! Random choices that can be made again: the seed is printed, and `FIL_SEED` sets it.

/// A small random source (xorshift64*).
#[derive(Debug)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// A source with the seed of the environment, or a new one. Prints it, and cargo shows that when the test fails.
    pub fn from_environment() -> Self {
        let given = std::env::var("FIL_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |now| now.as_nanos() as u64)
        });
        println!("FIL_SEED={seed}");
        Self { state: seed | 1 }
    }

    /// A number from 0 to below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound.max(1)
    }
}
