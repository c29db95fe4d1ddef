//! One of everything that a door can be asked, made from what the house itself says that there is: the agreed wire format,
//! the OpenAPI document, the keys of the configuration, the requests of a screen.
//!
//! They are part of the corpus beside its files ([`crate::corpus`]). A new kind of frame, command, event, route, key or
//! request is therefore in the corpus from the day on which it exists, and nobody has to think of it.

use fil_client::bridge::types::{Request, TimelineRange};
use fil_server::config::layers::{defaults, variable};
use fil_server::http::document;
use serde_json::Value;

/// Every frame and every body, as they are written: a test of the protocol makes this file from its types, and does not
/// compile while a variant of one has no sample.
const WIRE: &str =
    include_str!("../../../core/protocol/tests/snapshots/wire__every_wire_type_is_written_as_agreed.snap");
/// The conversation of the samples there, and the one that the doors have.
const THEIRS: &str = "0c0c0c0c-0c0c-0c0c-0c0c-0c0c0c0c0c0c";
const OURS: &str = "018bcfe5-6800-7000-8000-0c0c0c0c0c0c";
/// The direct conversation that the door `bridge` has.
const DIRECT: &str = "2f6df318-ab1a-5ca1-96b5-39d4d11f6cce";
const BEN: &str = "0b0b0b0b-0b0b-0b0b-0b0b-0b0b0b0b0b0b";
const MESSAGE: &str = "0e0e0e0e-0e0e-0e0e-0e0e-0e0e0e0e0e0e";

/// The samples for a door, none if it takes nothing that has a list.
pub fn of(door: &str) -> Vec<Vec<u8>> {
    let texts = match door {
        "client_frames" => wire("client frames"),
        "server_frames" => server_frames(),
        "requests" => requests(),
        "configuration" => configuration(),
        "bridge" => every_request()
            .iter()
            .map(|request| serde_json::to_string(request).expect("requests are plain data"))
            .collect(),
        _ => Vec::new(),
    };
    texts.into_iter().map(String::into_bytes).collect()
}

/// The lines of one section of the wire format, about the conversation that the doors have.
fn wire(section: &str) -> Vec<String> {
    let lines = WIRE.lines().skip_while(|line| *line != format!("# {section}")).skip(1);
    lines.take_while(|line| !line.is_empty()).map(|line| line.replace(THEIRS, OURS)).collect()
}

/// Each frame and each page by itself, and behind the welcome and a window, where they mean something.
fn server_frames() -> Vec<String> {
    let mut frames = wire("server frames");
    frames.extend(
        wire("http bodies")
            .into_iter()
            .filter(|body| ["items", "accounts"].iter().any(|key| body.contains(&format!("\"{key}\":")))),
    );
    let welcome = frames.iter().find(|frame| frame.contains("\"welcome\"")).cloned().unwrap_or_default();
    // The welcome of the one whose databases they are.
    let welcome = welcome.replace(BEN, "0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a");
    let window = frames.iter().find(|frame| frame.contains("\"window\"")).cloned().unwrap_or_default();
    let behind = frames.iter().map(|frame| {
        // The account is asked for first, the conversation then.
        format!("{welcome}\n{window}\n{frame}").replace("\"request\":1,", "\"request\":2,")
    });
    frames.iter().cloned().chain(behind).collect()
}

/// Every route, with all its parameters; one that takes a body with every body that there is.
fn requests() -> Vec<String> {
    let document = serde_json::to_value(document()).expect("the document is JSON");
    let bodies = wire("http bodies");
    let mut requests = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let target = target(path, &operation["parameters"]);
            let line = format!("{} {target}\n\n", method.to_ascii_uppercase());
            if operation["requestBody"].is_null() {
                requests.push(line);
            } else {
                requests.extend(bodies.iter().map(|body| format!("{line}{body}")));
            }
        }
    }
    requests
}

fn target(path: &str, parameters: &Value) -> String {
    let mut target = path.to_owned();
    let mut query = Vec::new();
    for parameter in parameters.as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default();
        let value = match name {
            "conversation" => OURS,
            "device" => MESSAGE,
            "query" => "bon",
            _ => "2",
        };
        match parameter["in"].as_str() {
            Some("path") => target = target.replace(&format!("{{{name}}}"), value),
            Some("query") => query.push(format!("{name}={value}")),
            _ => {}
        }
    }
    if query.is_empty() { target } else { format!("{target}?{}", query.join("&")) }
}

/// Every key with its default, as a file has it, as a variable and as a flag.
fn configuration() -> Vec<String> {
    let (mut file, mut variables, mut flags) = (Vec::new(), Vec::new(), Vec::new());
    for (key, value) in defaults() {
        let plain = match (value.as_str(), value.as_array()) {
            (Some(text), _) => text.to_owned(),
            (None, Some(list)) => list.iter().filter_map(|entry| entry.as_str()).collect::<Vec<_>>().join(","),
            (None, None) => value.to_string(),
        };
        file.push(format!("{key} = {value}"));
        variables.push(format!("{}={plain}", variable(&key)));
        flags.push(format!("{key}={plain}"));
    }
    vec![
        file.join("\n"),
        format!("\n--set\n{}", flags.join("\n")),
        format!("\n--env\n{}", variables.join("\n")),
        format!("{}\n--env\n{}\n--set\n{}", file.join("\n"), variables.join("\n"), flags.join("\n")),
    ]
}

/// Every request of a screen.
fn every_request() -> Vec<Request> {
    let mut requests = Vec::new();
    let mut request = Some(Request::Session);
    while let Some(this) = request {
        request = next(&this);
        requests.push(this);
    }
    let conversation = || DIRECT.to_owned();
    requests.push(Request::Timeline { conversation: conversation(), range: TimelineRange::From { seq: 1 } });
    let range = TimelineRange::Before { seq: 9, limit: 50 };
    requests.push(Request::Timeline { conversation: conversation(), range });
    requests
}

/// The request after this one. A new request takes its place in the row, or this does not compile.
fn next(request: &Request) -> Option<Request> {
    let conversation = || DIRECT.to_owned();
    let message = || MESSAGE.to_owned();
    let text = || "bonjour".to_owned();
    Some(match request {
        Request::Session => Request::Status,
        Request::Status => Request::Conversations,
        Request::Conversations => Request::Conversation { conversation: conversation() },
        Request::Conversation { .. } => {
            Request::Timeline { conversation: conversation(), range: TimelineRange::Opening { limit: 20 } }
        }
        Request::Timeline { .. } => Request::People { query: "be".to_owned() },
        Request::People { .. } => Request::OpenDirect { account: BEN.to_owned() },
        Request::OpenDirect { .. } => Request::CreateGroup { title: text(), members: vec![BEN.to_owned()] },
        Request::CreateGroup { .. } => Request::Send { conversation: conversation(), text: text() },
        Request::Send { .. } => Request::Edit { conversation: conversation(), message: message(), text: text() },
        Request::Edit { .. } => Request::Delete { conversation: conversation(), message: message() },
        Request::Delete { .. } => Request::Retry { conversation: conversation(), message: message() },
        Request::Retry { .. } => Request::Discard { conversation: conversation(), message: message() },
        Request::Discard { .. } => Request::MarkRead { conversation: conversation(), seq: 1 },
        Request::MarkRead { .. } => Request::SaveDraft { conversation: conversation(), text: text() },
        Request::SaveDraft { .. } => Request::Show { conversation: Some(conversation()) },
        Request::Show { .. } => Request::Search { query: "bon".to_owned(), conversation: None },
        Request::Search { .. } => Request::ConnectNow,
        Request::ConnectNow => Request::SignIn {
            server: "127.0.0.1:1".to_owned(),
            organisation: "demo".to_owned(),
            handle: "ada".to_owned(),
            password: text(),
        },
        Request::SignIn { .. } => {
            Request::AcceptInvite { link: "http://127.0.0.1:1/invite#code".to_owned(), password: text() }
        }
        Request::AcceptInvite { .. } => Request::SignOut { discard_unsent: false },
        Request::SignOut { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_house_lists_is_found() {
        let least =
            [("client_frames", 14), ("server_frames", 36), ("requests", 70), ("configuration", 4), ("bridge", 22)];
        for (door, samples) in least {
            assert!(of(door).len() >= samples, "{door}: {}", of(door).len());
        }
        let frames = of("client_frames").concat();
        assert!(String::from_utf8_lossy(&frames).contains(OURS), "about the conversation that the doors have");
        let requests = of("requests");
        let unfilled = requests
            .iter()
            .find(|request| request.split(|byte| *byte == b'\n').next().is_some_and(|line| line.contains(&b'{')));
        assert!(unfilled.is_none(), "{:?}", unfilled.map(|request| String::from_utf8_lossy(request)));
    }
}
