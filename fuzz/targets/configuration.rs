//! The door `configuration` under libFuzzer; what comes in there and what must hold is in `tests/hostile/src/doors/configuration.rs`.
#![no_main]

fil_fuzz::door!("configuration");
