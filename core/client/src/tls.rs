//! One TLS configuration for HTTP and the socket, so that a server trusted by one is trusted by the other.
//!
//! Certificates are judged by the operating system, where an organisation installs its own authority. Roots compiled
//! into the app were refused for that reason. A system without any authority still reaches a server without TLS, which
//! is how a machine talks to itself; every other server is then unreachable, not trusted.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

/// The configuration.
pub(crate) fn config() -> Result<ClientConfig, rustls::Error> {
    let builder = || {
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
    };
    match builder()?.with_platform_verifier() {
        Ok(builder) => Ok(builder.with_no_client_auth()),
        Err(error) => {
            tracing::warn!(%error, "no certificate authority is known to this system: only plain connections will work");
            Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
        }
    }
}
