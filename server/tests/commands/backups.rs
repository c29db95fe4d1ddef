//! Backups: taken while the server runs, checked, restored with a new epoch.

use std::fs;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::process::{Place, Server};

/// Writes a message into a group; the group's id.
async fn write(server: &Server, token: &str, group: Option<&str>, text: &str) -> String {
    let group = match group {
        Some(group) => group.to_owned(),
        None => {
            let body = json!({ "kind": "group", "title": "plan", "members": [] });
            let (status, made) = server.post("/api/v1/conversations", token, &body).await;
            assert_eq!(status, 201, "{made}");
            made["conversation"].as_str().unwrap().to_owned()
        }
    };
    let path = format!("/api/v1/conversations/{group}/messages");
    assert_eq!(server.post(&path, token, &json!({ "text": text })).await.0, 201);
    group
}

async fn texts(server: &Server, token: &str, group: &str) -> Vec<String> {
    let (status, page) = server.get(&format!("/api/v1/conversations/{group}/messages"), token).await;
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().unwrap().iter().filter_map(|item| Some(item["text"].as_str()?.to_owned())).collect()
}

/// The epoch, from the welcome of a socket.
async fn epoch(server: &Server, token: &str) -> Value {
    let url = format!("{}/api/v1/socket", server.url.replace("http://", "ws://"));
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let hello = json!({
        "type": "hello", "protocol": { "current": 1, "lowest": 1 }, "client": "test",
        "generation": "01890000-0000-7000-8000-000000000000", "epoch": null,
        "horizon": 0, "account_rev": 0, "acknowledged": 0,
    });
    socket.send(Message::Text(hello.to_string().into())).await.unwrap();
    let Some(Ok(Message::Text(welcome))) = socket.next().await else { panic!("no welcome") };
    serde_json::from_str::<Value>(&welcome).unwrap()["epoch"].clone()
}

#[tokio::test]
async fn a_backup_of_a_running_server_is_restored_with_a_new_epoch() {
    let place = Place::with_ada();
    let server = place.serve(&[]);
    let session = server.sign_in("ada").await;
    let token = session["access_token"].as_str().unwrap();
    let group = write(&server, token, None, "before the backup").await;
    let before = epoch(&server, token).await;

    let backup = place.file("monday.fil");
    let name = backup.to_str().unwrap();
    let done = place.run(&["backup", "create", name, "--json"]).json();
    assert_eq!(done["bytes"], json!(fs::metadata(&backup).unwrap().len()));
    #[cfg(unix)]
    assert_eq!(crate::process::mode(&backup), 0o600);
    let beside: Vec<_> = fs::read_dir(place.file("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!beside.iter().any(|name| name.to_str().unwrap().starts_with("monday.fil.")), "one file: {beside:?}");
    // The secret keys are not in it.
    let key = fs::read(place.data().join("keys/refresh.key")).unwrap();
    assert!(!fs::read(&backup).unwrap().windows(key.len()).any(|window| window == key));

    write(&server, token, Some(&group), "after the backup").await;
    place.run(&["backup", "create", name]).refused(6, &["exists already"]);
    place.run(&["backup", "restore", name]).refused(4, &["in use by another fil-server"]);
    assert_eq!(texts(&server, token, &group).await, ["before the backup", "after the backup"]);
    // Refreshed after the backup: the restored database is behind the device.
    let (_, refreshed) =
        server.post("/api/v1/sessions/refresh", "", &json!({ "refresh_token": session["refresh_token"] })).await;
    assert_eq!(server.end("-TERM").0, Some(0));

    let restored = place.run(&["backup", "restore", name, "--json"]).json();
    assert_ne!(restored["epoch"], before);
    let server = place.serve(&[]);
    assert_eq!(texts(&server, token, &group).await, ["before the backup"]);
    assert_eq!(epoch(&server, token).await, restored["epoch"]);
    let body = json!({ "refresh_token": refreshed["refresh_token"] });
    assert_eq!(server.post("/api/v1/sessions/refresh", "", &body).await.0, 200, "nobody is signed out by a restore");
    write(&server, token, Some(&group), "life goes on").await;
    assert_eq!(server.end("-TERM").0, Some(0));

    // What was replaced is a whole database, too.
    let replaced = restored["replaced"].as_str().unwrap();
    place.run(&["backup", "restore", replaced]).ok();
    let server = place.serve(&[]);
    assert_eq!(texts(&server, token, &group).await, ["before the backup", "after the backup"]);
    server.end("-TERM");
}

#[tokio::test]
async fn a_backup_is_restored_on_another_machine() {
    let place = Place::with_ada();
    let backup = place.file("monday.fil");
    place.run(&["backup", "create", backup.to_str().unwrap()]).ok();
    let other = Place::new();
    other.run(&["backup", "restore", backup.to_str().unwrap()]).ok();
    let server = other.serve(&[]);
    server.sign_in("ada").await;
    server.end("-TERM");
}

/// A backup that anybody may read, and one that nobody may write: the database is its owner's alone, and can be written.
#[cfg(unix)]
#[tokio::test]
async fn a_restored_database_does_not_get_the_mode_of_the_backup() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with_ada();
    let backup = place.file("monday.fil");
    place.run(&["backup", "create", backup.to_str().unwrap()]).ok();
    for mode in [0o444, 0o644] {
        fs::set_permissions(&backup, fs::Permissions::from_mode(mode)).unwrap();
        let said = place.run(&["backup", "restore", backup.to_str().unwrap()]).ok();
        assert!(said.contains("account disable") && said.contains("account password"), "{said}");
        // Root may write whatever the mode is, so the mode itself is looked at.
        assert_eq!(crate::process::mode(&place.data().join("fil.db")), 0o600);
        let server = place.serve(&[]);
        server.sign_in("ada").await;
        server.end("-TERM");
    }
}

#[test]
fn a_backup_that_is_damaged_or_something_else_replaces_nothing() {
    let place = Place::with_ada();
    let backup = place.file("monday.fil");
    place.run(&["backup", "create", backup.to_str().unwrap()]).ok();
    let database = place.data().join("fil.db");
    let before = fs::read(&database).unwrap();
    let sound = fs::read(&backup).unwrap();
    let mut torn = sound.clone();
    torn.truncate(sound.len() / 2);
    let mut scratched = sound.clone();
    scratched[5_000..9_000].fill(0xa5);
    let cases: [&[u8]; 4] = [&torn, &scratched, b"", b"something else entirely, and long enough to look at"];
    for bytes in cases {
        fs::write(&backup, bytes).unwrap();
        let ended = place.run(&["backup", "restore", backup.to_str().unwrap()]);
        assert_eq!(ended.code, 4, "{ended:?}");
        assert!(ended.err.contains("damaged"), "{ended:?}");
        assert_eq!(fs::read(&database).unwrap(), before);
    }
    let names: Vec<_> = fs::read_dir(place.data()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_str().unwrap().starts_with("restoring")), "{names:?}");
    Place::new().run(&["backup", "create", "x.fil"]).refused(4, &["holds no data"]);
}
