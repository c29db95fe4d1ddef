//! One file on the disk: what of it is durable, and what it was before.
//!
//! The real file always has the newest content. This remembers the old content of every sector that was written since
//! the last sync, which is little, and from which a power cut picks.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::disk::Chance;

/// The unit in which a write survives or not. Every disk of this century promises at least that.
pub(crate) const SECTOR: u64 = 512;

type Sector = Box<[u8; SECTOR as usize]>;

/// How much of the unsynced survives in one file.
#[derive(Clone, Copy)]
enum Survival {
    None,
    All,
    /// The sectors before this one: the disk wrote in order, and stopped.
    Before(u64),
    /// Each sector by itself, with this many chances of eight.
    Eighths(u64),
}

/// What is known of a file.
#[derive(Debug, Default)]
pub(crate) struct Extent {
    /// Its length as of the last sync, in bytes.
    durable_len: u64,
    /// Its length now.
    len: u64,
    /// Sectors written or cut off since the last sync, with their durable content; none where there was nothing.
    unsynced: BTreeMap<u64, Option<Sector>>,
}

impl Extent {
    /// A file that is durable as it is.
    pub(crate) fn durable(len: u64) -> Self {
        Self { durable_len: len, len, unsynced: BTreeMap::new() }
    }

    /// Its length now, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Called before `count` bytes are written at `at`. `read` fills a buffer from the file, with zeros past its end.
    pub(crate) fn before_write<E>(
        &mut self,
        at: u64,
        count: u64,
        read: impl FnMut(&mut [u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        if count > 0 {
            self.remember(at / SECTOR, (at + count - 1) / SECTOR, read)?;
        }
        Ok(())
    }

    /// Called after `count` bytes were written at `at`.
    pub(crate) fn written(&mut self, at: u64, count: u64) {
        if at > self.len {
            // The bytes between the old end and the write are as unsynced as the write.
            for sector in self.len.div_ceil(SECTOR)..at / SECTOR {
                self.unsynced.entry(sector).or_insert(None);
            }
        }
        self.len = self.len.max(at + count);
    }

    /// Called before the file is cut off at `len`.
    pub(crate) fn before_truncate<E>(
        &mut self,
        len: u64,
        read: impl FnMut(&mut [u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        if len < self.len {
            self.remember(len / SECTOR, (self.len - 1) / SECTOR, read)?;
        }
        Ok(())
    }

    /// Called after the file was cut off, or grew, to `len`.
    pub(crate) fn truncated(&mut self, len: u64) {
        for sector in self.len.div_ceil(SECTOR)..len.div_ceil(SECTOR) {
            self.unsynced.entry(sector).or_insert(None);
        }
        self.len = len;
    }

    /// Everything that was written is durable now.
    pub(crate) fn synced(&mut self) {
        self.durable_len = self.len;
        self.unsynced.clear();
    }

    /// Keeps the durable content of the sectors from `first` to `last` that are not kept yet.
    fn remember<E>(
        &mut self,
        first: u64,
        last: u64,
        mut read: impl FnMut(&mut [u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut sector = first;
        while sector <= last {
            if self.unsynced.contains_key(&sector) {
                sector += 1;
            } else if sector * SECTOR >= self.durable_len {
                self.unsynced.insert(sector, None);
                sector += 1;
            } else {
                // One read for every run of sectors that are missing.
                let end = (sector + 1..=last)
                    .find(|next| *next * SECTOR >= self.durable_len || self.unsynced.contains_key(next))
                    .unwrap_or(last + 1);
                let mut old = vec![0; ((end - sector) * SECTOR) as usize];
                read(&mut old, sector * SECTOR)?;
                for (number, bytes) in (sector..end).zip(old.chunks_exact(SECTOR as usize)) {
                    let mut kept: Sector = Box::new([0; SECTOR as usize]);
                    kept.copy_from_slice(bytes);
                    self.unsynced.insert(number, Some(kept));
                }
                sector = end;
            }
        }
        Ok(())
    }

    /// The durable content, of a file that has `content` now.
    pub(crate) fn durable_content(&self, mut content: Vec<u8>) -> Vec<u8> {
        content.resize(self.durable_len as usize, 0);
        for (sector, old) in &self.unsynced {
            let start = sector * SECTOR;
            if start < self.durable_len {
                let end = (start + SECTOR).min(self.durable_len);
                let place = &mut content[start as usize..end as usize];
                match old {
                    Some(old) => place.copy_from_slice(&old[..place.len()]),
                    None => place.fill(0),
                }
            }
        }
        content
    }

    /// The power is gone: makes the file what survives of it, which is then durable.
    pub(crate) fn cut(&mut self, path: &Path, chance: &mut Chance<'_>) -> io::Result<()> {
        if self.unsynced.is_empty() && self.len == self.durable_len {
            return Ok(());
        }
        let survival = match (chance(4), self.unsynced.first_key_value(), self.unsynced.last_key_value()) {
            (0, ..) => Survival::None,
            (1, Some((first, _)), Some((last, _))) => Survival::Before(first + chance(last - first + 2)),
            (2, ..) => Survival::Eighths(1 + chance(7)),
            _ => Survival::All,
        };
        let len = match survival {
            Survival::None => self.durable_len,
            Survival::All => self.len,
            // A file grows by sectors.
            Survival::Before(end) if self.len > self.durable_len => (end * SECTOR).clamp(self.durable_len, self.len),
            Survival::Eighths(_) if self.len > self.durable_len => {
                let sectors = (self.len - self.durable_len).div_ceil(SECTOR);
                (self.durable_len + chance(sectors + 1) * SECTOR).min(self.len)
            }
            // A truncation happens or not.
            Survival::Before(_) | Survival::Eighths(_) => [self.len, self.durable_len][chance(2) as usize],
        };
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        file.set_len(len)?;
        for (sector, old) in std::mem::take(&mut self.unsynced) {
            let start = sector * SECTOR;
            let survives = match survival {
                Survival::None => false,
                Survival::All => true,
                Survival::Before(end) => sector < end,
                Survival::Eighths(eighths) => chance(8) < eighths,
            };
            // Beyond the end that the process saw there is nothing new that could survive.
            if start >= len || (survives && start < self.len) {
                continue;
            }
            let old = old.unwrap_or_else(|| Box::new([0; SECTOR as usize]));
            file.seek(SeekFrom::Start(start))?;
            file.write_all(&old[..SECTOR.min(len - start) as usize])?;
        }
        *self = Self::durable(len);
        Ok(())
    }
}

/// Turns `count` bits of a file over.
pub(crate) fn flip_bits(path: &Path, count: u64, chance: &mut Chance<'_>) -> io::Result<()> {
    let mut file: File = OpenOptions::new().read(true).write(true).open(path)?;
    let len = file.metadata()?.len();
    if len == 0 {
        return Ok(());
    }
    for _ in 0..count {
        let (at, bit) = (chance(len), chance(8));
        let mut byte = [0];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut byte)?;
        byte[0] ^= 1 << bit;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&byte)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::Dice;

    /// A file and what the extent knows of it, driven as the shim does.
    struct Stage {
        path: std::path::PathBuf,
        content: Vec<u8>,
        extent: Extent,
    }

    impl Stage {
        fn new(folder: &Path) -> Self {
            Self { path: folder.join("file"), content: Vec::new(), extent: Extent::default() }
        }

        fn write(&mut self, at: usize, byte: u8, count: usize) {
            let content = self.content.clone();
            let old = self.extent.before_write(at as u64, count as u64, |to, from| read(&content, to, from));
            old.expect("reading cannot fail");
            self.content.resize(self.content.len().max(at + count), 0);
            self.content[at..at + count].fill(byte);
            self.extent.written(at as u64, count as u64);
        }

        fn truncate(&mut self, len: usize) {
            let content = self.content.clone();
            let old = self.extent.before_truncate(len as u64, |to, from| read(&content, to, from));
            old.expect("reading cannot fail");
            self.content.resize(len, 0);
            self.extent.truncated(len as u64);
        }

        fn cut(&mut self, chance: &mut Chance<'_>) -> Vec<u8> {
            std::fs::write(&self.path, &self.content).unwrap();
            self.extent.cut(&self.path, chance).unwrap();
            self.content = std::fs::read(&self.path).unwrap();
            self.content.clone()
        }
    }

    fn read(content: &[u8], to: &mut [u8], from: u64) -> Result<(), Infallible> {
        let rest = &content[(from as usize).min(content.len())..];
        let count = rest.len().min(to.len());
        to[..count].copy_from_slice(&rest[..count]);
        to[count..].fill(0);
        Ok(())
    }

    fn sector(content: &[u8], number: usize) -> Vec<u8> {
        let mut bytes = vec![0; SECTOR as usize];
        read(content, &mut bytes, number as u64 * SECTOR).unwrap();
        bytes
    }

    /// Row 4 of the failure catalogue. After any writes, truncations and syncs, every sector that a power cut leaves is
    /// the durable one or the newest one, and all three outcomes (old, new, mixed) happen. Random files against a copy.
    #[test]
    fn a_power_cut_leaves_each_sector_old_or_new() {
        let folder = tempfile::tempdir().unwrap();
        let (mut lost, mut kept, mut torn) = (0, 0, 0);
        for seed in 0..400 {
            let mut dice = Dice::new(seed);
            let mut stage = Stage::new(folder.path());
            let mut durable = Vec::new();
            for step in 0..=dice.throw(12) {
                let (at, count) = (dice.throw(6_000) as usize, 1 + dice.throw(3_000) as usize);
                match dice.throw(8) {
                    0 => stage.truncate(at),
                    1 | 2 => {
                        stage.extent.synced();
                        durable = stage.content.clone();
                    }
                    _ => stage.write(at, step as u8 + 1, count),
                }
                assert_eq!(stage.extent.durable_content(stage.content.clone()), durable, "seed {seed}");
            }
            let newest = stage.content.clone();
            let left = stage.cut(&mut dice.chance());
            let lens = durable.len().min(newest.len())..=durable.len().max(newest.len());
            assert!(lens.contains(&left.len()), "seed {seed}: {} bytes, not in {lens:?}", left.len());
            for number in 0..left.len().div_ceil(SECTOR as usize) {
                let found = sector(&left, number);
                // The last sector ends with the file.
                let end = (left.len() - number * SECTOR as usize).min(SECTOR as usize);
                let is = |other: &[u8]| sector(other, number)[..end] == found[..end];
                assert!(is(&durable) || is(&newest), "seed {seed}: sector {number} was never so");
            }
            match (left == durable, left == newest) {
                (true, true) => {}
                (true, false) => lost += 1,
                (false, true) => kept += 1,
                (false, false) => torn += 1,
            }
        }
        assert!(lost > 20 && kept > 20 && torn > 20, "{lost} lost, {kept} kept, {torn} torn");
    }

    /// A synced file is whole whatever chance says, and the same chance makes the same file.
    #[test]
    fn what_is_synced_survives_and_chance_alone_decides_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let mut outcomes = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let run = || {
                let mut stage = Stage::new(folder.path());
                stage.write(0, 1, 5_000);
                stage.extent.synced();
                assert_eq!(stage.cut(&mut |_| panic!("nothing is left to chance")), [1; 5_000]);
                stage.write(700, 2, 2_000);
                stage.cut(&mut Dice::new(seed).chance())
            };
            let left = run();
            assert_eq!(left, run(), "seed {seed}");
            outcomes.insert(left);
        }
        assert!(outcomes.len() > 5, "{}", outcomes.len());
    }
}
