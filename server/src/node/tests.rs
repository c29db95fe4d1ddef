//! The node as clients see it: inputs in, decoded frames out.

mod commands;
mod connections;
mod failures;
mod lineage;
mod marks;
mod slow;
mod stage;
