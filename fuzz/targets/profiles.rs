//! The door `profiles` under libFuzzer; what comes in there and what must hold is in `tests/hostile/src/doors/profiles.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fil_hostile::doors::enter("profiles", bytes));
