//! Growth: the same work with ten times as much around it. The baseline of each figure is a tenth of the size, so its ratio
//! is what the growth costs; `should_be` says what it should be, and the budget is a third more than that.
//!
//! Processor time of the node in this thread, so neither neighbours nor the disk's waiting are in it; each is the middle of
//! many batches.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use fil_protocol::{ConversationId, Seq};
use fil_server::history;
use fil_server::node::ConnectionId;

use crate::heart::{Cost, Heart};
use crate::house::House;
use crate::percentiles::Percentiles;
use crate::{Baseline, Failure, Figure, Scenario, Stage, talk, text};

/// The scenario.
pub const SCENARIO: Scenario =
    Scenario { name: "growth", about: "ten times the messages, members, conversations: what it costs", run };

/// Messages in one batch.
const BATCH: usize = 20;
/// How much more than it should be a growth may be.
const TOLERANCE: f64 = 1.33;

fn run(stage: &Stage) -> Result<(), Failure> {
    // The store and the connections are the same code at both sizes; what is first run pays for warming up.
    messages(stage, stage.sized(50, 500, 1_000))?;
    let (few, many) = stage.sized((50, 500), (2_000, 20_000), (10_000, 100_000));
    let (small, large) = (messages(stage, few)?, messages(stage, many)?);
    for (one, ten) in small.iter().zip(&large) {
        print(stage, &format!("growth.messages.{}", ten.what), one, ten, few, many);
    }
    let (few, many) = stage.sized((3, 30), (20, 200), (100, 1_000));
    for (what, connected, should_be) in [("deliver", true, 10.0), ("send_to_absent", false, 1.0)] {
        let (one, ten) = (members(stage, few, connected)?, members(stage, many, connected)?);
        print_one(stage, &format!("growth.members.{what}"), (one, ten), should_be, few as u64, many as u64);
    }
    let (few, many) = stage.sized((5, 50), (200, 2_000), (1_000, 10_000));
    let (one, ten) = (conversations(stage, few)?, conversations(stage, many)?);
    print_one(stage, "growth.conversations.send", (one, ten), 1.0, few as u64, many as u64);
    let (few, many) = stage.sized((3, 30), (50, 500), (50, 500));
    for (what, knows) in [("hello_first", false), ("hello_nothing_new", true)] {
        let (one, ten) = (hello(stage, few, knows)?, hello(stage, many, knows)?);
        print_one(stage, &format!("growth.conversations.{what}"), (one, ten), 10.0, few as u64, many as u64);
    }
    Ok(())
}

struct Measured {
    what: &'static str,
    micros: f64,
    should_be: f64,
}

fn print(stage: &Stage, name: &str, one: &Measured, ten: &Measured, few: u64, many: u64) {
    print_one(stage, name, (one.micros, ten.micros), ten.should_be, few, many);
}

fn print_one(stage: &Stage, name: &str, (one, ten): (f64, f64), should_be: f64, few: u64, many: u64) {
    let figure = Figure::cost(name, ten, "µs", Baseline::new("a_tenth", one)).budget(one * should_be * TOLERANCE);
    stage.print(&figure.note("should_be", should_be).note("from", few).note("to", many));
}

/// Processor time of one message, in microseconds: the middle of this many batches.
fn send(
    heart: &mut Heart,
    batches: usize,
    writer: impl Fn(usize) -> (ConnectionId, ConversationId),
) -> Result<f64, Failure> {
    let mut samples = Percentiles::default();
    for batch in 0..batches {
        let mut frames = Vec::with_capacity(BATCH);
        for place in 0..BATCH {
            let (device, conversation) = writer(batch * BATCH + place);
            frames.push((device, heart.message(device, conversation)?));
        }
        let (_, cost) = Cost::of(|| heart.batch(&frames))?;
        samples.add(cost.cpu);
        let (device, _) = writer(batch * BATCH);
        let stored = heart.acknowledge(device)?;
        heart.batch(&[(device, stored)])?;
    }
    Ok(samples.at_ms(50.0)? * 1_000.0 / BATCH as f64)
}

/// One conversation with this many messages: writing, and reading it.
fn messages(stage: &Stage, count: u64) -> Result<Vec<Measured>, Failure> {
    let asks = stage.sized(3, 40, 200);
    let mut house = House::with(stage, 2)?;
    let mut seeding = house.seed()?;
    let conversation = seeding.directs(&[(0, 1)])?.remove(0);
    seeding.messages((1..=count).map(|number| ((number % 2) as usize, conversation, text::of(number, text::BYTES))))?;
    drop(seeding);
    let mut heart = Heart::open(&house)?;
    let device = heart.connect_all(&house, &[0, 1])?[0];
    let mut measured =
        vec![Measured { what: "send", micros: send(&mut heart, asks, |_| (device, conversation))?, should_be: 1.0 }];
    let actor = house.person(0);
    let mut read = |what, work: &dyn Fn(&dyn fil_server::store::OrganisationReader, u64) -> Result<usize, Failure>| {
        let mut samples = Percentiles::default();
        for ask in 0..asks as u64 {
            let snapshot = heart.reads().snapshot()?;
            let organisation = snapshot.organisation(actor.organisation)?;
            let (found, cost) = Cost::of(|| work(organisation.as_ref(), ask))?;
            if found == 0 {
                return Err(Failure::from(format!("{what} found nothing")));
            }
            samples.add(cost.cpu.max(Duration::from_micros(1)));
        }
        measured.push(Measured { what, micros: samples.at_ms(50.0)? * 1_000.0, should_be: 1.0 });
        Ok(())
    };
    read("page_newest", &|organisation, _| {
        Ok(history::history(organisation, &actor, conversation, None, 50)?.items.len())
    })?;
    read("page_middle", &|organisation, ask| {
        let before = Seq(60 + (ask * 7_919) % (count.max(61) - 59));
        Ok(history::history(organisation, &actor, conversation, Some(before), 50)?.items.len())
    })?;
    read("search_one", &|organisation, ask| {
        let word = format!("n{}", 1 + (ask * 7_919) % count);
        Ok(history::search(organisation, &actor, &word, None, None, 50)?.hits.len())
    })?;
    read("search_many", &|organisation, _| {
        Ok(history::search(organisation, &actor, "bridge", None, None, 50)?.hits.len())
    })?;
    Ok(measured)
}

/// A group of this many, everybody connected or the writer alone.
fn members(stage: &Stage, count: usize, connected: bool) -> Result<f64, Failure> {
    let mut house = House::with(stage, count)?;
    let people: Vec<usize> = (0..count).collect();
    let group = house.seed()?.group(&people)?;
    let mut heart = Heart::open(&house)?;
    let devices = heart.connect_all(&house, if connected { &people } else { &people[..1] })?;
    send(&mut heart, stage.sized(3, 40, 200), |_| (devices[0], group))
}

/// This many conversations on the server, with one message each; twenty of them are written to in turn.
fn conversations(stage: &Stage, count: usize) -> Result<f64, Failure> {
    let people = 2 * count.min(1_000);
    let mut house = House::with(stage, people)?;
    let mut seeding = house.seed()?;
    let groups: Vec<[usize; 2]> =
        (0..count).map(|number| [number % people, (number + 1 + number / people) % people]).collect();
    let slices: Vec<&[usize]> = groups.iter().map(|group| &group[..]).collect();
    let ids = seeding.groups(&slices)?;
    seeding.messages(
        groups
            .iter()
            .zip(&ids)
            .enumerate()
            .map(|(number, (group, id))| (group[0], *id, text::of(number as u64, text::BYTES))),
    )?;
    drop(seeding);
    let mut heart = Heart::open(&house)?;
    // Spread over all conversations, so that their pages are not neighbours.
    let chosen: Vec<usize> = (0..count.min(BATCH)).map(|place| place * count / BATCH.min(count)).collect();
    let mut writers = Vec::with_capacity(chosen.len());
    // Where there are more conversations than people, one person writes in several of them. A house has one device for
    // each, and a second connection of a device would take the place of the first.
    let mut devices = BTreeMap::new();
    for number in chosen {
        let person = groups[number][0];
        let device = match devices.entry(person) {
            Entry::Occupied(connected) => *connected.get(),
            Entry::Vacant(place) => *place.insert(heart.connect(&house, person, &talk::hello(None, 0, 0))?),
        };
        writers.push((device, ids[number]));
    }
    let batches = stage.sized(3, 40, 200);
    let mut samples = Percentiles::default();
    for batch in 0..batches {
        let mut frames = Vec::with_capacity(writers.len());
        for (device, conversation) in &writers {
            frames.push((*device, heart.message(*device, *conversation)?));
        }
        let (_, cost) = Cost::of(|| heart.batch(&frames))?;
        samples.add(cost.cpu);
        if batch % 100 == 99 {
            let stored: Result<Vec<_>, Failure> =
                devices.values().map(|device| Ok((*device, heart.acknowledge(*device)?))).collect();
            heart.batch(&stored?)?;
        }
    }
    Ok(samples.at_ms(50.0)? * 1_000.0 / writers.len() as f64)
}

/// An account with this many conversations says hello, knowing nothing or everything.
fn hello(stage: &Stage, count: usize, knows: bool) -> Result<f64, Failure> {
    let mut house = House::with(stage, 2)?;
    let mut seeding = house.seed()?;
    let members: &[usize] = &[0, 1];
    seeding.groups(&vec![members; count])?;
    let (epoch, horizon) = seeding.horizon()?;
    let account_rev = seeding.account_rev(1)?;
    drop(seeding);
    let mut heart = Heart::open(&house)?;
    let mut samples = Percentiles::default();
    for _ in 0..stage.sized(3, 20, 100) {
        let hello = if knows { talk::hello(Some(epoch), horizon, account_rev) } else { talk::hello(None, 0, 0) };
        let (_, cost) = Cost::of(|| heart.connect(&house, 1, &hello))?;
        samples.add(cost.cpu);
    }
    Ok(samples.at_ms(50.0)? * 1_000.0)
}
