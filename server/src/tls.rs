//! TLS by certificate and key files, with rustls on aws-lc-rs. Nothing else is offered: no self-made certificates, no
//! client certificates, no renewal; whoever has those wishes has a proxy.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{ConfigError, Tls};

/// Reads both files. The error names the file and says what is wrong with it.
pub fn acceptor(tls: &Tls) -> Result<TlsAcceptor, ConfigError> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable("tls.certificate", &tls.certificate, &error))?;
    if chain.is_empty() {
        return Err(ConfigError(format!("tls.certificate: {} holds no certificate", tls.certificate.display())));
    }
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| unreadable("tls.key", &tls.key, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError(format!("tls: {error}")))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| ConfigError(format!("tls: certificate and key do not go together: {error}")))?;
    // WebSockets over HTTP/2 are rare in clients, and one HTTP stack is enough to keep right.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn unreadable(key: &str, path: &Path, error: &dyn std::fmt::Display) -> ConfigError {
    ConfigError(format!("{key}: cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_empty_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        let check = |certificate: &Path, key: &Path, expected: &str| {
            let tls = Tls { certificate: certificate.to_owned(), key: key.to_owned() };
            let sentence = acceptor(&tls).err().expect("refused").0;
            assert!(sentence.contains(expected), "{sentence}");
        };
        check(Path::new("/nowhere/cert.pem"), &empty, "tls.certificate: cannot read /nowhere/cert.pem");
        check(&empty, &empty, "holds no certificate");
    }
}
