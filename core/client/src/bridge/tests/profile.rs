//! One profile, one process; and what is wrong with a profile is said.

use std::fs;

use super::*;

fn open(data: &TempDir) -> Option<FailureKind> {
    Bridge::open(options(data)).err().map(|failure| failure.kind)
}

#[tokio::test]
async fn a_profile_is_open_once_and_free_again_when_closed() {
    let stage = Stage::live().await;
    assert_eq!(open(&stage.data), Some(FailureKind::Locked));
    let Stage { data, bridge, mut updates, server: _server } = stage;
    timeout(LIMIT, bridge.close()).await.unwrap();
    while let Some(update) = updates.next().await {
        assert_ne!(update, Update::Overflowed);
    }
    assert_eq!(open(&data), None);
}

/// Also from a runtime that forbids blocking, and without ever waiting for the end.
#[tokio::test]
async fn a_dropped_bridge_closes_by_itself() {
    let stage = Stage::live().await;
    let Stage { data, bridge, mut updates, server: _server } = stage;
    drop(bridge);
    while updates.next().await.is_some() {}
    // The lock is freed right after the last update.
    while open(&data) == Some(FailureKind::Locked) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_damaged_or_newer_profile_is_refused_untouched_and_a_damaged_cache_is_rebuilt() {
    let stage = Stage::live().await;
    stage.server.write("ben", "kept by the server");
    let conversation = stage.open_direct("ben").await;
    let Stage { data, bridge, server, .. } = stage;
    bridge.close().await;
    let folder = data.path().join("profiles/ada");
    let check = |name: &str, content: &[u8], expected| {
        let path = folder.join(name);
        let before = fs::read(&path).unwrap();
        fs::write(&path, content).unwrap();
        assert_eq!(open(&data), Some(expected), "{name}");
        assert_eq!(fs::read(&path).unwrap(), content, "{name} is untouched");
        fs::write(&path, before).unwrap();
    };
    check("profile.json", br#"{"version":9}"#, FailureKind::NewerProfile);
    check("profile.json", b"{", FailureKind::DamagedProfile);
    check("local.db", &[b'x'; 8_192], FailureKind::DamagedProfile);
    check("local.db", b"", FailureKind::DamagedProfile);
    fs::write(folder.join("cache.db"), [b'x'; 8_192]).unwrap();
    let _ = fs::remove_file(folder.join("cache.db-wal"));
    let bridge = Bridge::open(options(&data)).unwrap();
    let updates = bridge.updates();
    let mut stage = Stage { server, data, bridge, updates };
    stage.until_drawn(&conversation, &["✓ ben: kept by the server"]).await;
}

/// The cache breaks under the open app, and the writer or a reader is the first to notice. What is not sent is in the
/// other database; the rest comes from the server again.
#[tokio::test]
async fn a_cache_that_breaks_while_the_app_is_open_is_rebuilt() {
    for table in ["kept_range", "item"] {
        let mut stage = Stage::live().await;
        let conversation = stage.server.write("ben", "before").to_string();
        stage.until_drawn(&conversation, &["✓ ben: before"]).await;
        let cache = rusqlite::Connection::open(stage.data.path().join("profiles/ada/cache.db")).unwrap();
        let damage = format!(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET rootpage = 999999 WHERE name = '{table}';
             PRAGMA schema_version = 1000;"
        );
        cache.execute_batch(&damage).unwrap();
        drop(cache);
        if table == "kept_range" {
            stage.server.write("ben", "after");
            stage.until_drawn(&conversation, &["✓ ben: before", "✓ ben: after"]).await;
        } else {
            stage.until_drawn(&conversation, &["✓ ben: before"]).await;
        }
        stage.until_status(|status| status.connection == Connection::Live && status.problem.is_none()).await;
        let aside = stage.data.path().join("profiles/ada/damaged-cache.db");
        assert!(aside.exists(), "it was moved aside");
    }
}

/// Damage that is first met while a draft is saved, which is no step of the session: the cache is built again at once,
/// and not only when something else meets the damage too. The next key press saves the draft.
#[tokio::test]
async fn a_cache_that_breaks_under_a_draft_is_rebuilt_at_once() {
    let mut stage = Stage::live().await;
    let conversation = stage.server.write("ben", "before").to_string();
    stage.until_drawn(&conversation, &["✓ ben: before"]).await;
    let cache = rusqlite::Connection::open(stage.data.path().join("profiles/ada/cache.db")).unwrap();
    let damage = "PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET rootpage = 999999 WHERE name = 'conversation';
        PRAGMA schema_version = 1000;";
    cache.execute_batch(damage).unwrap();
    drop(cache);
    let save = |text: &str| Request::SaveDraft { conversation: conversation.clone(), text: text.to_owned() };
    assert_eq!(stage.refused(save("half")).await, FailureKind::Internal);
    // The loop has mended it before it takes the next request, which reads nothing.
    assert_eq!(stage.ask(Request::ConnectNow).await, Response::Done);
    assert!(stage.data.path().join("profiles/ada/damaged-cache.db").exists(), "it was moved aside");
    stage.until_drawn(&conversation, &["✓ ben: before"]).await;
    assert_eq!(stage.ask(save("half a thought")).await, Response::Done);
}

/// The bridge is used from any thread, without a runtime of the caller's.
#[test]
fn a_bridge_needs_no_runtime_around_it() {
    let data = tempfile::tempdir().unwrap();
    let bridge = Bridge::open(options(&data)).unwrap();
    let answer = futures_util::future::FutureExt::now_or_never(bridge.request(Request::Session));
    assert!(answer.is_none_or(|answer| answer == Ok(Response::Session { session: None })));
}
