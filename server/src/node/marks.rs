//! Marks: what tells two histories under one epoch apart.
//!
//! Somebody puts the whole folder of the server back (a snapshot of the machine), and the server counts on from there.
//! Nothing in the folder says so, and once it has counted past what a client has seen, numbers do not either. So the
//! first commit of each run of the process that moves the horizon writes a mark, a number that no other history has
//! there, and after it the first such commit whenever the newest mark is older than [`MARK_MS`]: a snapshot with its
//! memory goes on with the run that was under way. From its horizon on, up to the next one, a mark is *in force*.
//! Everything that the node tells carries a [`Stamp`], where its history stood at that moment; a client repeats the
//! newest one in its hello, and [`is_of_another_history`] compares.
//!
//! A commit pays for it with a comparison of two times; one in a minute with a row of some twenty bytes.

use fil_protocol::{Epoch, Hello, ServerFrame, Stamp};

use crate::clock::Now;
use crate::store::{ReadServer, StoreError, Transaction};

/// How old the newest mark may grow while commits move the horizon, in milliseconds.
pub const MARK_MS: u64 = 60_000;
/// How long marks are kept, in milliseconds; the newest one stays. A client that was away for longer is not compared.
pub const MARKS_KEPT_MS: u64 = 180 * 24 * 60 * 60 * 1000;

/// Where the history stands.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// The newest commit's; none before the first mark.
    stamp: Option<Stamp>,
    /// When this run wrote its newest mark; none before its first.
    written: Option<Now>,
}

/// What a transaction will have done to the marks once it is committed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marking {
    stamp: Stamp,
    written: Option<Now>,
}

impl Marks {
    /// Where the database stands at a start. The first commit writes a new mark all the same.
    pub(super) fn load(reader: &dyn ReadServer) -> Result<Self, StoreError> {
        let horizon = reader.committed_horizon()?;
        let mark = reader.mark_at(horizon)?;
        Ok(Self { stamp: mark.map(|mark| Stamp { horizon, mark }), written: None })
    }

    /// Where the history stands.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// Before the commit: writes a mark if this transaction moves the horizon, and one is due.
    pub(super) fn prepare(&self, transaction: &dyn Transaction, now: Now) -> Result<Option<Marking>, StoreError> {
        let Some(horizon) = transaction.new_horizon() else { return Ok(None) };
        let kept = self.written.is_some_and(|written| is_young(written, now));
        if let (true, Some(stamp)) = (kept, self.stamp) {
            return Ok(Some(Marking { stamp: Stamp { horizon, ..stamp }, written: self.written }));
        }
        let mark = draw(transaction.epoch()?, now.wall_ms, horizon);
        transaction.add_mark(horizon, mark, now.wall_ms)?;
        Ok(Some(Marking { stamp: Stamp { horizon, mark }, written: Some(now) }))
    }

    /// After the commit.
    pub(super) fn committed(&mut self, marking: Option<Marking>) {
        if let Some(Marking { stamp, written }) = marking {
            *self = Self { stamp: Some(stamp), written };
        }
    }

    /// An answer that was read after the newest commit, with its stamp.
    pub(super) fn put_on(&self, mut frame: ServerFrame) -> ServerFrame {
        match &mut frame {
            ServerFrame::Events { stamp, .. } | ServerFrame::Window { stamp, .. } => *stamp = self.stamp,
            ServerFrame::Account(changes) => changes.stamp = self.stamp,
            _ => {}
        }
        frame
    }
}

/// Whether a hello was told something by another history of this epoch. Where no mark is in force (before the first one
/// that is kept) nothing can be compared.
pub(super) fn is_of_another_history(
    reader: &dyn ReadServer,
    hello: &Hello,
    epoch: Epoch,
    horizon: u64,
) -> Result<bool, StoreError> {
    let Some(told) = hello.stamp.filter(|_| hello.epoch == Some(epoch)) else { return Ok(false) };
    if told.horizon > horizon {
        return Ok(true);
    }
    Ok(reader.mark_at(told.horizon)?.is_some_and(|mark| mark != told.mark))
}

/// Whether the newest mark may stay, by either clock: a machine that goes on with its memory has its wall clock set forward,
/// and its steady one goes on where it was.
fn is_young(written: Now, now: Now) -> bool {
    let wall_ms = written.wall_ms..written.wall_ms + MARK_MS;
    now.steady_ms < written.steady_ms + MARK_MS && wall_ms.contains(&now.wall_ms)
}

/// A number that another history of this epoch has at this horizon once in four thousand million times. A node has no
/// random bytes of its own: those of its epoch, the time and the horizon are stirred (the finaliser of SplitMix64).
fn draw(epoch: Epoch, now_ms: u64, horizon: u64) -> u64 {
    let mut random = [0; 8];
    random.copy_from_slice(&epoch.as_bytes()[8..]);
    let stir = |value: u64| {
        let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    };
    // Ten digits rather than twenty, since it is in every push.
    stir(stir(u64::from_be_bytes(random) ^ now_ms).wrapping_add(horizon)) >> 32
}
