//! `fil bridge`: the door for a screen on this machine, and what goes through it.

use fil_end_to_end::{House, Server};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

async fn connect(door: &Value, token: &str, origin: Option<&str>) -> Result<Socket, u16> {
    let address = format!("ws://127.0.0.1:{}/?token={token}", door["port"]);
    let mut request = address.into_client_request().expect("the address is one");
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().expect("the origin is a header"));
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

async fn say(socket: &mut Socket, text: &str) {
    socket.send(Message::text(text)).await.expect("the bridge listens");
}

/// The next frame for which the test is looking.
async fn hear(socket: &mut Socket, wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let message = socket.next().await.expect("the bridge goes on").expect("the bridge speaks");
        let Ok(text) = message.to_text() else { continue };
        let frame: Value = serde_json::from_str(text).expect("frames are JSON");
        if wanted(&frame) {
            return frame;
        }
    }
}

/// The token opens one connection, for pages of this machine; requests are answered by id; updates come unasked.
#[tokio::test]
async fn a_screen_on_this_machine_talks_to_the_core() {
    let house = House::with(&[("ada", "Ada Lovelace"), ("ben", "Ben Ouali")]);
    let server = Server::start(&house);
    let (ada, ben) = (house.sign_in(&server, "ada", "ada"), house.sign_in(&server, "ben", "ben"));
    let mut bridge = ada.start(&["bridge", "--json"]);
    let door: Value = serde_json::from_str(&bridge.lines.wait_for("port")).expect("one JSON document");
    let token = door["token"].as_str().expect("a token").to_owned();

    assert_eq!(connect(&door, "wrong", None).await.err(), Some(403));
    assert_eq!(connect(&door, &token, Some("https://evil.example")).await.err(), Some(403));
    let mut socket = connect(&door, &token, Some("http://127.0.0.1:5173")).await.expect("the door opens");
    assert_eq!(connect(&door, &token, None).await.err(), Some(403), "a token is good for one connection");

    say(&mut socket, &json!({ "id": 7, "request": { "type": "session" } }).to_string()).await;
    let frame = hear(&mut socket, |frame| frame["id"] == 7).await;
    assert_eq!(frame["response"]["session"]["handle"], "ada");
    for (text, id) in [
        ("not json", Value::Null),
        ("{\"id\": 8}", Value::Null),
        ("{\"id\": 9, \"request\": {\"type\": \"shout\"}}", json!(9)),
        ("{\"id\": 10, \"request\": {\"type\": \"send\", \"conversation\": \"x\", \"text\": \"y\"}}", json!(10)),
    ] {
        say(&mut socket, text).await;
        let frame = hear(&mut socket, |frame| frame.get("failure").is_some()).await;
        assert_eq!(frame["id"], id, "{text}: {frame}");
    }
    let sent = tokio::task::spawn_blocking(move || ben.run(&["send", "ada", "bonjour"]).ok());
    let update = hear(&mut socket, |frame| frame["update"]["type"] == "timeline").await;
    say(
        &mut socket,
        &json!({ "id": 11, "request": {
            "type": "timeline",
            "conversation": update["update"]["conversation"],
            "range": { "type": "opening", "limit": 10 },
        } })
        .to_string(),
    )
    .await;
    let frame = hear(&mut socket, |frame| frame["id"] == 11).await;
    assert!(frame["response"]["timeline"]["items"].is_array(), "{frame}");
    assert_eq!(sent.await.expect("ben writes").trim(), "sent");

    socket.close(None).await.expect("the bridge listens");
    assert_eq!(bridge.finish().0, 0, "it ends with its one connection");
}
