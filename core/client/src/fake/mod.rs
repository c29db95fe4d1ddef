//! Servers for tests, in this process, on a port of the system's choice.

mod http;

pub(crate) use http::{Answer, FakeHttp};
