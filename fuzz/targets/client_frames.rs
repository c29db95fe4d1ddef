//! The door `client_frames` under libFuzzer; what comes in there and what must hold is in `tests/hostile/src/doors/client_frames.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fil_hostile::doors::enter("client_frames", bytes));
