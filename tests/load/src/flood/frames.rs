//! Frames as fast as the socket takes them.

use std::time::Duration;

use fil_protocol::{ClientFrame, Command, RawCommand, Stream};
use fil_server::clock::now_ms;
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::connections::connect;
use super::{Flood, Flooder, Kind};
use crate::house::message_id;
use crate::{Failure, talk, text};

/// One device: it connects, sends until it is ended, and connects again at once.
pub(super) async fn drown(flood: &Flood, flooder: &Flooder) -> Result<(), Failure> {
    let mut all = 0;
    loop {
        let mut request = format!("ws://{}/api/v1/socket", flood.address).into_client_request()?;
        request.headers_mut().append("authorization", format!("Bearer {}", flooder.token).parse()?);
        let Some(stream) = connect(flood, flooder).await else { continue };
        // A server that does not even shake hands with a flooder is in its right.
        let Ok((socket, _)) = client_async(request, stream).await else { continue };
        let (mut sink, mut source) = socket.split();
        let writing = async {
            let mut frame = talk::hello(None, 0, 0);
            let mut no = 0;
            while sink.send(Message::text(frame)).await.is_ok() {
                flood.count(&flood.sent);
                (no, all) = (no + 1, all + 1);
                frame = frame_of(flood, flooder, no, all).encode();
                tokio::task::yield_now().await;
            }
        };
        let reading = async { while let Some(Ok(_)) = source.next().await {} };
        // The server has ended it, which either half sees.
        tokio::select! {
            () = reading => {}
            () = writing => {}
        }
        flood.count(&flood.ends);
        // The next connection must not be refused for the place of this one.
        let _ = timeout(Duration::from_secs(1), sink.close()).await;
    }
}

/// The frame with this number of its connection, which is this one of its device's.
fn frame_of(flood: &Flood, flooder: &Flooder, no: u64, all: u64) -> ClientFrame {
    let conversation = flood.group;
    match flood.kind {
        Kind::Pulls => {
            ClientFrame::Pull { request: no, stream: Stream::Conversation(conversation), after: None, items_max: None }
        }
        Kind::Messages => {
            // Beyond the numbers of those who talk beside it.
            let (message, text) = (message_id(flooder.number + 100, all), text::of(all, text::BYTES));
            let command = Command::SendMessage { conversation, message, text, composed_at_ms: now_ms() };
            ClientFrame::Command { no, command: RawCommand::Known(command) }
        }
        _ => ClientFrame::Ping,
    }
}
