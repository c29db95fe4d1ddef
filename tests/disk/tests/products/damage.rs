//! Random damage of the cache at rest (row 52 of the failure catalogue).
//!
//! Whatever happens to `cache.db` and its log, the app opens, sends what was unsent, and shows what the server has.
//! `FIL_DAMAGES` sets how many damages are made, `FIL_DAMAGES_FROM` the first; the seed of each is printed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fil_client::store::Projection;
use fil_disk::Dice;
use fil_engine::Input;
use fil_protocol::{ConversationId, Seq};

use crate::check::{all_agree, integrity, promises_were_kept, shows_what_the_server_has};
use crate::number;
use crate::script::{ADA, BEN, DAY, act, direct, send};
use crate::stage::{Image, Stage};

/// SQLite's size of a page.
const PAGE: usize = 4_096;

/// One kind of damage to the bytes of a file.
pub(crate) type Damage = fn(&mut Vec<u8>, &mut Dice);

/// Damages of `cache.db`, by name.
pub(crate) const DAMAGES: &[(&str, Damage)] = &[
    ("a bit", |bytes, dice| flip(bytes, 1, dice)),
    ("bits", |bytes, dice| {
        let count = 2 + dice.throw(200);
        flip(bytes, count, dice);
    }),
    ("cut off", |bytes, dice| bytes.truncate(below(bytes.len(), dice))),
    ("cut off at a page", |bytes, dice| bytes.truncate(page(bytes, dice) * PAGE)),
    ("zeros", |bytes, dice| {
        for _ in 0..=dice.throw(3) {
            let at = page(bytes, dice) * PAGE;
            bytes[at..at + PAGE].fill(0);
        }
    }),
    ("swapped pages", |bytes, dice| {
        let (one, other) = (page(bytes, dice), page(bytes, dice));
        for at in 0..PAGE {
            bytes.swap(one * PAGE + at, other * PAGE + at);
        }
    }),
    ("a page doubled", |bytes, dice| {
        let (from, to) = (page(bytes, dice) * PAGE, page(bytes, dice) * PAGE);
        bytes.copy_within(from..from + PAGE, to);
    }),
    ("garbage", |bytes, dice| {
        let at = below(bytes.len(), dice);
        let end = (at + 1 + below(2 * PAGE, dice)).min(bytes.len());
        bytes[at..end].iter_mut().for_each(|byte| *byte = dice.throw(256) as u8);
    }),
    ("emptied", |bytes, _| bytes.clear()),
    ("a letter", |bytes, _| *bytes = b"this is not a database, it is a letter ".repeat(300)),
];

pub(crate) fn below(len: usize, dice: &mut Dice) -> usize {
    dice.throw(len.max(1) as u64) as usize
}

fn page(bytes: &[u8], dice: &mut Dice) -> usize {
    below(bytes.len() / PAGE, dice)
}

fn flip(bytes: &mut [u8], count: u64, dice: &mut Dice) {
    for _ in 0..count {
        let (at, bit) = (below(bytes.len(), dice), dice.throw(8));
        bytes[at] ^= 1 << bit;
    }
}

/// Ben has a cache with a history, messages that he wrote offline, and his app is off; closed, or killed.
fn asleep(killed: bool) -> Image {
    let mut stage = Stage::new(0);
    for at in 0..DAY.len() {
        act(&mut stage, at);
    }
    for number in 20..90 {
        stage.give(ADA, send(direct(), number, &format!("message {number}, and a few words more for the index")));
    }
    stage.settle();
    if !killed {
        stage.hang_up(BEN);
        stage.devices[BEN].stop();
        let now_ms = stage.now_ms;
        stage.devices[BEN].start(now_ms).expect("the device starts");
        stage.settle();
    }
    stage.devices[BEN].offline = true;
    stage.hang_up(BEN);
    for number in 200..203 {
        stage.give(BEN, send(direct(), number, "unsent"));
    }
    stage.type_draft(BEN, direct(), "half a thought");
    if !killed {
        stage.devices[BEN].stop();
    }
    stage.image()
}

/// What was done to a cache.
struct Done {
    what: String,
    /// Whether it may go unseen: bytes were changed within pages of the database itself. SQLite keeps no sums of those, so
    /// another letter or figure in a row is as good as the right one. Its log has sums, and a length that changed shows.
    may_be_unseen: bool,
}

/// Kinds of damage that leave every page where it was, or a page in its place.
pub(crate) const WITHIN_PAGES: [&str; 6] = ["a bit", "bits", "zeros", "swapped pages", "a page doubled", "garbage"];

/// Damages Ben's cache; answers what was done.
fn damage(image: &mut Image, dice: &mut Dice) -> Done {
    let certain = |what: &str| Done { what: what.to_owned(), may_be_unseen: false };
    let (cache, log) = (PathBuf::from("ben/cache.db"), PathBuf::from("ben/cache.db-wal"));
    let has_log = image.files.iter().any(|(path, _)| *path == log);
    let choice = dice.throw(10);
    if has_log && choice == 0 {
        image.files.retain(|(path, _)| *path != log);
        return certain("the log deleted");
    }
    if choice == 1 {
        image.files.retain(|(path, _)| *path != cache);
        return certain("the cache deleted");
    }
    let (name, damage) = DAMAGES[below(DAMAGES.len(), dice)];
    let place = if has_log && choice < 4 { &log } else { &cache };
    let (_, bytes) = image.files.iter_mut().find(|(path, _)| path == place).expect("the file is there");
    damage(bytes, dice);
    let may_be_unseen = *place == cache && WITHIN_PAGES.contains(&name);
    Done { what: format!("{name} in {}", place.display()), may_be_unseen }
}

/// What became of a damage.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    rebuilt: usize,
    harmless: usize,
    unseen: usize,
}

/// Whatever is damaged, the app opens without a panic, nothing unsent is lost, everybody catches up, and damage that can be
/// seen at all leads to a cache that is built again and equals the server's. What was not seen has changed the content of
/// rows at most: each row is there, once, and the kind of damage is one that can do that.
#[test]
fn a_damaged_cache_is_built_again_and_nothing_unsent_is_lost() {
    let images = [asleep(false), asleep(true)];
    let mut tally = Tally::default();
    let first = number("FIL_DAMAGES_FROM").unwrap_or(0);
    for seed in first..number("FIL_DAMAGES").unwrap_or(40) {
        let mut dice = Dice::new(seed as u64);
        let mut image = images[seed % 2].clone();
        let done = damage(&mut image, &mut dice);
        println!("damage {seed}: {}", done.what);
        let mut stage = Stage::restore(&image, 1);
        recover(&mut stage);

        let mut reads = stage.server.reads();
        let snapshot = reads.snapshot().expect("a snapshot");
        let organisation = snapshot.organisation(stage.devices[BEN].actor.organisation).expect("the organisation");
        promises_were_kept(&stage, BEN, &*organisation);
        assert_eq!(integrity(&stage.devices[BEN].folder.join("local.db")), "ok");
        let shows = shows_what_the_server_has(&stage.devices[BEN], &*organisation);
        let rebuilt = stage.devices[BEN].session.as_ref().expect("it is on").cache_rebuilt();
        match (rebuilt, shows) {
            (true, Ok(())) => tally.rebuilt += 1,
            (false, Ok(())) => tally.harmless += 1,
            (true, Err(what)) => panic!("the rebuilt cache differs: {what}"),
            (false, Err(difference)) => {
                println!("  unseen: {difference:.300}");
                assert!(done.may_be_unseen, "{} can be seen: {difference}", done.what);
                assert_eq!(rows_shown(&stage), rows_had(&stage), "a row is gone, or is there twice: {difference}");
                tally.unseen += 1;
                rebuild(&mut stage);
                stage.settle();
            }
        }
        all_agree(&stage);
    }
    println!("{tally:?}");
}

/// Conversations and the numbers of the items in each.
type Rows = BTreeMap<ConversationId, Vec<Seq>>;

/// What Ben's screens have rows for.
fn rows_shown(stage: &Stage) -> Rows {
    let reader = stage.devices[BEN].session.as_ref().expect("it is on").reader();
    let projections = reader.and_then(|mut reader| reader.projections()).expect("it was read before");
    let numbers = |projection: &Projection| projection.items.iter().map(|item| item.seq).collect();
    projections.iter().map(|projection| (projection.conversation, numbers(projection))).collect()
}

/// What they should have rows for: all that the server has within what the cache says that it keeps.
fn rows_had(stage: &Stage) -> Rows {
    let reader = stage.devices[BEN].session.as_ref().expect("it is on").reader();
    let projections = reader.and_then(|mut reader| reader.projections()).expect("it was read before");
    let mut reads = stage.server.reads();
    let snapshot = reads.snapshot().expect("a snapshot");
    let actor = stage.devices[BEN].actor;
    let organisation = snapshot.organisation(actor.organisation).expect("the organisation");
    let mine = organisation.conversations_of(actor.account).expect("readable").into_iter();
    let mut rows = Rows::new();
    for (row, _) in mine.filter(|(_, member)| member.member) {
        let id = row.record.conversation;
        let kept = projections.iter().find(|projection| projection.conversation == id).map(|found| found.kept.clone());
        let kept = kept.unwrap_or_default();
        let has = |seq: &Seq| kept.iter().any(|(low, high)| (*low..=*high).contains(seq));
        let items = organisation.items_before(id, None, usize::MAX).expect("readable");
        rows.insert(id, items.into_iter().map(|item| item.seq).filter(has).collect());
    }
    rows
}

/// The app goes on, and reads what screens read; a reader that finds damage has the cache built again, as the driver does.
fn recover(stage: &mut Stage) {
    for _ in 0..3 {
        // Where rows hide in swapped pages a device may ask for the same again and again, until the cache is inspected.
        let settled = stage.settles();
        let session = stage.devices[BEN].session.as_ref().expect("it is on");
        let read = session.reader().and_then(|mut reader| {
            reader.projections()?;
            reader.commands()?;
            // The app does so in the background, when it is due.
            reader.inspect()
        });
        match read {
            Ok(()) if settled => return,
            Ok(()) => panic!("a cache that nothing is wrong with does not catch up"),
            Err(error) if error.suggests_damage() => rebuild(stage),
            Err(error) => panic!("a reader fails for ever: {error}"),
        }
    }
    panic!("the cache is damaged again and again");
}

fn rebuild(stage: &mut Stage) {
    stage.hang_up(BEN);
    stage.devices[BEN].inputs.clear();
    stage.devices[BEN].rebuild_cache(stage.now_ms);
    stage.devices[BEN].inputs.push_back(Input::Tick);
}
