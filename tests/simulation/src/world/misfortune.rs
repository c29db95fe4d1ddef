//! The faults that strike again and again, and what puts an end to each.

use fil_disk::Failure;
use fil_engine::Input;
use fil_engine::connection::{Phase, StopReason};
use fil_protocol::AccountId;
use fil_server::node::{ConnectionId, Input as ServerInput};
use fil_server::witness::Witness;

use super::{Due, NOTE_MS, World};
use crate::device::StartError;
use crate::dialect::Dialect;
use crate::fault::Fault;
use crate::network::Side;

/// A wall clock that moved further than this tells the client's driver that the device slept, in milliseconds.
const JUMP_NOTICED_MS: u64 = 10_000;
const HOUR_MS: u64 = 3_600_000;
/// What waits already in a queue that is nearly full.
const FULL_QUEUE_BYTES: usize = 1_000 * 1_024;

impl World {
    /// A fault strikes, and will again. It is counted where it has an effect: breaking a connection where there is none
    /// is no misfortune.
    pub(super) fn strike(&mut self, fault: Fault) -> Result<(), String> {
        self.later(self.faults.get(fault).max(1), Due::Strike(fault));
        match fault {
            Fault::Break => {
                if let Some(connection) = self.any_connection() {
                    self.struck(fault);
                    self.break_one(connection, &[Side::Server, Side::Device]);
                }
            }
            Fault::HalfOpen => {
                if let Some(connection) = self.any_connection() {
                    self.struck(fault);
                    self.network.deaden(connection);
                }
            }
            Fault::Partition => {
                let index = self.any_device();
                self.devices[index].cut_off_until_ms = self.now_ms + self.chance.fate.between(1_000, 20_000);
                if let Some(connection) = self.devices[index].connection {
                    self.struck(fault);
                    self.network.deaden(connection);
                }
            }
            Fault::ReplyLost => self.lose_reply = true,
            Fault::SlowConsumer => self.stall(false),
            Fault::FullQueue => self.stall(true),
            Fault::Herd => self.herd()?,
            Fault::ClientCrash => {
                let index = self.any_device();
                if self.chance.fate.permille(500) {
                    if self.devices[index].is_on() {
                        self.struck(fault);
                    }
                    self.kill(index);
                } else {
                    self.crash_after_commit = Some(index);
                }
            }
            Fault::ServerCrash => self.kill_server(fault),
            Fault::ClientPowerCut => {
                let index = self.any_device();
                if self.devices[index].is_on() {
                    self.struck(fault);
                }
                self.sever_device(index);
                self.devices[index].cut_power(&mut self.chance.fate);
                self.restart_later(index);
            }
            Fault::ServerPowerCut => self.kill_server(fault),
            Fault::ClientDiskFull => self.fail_device_disk(fault, Failure::Full, false),
            Fault::ClientWriteError => self.fail_device_disk(fault, Failure::Io, true),
            Fault::ServerDiskFull => self.fail_server_disk(fault, Failure::Full, false),
            Fault::ServerWriteError => self.fail_server_disk(fault, Failure::Io, true),
            Fault::CacheBitFlip => self.flip_bits(),
            Fault::ClockJump => self.jump_clock()?,
            Fault::ServerClockJump => {
                let jump_ms = self.any_jump();
                self.server.skew_ms += jump_ms;
                self.struck(fault);
            }
            Fault::Suspend => self.suspend(),
            Fault::AccountDisabled => self.disable(),
            Fault::RestoreByCommand | Fault::RestoreByCopy => self.restore(fault)?,
            Fault::RestoreFolder => self.restore_folder()?,
            Fault::TwoProcesses => self.intrude()?,
            _ => return Err(format!("{fault} does not strike by itself")),
        }
        Ok(())
    }

    /// A fault has had its effect.
    pub(super) fn struck(&mut self, fault: Fault) {
        *self.figures.strikes.entry(fault).or_default() += 1;
    }

    fn any_device(&mut self) -> usize {
        usize::try_from(self.chance.fate.below(self.devices.len() as u64)).unwrap_or(0)
    }

    fn any_connection(&mut self) -> Option<ConnectionId> {
        self.chance.fate.pick(&self.network.connections()).copied()
    }

    /// Its process is killed.
    pub(super) fn kill(&mut self, index: usize) {
        self.sever_device(index);
        self.devices[index].kill();
        self.restart_later(index);
    }

    fn sever_device(&mut self, index: usize) {
        if let Some(connection) = self.devices[index].connection {
            self.break_one(connection, &[Side::Server]);
        }
    }

    fn restart_later(&mut self, index: usize) {
        let again_ms = self.now_ms + self.chance.fate.between(50, 5_000);
        self.put(again_ms, Due::Restart(index));
    }

    /// A device that is off begins again; on a disk that fails it may not, and tries again later.
    pub(super) fn restart(&mut self, index: usize) -> Result<(), String> {
        let now_ms = self.now_ms;
        let device = &mut self.devices[index];
        if device.is_on() || device.asleep_since_ms.is_some() {
            return Ok(());
        }
        match device.start(now_ms) {
            Ok(()) => Ok(()),
            Err(StartError::Open(_)) if device.disk_fails => {
                self.restart_later(index);
                Ok(())
            }
            Err(error) => Err(format!("device {index} does not start: {error}")),
        }
    }

    fn kill_server(&mut self, fault: Fault) {
        if self.server.is_up() {
            self.struck(fault);
        }
        if fault == Fault::ServerPowerCut {
            self.server.cut_power(&mut self.chance.fate);
        } else {
            self.server.kill();
        }
        self.server_is_gone();
        let again_ms = self.now_ms + self.chance.fate.between(100, 8_000);
        self.put(again_ms, Due::RestartServer { herd: false });
    }

    fn server_is_gone(&mut self) {
        self.drop_refreshes();
        self.expires.clear();
        self.break_all();
    }

    /// The server says good-bye to everybody, restarts, and everybody is back in the same moment.
    fn herd(&mut self) -> Result<(), String> {
        self.server.put(ServerInput::ShutDown);
        self.step_server()?;
        if self.server.is_up() {
            self.struck(Fault::Herd);
            self.server.kill();
            self.server_is_gone();
        }
        let again_ms = self.now_ms + self.chance.fate.between(100, 3_000);
        self.put(again_ms, Due::RestartServer { herd: true });
        Ok(())
    }

    /// The server, if it is down, begins again: everything that it had committed is there.
    pub(super) fn restart_server(&mut self, herd: bool) -> Result<(), String> {
        if !self.server.is_up() {
            if let Err(error) = self.server.start() {
                if !self.server.disk_fails {
                    return Err(format!("the server does not start: {error}"));
                }
                self.put(self.now_ms + 1_000, Due::RestartServer { herd });
                return Ok(());
            }
            let reads = self.server.reads().ok_or("the server has just started")?;
            self.oracle.look_whole(reads)?;
        }
        if herd {
            for index in 0..self.devices.len() {
                self.step(index, Input::ConnectNow)?;
            }
        }
        Ok(())
    }

    fn fail_device_disk(&mut self, fault: Fault, failure: Failure, once: bool) {
        let index = self.any_device();
        self.count_refusals(Some(index));
        self.failing.insert(Some(index), (fault, self.devices[index].disk_failures()));
        let after = self.chance.fate.below(60);
        self.devices[index].fail_disk(after, failure, once);
        let until_ms = self.now_ms + self.chance.fate.between(500, 8_000);
        self.put(until_ms, Due::Heal(Some(index)));
    }

    fn fail_server_disk(&mut self, fault: Fault, failure: Failure, once: bool) {
        self.count_refusals(None);
        self.failing.insert(None, (fault, self.server.disk_failures()));
        let after = self.chance.fate.below(120);
        self.server.fail_disk(after, failure, once);
        let until_ms = self.now_ms + self.chance.fate.between(500, 8_000);
        self.put(until_ms, Due::Heal(None));
    }

    /// A disk that was to fail has struck if it has refused anything since.
    pub(super) fn count_refusals(&mut self, of: Option<usize>) {
        let Some((fault, before)) = self.failing.remove(&of) else { return };
        let refused = of.map_or_else(|| self.server.disk_failures(), |index| self.devices[index].disk_failures());
        if refused > before {
            self.struck(fault);
        }
    }

    pub(super) fn heal(&mut self, of: Option<usize>) {
        self.count_refusals(of);
        match of {
            Some(index) => self.devices[index].heal_disk(),
            None => self.server.heal_disk(),
        }
    }

    /// The process of a device ends, and its cache is damaged before it begins again.
    fn flip_bits(&mut self) {
        let index = self.any_device();
        let count = self.chance.fate.between(1, 64);
        self.sever_device(index);
        let device = &mut self.devices[index];
        device.stop();
        device.flip_bits(count, &mut self.chance.fate);
        self.struck(Fault::CacheBitFlip);
        self.restart_later(index);
    }

    /// Up to a day either way, in milliseconds.
    fn any_jump(&mut self) -> i64 {
        self.chance.fate.between(0, 48 * HOUR_MS).cast_signed() - (24 * HOUR_MS).cast_signed()
    }

    /// A device stops reading. Where its queue is to be full, most of that was waiting before: a day of talk, which a
    /// simulated minute has not.
    fn stall(&mut self, full: bool) {
        let Some(connection) = self.any_connection() else { return };
        let stall = self.stalls.entry(connection).or_default();
        if full && stall.before == 0 && self.server.pile_up(connection, FULL_QUEUE_BYTES) {
            stall.before = FULL_QUEUE_BYTES;
            self.struck(Fault::FullQueue);
        }
        let until_ms = self.now_ms + self.chance.fate.between(2_000, 45_000);
        self.put(until_ms, Due::Resume(connection));
    }

    fn jump_clock(&mut self) -> Result<(), String> {
        let index = self.any_device();
        let jump_ms = self.any_jump();
        self.devices[index].skew_ms += jump_ms;
        self.struck(Fault::ClockJump);
        if jump_ms.unsigned_abs() > JUMP_NOTICED_MS { self.step(index, Input::Woke) } else { Ok(()) }
    }

    /// A device sleeps for hours. The others do little meanwhile, and the run lasts that much longer.
    fn suspend(&mut self) {
        let index = self.any_device();
        if self.devices[index].asleep_since_ms.is_some() || self.now_ms < self.quiet_until_ms {
            return;
        }
        let hours_ms = self.chance.fate.between(HOUR_MS, 4 * HOUR_MS);
        self.struck(Fault::Suspend);
        self.devices[index].sleep(self.now_ms);
        self.quiet_until_ms = self.now_ms + hours_ms;
        self.active_until_ms += hours_ms;
        // Misfortunes go to bed too: what was due in the meantime is due afterwards.
        let strikes = |due: &Due| matches!(due, Due::Strike(_) | Due::Act(_));
        let due = std::mem::take(&mut self.due);
        for ((at_ms, order), due) in due {
            let at_ms = if strikes(&due) { at_ms + hours_ms } else { at_ms };
            self.due.insert((at_ms, order), due);
        }
        self.put(self.quiet_until_ms, Due::Wake(index));
        for index in 0..self.devices.len() {
            self.later(15 * 60_000, Due::Act(index));
        }
    }

    /// A device wakes up: its sockets look open, and prove nothing.
    pub(super) fn wake(&mut self, index: usize) -> Result<(), String> {
        if !self.devices[index].wake(self.now_ms) {
            return Ok(());
        }
        self.restart(index)?;
        self.step(index, Input::Woke)
    }

    fn disable(&mut self) {
        let index = self.any_device();
        let actor = self.devices[index].actor;
        if self.server.is_up() && self.disabled.insert(actor.account) {
            self.struck(Fault::AccountDisabled);
            self.server.set_disabled(actor.organisation, actor.account, Some(self.now_ms));
            let until_ms = self.now_ms + self.chance.fate.between(1_000, 10_000);
            self.put(until_ms, Due::Enable(actor.account));
        }
    }

    /// An administrator enables an account again, until it is; then its people open their apps again.
    pub(super) fn enable(&mut self, account: AccountId) -> Result<(), String> {
        let found = self.devices.iter().find(|device| device.actor.account == account);
        let Some(actor) = found.map(|device| device.actor) else { return Ok(()) };
        if self.server.is_up() {
            self.server.set_disabled(actor.organisation, account, None);
            self.step_server()?;
        }
        if self.server.is_disabled(actor.organisation, account) != Some(false) {
            self.put(self.now_ms + 500, Due::Enable(account));
            return Ok(());
        }
        self.disabled.remove(&account);
        self.open_apps()
    }

    /// People whose app says that their account is disabled, though it is no longer, open it again.
    pub(super) fn open_apps(&mut self) -> Result<(), String> {
        for index in 0..self.devices.len() {
            let stopped = self.devices[index].phase() == Some(Phase::Stopped(StopReason::AccountDisabled));
            if stopped && !self.disabled.contains(&self.devices[index].actor.account) {
                self.hang_up(index);
                self.devices[index].stop();
                self.restart(index)?;
            }
        }
        Ok(())
    }

    /// The first strike takes a backup, the next restores it, and so on.
    fn restore(&mut self, fault: Fault) -> Result<(), String> {
        if !self.server.is_up() || self.server.disk_fails {
            return Ok(());
        }
        let Some(backup_ms) = self.backup_ms else {
            self.server.back_up().map_err(|error| format!("the backup: {error}"))?;
            self.backup_ms = Some(self.now_ms);
            return Ok(());
        };
        if self.now_ms < backup_ms + 2 * NOTE_MS {
            // A copy that is younger than the server's last note of how far it had come cannot be told by it.
            return Ok(());
        }
        self.backup_ms = None;
        // A snapshot from before a restore holds what was lost by it, and is not put back over what was offered again since
        // (docs/RELIABILITY.md, what is not covered).
        self.snapshot_ms = None;
        self.struck(fault);
        self.server.kill();
        self.server_is_gone();
        if fault == Fault::RestoreByCommand {
            self.server.restore().map_err(|error| format!("the restore: {error}"))?;
        } else {
            self.server.replace_database();
        }
        self.begin_restored()
    }

    /// The first strike takes a snapshot of the whole folder, the next puts it back, if that has not been done soon after
    /// it was taken, and so on.
    fn restore_folder(&mut self) -> Result<(), String> {
        if self.snapshot_ms.is_some() {
            return self.put_folder_back();
        }
        if self.server.is_up() && !self.server.disk_fails {
            self.server.take_snapshot().map_err(|error| format!("the snapshot: {error}"))?;
            self.snapshot_ms = Some(self.now_ms);
            if self.chance.fate.permille(500) {
                // The fewer commits are lost, the sooner the server has counted past them.
                let soon_ms = self.now_ms + self.chance.fate.between(100, 3_000);
                self.put(soon_ms, Due::PutFolderBack);
            }
        }
        Ok(())
    }

    /// The folder is put back. Some devices, or all but one, cannot reach the server for a while then: it counts on
    /// meanwhile, past everything that they have seen.
    pub(super) fn put_folder_back(&mut self) -> Result<(), String> {
        if !self.server.is_up() || self.server.disk_fails {
            return Ok(());
        }
        let Some(snapshot_ms) = self.snapshot_ms.take() else { return Ok(()) };
        self.struck(Fault::RestoreFolder);
        // A backup in the folder goes the way of everything in it.
        self.backup_ms.take_if(|backup_ms| *backup_ms > snapshot_ms);
        self.server.kill();
        self.server_is_gone();
        self.server.put_folder_back();
        let away_permille = if self.chance.fate.permille(500) { 400 } else { 1_000 };
        let there = self.any_device();
        for index in 0..self.devices.len() {
            if index != there && self.chance.fate.permille(away_permille) {
                self.devices[index].cut_off_until_ms = self.now_ms + self.chance.fate.between(1_000, 20_000);
            }
        }
        self.begin_restored()
    }

    /// The server begins on an older database.
    fn begin_restored(&mut self) -> Result<(), String> {
        self.oracle.restored();
        self.devices.iter_mut().for_each(|device| device.received.may_be_emptied());
        self.people.ledger.restored();
        let noted = self.server.noted();
        self.server.start().map_err(|error| format!("the restored server does not start: {error}"))?;
        let reads = self.server.reads().ok_or("the server has just started")?;
        let found = reads.snapshot().and_then(|reader| Witness::of(&*reader)).map_err(|error| error.to_string())?;
        if noted.is_some_and(|noted| noted.epoch == found.epoch && noted.horizon > found.horizon) {
            return Err(format!("{noted:?} was noted, and {found:?} passes for the same history"));
        }
        self.oracle.look(reads, &self.people)?;
        // Who is disabled is as it was at the backup; the administrator sees to it.
        for index in 0..self.devices.len() {
            let actor = self.devices[index].actor;
            if self.disabled.contains(&actor.account) {
                self.server.set_disabled(actor.organisation, actor.account, Some(self.now_ms));
            } else if self.server.is_disabled(actor.organisation, actor.account) == Some(true) {
                self.disabled.insert(actor.account);
                self.put(self.now_ms + 1_000, Due::Enable(actor.account));
            }
        }
        Ok(())
    }

    /// A second process opens the profile: it is turned away while the first one runs (row 57 of the catalogue).
    fn intrude(&mut self) -> Result<(), String> {
        let index = self.any_device();
        self.struck(Fault::TwoProcesses);
        let device = &self.devices[index];
        if device.intrude() == device.is_on() {
            let state = if device.is_on() { "is in use" } else { "is free" };
            return Err(format!("the profile of device {index} {state}, and a second process was treated as if not"));
        }
        Ok(())
    }

    /// A device is updated to the server's version, and begins again.
    pub(super) fn update(&mut self, index: usize) -> Result<(), String> {
        if self.devices[index].dialect == Dialect::Same {
            return Ok(());
        }
        if self.devices[index].asleep_since_ms.is_some() || self.devices[index].disk_fails {
            self.put(self.now_ms + 2_000, Due::Update(index));
            return Ok(());
        }
        self.hang_up(index);
        self.devices[index].stop();
        self.devices[index].update()?;
        self.restart(index)
    }
}
