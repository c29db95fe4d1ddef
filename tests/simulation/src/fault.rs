//! Faults: every misfortune that a run may suffer, by name.
//!
//! A fault has a name, which a plan and a command line use, and one number, whose meaning is its [`Measure`]. Those of
//! frames strike as a chance for every frame; those of connections, processes, disks and accounts strike again and
//! again at a random time around an interval; the others say how the world is from its beginning.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// What the number of a fault means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The chance in a thousand, for each frame or attempt.
    Permille,
    /// The average time between two strikes, in simulated milliseconds.
    EveryMs,
    /// At most so many milliseconds.
    MsMax,
    /// Bytes in a second.
    BytesPerSecond,
    /// How many.
    Count,
}

/// One kind of misfortune, as the seeds draw it.
#[derive(Clone, Copy, Debug)]
struct Kind {
    name: &'static str,
    measure: Measure,
    /// In how many of a thousand plans it is.
    share: u64,
    low: u64,
    high: u64,
}

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $measure:ident, $share:literal, $low:literal, $high:literal;)*) => {
        /// A misfortune.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Fault {
            $($(#[$doc])* $variant,)*
        }

        impl Fault {
            /// Every fault there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            fn kind(self) -> Kind {
                match self {
                    $(Self::$variant => Kind {
                        name: $name, measure: Measure::$measure, share: $share, low: $low, high: $high,
                    },)*
                }
            }
        }
    };
}

faults! {
    /// A frame disappears, though the connection goes on.
    Drop = "drop", Permille, 300, 1, 60;
    /// A frame arrives twice.
    Duplicate = "duplicate", Permille, 300, 1, 60;
    /// A frame overtakes others.
    Reorder = "reorder", Permille, 300, 1, 100;
    /// A frame is under way for a long time.
    Delay = "delay", MsMax, 600, 10, 3_000;
    /// A line carries only so much, each way.
    SlowLine = "slow_line", BytesPerSecond, 150, 1_000, 50_000;
    /// The last push of a burst disappears: nothing that follows reveals it.
    LostLastPush = "lost_last_push", Permille, 250, 20, 500;
    /// A frame arrives as something that is no frame.
    Garbage = "garbage", Permille, 100, 1, 20;
    /// A connection breaks, with everything under way on it, and both ends are told.
    Break = "break", EveryMs, 400, 2_000, 30_000;
    /// A connection goes dead without either end being told.
    HalfOpen = "half_open", EveryMs, 250, 10_000, 60_000;
    /// A device cannot reach the server for a while.
    Partition = "partition", EveryMs, 300, 10_000, 60_000;
    /// The server commits, and what it would have answered is lost with all connections.
    ReplyLost = "reply_lost", EveryMs, 400, 3_000, 30_000;
    /// A device stops reading from its socket for a while.
    SlowConsumer = "slow_consumer", EveryMs, 150, 8_000, 40_000;
    /// The server restarts, and everybody comes back in the same moment.
    Herd = "herd", EveryMs, 150, 8_000, 40_000;
    /// A client's process is killed, between two steps or after a commit and before its frames leave.
    ClientCrash = "client_crash", EveryMs, 400, 3_000, 30_000;
    /// The server's process is killed.
    ServerCrash = "server_crash", EveryMs, 350, 5_000, 40_000;
    /// A client's machine loses power: of what was not synced some sectors are on the disk and others are not.
    ClientPowerCut = "client_power_cut", EveryMs, 250, 5_000, 40_000;
    /// The server's machine loses power.
    ServerPowerCut = "server_power_cut", EveryMs, 250, 6_000, 40_000;
    /// A client's disk is full from some write on, for a while.
    ClientDiskFull = "client_disk_full", EveryMs, 150, 5_000, 40_000;
    /// The server's disk is full from some write on, for a while.
    ServerDiskFull = "server_disk_full", EveryMs, 150, 5_000, 40_000;
    /// One write of a client fails.
    ClientWriteError = "client_write_error", EveryMs, 150, 3_000, 30_000;
    /// One write of the server fails.
    ServerWriteError = "server_write_error", EveryMs, 150, 3_000, 30_000;
    /// Bits of a client's cache flip on the disk.
    CacheBitFlip = "cache_bit_flip", EveryMs, 120, 8_000, 40_000;
    /// Devices have wrong clocks: up to ten years either way.
    Skew = "skew", MsMax, 350, 1_000, 315_600_000_000;
    /// The wall clock of a device jumps, by up to a day either way.
    ClockJump = "clock_jump", EveryMs, 200, 3_000, 30_000;
    /// A device sleeps for hours, while the others grow quiet.
    Suspend = "suspend", EveryMs, 60, 15_000, 30_000;
    /// Access tokens live only so long, so that they end in the middle of everything.
    TokenExpiry = "token_expiry", MsMax, 350, 3_000, 30_000;
    /// The answer to a refresh is lost after the server has exchanged the token.
    LostRefresh = "lost_refresh", Permille, 250, 50, 500;
    /// An account is disabled for a while.
    AccountDisabled = "account_disabled", EveryMs, 120, 8_000, 40_000;
    /// People are added and removed while others are sending.
    MembershipChurn = "membership_churn", Permille, 250, 50, 400;
    /// Accounts have so many devices more.
    SeveralDevices = "several_devices", Count, 400, 1, 4;
    /// The server is restored from an older backup, by the command.
    RestoreByCommand = "restore_by_command", EveryMs, 120, 8_000, 25_000;
    /// The server's file is replaced by an older copy, by hand.
    RestoreByCopy = "restore_by_copy", EveryMs, 120, 8_000, 25_000;
    /// A second process opens the profile of a device.
    TwoProcesses = "two_processes", EveryMs, 120, 4_000, 30_000;
    /// Clients speak one version more than the server, or only newer ones.
    NewerClient = "newer_client", Permille, 120, 100, 700;
    /// Clients speak one version less than the server, or only older ones.
    OlderClient = "older_client", Permille, 120, 100, 700;
    /// The server's whole folder is put back to an earlier moment, with everything in it that could tell, and some
    /// devices come back only after the others have gone on.
    RestoreFolder = "restore_folder", EveryMs, 200, 3_000, 12_000;
    /// The wall clock of the server jumps, by up to a day either way.
    ServerClockJump = "server_clock_jump", EveryMs, 200, 3_000, 30_000;
    /// A device stops reading from its socket for a while, when nearly as much waits for it as may wait.
    FullQueue = "full_queue", EveryMs, 150, 5_000, 20_000;
}

impl Fault {
    /// Its name in plans and on command lines.
    pub fn name(self) -> &'static str {
        self.kind().name
    }

    /// What its number means.
    pub fn measure(self) -> Measure {
        self.kind().measure
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// No fault has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no fault {0:?}; there are: {all}", all = names())]
pub struct UnknownFault(String);

fn names() -> String {
    Fault::ALL.iter().map(|fault| fault.name()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        let found = Self::ALL.iter().find(|fault| fault.name() == name);
        found.copied().ok_or_else(|| UnknownFault(name.to_owned()))
    }
}

/// The faults of a plan, each with its number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Faults(pub BTreeMap<Fault, u64>);

impl Faults {
    /// A mixture: each plan suffers from another one, and some from nothing.
    pub fn drawn(random: &mut Random) -> Self {
        Self::chosen(random, |_, drawn| drawn)
    }

    /// All of these, each as strong as it would have been drawn.
    pub fn all_of(faults: &[Fault], random: &mut Random) -> Self {
        Self::chosen(random, |fault, _| faults.contains(&fault))
    }

    fn chosen(random: &mut Random, choose: impl Fn(Fault, bool) -> bool) -> Self {
        let mut faults = BTreeMap::new();
        for fault in Fault::ALL {
            let kind = fault.kind();
            // Drawn in any case, so that the numbers of one fault do not depend on another one's absence.
            let (number, drawn) = (random.between(kind.low, kind.high), random.permille(kind.share));
            if choose(*fault, drawn) {
                faults.insert(*fault, number);
            }
        }
        Self(faults)
    }

    /// The number of a fault; 0 if the plan has none of it.
    pub fn get(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or(0)
    }

    /// Whether the plan has it.
    pub fn has(&self, fault: Fault) -> bool {
        self.0.contains_key(&fault)
    }

    /// Those that strike again and again, with their average interval in milliseconds.
    pub fn striking(&self) -> impl Iterator<Item = (Fault, u64)> {
        self.0.iter().filter(|(fault, _)| fault.measure() == Measure::EveryMs).map(|(fault, every)| (*fault, *every))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name on the command line is the name in a saved plan.
    #[test]
    fn a_fault_has_one_name() {
        for fault in Fault::ALL {
            assert_eq!(fault.name().parse(), Ok(*fault));
            assert_eq!(serde_json::to_value(fault).unwrap(), fault.name());
        }
        assert!("rain".parse::<Fault>().unwrap_err().to_string().contains("half_open"));
    }

    /// Over many seeds every fault is drawn, and none is in every plan.
    #[test]
    fn every_fault_is_in_some_plans_and_missing_in_others() {
        let plans: Vec<Faults> = (0..300).map(|seed| Faults::drawn(&mut Random::new(seed))).collect();
        for fault in Fault::ALL {
            let with = plans.iter().filter(|faults| faults.has(*fault)).count();
            assert!(with > 0 && with < plans.len(), "{fault} is in {with} of {} plans", plans.len());
        }
    }
}
