//! What arrives at a device or at the server, and what they answer.

use std::collections::BTreeSet;

use fil_client::session::Effect;
use fil_client::store::{Projection, StoreError};
use fil_engine::connection::{Phase, StopReason};
use fil_engine::outbox::ROWS_MAX;
use fil_engine::sync::{HELD_MAX, PULLS_MAX, STRANGERS_MAX};
use fil_engine::{Change, Input};
use fil_protocol::limits::COMMANDS_IN_FLIGHT_MAX;
use fil_protocol::{ClientFrame, ConversationId, ErrorCode, Hello, ProtocolError, RawCommand, Seq, ServerFrame};
use fil_server::hub::connection::HEADS_ONLY_BYTES;
use fil_server::node::{ConnectionId, Input as ServerInput, Output};

use super::{Due, World};
use crate::convergence;
use crate::device::Purpose;
use crate::dialect::Dialect;
use crate::fault::Fault;
use crate::network::{Arrival, Side};
use crate::person::Unseen;

/// Every so many changes on a screen somebody looks up: reading a whole conversation costs more than the step.
const GLANCE_EVERY: u64 = 4;

/// What the server's queue for one connection may hold beyond the bytes at which pushes end: verdicts and heartbeats. An
/// answer to a pull begins below half of those.
const REPLIES_BYTES_MAX: u64 = 64 * 1024;

impl World {
    pub(super) fn arrive_at_server(&mut self, connection: ConnectionId, arrival: Arrival) {
        let Some(index) = self.network.device(connection) else { return };
        if !self.server.is_up() {
            self.network.close(self.now_ms, connection, &[Side::Device], &mut self.chance.network);
            return;
        }
        match arrival {
            Arrival::Opened => {
                let device = &self.devices[index];
                let token = device.grant.access_after("").map(|access| access.token.clone()).unwrap_or_default();
                match self.server.connect(self.now_ms, connection, device.actor, &token) {
                    Ok(expires_ms) => self.expire_at(connection, expires_ms),
                    Err(code) => self.network.refuse(self.now_ms, connection, code, &mut self.chance.network),
                }
            }
            Arrival::Closed | Arrival::Refused(_) => self.server.forget(connection),
            Arrival::Frame(text) => match ClientFrame::decode(&text) {
                Ok(ClientFrame::Renew { token }) => self.renewed(connection, index, &token),
                Ok(frame) => {
                    self.oracle.arrives(connection, index, &frame);
                    self.server.put(ServerInput::Frame { connection, frame });
                }
                Err(_) => self.edge_refuses(connection, ErrorCode::Malformed),
            },
        }
    }

    pub(super) fn arrive_at_device(&mut self, connection: ConnectionId, arrival: Arrival) -> Result<(), String> {
        let owner = self.devices.iter().position(|device| device.connection == Some(connection));
        let Some(index) = owner else { return Ok(()) };
        if self.devices[index].asleep_since_ms.is_some() {
            // Nobody is there to take it; what is under way is lost, and nobody is told.
            self.network.deaden(connection);
            return Ok(());
        }
        match arrival {
            Arrival::Opened => {
                self.devices[index].received.begin_anew();
                self.renew_later(index, connection);
                self.step(index, Input::Connected)
            }
            Arrival::Closed => {
                self.lose_connection(index);
                self.step(index, Input::Disconnected { error: None })
            }
            Arrival::Refused(ErrorCode::TokenExpired) => {
                // Once more with another token, within the same attempt.
                let device = &mut self.devices[index];
                device.connection = None;
                if let Some(token) = device.grant.access_after("").map(|access| access.token.clone()) {
                    device.grant.forget_access(&token);
                }
                let attempt = device.attempt;
                self.want_token(index, Purpose::Connect(attempt));
                Ok(())
            }
            Arrival::Refused(code) => {
                self.devices[index].connection = None;
                self.step(index, Input::Disconnected { error: Some(ProtocolError::new(code, "refused")) })
            }
            Arrival::Frame(text) => {
                let dialect = self.devices[index].dialect;
                let plain = text;
                let text = dialect.to_device(plain.clone());
                if dialect.changes(&plain, &text) {
                    self.struck(dialect.fault());
                }
                // A frame that does not decode is from a newer server, and is skipped.
                let Ok(frame) = ServerFrame::decode(&text) else { return Ok(()) };
                if let ServerFrame::Error { error, .. } = &frame
                    && error.code == ErrorCode::TokenExpired
                    && let Some(token) = self.devices[index].grant.access_after("").map(|access| access.token.clone())
                {
                    self.devices[index].grant.forget_access(&token);
                }
                self.devices[index].received.frame(&frame);
                self.step(index, Input::Frame(frame))
            }
        }
    }

    /// A device's session takes an input, and what follows is carried out.
    #[allow(clippy::needless_pass_by_value, reason = "an input is given away; it is looked at again if it was refused")]
    pub(super) fn step(&mut self, index: usize, input: Input) -> Result<(), String> {
        let effects = match self.devices[index].step(self.now_ms, input.clone()) {
            Ok(effects) => effects,
            Err(error) => return self.stumble(index, &input, &error),
        };
        if let Input::MarkRead { conversation, seq } = input {
            let device = &self.devices[index];
            let counts = !device.flipped && !self.may_be_of_another_history(index);
            self.people.ledger.read(device.actor.account, conversation, seq, counts);
        }
        if self.crash_after_commit == Some(index) && !effects.is_empty() {
            self.crash_after_commit = None;
            self.struck(Fault::ClientCrash);
            self.kill(index);
            return Ok(());
        }
        let mut changed = BTreeSet::new();
        for effect in effects {
            match effect {
                Effect::Connect => self.connect(index),
                Effect::Close => self.hang_up(index),
                Effect::Send(frame) => self.send(index, &frame)?,
                Effect::Tell(Change::Reverted(conversation, _)) => {
                    self.people.reverted.insert((index, conversation));
                }
                Effect::Tell(Change::Timeline(conversation)) => {
                    changed.insert(conversation);
                }
                Effect::Tell(Change::Conversations | Change::Status) => {}
            }
        }
        self.check_device(index)?;
        self.glance(index, changed)
    }

    /// Somebody looks up at what has just changed on the screen, now and then.
    fn glance(&mut self, index: usize, changed: BTreeSet<ConversationId>) -> Result<(), String> {
        for conversation in changed {
            self.glances += 1;
            if !self.glances.is_multiple_of(GLANCE_EVERY) {
                continue;
            }
            match self.look_at(index, conversation) {
                Ok(()) => {}
                Err(Unseen::Broken(what)) if !self.devices[index].flipped => {
                    return Err(format!("device {index}: {what}"));
                }
                Err(Unseen::Lost(what)) => return Err(format!("device {index}: {what}")),
                Err(Unseen::Broken(_) | Unseen::CacheDamaged) => return self.rebuild_cache(index),
            }
        }
        Ok(())
    }

    /// What a screen shows of one conversation holds at any moment; and where the device has come as far as the log, it
    /// shows what the log comes to.
    fn look_at(&mut self, index: usize, conversation: ConversationId) -> Result<(), Unseen> {
        let another = self.may_be_of_another_history(index);
        let Self { devices, oracle, .. } = self;
        let device = &mut devices[index];
        let Some((reader, _)) = device.screen()? else { return Ok(()) };
        let projection = reader.projection(conversation)?;
        let (commands, bubbles) = (reader.commands_in(conversation)?, reader.bubbles_in(conversation)?);
        convergence::outbox_is_drawn(&commands, &bubbles).map_err(Unseen::Lost)?;
        let shown: Vec<Projection> = projection.into_iter().collect();
        convergence::recount(&shown).map_err(Unseen::Broken)?;
        convergence::bijection(&shown, &commands, &bubbles).map_err(Unseen::Broken)?;
        convergence::explained(&device.received, &shown).map_err(Unseen::Broken)?;
        let comparable = device.dialect == Dialect::Same && !another;
        match shown.first().filter(|_| comparable) {
            Some(shown) => oracle.check_shown(device.actor.organisation, shown).map_err(Unseen::Broken),
            None => Ok(()),
        }
    }

    /// Whether the cache of a device may hold another history than the server's. A cache that was lost and comes back is
    /// of the same one, as long as there is only one.
    fn may_be_of_another_history(&self, index: usize) -> bool {
        self.oracle.was_restored() && self.devices[index].received.is_of_another_history()
    }

    /// A step was not stored: nothing left, the connection is gone, and the session rests. That is right only where the
    /// disk is wrong.
    fn stumble(&mut self, index: usize, input: &Input, error: &StoreError) -> Result<(), String> {
        let expected = match error {
            StoreError::CacheDamaged => self.plan.faults.has(Fault::CacheBitFlip),
            StoreError::DiskFull | StoreError::Failed(_) => self.devices[index].disk_fails,
            StoreError::LocalDamaged | StoreError::Locked => false,
        };
        if !expected {
            return Err(format!("device {index}: a step was not stored: {error}"));
        }
        self.people.refused(index, input);
        self.hang_up(index);
        self.devices[index].rest(self.now_ms, error);
        Ok(())
    }

    /// A screen has found damage that no step has come across: the session builds another cache.
    pub(super) fn rebuild_cache(&mut self, index: usize) -> Result<(), String> {
        let device = &mut self.devices[index];
        let now = device.now(self.now_ms);
        let rebuilt = device.session().map_or(Ok(()), |session| session.rebuild_cache(now));
        self.stumble(index, &Input::Tick, &rebuilt.err().unwrap_or(StoreError::CacheDamaged))
    }

    /// Every queue of a device has its bound (invariant 7), and nobody is signed out without a reason.
    fn check_device(&mut self, index: usize) -> Result<(), String> {
        let device = &mut self.devices[index];
        if device.phase() == Some(Phase::Stopped(StopReason::SignedOut)) {
            return Err(format!("device {index} was signed out, and nobody wanted that"));
        }
        let Some(session) = device.session() else { return Ok(()) };
        let held = session.held();
        let bounded = held.rows <= ROWS_MAX
            && held.in_flight <= COMMANDS_IN_FLIGHT_MAX
            && held.pulls <= PULLS_MAX + 1
            && held.pushes <= HELD_MAX
            && held.strangers <= STRANGERS_MAX;
        if bounded { Ok(()) } else { Err(format!("device {index} holds more than it may: {held:?}")) }
    }

    /// What a device says that it has, it has: heads up to its horizon are not named to it again.
    fn check_horizon(&mut self, index: usize, hello: &Hello) -> Result<(), String> {
        let device = &mut self.devices[index];
        if hello.epoch.is_none() || self.oracle.was_restored() || device.flipped {
            return Ok(());
        }
        let organisation = device.actor.organisation;
        let Some((reader, _)) = device.screen().map_err(|error| error.to_string())? else { return Ok(()) };
        for projection in reader.projections().map_err(|error| error.to_string())? {
            let Projection { conversation, cursor, .. } = projection;
            let head = self.oracle.head_at(organisation, conversation, hello.horizon);
            if cursor > Seq::ZERO && cursor < head {
                let horizon = hello.horizon;
                return Err(format!("device {index} says {horizon}, and has {conversation} up to {cursor} of {head}"));
            }
        }
        Ok(())
    }

    fn connect(&mut self, index: usize) {
        self.hang_up(index);
        let device = &mut self.devices[index];
        device.attempt += 1;
        let attempt = device.attempt;
        let monotonic_ms = device.now(self.now_ms).monotonic_ms;
        if device.grant.access(monotonic_ms).is_some() {
            self.open(index);
        } else {
            self.want_token(index, Purpose::Connect(attempt));
        }
    }

    /// Opens a socket with the access token that the device holds.
    pub(super) fn open(&mut self, index: usize) {
        let device = &mut self.devices[index];
        if self.server.is_up() && device.cut_off_until_ms <= self.now_ms {
            device.connection = Some(self.network.open(self.now_ms, index, &mut self.chance.network));
        } else {
            let attempt = device.attempt;
            self.put(self.now_ms + 50, Due::ConnectFails { index, attempt });
        }
    }

    pub(super) fn connect_fails(&mut self, index: usize, attempt: u64) -> Result<(), String> {
        if self.devices[index].attempt == attempt {
            self.step(index, Input::Disconnected { error: None })
        } else {
            Ok(())
        }
    }

    /// The device gives its connection up.
    pub(super) fn hang_up(&mut self, index: usize) {
        // Whatever an attempt still waits for is no longer wanted.
        self.devices[index].attempt += 1;
        self.lose_connection(index);
    }

    pub(super) fn lose_connection(&mut self, index: usize) {
        if let Some(connection) = self.devices[index].connection.take() {
            self.network.close(self.now_ms, connection, &[], &mut self.chance.network);
            self.stalls.remove(&connection);
            self.server.forget(connection);
        }
    }

    pub(super) fn send(&mut self, index: usize, frame: &ClientFrame) -> Result<(), String> {
        if let ClientFrame::Pull { stream, after, .. } = frame {
            let device = &mut self.devices[index];
            let asked = device.received.asked(self.now_ms, *stream, *after);
            if !device.flipped {
                asked.map_err(|what| format!("device {index} {what}"))?;
            }
        }
        match frame {
            ClientFrame::Hello(hello) => {
                self.devices[index].generation = Some(hello.generation);
                self.check_horizon(index, hello)?;
            }
            ClientFrame::Command { no, command: RawCommand::Known(command) } => {
                let generation = self.devices[index].generation.ok_or("a command before hello")?;
                self.oracle.asked(index, generation, *no, command)?;
            }
            _ => {}
        }
        if let Some(connection) = self.devices[index].connection {
            let (plain, dialect) = (frame.encode(), self.devices[index].dialect);
            let text = dialect.to_server(plain.clone());
            if dialect.changes(&plain, &text) {
                self.struck(dialect.fault());
            }
            self.carry(connection, Side::Server, text);
        }
        Ok(())
    }

    /// Puts a frame on the line.
    pub(super) fn carry(&mut self, connection: ConnectionId, to: Side, text: String) {
        self.network.send(self.now_ms, connection, to, text, &self.faults, &mut self.chance.network);
    }

    pub(super) fn step_server(&mut self) -> Result<(), String> {
        let outputs = self.server.step(self.now_ms);
        let Some(reads) = self.server.reads() else { return Ok(()) };
        let epochs = self.oracle.epochs();
        self.oracle.look(reads, &self.people)?;
        if self.oracle.epochs() > epochs {
            self.devices.iter_mut().for_each(|device| device.received.may_be_emptied());
            self.people.ledger.restored();
        }
        // A push is the same text for all who get it, and is read once.
        let mut last: Option<(&str, ServerFrame)> = None;
        for output in &outputs {
            if let Output::Send { connection, frame: text } = output
                && let Some(device) = self.network.device(*connection)
            {
                let frame = match last.take().filter(|(known, _)| *known == &**text) {
                    Some((_, frame)) => frame,
                    None => ServerFrame::decode(text).map_err(|error| format!("{error}: {text}"))?,
                };
                self.oracle.frame(*connection, device, &frame)?;
                last = Some((text, frame));
            }
        }
        let queued = self.server.queued_bytes_max();
        if queued > HEADS_ONLY_BYTES + REPLIES_BYTES_MAX {
            return Err(format!("{queued} bytes wait for one connection"));
        }
        if self.lose_reply && !outputs.is_empty() {
            self.lose_reply = false;
            self.struck(Fault::ReplyLost);
            self.drop_refreshes();
            self.break_all();
            return Ok(());
        }
        let last_pushes = self.last_pushes(&outputs);
        for (at, output) in outputs.into_iter().enumerate() {
            match output {
                Output::Send { connection, frame } => {
                    let lost =
                        last_pushes.contains(&at) && self.chance.network.permille(self.faults.get(Fault::LostLastPush));
                    self.write(connection, &frame, lost);
                }
                Output::Close { connection, .. } => self.close(connection),
                Output::Answered { .. } => {}
            }
        }
        self.answer_refreshes()
    }

    /// Which outputs are the last push of this step to their connection.
    fn last_pushes(&self, outputs: &[Output]) -> Vec<usize> {
        if !self.faults.has(Fault::LostLastPush) {
            return Vec::new();
        }
        let mut last = std::collections::BTreeMap::new();
        for (at, output) in outputs.iter().enumerate() {
            if let Output::Send { connection, frame } = output
                && frame.starts_with(r#"{"type":"event""#)
            {
                last.insert(*connection, at);
            }
        }
        last.into_values().collect()
    }

    /// The server's socket takes a frame: it goes out, or waits behind a device that does not read.
    fn write(&mut self, connection: ConnectionId, frame: &str, lost: bool) {
        if let Some(stall) = self.stalls.get_mut(&connection) {
            if stall.waiting.is_empty() {
                *self.figures.strikes.entry(Fault::SlowConsumer).or_default() += 1;
            }
            stall.bytes += frame.len() as u64;
            stall.waiting.push_back(frame.to_owned());
            return;
        }
        self.server.written(connection, frame.len());
        if lost {
            self.network.strike(Fault::LostLastPush);
        } else {
            self.carry(connection, Side::Device, frame.to_owned());
        }
    }

    fn close(&mut self, connection: ConnectionId) {
        self.expires.remove(&connection);
        match self.stalls.get_mut(&connection) {
            Some(stall) => stall.closed = true,
            None => self.network.close_gracefully(connection),
        }
    }

    /// A device reads again: what waited for it arrives, in order.
    pub(super) fn resume(&mut self, connection: ConnectionId) {
        let Some(stall) = self.stalls.remove(&connection) else { return };
        self.server.written(connection, stall.before);
        for frame in stall.waiting {
            self.server.written(connection, frame.len());
            self.carry(connection, Side::Device, frame);
        }
        if stall.closed {
            self.network.close_gracefully(connection);
        }
    }

    pub(super) fn break_all(&mut self) {
        for connection in self.network.connections() {
            self.break_one(connection, &[Side::Server, Side::Device]);
        }
    }

    /// Both ends are told after a while, those named.
    pub(super) fn break_one(&mut self, connection: ConnectionId, told: &[Side]) {
        self.stalls.remove(&connection);
        self.network.sever(self.now_ms, connection, told, &mut self.chance.network);
    }
}
