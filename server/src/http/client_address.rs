//! Where a request comes from, as limits count it.
//!
//! The address of the connection, unless that is a trusted proxy: then the last address in `X-Forwarded-For` that is
//! none. What stands further left was written by the client and proves nothing.

use std::net::IpAddr;

use axum::http::HeaderMap;

use crate::config::Config;
use crate::listener::Peer;

/// The address of the client.
pub fn client_address(config: &Config, peer: Peer, headers: &HeaderMap) -> IpAddr {
    let mut address = peer.0.ip().to_canonical();
    if !config.trusts(address) {
        return address;
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in forwarded.iter().rev() {
        let Ok(hop) = hop.trim().parse::<IpAddr>() else { return address };
        address = hop.to_canonical();
        if !config.trusts(address) {
            return address;
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_trusted_proxy_saw_is_believed() {
        let config = Config {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
            ..Config::default()
        };
        let check = |peer: &str, forwarded: &[&str], expected: &str| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            let address = client_address(&config, Peer(peer.parse().unwrap()), &headers);
            assert_eq!(address, expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        };
        check("192.0.2.1:5", &[], "192.0.2.1");
        check("192.0.2.1:5", &["198.51.100.9"], "192.0.2.1");
        check("10.0.0.1:5", &["198.51.100.9"], "198.51.100.9");
        check("10.0.0.1:5", &["203.0.113.5, 198.51.100.9"], "198.51.100.9");
        check("10.0.0.1:5", &["203.0.113.5", "198.51.100.9, 10.0.0.2"], "198.51.100.9");
        check("10.0.0.1:5", &["nonsense, 10.0.0.2"], "10.0.0.2");
        check("10.0.0.1:5", &[], "10.0.0.1");
        check("[::1]:5", &["2001:db8::1"], "2001:db8::1");
        check("[::ffff:10.0.0.1]:5", &["198.51.100.9"], "198.51.100.9");
    }
}
