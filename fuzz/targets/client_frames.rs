//! The door `client_frames` under libFuzzer; what comes in there and what must hold is in `tests/hostile/src/doors/client_frames.rs`.
#![no_main]

fil_fuzz::door!("client_frames");
