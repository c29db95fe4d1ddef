//! The door `server_frames` under libFuzzer; what comes in there and what must hold is in `tests/hostile/src/doors/server_frames.rs`.
#![no_main]

fil_fuzz::door!("server_frames");
