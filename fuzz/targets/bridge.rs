//! The door `bridge` under libFuzzer; what comes in there and what must hold is in `tests/hostile/src/doors/bridge.rs`.
#![no_main]

fil_fuzz::door!("bridge");
