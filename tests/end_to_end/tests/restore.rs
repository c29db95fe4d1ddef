//! The restore drill with everybody: two organisations, one account with two devices, traffic before, during and after
//! the backup, then the server is lost. Whatever was acknowledged comes back from the devices, in order, once, whether
//! the database comes back by the command, or it or the whole folder is copied back by hand. Rows 26 and 50 of the
//! failure catalogue.
//!
//! What does not come back by itself is written down here, too: what was deleted after the backup by somebody else's
//! hand stays deleted only if that hand offers it again (`docs/decisions/0006-no-deletion-ledger-yet.md`).

use std::fs;
use std::path::Path;
use std::process::Command;

use fil_end_to_end::{Chance, Device, House, Server, Voice, crowd, databases};
use serde_json::{Value, json};

/// How the database comes back.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// `fil-server backup restore`, into a new folder.
    Command,
    /// The database file of that time, copied back into the folder where the server ran.
    FileByHand,
    /// The whole folder of that time, witness and all: what a snapshot of the machine does.
    FolderByHand,
}

/// Everybody, and what they have.
struct Scene {
    house: House,
    server: Server,
    voices: Vec<Voice>,
    /// The group of Ada, Ben and Cleo.
    group: String,
    /// The device that speaks the protocol itself: titles and members of a group of its own.
    gus: Device,
    changes: u64,
}

const ROTA: &str = "01900000-0000-7000-8000-000000000001";

impl Scene {
    fn new() -> Self {
        let house = crowd::house();
        let server = Server::start(&house);
        let mut voices = crowd::voices(&house, &server);
        let mut gus = Device::sign_in(&server, "gus");
        gus.send(&json!({
            "type": "create_conversation", "conversation": ROTA, "kind": "group", "title": "Rota", "members": [],
        }));
        let group = crowd::begin(&mut voices);
        let mut scene = Self { house, server, voices, group, gus, changes: 0 };
        scene.settle();
        scene
    }

    /// Everybody does this many things, in turn as chance wills.
    fn traffic(&mut self, chance: &mut Chance, actions: u64) {
        for _ in 0..actions {
            let who = chance.below(self.voices.len() as u64) as usize;
            let id = self.voices[who].act(chance);
            self.voices[who].hear(id);
            if chance.below(8) == 0 {
                self.changes += 1;
                let title = format!("Rota {}", self.changes);
                self.gus.send(&json!({ "type": "set_title", "conversation": ROTA, "title": title }));
            }
        }
    }

    /// Everybody tries to connect at once, whatever the back-off says.
    fn hurry(&mut self) {
        self.voices.iter_mut().for_each(Voice::hurry);
    }

    /// Waits until nobody's outbox holds anything.
    fn settle(&mut self) {
        self.gus.settle();
        for voice in &mut self.voices {
            voice.is_sent();
        }
    }
}

/// Rows 26, 50: by the command, into a new folder.
#[test]
fn after_a_restore_by_the_command_everything_acknowledged_comes_back() {
    drill(Way::Command);
}

/// Row 50: by hand, the file alone: the server notices by its witness that it is an older copy.
#[test]
fn after_a_database_file_was_copied_back_by_hand_everything_acknowledged_comes_back() {
    drill(Way::FileByHand);
}

/// Row 50: by hand, the whole folder: the server notices by the stamps of those who come back.
#[test]
fn after_a_whole_folder_was_put_back_by_hand_everything_acknowledged_comes_back() {
    drill(Way::FolderByHand);
}

fn drill(way: Way) {
    let mut chance = Chance::from_environment();
    let mut scene = Scene::new();
    scene.traffic(&mut chance, 60);
    let (saved, backup) = (scene.house.folder().join("saved"), scene.house.folder().join("backup.db"));
    if way == Way::Command {
        // In the middle of traffic: outboxes are not empty, and nobody waits. The keys are saved apart, as the page says.
        scene.house.administer(&["backup", "create", backup.to_str().expect("a text")], "").ok();
        copy(&scene.house.server_data().join("keys"), &saved);
    } else {
        // Nobody can copy the files of a running server, so it stops for that.
        scene.server.stop();
        copy(&scene.house.server_data(), &saved);
        scene.server = Server::start(&scene.house);
        scene.hurry();
    }
    let before = databases::conversations(&scene.house);
    scene.traffic(&mut chance, 120);
    // A group that the backup has never heard of; its members write in it.
    let new = scene.voices[0].begin_group("Renfort", &["ben", "cleo"]);
    scene.voices[0].write(&new, "ada ada renfort");
    scene.settle();
    for at in [2, 3] {
        let voice = &mut scene.voices[at];
        voice.places.push(new.clone());
        voice.knows_its_places();
        let text = format!("{0} {0} renfort", voice.handle);
        voice.write(&new, &text);
    }
    scene.traffic(&mut chance, 40);
    scene.settle();
    let lost = databases::conversations(&scene.house);
    assert!(lost[&scene.group].events.len() > before[&scene.group].events.len(), "there was traffic after the backup");
    let epoch = databases::epoch(&scene.house);

    let Scene { house, server, mut voices, mut gus, changes, .. } = scene;
    server.kill();
    bring_back(&house, way, &saved, &backup);
    let server = {
        // Those who did not begin the new group are there first.
        for at in [0, 1, 4, 5] {
            voices[at].screen.as_ref().expect("somebody looks").suspend();
        }
        let server = Server::start(&house);
        for at in [2, 3] {
            voices[at].hurry();
            let live = |status: &Value| status["connection"] == "live";
            voices[at].screen.as_mut().expect("somebody looks").until("a live connection", live);
        }
        for at in [0, 1, 4, 5] {
            voices[at].screen.as_ref().expect("somebody looks").resume();
        }
        server
    };
    gus.connect();
    gus.settle();
    for _ in 0..2 {
        for voice in &mut voices {
            voice.hurry();
            voice.is_sent();
        }
    }
    assert_ne!(databases::epoch(&house), epoch, "a new epoch has begun");
    for voice in &mut voices {
        voice.die();
        voice.fil.run(&["status", "--until", "sent", "--timeout", "60"]).ok();
    }
    gus.connect();
    gus.settle();

    let all = databases::conversations(&house);
    let titles = all[ROTA].events[1..].iter().map(|event| event.body["title"].as_str().unwrap_or_default().to_owned());
    let expected: Vec<String> = (1..=changes).map(|number| format!("Rota {number}")).collect();
    assert_eq!(titles.collect::<Vec<_>>(), expected, "titles, once, in order");
    for voice in &voices {
        voice.fil.run(&["status", "--until", "live", "--timeout", "60"]).ok();
        voice.check(&all, voice.fil.profile());
        let outbox = databases::outbox(&house, voice.fil.profile());
        assert_eq!((outbox.get("waiting"), outbox.get("rejected")), (None, None), "{}: {outbox:?}", voice.handle);
        for place in &voice.places {
            let shown: Vec<String> = voice.fil.texts(place);
            assert_eq!(shown, all[place].texts(), "{} shows what the server has", voice.fil.profile());
        }
    }
    // Nothing came twice, and nothing that had been there before is missing.
    for (place, conversation) in &lost {
        let (ids, now): (Vec<_>, Vec<_>) = (conversation.ids(), all[place].ids());
        let (mut sorted_before, mut sorted_now) = (ids.clone(), now.clone());
        sorted_before.sort_unstable();
        sorted_now.sort_unstable();
        assert_eq!(sorted_now, sorted_before, "the messages of {place}");
    }
    server.stop();
    house.administer(&["doctor"], "").ok();
}

/// The server's data comes back, in the way that the drill is about.
fn bring_back(house: &House, way: Way, saved: &Path, backup: &Path) {
    let data = house.server_data();
    match way {
        Way::Command => {
            fs::remove_dir_all(&data).expect("the folder is ours");
            house.administer(&["backup", "restore", backup.to_str().expect("a text")], "").ok();
            copy(saved, &data.join("keys"));
        }
        Way::FileByHand => {
            for file in ["fil.db", "fil.db-wal", "fil.db-shm"] {
                let _ = fs::remove_file(data.join(file));
            }
            fs::copy(saved.join("fil.db"), data.join("fil.db")).expect("the copy is there");
        }
        Way::FolderByHand => {
            fs::remove_dir_all(&data).expect("the folder is ours");
            copy(saved, &data);
        }
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.expect("there is cp").success());
}
