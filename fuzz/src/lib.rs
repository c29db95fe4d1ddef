//! A door of `tests/hostile` as a target of libFuzzer.
//!
//! libFuzzer flips bits and splices bytes, and nearly everything that it makes of a frame is no frame any more. So half of
//! its changes are those of the stable tests (`fil_hostile::mutate`), which know lines, values and the samples of
//! everything that there is.

use std::sync::OnceLock;

use fil_hostile::{corpus, mutate};

/// Everything that a target file says beside its name.
#[macro_export]
macro_rules! door {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fil_hostile::doors::enter($name, bytes));
        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            fil_fuzz::change($name, data, size, max_size, seed)
        });
    };
}

/// Changes `data[..size]` in place, to `max_size` bytes at most, and answers how many there are then.
pub fn change(door: &'static str, data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    if seed % 2 == 0 {
        return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    }
    static CORPUS: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    let corpus = CORPUS.get_or_init(|| corpus::entries(door));
    let mut chance = mutate::Chance::new(u64::from(seed));
    let bytes = if seed % 16 == 1 {
        // From the corpus and not from what was found, so that a long run does not forget where it began.
        mutate::mutate(corpus, u64::from(seed))
    } else {
        mutate::changed(data[..size].to_vec(), corpus, &mut chance)
    };
    let length = bytes.len().min(max_size).min(data.len());
    data[..length].copy_from_slice(&bytes[..length]);
    length
}
