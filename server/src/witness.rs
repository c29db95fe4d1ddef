//! The witness: how far the database had come, noted in a small file beside it.
//!
//! Whoever puts an older copy of the database file back by hand does not change the epoch, and that is the danger: the
//! server would give out numbers again that clients have seen with other content, two histories under one epoch. So a
//! running server notes its epoch and horizon once a second, outside the database file, and a start compares the two. A
//! database that is behind its witness, or that has another epoch, begins a new epoch, as the restore command does.
//!
//! The witness says only what readers have seen committed, so after a power cut it is never ahead of an honest disk. It
//! may be behind or missing, without harm: whoever copies the whole folder back copies the witness too, and clients that
//! have heard more than the database holds give the same evidence (`crate::node`, marks and lineage).

use std::fs;
use std::io;
use std::path::Path;

use fil_protocol::Epoch;
use serde::{Deserialize, Serialize};

use crate::store::{ReadServer, Store, StoreError, start_new_epoch};

/// How far a database had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// Its epoch.
    pub epoch: Epoch,
    /// The number of its last commit that changed a conversation or the stream of an account.
    pub horizon: u64,
}

impl Witness {
    /// What a database says of itself.
    pub fn of(reader: &(impl ReadServer + ?Sized)) -> Result<Self, StoreError> {
        Ok(Self { epoch: reader.epoch()?, horizon: reader.committed_horizon()? })
    }

    /// What was noted in this file; none if there is nothing that can be read. Half a note is no evidence.
    pub fn load(file: &Path) -> Option<Self> {
        fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
    }

    /// Notes it in this file: beside its place and then moved there, so that nobody finds half a note. Not synced: a
    /// note that is lost with the power says less, and never anything wrong.
    pub fn save(&self, file: &Path) -> io::Result<()> {
        let beside = file.with_extension("new");
        let saved = fs::write(&beside, serde_json::to_vec(self)?).and_then(|()| fs::rename(&beside, file));
        if saved.is_err() {
            // Half a note on a full disk helps nobody.
            let _ = fs::remove_file(&beside);
        }
        saved
    }

    /// Whether a database that says this of itself is another one, or an older state of this one.
    pub fn contradicts(&self, database: &Self) -> bool {
        self.epoch != database.epoch || self.horizon > database.horizon
    }
}

/// Compares a database with the witness in this file before anybody is connected, see [`examine`]. A new epoch is noted at
/// once: a server that ends before its first second would begin another one at every start, for nothing.
pub fn recognise(store: &mut dyn Store, file: &Path, new: Epoch) -> Result<Option<(Witness, Witness)>, StoreError> {
    let contradiction = examine(store, Witness::load(file), new)?;
    if contradiction.is_some()
        && let Err(error) = Witness::of(&*store.open_reads()?.snapshot()?)?.save(file)
    {
        tracing::debug!(%error, "the witness could not be written");
    }
    Ok(contradiction)
}

/// Compares a database with its witness before anybody is connected. If the witness contradicts it, `new` becomes its
/// epoch. Answers the two that disagreed: what was noted, and what the database said.
pub fn examine(
    store: &mut dyn Store,
    noted: Option<Witness>,
    new: Epoch,
) -> Result<Option<(Witness, Witness)>, StoreError> {
    let (found, before) = {
        let mut reads = store.open_reads()?;
        let reader = reads.snapshot()?;
        (Witness::of(&*reader)?, reader.epoch_before()?)
    };
    // A server that began its epoch in the second before it ended has not noted it.
    let named =
        |noted: Witness| if Some(noted.epoch) == before { Witness { epoch: found.epoch, ..noted } } else { noted };
    let Some(noted) = noted.filter(|noted| named(*noted).contradicts(&found)) else { return Ok(None) };
    start_new_epoch(store, new)?;
    Ok(Some((noted, found)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ADA, House, create_group};

    /// Row 50: no witness or an equal one changes nothing; one that is ahead or of another epoch begins a new epoch.
    #[test]
    fn a_database_behind_its_witness_begins_a_new_epoch() {
        let mut house = House::new();
        house.apply(ADA, &create_group(1, "plan", &[]));
        let store = house.store.as_mut();
        let now = Witness::of(&*store.open_reads().unwrap().snapshot().unwrap()).unwrap();
        assert!(now.horizon > 0);
        let new = Epoch::from([7; 16]);
        let behind = Witness { horizon: now.horizon - 1, ..now };
        for noted in [None, Some(now), Some(behind)] {
            assert_eq!(examine(store, noted, new).unwrap(), None, "{noted:?}");
        }
        let ahead = Witness { horizon: now.horizon + 1, ..now };
        assert_eq!(examine(store, Some(ahead), new).unwrap(), Some((ahead, now)));
        assert_eq!(store.open_reads().unwrap().snapshot().unwrap().epoch().unwrap(), new);
        // Noted in the epoch before, and no further: the server ended before it noted the new one.
        assert_eq!(examine(store, Some(now), Epoch::from([9; 16])).unwrap(), None);
        assert!(examine(store, Some(ahead), Epoch::from([9; 16])).unwrap().is_some());
        let other = Witness { epoch: Epoch::from([8; 16]), horizon: 0 };
        assert!(examine(store, Some(other), Epoch::from([10; 16])).unwrap().is_some());
    }

    /// Row 50: an epoch that a start began is noted by it, so the next start, however soon, finds nothing to mend.
    #[test]
    fn a_new_epoch_is_noted_by_the_start_that_begins_it() {
        let mut house = House::new();
        house.apply(ADA, &create_group(1, "plan", &[]));
        let file = house.folder.path().join("witness");
        let store = house.store.as_mut();
        let now = Witness::of(&*store.open_reads().unwrap().snapshot().unwrap()).unwrap();
        Witness { horizon: now.horizon + 1, ..now }.save(&file).unwrap();
        let new = Epoch::from([7; 16]);
        assert!(recognise(store, &file, new).unwrap().is_some());
        assert_eq!(Witness::load(&file).unwrap().epoch, new);
        assert_eq!(recognise(store, &file, Epoch::from([8; 16])).unwrap(), None);
    }

    /// Row 52: a note that is missing, empty or something else is no evidence; a new one takes its place whole.
    #[test]
    fn a_note_that_cannot_be_read_is_no_evidence() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("witness");
        assert_eq!(Witness::load(&file), None);
        for text in ["", "{\"epoch\":", "[1, 2]", "{\"epoch\":\"x\",\"horizon\":-1}"] {
            fs::write(&file, text).unwrap();
            assert_eq!(Witness::load(&file), None, "{text:?}");
        }
        let witness = Witness { epoch: Epoch::from([7; 16]), horizon: 12 };
        witness.save(&file).unwrap();
        assert_eq!(Witness::load(&file), Some(witness));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
