//! Who is asking: passwords, access tokens, refresh tokens, invites and the keys behind them.
//!
//! Nothing here touches the database. Each file is the arithmetic of one secret; the routes under [`crate::http`] read
//! and write the rows.

pub mod access;
pub mod invite;
pub mod keys;
pub mod password;
pub mod refresh;
