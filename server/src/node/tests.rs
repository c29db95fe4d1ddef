//! The node as clients see it: inputs in, decoded frames out.

mod commands;
mod connections;
mod failures;
mod slow;
mod stage;
