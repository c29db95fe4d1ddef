//! The door `requests` under libFuzzer; what comes in there and what must hold is in `tests/hostile/src/doors/requests.rs`.
#![no_main]

fil_fuzz::door!("requests");
