//! The edge of the server over real sockets: a whole server per test, in this process, on a free port of the loopback,
//! with a folder of its own. Clients are real ones. Nothing sleeps: tests wait for answers, frames and closes.

mod access;
mod idempotency;
mod invites;
mod isolation;
mod limits;
mod refreshing;
mod revocation;
mod server;
mod shutdown;
mod signing_in;
mod sockets;
mod stage;
mod tls;
