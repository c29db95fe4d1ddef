//! Invites: one-time links that let a person choose a password.
//!
//! The secret is 32 random bytes; the database holds its SHA-256, which is enough for a secret that cannot be guessed.
//! It stands behind the `#` of the link, which no browser sends, so it is in no log of a server or proxy.

use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;

use super::keys::{KeyError, random};

/// A new secret, as it stands in the link.
pub fn create() -> Result<String, KeyError> {
    Ok(BASE64.encode(random::<32>()?))
}

/// What the database stores of a secret.
pub fn hash(secret: &str) -> [u8; 32] {
    hash_bytes(secret.as_bytes())
}

/// SHA-256.
pub fn hash_bytes(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// The link that a person opens or pastes into the app.
pub fn link(public_url: &str, secret: &str) -> String {
    format!("{public_url}/invite#{secret}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_the_link_hides_them_from_servers() {
        let (one, other) = (create().unwrap(), create().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 43);
        assert_ne!(hash(&one), hash(&other));
        assert_eq!(link("https://chat.example", "abc"), "https://chat.example/invite#abc");
    }
}
