//! The door `bridge` under libFuzzer; what comes in there and what must hold is in `tests/hostile/src/doors/bridge.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fil_hostile::doors::enter("bridge", bytes));
