//! SIGKILL, and being suspended, in the traffic of several people with several devices, in two organisations.
//!
//! Everybody writes, edits, deletes and reads at open screens, while somebody takes members in and out and renames. At
//! points that are chosen by what was asked and answered, from a seed that is printed, the server or a client is killed,
//! or a client is stopped for a while. Afterwards the databases are read, not the programs believed. `FIL_KILLS` sets the
//! number of kills, `FIL_SEED` plays the same choices again.

use std::collections::BTreeMap;

use fil_end_to_end::{Chance, Device, House, Server, Voice, crowd, databases, kills};
use serde_json::{Value, json};

/// Actions between two faults, at most.
const ACTIONS: u64 = 12;

/// What somebody without an app does meanwhile: a group of its own, in which members come and go and the title changes.
struct Rota {
    device: Device,
    conversation: String,
    cleo: String,
    /// What the log must hold after its first event, in order.
    expected: Vec<String>,
    inside: bool,
}

impl Rota {
    fn begin(server: &Server, cleo: String) -> Self {
        let mut device = Device::sign_in(server, "gus");
        let conversation = "01900000-0000-7000-8000-000000000001".to_owned();
        let (kind, title, members) = ("group", "Rota", Vec::<String>::new());
        device.send(&json!({
            "type": "create_conversation", "conversation": conversation, "kind": kind, "title": title, "members": members,
        }));
        device.settle();
        Self { device, conversation, cleo, expected: Vec::new(), inside: false }
    }

    fn act(&mut self, chance: &mut Chance) {
        let (conversation, account) = (&self.conversation, &self.cleo);
        let (command, expected) = if chance.below(2) == 0 {
            let title = format!("Rota {}", self.expected.len());
            (json!({ "type": "set_title", "conversation": conversation, "title": title }), title)
        } else {
            self.inside = !self.inside;
            let (kind, change) = if self.inside { ("add_member", "joined") } else { ("remove_member", "left") };
            (json!({ "type": kind, "conversation": conversation, "account": account }), change.to_owned())
        };
        self.expected.push(expected);
        self.device.send(&command);
    }

    /// Rows 11 and 13: every change once, in order, in the log of its group.
    fn check(&self, all: &BTreeMap<String, databases::Conversation>) {
        let what = |body: &Value| {
            let change = body["title"].as_str().or_else(|| body["change"].as_str());
            change.unwrap_or_default().to_owned()
        };
        let found: Vec<String> = all[&self.conversation].events[1..].iter().map(|event| what(&event.body)).collect();
        assert_eq!(found, self.expected, "every change of the group, once, in order");
    }
}

/// Rows 3, 4, 6, 11, 12, 15, 16, 21, 30, 46: server and clients are killed or suspended in the middle of traffic, and
/// nothing that was promised is lost, doubled or out of order; all devices show what the server has; unread is a recount.
#[test]
fn whoever_is_killed_or_suspended_in_traffic_nothing_promised_is_lost_or_doubled() {
    let mut chance = Chance::from_environment();
    let house = crowd::house();
    let mut server = Server::start(&house);
    let mut voices = crowd::voices(&house, &server);
    crowd::begin(&mut voices);
    let cleo = house.account("cleo");
    let mut rota = Rota::begin(&server, cleo);
    let rounds = kills() * 3;
    let (mut faults, mut suspended) = ([0_u32; 3], None::<(usize, u64)>);
    for round in 0..rounds {
        for _ in 0..1 + chance.below(ACTIONS) {
            let who = chance.below(voices.len() as u64) as usize;
            if suspended.is_some_and(|(at, _)| at == who) {
                continue;
            }
            let id = voices[who].act(&mut chance);
            // Now and then the next thing comes before the answer; that is where a kill finds something half done.
            if chance.below(4) > 0 {
                voices[who].hear(id);
            }
            if chance.below(6) == 0 {
                rota.act(&mut chance);
            }
        }
        let who = chance.below(voices.len() as u64) as usize;
        match (chance.below(5), suspended) {
            (0 | 1, _) => {
                server.kill();
                server = Server::start(&house);
                faults[0] += 1;
                for (at, voice) in voices.iter_mut().enumerate() {
                    if suspended.is_none_or(|(stopped, _)| stopped != at) {
                        voice.hurry();
                    }
                }
            }
            (4, None) => {
                voices[who].screen.as_mut().expect("somebody looks").suspend();
                suspended = Some((who, 1 + chance.below(4)));
                faults[2] += 1;
            }
            (_, Some((stopped, _))) if stopped == who => {}
            _ => {
                voices[who].die();
                voices[who].come_back();
                faults[1] += 1;
            }
        }
        suspended = match suspended {
            Some((at, 0)) => {
                voices[at].screen.as_mut().expect("somebody looks").resume();
                None
            }
            Some((at, left)) => Some((at, left - 1)),
            None => None,
        };
        // The server stores so many verdicts and no more, so now and then they are taken.
        if round % 10 == 9 {
            rota.device.settle();
        }
        if round % 50 == 49 {
            eprintln!("{} of {rounds} faults: server, clients, suspended: {faults:?}", round + 1);
        }
    }
    if let Some((at, _)) = suspended {
        voices[at].screen.as_mut().expect("somebody looks").resume();
    }
    rota.device.settle();
    settle(&house, &server, voices, &rota);
    println!("killed the server {} times, clients {} times, suspended {} times", faults[0], faults[1], faults[2]);
}

/// Closes every screen, lets every profile send what waits, and compares everything with the server's database.
fn settle(house: &House, server: &Server, mut voices: Vec<Voice>, rota: &Rota) {
    for voice in &mut voices {
        voice.die();
        voice.fil.run(&["status", "--until", "sent", "--timeout", "60"]).ok();
    }
    for voice in &voices {
        voice.fil.run(&["status", "--until", "live", "--timeout", "60"]).ok();
    }
    let all = databases::conversations(house);
    rota.check(&all);
    for voice in &voices {
        voice.check(&all, voice.fil.profile());
        let outbox = databases::outbox(house, voice.fil.profile());
        assert_eq!((outbox.get("waiting"), outbox.get("rejected")), (None, None), "{}: {outbox:?}", voice.handle);
        let listed = voice.fil.json(&["list"]);
        for place in &voice.places {
            let shown = voice.fil.json(&["read", place, "--limit", "100000", "--peek"]);
            assert_eq!(shape(&shown), shape_of_log(&all[place]), "{} shows what the server has", voice.fil.profile());
            let rows = listed["conversations"].as_array().expect("a list");
            let row = rows.iter().find(|row| row["id"] == **place).expect("the conversation is listed");
            assert_eq!(row["unread"], all[place].unread(&voice.handle), "{}: unread is a recount", voice.handle);
        }
    }
    let promises: usize = voices.iter().map(Voice::promises).sum();
    assert!(promises > voices.len(), "there was traffic");
    println!("{promises} promises kept, {} changes of a group", rota.expected.len());
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200"));
}

/// A timeline in short: number and text of each message, nothing for a deleted one.
fn shape(timeline: &Value) -> Vec<(u64, Option<String>)> {
    let items = timeline["items"].as_array().cloned().unwrap_or_default();
    let message = |item: &Value| matches!(item["body"]["type"].as_str(), Some("message" | "deleted"));
    let short = |item: &Value| (item["seq"].as_u64().unwrap_or(0), item["body"]["text"].as_str().map(str::to_owned));
    items.iter().filter(|item| message(item)).map(short).collect()
}

fn shape_of_log(conversation: &databases::Conversation) -> Vec<(u64, Option<String>)> {
    let mut shape = BTreeMap::new();
    for event in &conversation.events {
        let text = event.body["text"].as_str().map(str::to_owned);
        match event.body["type"].as_str() {
            Some("message") => {
                shape.insert(event.seq, text);
            }
            Some("tombstone") if event.body["sent"].is_u64() => {
                shape.insert(event.seq, None);
            }
            Some("edit") => {
                shape.insert(event.body["target"].as_u64().expect("a number"), text);
            }
            _ => {}
        }
    }
    shape.into_iter().collect()
}
