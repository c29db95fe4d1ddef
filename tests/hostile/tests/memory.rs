//! What hostile input costs in memory: bombs, floods and bodies without end (S12, S14, S16 and S17 of the security list).
//!
//! A process of its own, in which one test runs at a time: what is measured is the highest that the process had while the
//! input was handled, above what it had before. Linux says both, and forgets the highest when it is told to.
#![cfg(target_os = "linux")]

// These are shared with the table, which uses all of them.
#[path = "table/bomb.rs"]
mod bomb;
#[allow(dead_code, reason = "the table uses the rest")]
#[path = "table/liar.rs"]
mod liar;
#[allow(dead_code, reason = "the table uses the rest")]
#[path = "table/lies.rs"]
mod lies;
#[allow(dead_code, reason = "the table uses the rest")]
#[path = "table/route.rs"]
mod route;
#[allow(dead_code, reason = "the table uses the rest")]
#[path = "table/stage.rs"]
mod stage;

use std::fs;

use fil_client::bridge::types::Request;
use fil_client::bridge::{Bridge, Options, TokenChoice};
use fil_server::config::Config;
use tokio::sync::Mutex;

use crate::bomb::{bombs, zeros};
use crate::route::ROUTES;
use crate::stage::{Ask, Stage};

/// Held by the test that runs: the memory of the process is one.
static ALONE: Mutex<()> = Mutex::const_new(());

/// What the process had at most while this was done, beyond what it had before, in KiB.
async fn growth_kib<T>(work: impl Future<Output = T>) -> (usize, T) {
    // "5" is Linux's word for: the highest is what there is now.
    fs::write("/proc/self/clear_refs", "5").expect("a process may forget its own highest memory");
    let before = status_kib("VmRSS:");
    let result = work.await;
    (status_kib("VmHWM:").saturating_sub(before), result)
}

fn status_kib(key: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux describes every process");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("it says how much memory there is");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("in KiB")
}

/// The measure itself: memory that is there for a moment only is seen, and what came before is not.
#[tokio::test]
async fn memory_that_is_given_back_at_once_is_measured_all_the_same() {
    let _alone = ALONE.lock().await;
    let hold = async |mebibytes: usize| std::hint::black_box(vec![1_u8; mebibytes << 20]).len();
    let (much, _) = growth_kib(hold(64)).await;
    let (little, _) = growth_kib(hold(1)).await;
    // Linux counts in batches of pages, so a little is missing now and then.
    assert!(much >= 60 << 10, "{much} KiB");
    assert!(little < 16 << 10, "{little} KiB");
}

/// S16: no route unpacks a body. The smaller bomb has 64 MiB in it.
#[tokio::test]
async fn a_compression_bomb_is_refused_by_every_route_before_it_is_unpacked() {
    let _alone = ALONE.lock().await;
    let stage = Stage::new().await;
    for route in ROUTES.iter().filter(|route| route.body.is_some()) {
        for bomb in bombs() {
            let ask = Ask::post(route.address(&stage), bomb).bearer(&stage.ada.access_token);
            let ask = ask.with("content-encoding", "gzip");
            let (grown, answer) = growth_kib(stage.ask(&ask)).await;
            assert_eq!(answer.refusal(), "415 unsupported", "{}", route.path);
            println!("{}: {} bytes on the wire, {grown} KiB", route.path, ask.body.len());
            assert!(grown < 16 << 10, "{}: the memory grew by {grown} KiB", route.path);
        }
    }
}

/// Sign-ins of the flood.
const SIGN_INS: usize = 24;

/// S12 and S14: of many sign-ins at once, all within the limit of their number, one per core is hashed at a time. A hash
/// takes what it takes as Fil is shipped, 64 MiB; all at once would take 1.5 GiB. (Less than 32 MiB, the allocator of Linux
/// keeps for the next hash on the same thread, and the figure would be that of the allocator.)
#[tokio::test]
async fn a_flood_of_sign_ins_holds_one_hash_per_core() {
    let _alone = ALONE.lock().await;
    let shipped = Config::default().password.memory_kib;
    let stage = Stage::with(|config| config.password.memory_kib = shipped).await;
    let body = r#"{"organisation":"demo","handle":"nobody","password":"wrong password","device_name":"x"}"#;
    let asks = (0..SIGN_INS).map(|_| async { stage.ask(&Ask::post("/api/v1/sessions", body)).await });
    let (grown, answers) = growth_kib(futures_util::future::join_all(asks)).await;
    assert!(answers.iter().all(|answer| answer.refusal() == "401 unauthorised"), "every one was hashed");
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!("{SIGN_INS} sign-ins on {cores} cores: {grown} KiB");
    // One was really needed, and there is room for the connections, both ends of which are here.
    let (least, most) = (shipped as usize * 9 / 10, cores * shipped as usize + (32 << 10));
    assert!((least..most).contains(&grown), "the memory grew by {grown} KiB, which is not within {least}..{most}");
}

/// S17: a client holds 8 MiB of an answer at most, whether it comes so large or is unpacked to it.
#[tokio::test]
async fn an_answer_without_end_is_given_up_by_the_client() {
    let _alone = ALONE.lock().await;
    let hostile = liar::start().await;
    let folder = tempfile::tempdir().unwrap();
    let options = Options { tokens: TokenChoice::PrivateFile, ..Options::new(folder.path(), "ada") };
    let bridge = Bridge::open(options).unwrap();
    let sign_in = Request::SignIn {
        server: hostile.address.clone(),
        organisation: String::new(),
        handle: "ada".to_owned(),
        password: "canary-secret".to_owned(),
    };
    assert!(zeros(1 << 20).len() < 4 << 10, "a bomb is small");
    for (name, bytes, _) in lies::answers() {
        hostile.script.lock().unwrap().sessions = Some(bytes.into());
        let (grown, answered) = growth_kib(bridge.request(sign_in.clone())).await;
        assert!(answered.is_err(), "{name}: nobody was signed in");
        println!("{name}: {grown} KiB");
        assert!(grown < 32 << 10, "{name}: the memory grew by {grown} KiB");
    }
    bridge.close().await;
}
