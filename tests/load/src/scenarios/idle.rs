//! Idle connections: how fast they are taken, what processor time that costs the server, and how much memory each keeps.
//!
//! Everybody is authenticated, has said hello and is in one conversation. Memory is the difference between a few
//! connections and all of them, divided by their number, so what a server needs anyway is not in it; the kernel's
//! buffers are not in it either. Allocators keep what they once had, so each size has a server of its own.

use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use crate::house::House;
use crate::programs::Program;
use crate::talk::{self, Seat};
use crate::wire::Wire;
use crate::{Baseline, Failure, Figure, Scenario, Stage, process};

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "idle",
    about: "idle connections: rate of connecting, its processor time, bytes of memory each",
    run,
};

/// Connections that are there before the measurement.
const FIRST: usize = 100;
/// Handshakes under way at the same time.
const OPENING_MAX: usize = 256;
/// DESIGN.md §9: bytes of a connection, and connections per second.
const BYTES_EACH: f64 = 10.0 * 1024.0;
const CONNECTED_PER_S: f64 = 5_000.0;

fn run(stage: &Stage) -> Result<(), Failure> {
    let sizes: &[usize] = stage.sized(&[FIRST + 20], &[1_000], &[1_000, 10_000]);
    for count in sizes {
        let wanted = *count as u64 + 200;
        if process::descriptors_max() < wanted {
            let limit = process::descriptors_max();
            return Err(format!(
                "{count} connections need {wanted} open files, the limit is {limit}: raise `ulimit -n`"
            )
            .into());
        }
        let mut house = House::with(stage, *count)?;
        let pairs: Vec<(usize, usize)> = (0..count / 2).map(|pair| (2 * pair, 2 * pair + 1)).collect();
        house.seed()?.directs(&pairs)?;
        let fil = measure(stage, &Program::fil(&house.data(), 0)?, &house)?;
        let relay = measure(stage, &Program::relay(0)?, &house)?;
        let baseline = Baseline::new("relay", relay.resident_each);
        let figure = Figure::cost(format!("idle.{count}.bytes_each"), fil.resident_each, "B", baseline);
        stage.print(&figure.budget(BYTES_EACH).note("proportional_each", fil.proportional_each.round()));
        let baseline = Baseline::new("relay", relay.connected_per_s);
        let figure = Figure::rate(format!("idle.{count}.connected_per_s"), fil.connected_per_s, "1/s", baseline);
        stage.print(&figure.budget(CONNECTED_PER_S).note("generator_share", fil.generator_share));
        let baseline = Baseline::new("relay", relay.connect_cpu_us);
        stage.print(&Figure::cost(format!("idle.{count}.connect_cpu_us"), fil.connect_cpu_us, "µs", baseline));
    }
    Ok(())
}

struct Idle {
    resident_each: f64,
    proportional_each: f64,
    connected_per_s: f64,
    /// The server's processor time for one connection, from the first packet to the welcome.
    connect_cpu_us: f64,
    /// The share of one core that the generator used: near 1 it is the generator that is measured.
    generator_share: f64,
}

fn measure(stage: &Stage, program: &Program, house: &House) -> Result<Idle, Failure> {
    // For both sides to put down what they had in their hands.
    let settle = Duration::from_millis(stage.sized(100, 1_500, 1_500));
    let people: Vec<usize> = (0..house.count()).collect();
    let conversation = house.direct_id(0, 1);
    let seats = talk::seats(program, house, 0, conversation, &people, 0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut wires = Vec::with_capacity(seats.len());
        let (first, others) = seats.split_at(FIRST);
        connect(program, first, &mut wires).await?;
        sleep_until(tokio::time::Instant::now() + settle).await;
        let before = (program.process().resident_bytes()?, program.process().proportional_bytes()?);
        let cpu = || Ok::<_, Failure>((program.process().cpu()?, process::Process::current().cpu()?));
        let (start, (server, generator)) = (Instant::now(), cpu()?);
        connect(program, others, &mut wires).await?;
        let (elapsed, (server_after, generator_after)) = (start.elapsed().as_secs_f64(), cpu()?);
        let connected_per_s = others.len() as f64 / elapsed;
        let connect_cpu_us = (server_after - server).as_secs_f64() * 1e6 / others.len() as f64;
        let generator_share = ((generator_after - generator).as_secs_f64() / elapsed * 100.0).round() / 100.0;
        sleep_until(tokio::time::Instant::now() + settle).await;
        let after = (program.process().resident_bytes()?, program.process().proportional_bytes()?);
        let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / others.len() as f64;
        Ok(Idle {
            resident_each: each(before.0, after.0),
            proportional_each: each(before.1, after.1),
            connected_per_s,
            connect_cpu_us,
            generator_share,
        })
    })
}

/// Connects these seats, many at a time; each has its welcome afterwards.
pub(super) async fn connect(program: &Program, seats: &[Seat], wires: &mut Vec<Wire>) -> Result<(), Failure> {
    use futures_util::stream::{FuturesUnordered, StreamExt};
    let mut waiting = seats.iter();
    let mut opening: FuturesUnordered<_> =
        waiting.by_ref().take(OPENING_MAX).map(|seat| talk::open(program, seat)).collect();
    while let Some(wire) = opening.next().await {
        wires.push(wire?);
        opening.extend(waiting.next().map(|seat| talk::open(program, seat)));
    }
    Ok(())
}
