//! The client: one driver around the engine, and the one API that every screen uses.
//!
//! | module | what it holds | may use |
//! |---|---|---|
//! | [`bridge`] | the public API: requests, responses, updates | everything below |
//! | `driver` | the one loop: requests, socket, timer in; session steps out | below |
//! | `views` | rows of the databases as records for a screen | `store` |
//! | `socket`, `http`, `auth`, `tls` | the network and its tokens | `grant`, `tokens`, `address` |
//! | [`grant`] | the tokens of a device as a machine | nothing |
//! | [`profile`], `tokens`, `private_file` | what lies in a profile's folder beside the databases | |
//! | `session` | engine and store as one synchronous machine | `store`, the engine |
//! | `store` | the two databases; all SQL is here | |
#![warn(missing_docs)]

mod account;
mod address;
mod auth;
pub mod bridge;
mod clock;
mod driver;
mod failure;
#[cfg(test)]
mod fake;
pub mod grant;
mod http;
mod private_file;
pub mod profile;
mod readers;
pub mod session;
mod socket;
pub mod store;
mod tls;
mod tokens;
mod views;
