//! Verdicts, which lie in the row of their device.

use fil_protocol::{DeviceId, Verdict};

use super::organisation::Organisation;
use crate::store::{ReadVerdicts, StoreError, WriteVerdicts};

/// Version 1. The rows belong to the generation in the device's row; another generation begins without them.
pub(super) const TABLES: &str = "
    CREATE TABLE verdict (
        organisation INTEGER NOT NULL,
        device BLOB NOT NULL,
        no INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        PRIMARY KEY (organisation, device, no),
        FOREIGN KEY (organisation, device) REFERENCES device (organisation, id)
    ) STRICT, WITHOUT ROWID;
";

/// Version 3: the device's row is written with every command anyway, and its verdicts are few: those that it has not
/// acknowledged, which a client does after sixteen. A row for each was an insertion and a deletion per message.
pub(super) const IN_THE_DEVICE: &str = "
    ALTER TABLE device ADD COLUMN verdicts TEXT NOT NULL DEFAULT '[]';
    UPDATE device SET verdicts = (
        SELECT json_group_array(json(outcome) ORDER BY no) FROM verdict
        WHERE verdict.organisation = device.organisation AND verdict.device = device.id
    );
    DROP TABLE verdict;
";

impl ReadVerdicts for Organisation<'_> {
    fn verdict(&self, device: DeviceId, no: u64) -> Result<Option<Verdict>, StoreError> {
        Ok(self.work(device)?.and_then(|work| work.verdict(no)))
    }

    fn verdicts_after(&self, device: DeviceId, no: u64) -> Result<Vec<Verdict>, StoreError> {
        let Some(work) = self.work(device)? else { return Ok(Vec::new()) };
        let first = no.max(work.progress.acknowledged) + 1;
        Ok((first..).map_while(|no| work.verdict(no)).collect())
    }
}

impl WriteVerdicts for Organisation<'_> {
    fn store_verdict(&self, device: DeviceId, verdict: &Verdict) -> Result<(), StoreError> {
        let mut work = self.work(device)?.ok_or(StoreError::Missing("device"))?;
        if verdict.no != work.next_no() {
            return Err(StoreError::Exists("verdict"));
        }
        work.verdicts.push(verdict.outcome.clone());
        self.set_work(device, work);
        Ok(())
    }
}
