//! Addresses as people type or paste them: of a server, and of an invite.
//!
//! Without a scheme an address means `https`, because a password is about to be sent there; only this machine itself
//! is taken at `http`, since nobody has a certificate for it. A path is kept, so a server may live below one.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

use crate::bridge::types::{Failure, FailureKind};
use crate::failure::failure;

/// The address of a server, normalised: the same server always reads the same.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ServerAddress(Url);

impl ServerAddress {
    /// Reads what a person typed, or what a profile kept.
    pub(crate) fn parse(typed: &str) -> Result<Self, Failure> {
        let typed = typed.trim();
        let text = if typed.contains("://") { typed.to_owned() } else { format!("https://{typed}") };
        let mut url = Url::parse(&text).map_err(|_| not_an_address(typed))?;
        if !typed.contains("://") && is_loopback(&url) {
            url = Url::parse(&format!("http://{typed}")).map_err(|_| not_an_address(typed))?;
        }
        let well_formed = matches!(url.scheme(), "https" | "http")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none();
        if !well_formed {
            return Err(not_an_address(typed));
        }
        url.set_query(None);
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The address of something below `/api/v1`.
    pub(crate) fn api(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        url.path_segments_mut()
            .expect("an http address has a path")
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(segments);
        url
    }

    /// The address of the WebSocket.
    pub(crate) fn socket(&self) -> Url {
        let mut url = self.api(&["socket"]);
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        url.set_scheme(scheme).expect("both schemes of a socket are special, like those of http");
        url
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for ServerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ServerAddress({self})")
    }
}

/// Takes an invite link apart: `https://fil.example.org/invite#<secret>`, or with a `/` instead of the `#`, which some
/// programs make of it. What stands before `invite` is the server's address.
pub(crate) fn parse_invite(link: &str) -> Result<(ServerAddress, String), Failure> {
    let wrong = || failure(FailureKind::InviteInvalid, "the link has not the form https://server/invite#secret");
    let (server, rest) = link.trim().rsplit_once("/invite").ok_or_else(wrong)?;
    let secret = rest.strip_prefix(['#', '/']).ok_or_else(wrong)?.trim_end_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~=".contains(c);
    if secret.is_empty() || !secret.chars().all(plain) {
        return Err(wrong());
    }
    Ok((ServerAddress::parse(server).map_err(|_| wrong())?, secret.to_owned()))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn not_an_address(typed: &str) -> Failure {
    failure(FailureKind::NotAServer, format!("{typed:?} is not the address of a server"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_people_type_it() {
        let check = |typed, expected: Option<&str>| {
            let read = ServerAddress::parse(typed).ok().map(|address| address.to_string());
            assert_eq!(read.as_deref(), expected, "{typed:?}");
        };
        check("fil.example.org", Some("https://fil.example.org"));
        check(" https://Fil.Example.org/ ", Some("https://fil.example.org"));
        check("http://127.0.0.1:8080/", Some("http://127.0.0.1:8080"));
        check("127.0.0.1:8080", Some("http://127.0.0.1:8080"));
        check("localhost:8080", Some("http://localhost:8080"));
        check("[::1]:8080", Some("http://[::1]:8080"));
        check("192.168.1.4:8080", Some("https://192.168.1.4:8080"));
        check("example.org/chat/?x#y", Some("https://example.org/chat"));
        for bad in ["", "  ", "ftp://example.org", "https://", "http://me:pw@example.org", "https://a b", "file:///etc"]
        {
            check(bad, None);
        }
    }

    #[test]
    fn the_api_and_the_socket_stand_below_the_address() {
        let at = |typed| ServerAddress::parse(typed).unwrap();
        assert_eq!(at("example.org").api(&["server"]).as_str(), "https://example.org/api/v1/server");
        assert_eq!(at("example.org/chat").socket().as_str(), "wss://example.org/chat/api/v1/socket");
        assert_eq!(at("localhost:1").socket().as_str(), "ws://localhost:1/api/v1/socket");
        assert_eq!(at("localhost:1").api(&["a/b", "?"]).as_str(), "http://localhost:1/api/v1/a%2Fb/%3F");
    }

    #[test]
    fn an_invite_link_is_taken_apart() {
        let check = |link, expected: Option<(&str, &str)>| {
            let read = parse_invite(link).ok().map(|(server, secret)| (server.to_string(), secret));
            assert_eq!(read, expected.map(|(server, secret)| (server.to_owned(), secret.to_owned())), "{link:?}");
        };
        check("https://fil.example.org/invite#abc-DEF_1", Some(("https://fil.example.org", "abc-DEF_1")));
        check(" http://127.0.0.1:8080/invite#abc\n", Some(("http://127.0.0.1:8080", "abc")));
        check("http://127.0.0.1:8080/invite/abc/", Some(("http://127.0.0.1:8080", "abc")));
        check("example.org/chat/invite#abc", Some(("https://example.org/chat", "abc")));
        for bad in [
            "",
            "abc",
            "https://x.org/invite",
            "https://x.org/invite#",
            "https://x.org/invite/a/b",
            "ftp://x/invite#abc",
        ] {
            check(bad, None);
        }
    }
}
