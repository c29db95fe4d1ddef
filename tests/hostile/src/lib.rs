//! Hostile input: the doors of the house, each as a function over bytes that nobody vouches for.
//!
//! A [`Door`] takes whatever bytes there are, brings them to where such bytes come in, and checks what must hold however
//! they read: no panic, typed errors that name no secret and are no longer than a sentence, answers that decode, nothing
//! half done. The same functions run in two ways:
//!
//! - on stable, in every test run: over the [`corpus`], which is `fuzz/corpus/<door>` and one of everything that the house
//!   says there is ([`samples`]), and over changes of it made from a seed ([`mutate`]); `FIL_HOSTILE_ROUNDS` makes it longer, `FIL_SEED` repeats one case;
//! - under libFuzzer, on nightly, as the targets of `fuzz/`, which are two lines each and change inputs in the same way.
//!
//! The table of named cases, each with the one answer that it must get, is in `tests/table`; it needs a running server.
#![warn(missing_docs)]

pub mod corpus;
pub mod doors;
pub mod mutate;
pub mod panics;
pub mod samples;

pub use doors::{DOORS, Door};
