//! The door `profiles` under libFuzzer; what comes in there and what must hold is in `tests/hostile/src/doors/profiles.rs`.
#![no_main]

fil_fuzz::door!("profiles");
