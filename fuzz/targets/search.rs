//! The door `search` under libFuzzer; what comes in there and what must hold is in `tests/hostile/src/doors/search.rs`.
#![no_main]

fil_fuzz::door!("search");
