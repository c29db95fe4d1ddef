//! The end of all faults: everything that was cut, switched off, disabled or asleep is there again, and everybody has a
//! minute to show what the server has.

use super::{Due, World};
use crate::convergence;
use crate::dialect::Dialect;
use crate::fault::Faults;
use crate::person::Unseen;

/// How long everybody has to settle after the last fault, in simulated milliseconds.
const SETTLE_MS_MAX: u64 = 60_000;
/// How often it is looked whether they have, in simulated milliseconds.
const LOOK_MS: u64 = 250;

impl World {
    /// The faults stop.
    pub(super) fn calm(&mut self) -> Result<(), String> {
        self.faults = Faults::default();
        self.lose_reply = false;
        self.crash_after_commit = None;
        let ends = |due: &Due| {
            matches!(
                due,
                Due::ConnectFails { .. }
                    | Due::Refresh { .. }
                    | Due::RefreshFails { .. }
                    | Due::Renew { .. }
                    | Due::Expire(_)
            )
        };
        self.due.retain(|_, due| ends(due));
        self.heal(None);
        for index in 0..self.devices.len() {
            self.heal(Some(index));
        }
        for connection in self.stalls.keys().copied().collect::<Vec<_>>() {
            self.resume(connection);
        }
        self.network.heal(self.now_ms);
        self.restart_server(false)?;
        for account in self.disabled.clone() {
            self.enable(account)?;
        }
        for index in 0..self.devices.len() {
            self.devices[index].cut_off_until_ms = 0;
            self.wake(index)?;
            if self.devices[index].dialect == Dialect::Same {
                self.restart(index)?;
            } else {
                self.update(index)?;
            }
        }
        Ok(())
    }

    /// Everybody settles, in time.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        self.calm_ms = self.now_ms;
        let mut epoch = self.server.epoch();
        while let Some(difference) = self.difference()? {
            if self.server.epoch() != epoch {
                // The server has found out from its clients that its database is an older copy, and begins a new
                // history: the restore happens now.
                epoch = self.server.epoch();
                self.calm_ms = self.now_ms;
            }
            let look_ms = self.now_ms + LOOK_MS;
            if look_ms > self.calm_ms + SETTLE_MS_MAX {
                for index in 0..self.devices.len() {
                    let session = format!("device {index}: {:?}", self.devices[index].session());
                    self.tell(|| session);
                }
                return Err(format!("not settled after {SETTLE_MS_MAX} ms: {difference}"));
            }
            self.open_apps()?;
            self.put(look_ms, Due::Look);
            while self.now_ms < look_ms {
                self.turn()?;
            }
        }
        self.figures.settled_in_ms = self.now_ms - self.calm_ms;
        Ok(())
    }

    /// The first difference between a device and the server, if any. A cache that turns out to be damaged is one.
    fn difference(&mut self) -> Result<Option<String>, String> {
        for index in 0..self.devices.len() {
            let device = &self.devices[index];
            if !device.is_settled() {
                let difference = format!("device {index} has not caught up: {:?}", device.phase());
                if device.flipped && self.now_ms > self.calm_ms + SETTLE_MS_MAX / 3 {
                    self.rebuild_cache(index)?;
                }
                return Ok(Some(difference));
            }
        }
        let mut logs = convergence::Logs::new();
        for index in 0..self.devices.len() {
            let reads = self.server.reads().ok_or("the server is down though all is calm")?;
            match convergence::compare(&mut self.devices[index], reads, &mut logs) {
                Ok(()) => {}
                Err(Unseen::Broken(difference)) if !self.devices[index].flipped => {
                    return Ok(Some(format!("device {index}: {difference}")));
                }
                Err(Unseen::Lost(difference)) => return Err(format!("device {index}: {difference}")),
                Err(Unseen::Broken(_) | Unseen::CacheDamaged) => {
                    self.rebuild_cache(index)?;
                    return Ok(Some(format!("device {index}: the cache was damaged")));
                }
            }
        }
        Ok(None)
    }
}
