//! The door `backups` under libFuzzer; what comes in there and what must hold is in `tests/hostile/src/doors/backups.rs`.
#![no_main]

fil_fuzz::door!("backups");
