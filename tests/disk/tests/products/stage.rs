//! A house with a server and two devices, and a network between them that loses nothing: all faults are the disks'.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fil_client::session::Effect;
use fil_client::store::StoreError;
use fil_disk::Dice;
use fil_engine::Input;
use fil_protocol::{Command, ConversationId, MessageId, ServerFrame};
use fil_server::node::{ConnectionId, Input as ServerInput, Output};
use tempfile::TempDir;

use crate::device::Device;
use crate::server::{Server, people};

/// How long everybody has to settle, in simulated milliseconds.
const SETTLE_MS_MAX: u64 = 120_000;

/// How long a device rests after a step that was not stored, in simulated milliseconds.
const REST_MS: u64 = 15_000;

/// What became of a press of send, as its device answered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// "Queued": from here on it is a promise.
    Queued,
    /// An error: the text is still in the composer, and it must not go out behind the person's back.
    Refused,
    /// The device died before it answered, or its disk failed in a way that leaves it open.
    Unknown,
}

/// A message for which somebody has pressed send.
#[derive(Clone, Debug)]
pub(crate) struct Press {
    pub(crate) device: usize,
    pub(crate) conversation: ConversationId,
    pub(crate) message: MessageId,
    pub(crate) answered: Answered,
}

/// The house.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) devices: Vec<Device>,
    pub(crate) now_ms: u64,
    /// Every message, in the order of pressing send.
    pub(crate) presses: Vec<Press>,
    /// What each composer holds, where that is certain.
    pub(crate) drafts: BTreeMap<(usize, ConversationId), String>,
    pub(crate) dice: Dice,
    folder: TempDir,
}

impl Stage {
    /// Everybody is on, and nothing has been said.
    pub(crate) fn new(seed: u64) -> Self {
        let folder = folder();
        drop(Server::create(&folder.path().join("server")));
        for (_, profile) in people() {
            std::fs::create_dir(folder.path().join(profile.handle)).expect("the folder is new");
        }
        Self::on(folder, seed)
    }

    /// Everybody is on, on the files that are there.
    fn on(folder: TempDir, seed: u64) -> Self {
        let mut server = Server::open(&folder.path().join("server"));
        server.start().expect("the server starts");
        let devices = people().into_iter().map(|(actor, profile)| {
            let mut device = Device::open(folder.path().join(profile.handle), actor);
            device.start(0).expect("the device starts");
            device
        });
        Self {
            server,
            devices: devices.collect(),
            now_ms: 0,
            presses: Vec::new(),
            drafts: BTreeMap::new(),
            dice: Dice::new(seed),
            folder,
        }
    }

    /// Every file as it is now, as after a kill of everybody at once.
    pub(crate) fn image(&self) -> Image {
        let names = ["server", "ada", "ben"];
        let files = names.map(|name| files(&self.folder.path().join(name), name)).concat();
        Image { files, presses: self.presses.clone(), drafts: self.drafts.clone() }
    }

    /// A house on the files of an image.
    pub(crate) fn restore(image: &Image, seed: u64) -> Self {
        let folder = folder();
        for (path, content) in &image.files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("files lie in folders")).expect("a folder can be made");
            std::fs::write(path, content).expect("a file can be written");
        }
        let (presses, drafts) = (image.presses.clone(), image.drafts.clone());
        Self { presses, drafts, ..Self::on(folder, seed) }
    }

    /// A person gives a command. The answer is the device's.
    pub(crate) fn give(&mut self, device: usize, command: Command) -> Answered {
        let (conversation, pressed) = (command.conversation(), command.clone());
        let answered = match self.devices[device].session.as_mut().map(|session| session.next_row()) {
            None => Answered::Refused,
            Some(row) => match self.step_device(device, Input::Enqueue { row, command }) {
                None => Answered::Queued,
                // A full disk is certain: nothing was written. A failing one may have taken what it denies.
                Some(StoreError::DiskFull) if !self.devices[device].disk.is_frozen() => Answered::Refused,
                Some(_) => Answered::Unknown,
            },
        };
        if let Command::SendMessage { message, .. } = pressed {
            self.presses.push(Press { device, conversation, message, answered });
            match answered {
                Answered::Queued => drop(self.drafts.insert((device, conversation), String::new())),
                Answered::Refused => {}
                Answered::Unknown => drop(self.drafts.remove(&(device, conversation))),
            }
        }
        if let Command::DeleteMessage { message, .. } = pressed
            && answered != Answered::Refused
        {
            // Taken back: it may have been removed from the outbox, or be a tombstone.
            for press in self.presses.iter_mut().filter(|press| press.message == message) {
                press.answered = Answered::Unknown;
            }
        }
        answered
    }

    /// A person types. If it is answered, it is kept.
    pub(crate) fn type_draft(&mut self, device: usize, conversation: ConversationId, text: &str) {
        let now_ms = self.now_ms;
        if self.devices[device].session.is_some() {
            match self.devices[device].save_draft(now_ms, conversation, text) {
                Ok(()) => drop(self.drafts.insert((device, conversation), text.to_owned())),
                Err(error) => {
                    self.devices[device].errors.push(error);
                    self.drafts.remove(&(device, conversation));
                }
            }
        }
    }

    /// Gives a device one input and carries out what it asks for; answers the error of its store.
    pub(crate) fn step_device(&mut self, index: usize, input: Input) -> Option<StoreError> {
        match self.devices[index].step(self.now_ms, input) {
            Ok(effects) => {
                for effect in effects {
                    self.carry_out(index, effect);
                }
                None
            }
            Err(error) => {
                self.hang_up(index);
                let device = &mut self.devices[index];
                device.inputs.clear();
                if !matches!(error, StoreError::CacheDamaged) {
                    device.rests_until_ms = self.now_ms + REST_MS;
                }
                Some(error)
            }
        }
    }

    fn carry_out(&mut self, index: usize, effect: Effect) {
        match effect {
            Effect::Connect => {
                self.hang_up(index);
                let device = &mut self.devices[index];
                device.connection = if device.offline { None } else { self.server.connect(device.actor) };
                let answer = match device.connection {
                    Some(_) => Input::Connected,
                    None => Input::Disconnected { error: None },
                };
                device.inputs.push_back(answer);
            }
            Effect::Close => self.hang_up(index),
            Effect::Send(frame) => {
                if let Some(connection) = self.devices[index].connection {
                    self.server.put(ServerInput::Frame { connection, frame });
                }
            }
            Effect::Tell(_) => {}
        }
    }

    pub(crate) fn hang_up(&mut self, index: usize) {
        if let Some(connection) = self.devices[index].connection.take() {
            self.server.put(ServerInput::Disconnected { connection });
        }
    }

    fn device_of(&mut self, connection: ConnectionId) -> Option<&mut Device> {
        self.devices.iter_mut().find(|device| device.connection == Some(connection))
    }

    /// Everything that is on its way arrives, and everything that follows from it.
    pub(crate) fn pump(&mut self) {
        loop {
            for index in 0..self.devices.len() {
                while let Some(input) = self.devices[index].inputs.pop_front() {
                    if let Some(error) = self.step_device(index, input) {
                        self.devices[index].errors.push(error);
                    }
                }
            }
            if !self.server.has_work() {
                return;
            }
            for output in self.server.step(self.now_ms) {
                match output {
                    Output::Send { connection, frame } => {
                        let frame = ServerFrame::decode(&frame).expect("the server's frames decode");
                        if let Some(device) = self.device_of(connection) {
                            device.inputs.push_back(Input::Frame(frame));
                        }
                    }
                    Output::Close { connection, .. } => {
                        if let Some(device) = self.device_of(connection) {
                            device.connection = None;
                            device.inputs.push_back(Input::Disconnected { error: None });
                        }
                    }
                    Output::Answered { .. } => {}
                }
            }
        }
    }

    /// Time passes until the next deadline.
    pub(crate) fn wait(&mut self) {
        let next = self.devices.iter().filter_map(Device::deadline).min();
        self.now_ms = next.unwrap_or(0).max(self.now_ms + 1);
        for index in 0..self.devices.len() {
            if self.devices[index].deadline().is_some_and(|at_ms| at_ms <= self.now_ms) {
                self.devices[index].inputs.push_back(Input::Tick);
            }
        }
        self.pump();
    }

    /// Time passes until everybody has everything. Panics with what is missing if they do not get there.
    pub(crate) fn settle(&mut self) {
        if !self.settles() {
            let phases: Vec<_> =
                self.devices.iter().map(|device| device.session.as_ref().map(|session| session.status())).collect();
            let errors: Vec<_> = self.devices.iter().flat_map(|device| &device.errors).collect();
            panic!("not settled: {phases:?}, errors {errors:?}");
        }
    }

    /// Time passes until everybody has everything; false if they do not get there.
    pub(crate) fn settles(&mut self) -> bool {
        let until_ms = self.now_ms + SETTLE_MS_MAX;
        self.pump();
        while !self.devices.iter().all(Device::is_settled) {
            if self.now_ms >= until_ms {
                return false;
            }
            self.wait();
        }
        true
    }

    /// The server's process ends, the disk becomes what `how` makes of it, and it begins again.
    pub(crate) fn restart_server(&mut self, how: Crash) {
        self.server.disk.freeze();
        self.server.stop();
        for device in &mut self.devices {
            if device.connection.take().is_some() {
                device.inputs.push_back(Input::Disconnected { error: None });
            }
        }
        match how {
            Crash::Kill => self.server.disk.kill(),
            Crash::PowerCut => self.server.disk.cut_power(&mut self.dice.chance()),
        }
        self.server.start().expect("the server starts again");
    }

    /// The same for a device; answers whether its cache was rebuilt.
    pub(crate) fn restart_device(&mut self, index: usize, how: Crash) -> bool {
        self.devices[index].disk.freeze();
        self.hang_up(index);
        self.devices[index].stop();
        match how {
            Crash::Kill => self.devices[index].disk.kill(),
            Crash::PowerCut => self.devices[index].disk.cut_power(&mut self.dice.chance()),
        }
        self.devices[index].start(self.now_ms).expect("the device starts again")
    }
}

/// All files of a house, and what its people may expect.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) files: Vec<(PathBuf, Vec<u8>)>,
    presses: Vec<Press>,
    drafts: BTreeMap<(usize, ConversationId), String>,
}

/// The files of a folder but for the shared memory, under another folder's name.
fn files(folder: &Path, name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let kept = paths.filter(|path| !path.to_string_lossy().ends_with("-shm"));
    kept.map(|path| {
        let content = std::fs::read(&path).expect("the file can be read");
        (Path::new(name).join(path.file_name().expect("a file has a name")), content)
    })
    .collect()
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    Kill,
    PowerCut,
}

/// A folder in memory where there is one: the simulated disk needs no real one.
pub(crate) fn folder() -> TempDir {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a folder for the test")
}
