//! A voice: somebody who writes, edits and deletes, and remembers what the program promised.
//!
//! A response is a promise: what was answered is in the outbox on the disk. What was asked and never answered may have
//! happened or not. [`Voice::check`] compares the promises with the server's log.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::databases::Conversation;
use crate::{Chance, Fil, Screen};

/// Somebody at one device.
#[derive(Debug)]
pub struct Voice {
    /// Whose device.
    pub handle: String,
    /// The profile.
    pub fil: Fil,
    /// The open screen; none while nobody looks.
    pub screen: Option<Screen>,
    /// Ids of the conversations to write in.
    pub places: Vec<String>,
    written: u64,
    /// How many messages were asked for.
    orders: u64,
    said: BTreeMap<String, Vec<Said>>,
    doubtful: BTreeSet<String>,
    asked: BTreeMap<u64, Asked>,
}

/// A message that was promised.
#[derive(Clone, Debug)]
struct Said {
    message: String,
    /// The how-manieth thing that was asked for. Answers may come in another order, messages may not.
    order: u64,
    /// Texts that it may have in the end; none of them is certain if there are several.
    texts: Vec<String>,
    deleted: Sure,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sure {
    No,
    Perhaps,
    Yes,
}

/// What was asked, until it is answered.
#[derive(Clone, Debug)]
enum Asked {
    Send { place: String, text: String, order: u64 },
    Edit { place: String, at: usize, text: String },
    Delete { place: String, at: usize },
    Other,
}

impl Voice {
    /// Somebody with an open screen.
    pub fn new(handle: &str, fil: Fil) -> Self {
        let screen = Some(Screen::open(&fil));
        let (said, doubtful, asked) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self {
            handle: handle.to_owned(),
            fil,
            screen,
            places: Vec::new(),
            written: 0,
            orders: 0,
            said,
            doubtful,
            asked,
        }
    }

    fn screen(&mut self) -> &mut Screen {
        self.screen.as_mut().expect("somebody looks")
    }

    /// Begins a group with these people of the organisation; its id.
    pub fn begin_group(&mut self, title: &str, handles: &[&str]) -> String {
        let members = self.accounts(handles);
        self.opened(&json!({ "type": "create_group", "title": title, "members": members }))
    }

    /// Begins a conversation with one person; its id.
    pub fn begin_direct(&mut self, handle: &str) -> String {
        let account = self.accounts(&[handle]).remove(0);
        self.opened(&json!({ "type": "open_direct", "account": account }))
    }

    fn opened(&mut self, request: &Value) -> String {
        self.screen().ask(request)["conversation"].as_str().expect("an id").to_owned()
    }

    fn accounts(&mut self, handles: &[&str]) -> Vec<Value> {
        let people = self.screen().ask(&json!({ "type": "people", "query": "" }));
        let people = people["people"].as_array().cloned().unwrap_or_default();
        let id = |handle: &&str| people.iter().find(|person| person["handle"] == **handle).expect("a colleague");
        handles.iter().map(|handle| id(handle)["account"].clone()).collect()
    }

    /// Waits until every conversation to write in has come to this device.
    pub fn knows_its_places(&mut self) {
        for place in self.places.clone() {
            let request = json!({ "type": "conversation", "conversation": place });
            self.screen().wait_for(&request, |row| !row["conversation"].is_null());
        }
    }

    /// Tries to connect at once.
    pub fn hurry(&mut self) {
        self.screen().say(&json!({ "type": "connect_now" }));
    }

    /// Waits until everything is here and nothing waits to be sent.
    pub fn is_sent(&mut self) {
        self.screen().until("an empty outbox", |status| status["connection"] == "live" && status["waiting"] == 0);
    }

    /// Does something: mostly writes, sometimes edits or deletes what it wrote, or reads. Does not wait for the answer.
    pub fn act(&mut self, chance: &mut Chance) -> u64 {
        let place = self.places[chance.below(self.places.len() as u64) as usize].clone();
        let said = self.said.get(&place).map_or(&[][..], Vec::as_slice);
        let alive: Vec<usize> = (0..said.len()).filter(|at| said[*at].deleted == Sure::No).collect();
        let at = alive.get(chance.below(alive.len().max(1) as u64) as usize).copied();
        let conversation = &place;
        let (request, asked) = match (chance.below(20), at) {
            (0..=2, Some(at)) => {
                let text = format!("{} again", said[at].texts.last().expect("a text"));
                let request =
                    json!({ "type": "edit", "conversation": conversation, "message": said[at].message, "text": text });
                (request, Asked::Edit { place, at, text })
            }
            (3, Some(at)) => {
                let request = json!({ "type": "delete", "conversation": conversation, "message": said[at].message });
                (request, Asked::Delete { place, at })
            }
            (4, _) => (json!({ "type": "mark_read", "conversation": conversation, "seq": self.written }), Asked::Other),
            _ => {
                self.written += 1;
                let text = format!("{} {} {}", self.handle, self.fil.profile(), self.written);
                self.orders += 1;
                let order = self.orders;
                (
                    json!({ "type": "send", "conversation": conversation, "text": text }),
                    Asked::Send { place, text, order },
                )
            }
        };
        match &asked {
            Asked::Send { text, .. } => {
                self.doubtful.insert(text.clone());
            }
            Asked::Edit { place, at, text } => self.message(place, *at).texts.push(text.clone()),
            Asked::Delete { place, at } => self.message(place, *at).deleted = Sure::Perhaps,
            Asked::Other => {}
        }
        let id = self.screen().say(&request);
        self.asked.insert(id, asked);
        id
    }

    /// Writes one message and waits for the promise.
    pub fn write(&mut self, place: &str, text: &str) {
        let id = self.screen().say(&json!({ "type": "send", "conversation": place, "text": text }));
        self.doubtful.insert(text.to_owned());
        self.orders += 1;
        self.asked.insert(id, Asked::Send { place: place.to_owned(), text: text.to_owned(), order: self.orders });
        self.hear(id);
    }

    /// Waits for the answer, which must be a promise.
    pub fn hear(&mut self, id: u64) {
        if let Some(failure) = self.hear_or_fail(id) {
            panic!("{} was refused: {failure}", self.handle);
        }
    }

    /// Waits for the answer of a program that may refuse. Gives the kind of the failure, if it did: then nothing of what
    /// was asked may ever happen.
    pub fn hear_or_fail(&mut self, id: u64) -> Option<String> {
        let answer = self.screen().answer(id).unwrap_or_else(|| panic!("{} heard nothing", self.handle));
        for (id, answer) in self.screen().early() {
            self.answered(id, answer);
        }
        self.answered(id, answer)
    }

    fn answered(&mut self, id: u64, answer: Result<Value, Value>) -> Option<String> {
        match answer {
            Ok(response) => {
                self.promised(id, &response);
                None
            }
            Err(failure) => {
                match self.asked.remove(&id) {
                    Some(Asked::Send { text, .. }) => {
                        self.doubtful.remove(&text);
                    }
                    Some(Asked::Edit { place, at, text }) => {
                        self.message(&place, at).texts.retain(|kept| *kept != text);
                    }
                    Some(Asked::Delete { place, at }) => self.message(&place, at).deleted = Sure::No,
                    Some(Asked::Other) | None => {}
                }
                Some(failure["kind"].as_str().unwrap_or_default().to_owned())
            }
        }
    }

    fn promised(&mut self, id: u64, response: &Value) {
        match self.asked.remove(&id) {
            Some(Asked::Send { place, text, order }) => {
                let message = response["message"].as_str().expect("a message's id").to_owned();
                self.doubtful.remove(&text);
                let said = Said { message, order, texts: vec![text], deleted: Sure::No };
                self.said.entry(place).or_default().push(said);
            }
            Some(Asked::Edit { place, at, text }) => {
                // What was asked for after it may still come.
                let texts = &mut self.message(&place, at).texts;
                let from = texts.iter().position(|kept| *kept == text).unwrap_or(0);
                texts.drain(..from);
            }
            Some(Asked::Delete { place, at }) => self.message(&place, at).deleted = Sure::Yes,
            Some(Asked::Other) | None => {}
        }
    }

    /// Kills the program. Whatever it had not answered by then may have happened or not.
    pub fn die(&mut self) {
        for (id, answer) in self.screen.take().expect("somebody looks").kill() {
            self.answered(id, answer);
        }
        self.asked.clear();
    }

    /// Opens a new screen.
    pub fn come_back(&mut self) {
        self.screen = Some(Screen::open(&self.fil));
    }

    fn message(&mut self, place: &str, at: usize) -> &mut Said {
        &mut self.said.get_mut(place).expect("it was said there")[at]
    }

    /// How many messages were promised.
    pub fn promises(&self) -> usize {
        self.said.values().map(Vec::len).sum()
    }

    /// Every message that was promised is in the server's logs, once, in the order of writing, as it was left; and
    /// nothing that was never asked for.
    pub fn check(&self, all: &BTreeMap<String, Conversation>, device: &str) {
        let own = |text: &str| text.starts_with(&format!("{} {device} ", self.handle));
        for (place, said) in &self.said {
            let conversation = all.get(place).unwrap_or_else(|| panic!("{place} is not on the server"));
            let promised: BTreeSet<&str> = said.iter().map(|said| said.message.as_str()).collect();
            let ids: Vec<&str> = conversation.ids().into_iter().map(|(id, _)| id).collect();
            let found: Vec<&str> = ids.iter().copied().filter(|id| promised.contains(id)).collect();
            // One that was deleted before it was ever sent never comes.
            let must = |said: &&Said| said.deleted == Sure::No || ids.contains(&said.message.as_str());
            let mut expected: Vec<&Said> = said.iter().filter(must).collect();
            expected.sort_by_key(|said| said.order);
            let expected: Vec<&str> = expected.into_iter().map(|said| said.message.as_str()).collect();
            assert_eq!(found, expected, "{}: everything promised in {place}, once, in order", self.handle);
            for said in said {
                let text = last_text(conversation, &said.message);
                match (&text, said.deleted) {
                    (None, Sure::No) => panic!("{said:?} was deleted by nobody"),
                    (Some(text), Sure::Yes) => panic!("{said:?} was deleted, and is {text:?}"),
                    (Some(text), _) => assert!(said.texts.contains(text), "{text:?} is none of {said:?}"),
                    (None, _) => {}
                }
            }
        }
        for (place, conversation) in all {
            let said = self.said.get(place).map_or(&[][..], Vec::as_slice);
            for event in &conversation.events {
                let (id, text) = (event.body["id"].as_str(), event.body["text"].as_str());
                let (Some(id), Some(text)) = (id, text.filter(|text| own(text))) else { continue };
                let known = said.iter().any(|said| said.message == id);
                assert!(known || self.doubtful.contains(text), "{text:?} was never written");
            }
        }
    }
}

/// The text of a message after all its edits; none if it was deleted.
fn last_text(conversation: &Conversation, message: &str) -> Option<String> {
    let of_message = |body: &Value| {
        let name = if body["type"] == "message" { "id" } else { "message" };
        matches!(body["type"].as_str(), Some("message" | "edit")) && body[name] == message
    };
    let mut texts = conversation.events.iter().filter(|event| of_message(&event.body));
    texts.next_back().and_then(|event| event.body["text"].as_str().map(str::to_owned))
}
