//! Hostile input.
#![warn(missing_docs)]
