//! Access tokens: signed statements of who a device is, good for ten minutes at most.
//!
//! A JWT (RFC 9068's profile) with exactly one form: Ed25519, type `at+jwt`, a key from the fixed map of this server,
//! issued by this server, for one organisation. Everything that a JWT library could otherwise be talked into (`none`,
//! an HMAC with the public key, keys that the token brings along) is refused before its claims are looked at.
//!
//! A token says who; whether the device is revoked or the account disabled meanwhile is in the database.

use std::collections::BTreeMap;

use fil_protocol::{AccountId, DeviceId, ErrorCode, OrganisationId, ProtocolError};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use super::keys::Keys;

const ISSUER: &str = "fil";
const TYPE: &str = "at+jwt";
const TOKEN_BYTES_MAX: usize = 2 * 1024;
/// How far in the future a token may have been issued: another node's clock may be ahead.
const SKEW_MS: u64 = 60_000;

/// Issues and verifies access tokens.
pub struct AccessTokens {
    signing: (String, EncodingKey),
    verifying: BTreeMap<String, DecodingKey>,
    life_ms: u64,
}

/// What a valid token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The tenant.
    pub organisation: OrganisationId,
    /// Who.
    pub account: AccountId,
    /// On which device.
    pub device: DeviceId,
    /// The counter of the refresh token that was given out with it.
    pub refresh: Option<u64>,
    /// When the token stops being valid, in milliseconds since 1970.
    pub expires_at_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Body {
    iss: String,
    aud: String,
    sub: String,
    device: String,
    /// The counter of the refresh token that was given out with this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<u64>,
    /// Seconds, as JWT has it.
    iat: u64,
    /// Seconds. This server writes none; one that is there is held to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    /// Seconds; rounded up, so that a token lives at least as long as was said.
    exp: u64,
    /// The exact end in milliseconds, for lives that are not whole seconds.
    exp_ms: u64,
}

impl AccessTokens {
    /// With the keys of this server and the life of a token.
    pub fn new(keys: &Keys, life_ms: u64) -> Self {
        let newest = keys.access.last().expect("loading keys makes one when there is none");
        Self {
            signing: (newest.id.clone(), EncodingKey::from_ed_der(&newest.pkcs8)),
            verifying: keys.access.iter().map(|key| (key.id.clone(), DecodingKey::from_ed_der(&key.public))).collect(),
            life_ms,
        }
    }

    /// Life of a token.
    pub fn life_ms(&self) -> u64 {
        self.life_ms
    }

    /// A token for this device from now on.
    pub fn issue(&self, organisation: OrganisationId, account: AccountId, device: DeviceId, now_ms: u64) -> String {
        self.issue_beside(organisation, account, device, None, now_ms)
    }

    /// A token for this device from now on, given out together with the refresh token of this counter: whoever uses the
    /// one has received the other.
    pub fn issue_beside(
        &self,
        organisation: OrganisationId,
        account: AccountId,
        device: DeviceId,
        refresh: Option<u64>,
        now_ms: u64,
    ) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(self.signing.0.clone());
        let exp_ms = now_ms + self.life_ms;
        let body = Body {
            iss: ISSUER.to_owned(),
            aud: organisation.to_string(),
            sub: account.to_string(),
            device: device.to_string(),
            refresh,
            iat: now_ms / 1000,
            nbf: None,
            exp: exp_ms.div_ceil(1000),
            exp_ms,
        };
        encode(&header, &body, &self.signing.1).expect("an Ed25519 key that was loaded signs any text")
    }

    /// Who the token speaks for, or `unauthorised`, or `token_expired`.
    pub fn verify(&self, token: &str, now_ms: u64) -> Result<Claims, ProtocolError> {
        let refused = || ProtocolError::new(ErrorCode::Unauthorised, "the access token is not valid: sign in again");
        if token.len() > TOKEN_BYTES_MAX {
            return Err(refused());
        }
        let header = decode_header(token).map_err(|_| refused())?;
        let foreign = header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some() || header.x5c.is_some();
        if foreign || header.crit.is_some() || header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(TYPE) {
            return Err(refused());
        }
        let key = header.kid.and_then(|id| self.verifying.get(&id)).ok_or_else(refused)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The audience is parsed below and compared with the account's organisation where the account is read; the
        // times are compared with the clock that the caller brings.
        validation.validate_aud = false;
        validation.validate_exp = false;
        let body = decode::<Body>(token, key, &validation).map_err(|_| refused())?.claims;
        let claims = Claims {
            organisation: body.aud.parse().map_err(|_| refused())?,
            account: body.sub.parse().map_err(|_| refused())?,
            device: body.device.parse().map_err(|_| refused())?,
            refresh: body.refresh,
            expires_at_ms: body.exp_ms,
        };
        let begins = body.iat.max(body.nbf.unwrap_or(0));
        if begins > (now_ms + SKEW_MS) / 1000 || body.exp_ms > now_ms + SKEW_MS + self.life_ms {
            // Signed here: this clock was set back since, or tokens live shorter now. The device fetches another one; a
            // refusal for good would sign everybody out.
            let detail = "the access token is from the future or lives too long: refresh it";
            return Err(ProtocolError::new(ErrorCode::TokenExpired, detail));
        }
        if now_ms >= body.exp_ms {
            return Err(ProtocolError::new(ErrorCode::TokenExpired, "the access token has expired: refresh it"));
        }
        Ok(claims)
    }
}

impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AccessTokens").field("keys", &self.verifying.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
    use serde_json::{Value, json};

    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn setting() -> (Keys, AccessTokens, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::load_or_create(&folder.path().join("keys"), NOW_MS).unwrap();
        let tokens = AccessTokens::new(&keys, 600_000);
        (keys, tokens, folder)
    }

    fn claims() -> (OrganisationId, AccountId, DeviceId) {
        let random = [7; 10];
        (
            OrganisationId::from_parts(NOW_MS, &random),
            AccountId::from_parts(NOW_MS, &random),
            DeviceId::from_parts(NOW_MS, &random),
        )
    }

    #[test]
    fn a_token_is_good_until_it_expires() {
        let (_keys, tokens, _folder) = setting();
        let (organisation, account, device) = claims();
        let token = tokens.issue(organisation, account, device, NOW_MS);
        let expires_at_ms = NOW_MS + 600_000;
        assert_eq!(
            tokens.verify(&token, NOW_MS),
            Ok(Claims { organisation, account, device, refresh: None, expires_at_ms })
        );
        assert!(tokens.verify(&token, expires_at_ms - 1).is_ok());
        assert_eq!(tokens.verify(&token, expires_at_ms).unwrap_err().code, ErrorCode::TokenExpired);
    }

    #[test]
    fn a_token_signed_by_the_previous_key_stays_good_after_a_rotation() {
        let (_keys, tokens, folder) = setting();
        let (organisation, account, device) = claims();
        let later_ms = NOW_MS + super::super::keys::ROTATE_AFTER_MS;
        let token = tokens.issue(organisation, account, device, later_ms - 1);
        let rotated = Keys::load_or_create(&folder.path().join("keys"), later_ms).unwrap();
        let tokens = AccessTokens::new(&rotated, 600_000);
        assert!(tokens.verify(&token, later_ms).is_ok());
        assert_ne!(header_of(&tokens.issue(organisation, account, device, later_ms)), header_of(&token));
    }

    fn header_of(token: &str) -> Value {
        serde_json::from_slice(&BASE64.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
    }

    fn body_of(token: &str) -> Value {
        serde_json::from_slice(&BASE64.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
    }

    /// The table of forgeries: each begins with a good token, changes one thing and is signed again with the right key
    /// wherever a thief could do so.
    #[test]
    fn every_forged_token_is_refused() {
        let (keys, tokens, _folder) = setting();
        let (organisation, account, device) = claims();
        let good = tokens.issue(organisation, account, device, NOW_MS);
        let pair = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(&keys.access[0].pkcs8).unwrap();
        let signed = |header: &Value, body: &Value| {
            let text = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(body.to_string()));
            format!("{text}.{}", BASE64.encode(pair.sign(text.as_bytes()).as_ref()))
        };
        let (header, body) = (header_of(&good), body_of(&good));
        assert!(tokens.verify(&signed(&header, &body), NOW_MS).is_ok(), "the forge itself works");
        let with = |value: &Value, key: &str, new: Value| {
            let mut value = value.clone();
            value[key] = new;
            value
        };
        let without = |value: &Value, key: &str| {
            let mut value = value.clone();
            value.as_object_mut().unwrap().remove(key);
            value
        };
        let hmac = |header: &Value| {
            let text = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(body.to_string()));
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &keys.access[0].public);
            format!("{text}.{}", BASE64.encode(aws_lc_rs::hmac::sign(&key, text.as_bytes()).as_ref()))
        };
        let unsigned =
            |header: &Value| format!("{}.{}.", BASE64.encode(header.to_string()), BASE64.encode(body.to_string()));
        let stranger = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
        let text = good.rsplit_once('.').unwrap().0;
        let forgeries = [
            ("nothing", String::new()),
            ("no token", "good morning".to_owned()),
            ("two parts", text.to_owned()),
            ("too long", "a".repeat(3000)),
            ("no signature", format!("{text}.")),
            ("a stranger's key", format!("{text}.{}", BASE64.encode(stranger.sign(text.as_bytes()).as_ref()))),
            ("alg none", unsigned(&with(&header, "alg", json!("none")))),
            ("alg HS256 with the public key", hmac(&with(&header, "alg", json!("HS256")))),
            ("alg EdDSA signed by HMAC", hmac(&header)),
            ("alg RS256", signed(&with(&header, "alg", json!("RS256")), &body)),
            ("type JWT", signed(&with(&header, "typ", json!("JWT")), &body)),
            ("no type", signed(&without(&header, "typ"), &body)),
            ("no kid", signed(&without(&header, "kid"), &body)),
            ("unknown kid", signed(&with(&header, "kid", json!("0123")), &body)),
            ("a path as kid", signed(&with(&header, "kid", json!("../../dev/null")), &body)),
            ("SQL as kid", signed(&with(&header, "kid", json!("x' or '1'='1")), &body)),
            ("jku", signed(&with(&header, "jku", json!("https://thief.example/keys")), &body)),
            ("x5u", signed(&with(&header, "x5u", json!("https://thief.example/keys")), &body)),
            ("crit", signed(&with(&header, "crit", json!(["exp"])), &body)),
            ("another issuer", signed(&header, &with(&body, "iss", json!("elsewhere")))),
            ("no issuer", signed(&header, &without(&body, "iss"))),
            ("no audience", signed(&header, &without(&body, "aud"))),
            ("an audience that is no organisation", signed(&header, &with(&body, "aud", json!("everybody")))),
            ("two audiences", signed(&header, &with(&body, "aud", json!([body["aud"], body["sub"]])))),
            ("no device", signed(&header, &without(&body, "device"))),
            ("no expiry", signed(&header, &without(&body, "exp"))),
            ("a changed body", good.replacen(&BASE64.encode(body.to_string())[..8], "eyJpc3Mi", 1) + "x"),
        ];
        for (name, token) in forgeries {
            let refused = tokens.verify(&token, NOW_MS).expect_err(name);
            assert_eq!(refused.code, ErrorCode::Unauthorised, "{name}");
            assert!(!refused.detail.contains(account.to_string().as_str()), "{name} tells who");
        }
        // Ours, and at a wrong time: worth a refresh, because a clock that was set back makes such tokens as well.
        let untimely = [
            ("a year of life", "exp_ms", NOW_MS + 31_536_000_000),
            ("issued tomorrow", "iat", NOW_MS / 1000 + 86_400),
            ("good tomorrow", "nbf", NOW_MS / 1000 + 86_400),
            ("a number beyond all clocks", "iat", u64::MAX),
        ];
        for (name, key, value) in untimely {
            let token = signed(&header, &with(&body, key, json!(value)));
            assert_eq!(tokens.verify(&token, NOW_MS).expect_err(name).code, ErrorCode::TokenExpired, "{name}");
        }
    }

    /// Somebody sets the server's clock back by a day: devices refresh their tokens, nobody has to sign in again.
    #[test]
    fn a_token_of_before_the_clock_was_set_back_is_worth_a_refresh() {
        let (_keys, tokens, _folder) = setting();
        let (organisation, account, device) = claims();
        let token = tokens.issue(organisation, account, device, NOW_MS);
        for back_ms in [61_000, 86_400_000, NOW_MS] {
            let refused = tokens.verify(&token, NOW_MS - back_ms).unwrap_err();
            assert_eq!(refused.code, ErrorCode::TokenExpired, "{back_ms} ms");
        }
    }
}
