//! Access tokens and refresh tokens: forged, stolen, old, and of somebody else, at every door that asks for one (row 49 of
//! the failure catalogue; S6 to S10 of the security list).

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64};
use fil_protocol::ClientFrame;
use fil_protocol::http::Session;
use fil_server::auth::keys::Keys;
use fil_server::auth::refresh::Presented;
use fil_server::clock::now_ms;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::stage::{Answer, Ask, Findings, Stage, bytes, code, dump};

/// What a forger has: the public key (and, in some cases, the signing key, to show that a good signature is not enough).
struct Forge {
    pair: Ed25519KeyPair,
    public: Vec<u8>,
    header: Value,
    body: Value,
    good: String,
    /// Somewhere that a token could point to.
    elsewhere: String,
    eve: Session,
    ben: Session,
    ada: Session,
}

/// A token, made in the forge.
type Make = fn(&Forge) -> String;

const REFUSED: &str = "unauthorised";
/// Signed by the server, at another time.
const UNTIMELY: &str = "token_expired";

/// Every forgery, and how it is refused.
const FORGERIES: &[(&str, Make, &str)] = &[
    ("nothing", |_| String::new(), REFUSED),
    ("a word", |_| "good".into(), REFUSED),
    ("dots", |_| "..".into(), REFUSED),
    ("one part", |forge| part(forge, 1), REFUSED),
    ("two parts", |forge| part(forge, 2), REFUSED),
    ("four parts", |forge| format!("{}.x", forge.good), REFUSED),
    ("no signature", |forge| format!("{}.", part(forge, 2)), REFUSED),
    ("half a signature", |forge| forge.good[..forge.good.len() - 20].into(), REFUSED),
    ("a signature with a byte more", |forge| format!("{}AA", forge.good), REFUSED),
    ("a signature of zeros", |forge| format!("{}.{}", part(forge, 2), BASE64.encode([0; 64])), REFUSED),
    ("the standard alphabet", |forge| format!("{}.{}", part(forge, 2), BASE64_STANDARD.encode([0xff; 64])), REFUSED),
    ("4 KiB", |_| "a".repeat(4_096), REFUSED),
    ("a body of 1.5 KiB", |forge| signed(forge, &[], &[("name", json!("a".repeat(1_500)))]), REFUSED),
    ("alg none", |forge| unsigned(forge, "none"), REFUSED),
    ("alg None", |forge| unsigned(forge, "None"), REFUSED),
    ("alg NONE", |forge| unsigned(forge, "NONE"), REFUSED),
    ("no alg", |forge| signed(forge, &[("alg", Value::Null)], &[]), REFUSED),
    ("HS256 with the public key", |forge| keyed(forge, "HS256", &forge.public), REFUSED),
    (
        "HS256 with the public key as text",
        |forge| keyed(forge, "HS256", BASE64.encode(&forge.public).as_bytes()),
        REFUSED,
    ),
    ("HS256 with an empty key", |forge| keyed(forge, "HS256", b""), REFUSED),
    ("EdDSA signed by HMAC", |forge| keyed(forge, "EdDSA", &forge.public), REFUSED),
    ("RS256", |forge| signed(forge, &[("alg", json!("RS256"))], &[]), REFUSED),
    ("ES256", |forge| signed(forge, &[("alg", json!("ES256"))], &[]), REFUSED),
    ("an alg that nobody knows", |forge| signed(forge, &[("alg", json!("X"))], &[]), REFUSED),
    ("a list of algs", |forge| signed(forge, &[("alg", json!(["EdDSA"]))], &[]), REFUSED),
    ("type JWT", |forge| signed(forge, &[("typ", json!("JWT"))], &[]), REFUSED),
    ("type of an identity", |forge| signed(forge, &[("typ", json!("id_token"))], &[]), REFUSED),
    ("no type", |forge| signed(forge, &[("typ", Value::Null)], &[]), REFUSED),
    ("no kid", |forge| signed(forge, &[("kid", Value::Null)], &[]), REFUSED),
    ("an unknown kid", |forge| signed(forge, &[("kid", json!("0123456789abcdef"))], &[]), REFUSED),
    ("an empty kid", |forge| signed(forge, &[("kid", json!(""))], &[]), REFUSED),
    ("a path as kid", |forge| signed(forge, &[("kid", json!("../../../../dev/null"))], &[]), REFUSED),
    ("a file of the server as kid", |forge| signed(forge, &[("kid", json!("keys/refresh.key"))], &[]), REFUSED),
    ("SQL as kid", |forge| signed(forge, &[("kid", json!("x' UNION SELECT 'key' --"))], &[]), REFUSED),
    ("a shell as kid", |forge| signed(forge, &[("kid", json!("|/bin/true"))], &[]), REFUSED),
    ("NUL as kid", |forge| signed(forge, &[("kid", json!("\0"))], &[]), REFUSED),
    ("an address of keys", |forge| signed(forge, &[("jku", json!(forge.elsewhere))], &[]), REFUSED),
    ("an address of a certificate", |forge| signed(forge, &[("x5u", json!(forge.elsewhere))], &[]), REFUSED),
    ("a certificate", |forge| signed(forge, &[("x5c", json!(["MIIB"]))], &[]), REFUSED),
    ("a key that it brings along", own_key, REFUSED),
    ("a critical header", |forge| signed(forge, &[("crit", json!(["exp"]))], &[]), REFUSED),
    ("a stranger's key", stranger, REFUSED),
    ("a changed body under the old signature", changed, REFUSED),
    ("another issuer", |forge| signed(forge, &[], &[("iss", json!("elsewhere"))]), REFUSED),
    ("no issuer", |forge| signed(forge, &[], &[("iss", Value::Null)]), REFUSED),
    ("no audience", |forge| signed(forge, &[], &[("aud", Value::Null)]), REFUSED),
    ("the audience of everybody", |forge| signed(forge, &[], &[("aud", json!("*"))]), REFUSED),
    ("another organisation's audience", |forge| signed(forge, &[], &[("aud", json!(forge.eve.organisation))]), REFUSED),
    (
        "two audiences",
        |forge| signed(forge, &[], &[("aud", json!([forge.body["aud"], forge.eve.organisation]))]),
        REFUSED,
    ),
    ("another account", |forge| signed(forge, &[], &[("sub", json!(forge.ben.profile.account))]), REFUSED),
    (
        "an account of another organisation",
        |forge| signed(forge, &[], &[("sub", json!(forge.eve.profile.account))]),
        REFUSED,
    ),
    ("another account's device", |forge| signed(forge, &[], &[("device", json!(forge.ben.device))]), REFUSED),
    ("a device that is none", |forge| signed(forge, &[], &[("device", json!("laptop"))]), REFUSED),
    ("no device", |forge| signed(forge, &[], &[("device", Value::Null)]), REFUSED),
    ("no expiry", |forge| signed(forge, &[], &[("exp", Value::Null)]), REFUSED),
    ("an expiry that is text", |forge| signed(forge, &[], &[("exp_ms", json!("never"))]), REFUSED),
    ("an expiry beyond all clocks", |forge| signed(forge, &[], &[("exp_ms", json!(u64::MAX))]), UNTIMELY),
    ("an expiry that is negative", |forge| signed(forge, &[], &[("exp_ms", json!(-1))]), REFUSED),
    ("a year of life", |forge| signed(forge, &[], &[("exp_ms", json!(now_ms() + 31_536_000_000))]), UNTIMELY),
    ("issued tomorrow", |forge| signed(forge, &[], &[("iat", json!(now_ms() / 1000 + 86_400))]), UNTIMELY),
    ("good tomorrow", |forge| signed(forge, &[], &[("nbf", json!(now_ms() / 1000 + 86_400))]), UNTIMELY),
    ("issued in a float", |forge| signed(forge, &[], &[("iat", json!(1.5))]), REFUSED),
    ("expired", expired, UNTIMELY),
    ("expired by a millisecond", |forge| signed(forge, &[], &[("exp_ms", json!(now_ms() - 1))]), UNTIMELY),
    ("a refresh token", |forge| forge.ada.refresh_token.clone(), REFUSED),
    ("a body that is a list", |forge| sign(forge, &forge.header, &json!([forge.body])), REFUSED),
    ("a header that is null", |forge| sign(forge, &Value::Null, &forge.body), REFUSED),
];

/// The doors that ask for an access token.
const DOORS: usize = 3;

/// The door's name and the number of its cases.
pub(crate) fn count() -> (&'static str, usize) {
    ("tokens", FORGERIES.len() * DOORS + REFRESHES.len())
}

fn part(forge: &Forge, parts: usize) -> String {
    forge.good.split('.').take(parts).collect::<Vec<_>>().join(".")
}

fn text(header: &Value, body: &Value) -> String {
    format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(body.to_string()))
}

fn sign(forge: &Forge, header: &Value, body: &Value) -> String {
    let text = text(header, body);
    format!("{text}.{}", BASE64.encode(forge.pair.sign(text.as_bytes()).as_ref()))
}

fn changes(value: &Value, changes: &[(&str, Value)]) -> Value {
    let mut value = value.clone();
    for (key, new) in changes {
        let object = value.as_object_mut().expect("both parts are objects");
        match new {
            Value::Null => object.remove(*key),
            new => object.insert((*key).to_owned(), new.clone()),
        };
    }
    value
}

/// Changed, and signed by the server's own key: the best that a forger could ever do.
fn signed(forge: &Forge, header: &[(&str, Value)], body: &[(&str, Value)]) -> String {
    sign(forge, &changes(&forge.header, header), &changes(&forge.body, body))
}

fn unsigned(forge: &Forge, alg: &str) -> String {
    format!("{}.", text(&changes(&forge.header, &[("alg", json!(alg))]), &forge.body))
}

fn keyed(forge: &Forge, alg: &str, key: &[u8]) -> String {
    let text = text(&changes(&forge.header, &[("alg", json!(alg))]), &forge.body);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    format!("{text}.{}", BASE64.encode(tag.as_ref()))
}

fn stranger(forge: &Forge) -> String {
    let pair = Ed25519KeyPair::generate().unwrap();
    format!("{}.{}", part(forge, 2), BASE64.encode(pair.sign(part(forge, 2).as_bytes()).as_ref()))
}

fn own_key(forge: &Forge) -> String {
    let pair = Ed25519KeyPair::generate().unwrap();
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(pair.public_key().as_ref()) });
    let text = text(&changes(&forge.header, &[("jwk", key)]), &forge.body);
    format!("{text}.{}", BASE64.encode(pair.sign(text.as_bytes()).as_ref()))
}

fn changed(forge: &Forge) -> String {
    let body = changes(&forge.body, &[("sub", json!(forge.ben.profile.account)), ("device", json!(forge.ben.device))]);
    let (_, signature) = forge.good.rsplit_once('.').expect("a token has three parts");
    format!("{}.{signature}", text(&forge.header, &body))
}

fn expired(forge: &Forge) -> String {
    let then_ms = now_ms() - 86_400_000;
    let life = [("iat", json!(then_ms / 1000)), ("exp", json!(then_ms / 1000)), ("exp_ms", json!(then_ms))];
    signed(forge, &[], &life)
}

async fn forge(stage: &Stage, elsewhere: &TcpListener) -> Forge {
    let keys = Keys::load_or_create(&stage.database().parent().unwrap().join("keys"), now_ms()).unwrap();
    let newest = keys.access.last().unwrap();
    let good = stage.ada.access_token.clone();
    let decoded: Vec<Value> =
        good.split('.').take(2).map(|part| serde_json::from_slice(&BASE64.decode(part).unwrap()).unwrap()).collect();
    let forge = Forge {
        pair: Ed25519KeyPair::from_pkcs8(&newest.pkcs8).unwrap(),
        public: newest.public.clone(),
        header: decoded[0].clone(),
        body: decoded[1].clone(),
        good,
        elsewhere: format!("http://{}/keys", elsewhere.local_addr().unwrap()),
        eve: stage.eve.clone(),
        ben: stage.ben.clone(),
        ada: stage.ada.clone(),
    };
    // The forge itself works: a token made here without a change is as good as the server's.
    let own = signed(&forge, &[], &[]);
    assert_eq!(stage.ask(&Ask::get("/api/v1/me").bearer(&own)).await.status, 200);
    forge
}

/// Every forgery over HTTP, at the handshake, and as a renewal of an open socket.
#[tokio::test]
async fn every_forged_token_is_refused_at_every_door() {
    let stage = Stage::new().await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut neighbour = stage.socket_of(&stage.ben).await;
    let forge = forge(&stage, &elsewhere).await;
    let before = dump(&stage.database(), &["device"]);
    let mut findings = Findings::default();
    for (name, make, expected) in FORGERIES {
        let token = make(&forge);
        let answer = stage.ask(&Ask::get("/api/v1/me").bearer(&token)).await;
        findings.check(answer.refusal(), format!("401 {expected}"), format!("{name} over HTTP"));
        assert!(!answer.text.contains(&stage.ada.profile.account.to_string()), "{name} tells who");
        let opened = stage.open(&[("Authorization", &format!("Bearer {token}"))]).await;
        let got = opened.map_or_else(|(status, error)| format!("{status} {}", code(&error)), |_| "open".to_owned());
        findings.check(got, format!("401 {expected}"), format!("{name} at the handshake"));
        // A renewal is compared with who opened the socket, so a token for somebody else is refused by that.
        let mut socket = stage.socket_of(&stage.ada).await;
        socket.send(&ClientFrame::Renew { token }).await;
        findings.check(socket.end().await, format!("{expected} 4401"), format!("{name} as a renewal"));
        stage.check_neighbour(&mut neighbour).await;
    }
    assert_eq!(dump(&stage.database(), &["device"]), before);
    findings.end();
    // Nobody followed an address in a token: whoever had, would wait in this queue.
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(elsewhere.poll_accept(&mut context).is_pending(), "the server asked for a key elsewhere");
}

/// A refresh token, from Ada's genuine one.
type Refresh = fn(&Stage, Presented) -> String;

/// Refresh tokens that nobody was given.
const REFRESHES: &[(&str, Refresh)] = &[
    ("an access token", |stage, _| stage.ada.access_token.clone()),
    ("truncated", |stage, _| stage.ada.refresh_token[..40].to_owned()),
    ("without its last letter", |stage, _| stage.ada.refresh_token[..stage.ada.refresh_token.len() - 1].to_owned()),
    ("another prefix", |stage, _| stage.ada.refresh_token.replacen("filr_", "fila_", 1)),
    ("in capitals", |stage, _| stage.ada.refresh_token.to_uppercase()),
    ("a space behind it", |stage, _| format!("{} ", stage.ada.refresh_token)),
    ("twice", |stage, _| stage.ada.refresh_token.repeat(2)),
    ("signed with another key", |_, ada| fil_server::auth::refresh::RefreshTokens::new(&[7; 32]).issue(ada)),
    ("a device of another account under its name", |stage, ada| {
        spliced(stage, &Presented { device: stage.ben.device, ..ada })
    }),
    ("another organisation under its name", |stage, ada| {
        spliced(stage, &Presented { organisation: stage.eve.organisation, ..ada })
    }),
    ("the highest counter under its name", |stage, ada| spliced(stage, &Presented { counter: u64::MAX, ..ada })),
    ("genuine, for a device that does not exist", |stage, ada| {
        genuine(stage, Presented { device: [7; 16].into(), ..ada })
    }),
    ("genuine, for an organisation that does not exist", |stage, ada| {
        genuine(stage, Presented { organisation: [7; 16].into(), ..ada })
    }),
    ("genuine, for a device of another organisation", |stage, ada| {
        genuine(stage, Presented { device: stage.eve.device, ..ada })
    }),
];

fn genuine(stage: &Stage, presented: Presented) -> String {
    stage.running.edge().refresh.issue(presented)
}

/// Another content under the signature of Ada's token.
fn spliced(stage: &Stage, presented: &Presented) -> String {
    let decode = |token: &str| BASE64.decode(token.trim_start_matches("filr_")).unwrap();
    let (named, own) = (decode(&genuine(stage, *presented)), decode(&stage.ada.refresh_token));
    format!("filr_{}", BASE64.encode([&named[..40], &own[40..]].concat()))
}

async fn refresh(stage: &Stage, token: &str) -> Answer {
    stage.ask(&Ask::post("/api/v1/sessions/refresh", bytes(&json!({ "refresh_token": token })))).await
}

/// What nobody was given is refused, and the device that it names goes on.
#[tokio::test]
async fn every_forged_refresh_token_is_refused_and_revokes_nobody() {
    let stage = Stage::new().await;
    let before = dump(&stage.database(), &[]);
    let mut findings = Findings::default();
    let ada = stage.running.edge().refresh.read(&stage.ada.refresh_token).unwrap();
    for (name, make) in REFRESHES {
        let answer = refresh(&stage, &make(&stage, ada)).await;
        findings.check(answer.refusal(), "401 unauthorised", name);
    }
    assert_eq!(dump(&stage.database(), &[]), before);
    assert_eq!(refresh(&stage, &stage.ada.refresh_token.clone()).await.status, 200);
    findings.end();
}

/// A thief replays a token after its grace: the whole family is void, of this device alone.
#[tokio::test]
async fn a_replayed_refresh_token_ends_its_family_and_nobody_elses() {
    let stage = Stage::with(|config| config.sessions.refresh_grace_ms = 0).await;
    let mut neighbour = stage.socket_of(&stage.ben).await;
    let mut socket = stage.socket_of(&stage.ada).await;
    let next: Session = serde_json::from_str(&refresh(&stage, &stage.ada.refresh_token).await.text).unwrap();
    // The successor has arrived: it is in use.
    assert_eq!(stage.ask(&Ask::get("/api/v1/me").bearer(&next.access_token)).await.status, 200);
    assert_eq!(refresh(&stage, &stage.ada.refresh_token).await.refusal(), "401 device_revoked");
    assert_eq!(socket.end().await, "device_revoked 4401");
    for token in [&next.refresh_token, &stage.ada.refresh_token] {
        assert_eq!(refresh(&stage, token).await.refusal(), "401 device_revoked");
    }
    for token in [&next.access_token, &stage.ada.access_token] {
        assert_eq!(stage.ask(&Ask::get("/api/v1/me").bearer(token)).await.refusal(), "401 device_revoked");
    }
    stage.check_neighbour(&mut neighbour).await;
}
