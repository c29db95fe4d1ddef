//! Servers for tests, in this process, on a port of the system's choice.

mod http;
pub(crate) mod server;

pub(crate) use http::{Answer, FakeHttp};

use std::sync::Arc;

use crate::address::ServerAddress;
use crate::auth::Auth;
use crate::tokens::tests::Memory;

/// A session whose server nobody asks.
pub(crate) fn auth_without_server() -> Auth {
    let http = crate::http::Http::new(crate::tls::config().unwrap()).unwrap();
    let tokens: Arc<Memory> = Arc::default();
    Auth::new(http, ServerAddress::parse("localhost").unwrap(), Arc::new(tokens))
}
