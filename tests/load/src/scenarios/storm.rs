//! A connect storm: ten thousand connected devices, the server is killed (SIGKILL) and started again, and all come back at
//! once.
//!
//! Real clients spread their return over two seconds (full jitter); here they do not, which is the worst that can happen.
//! The time runs from the moment at which the new server listens to the moment at which the last device has its welcome.

use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::idle::connect;
use crate::house::House;
use crate::percentiles::Percentiles;
use crate::programs::Program;
use crate::talk::{self, Seat};
use crate::wire::Wire;
use crate::{Baseline, Failure, Figure, Scenario, Stage, process};

/// The scenario.
pub const SCENARIO: Scenario =
    Scenario { name: "storm", about: "a kill, and everybody comes back at once: time until all are live", run };

/// How long a device that was refused waits; devices are spread over it.
const RETRY: Duration = Duration::from_millis(50);
/// How long one attempt may take. Longer than the operating system's first repetitions of a lost SYN (1, 3, 7 s).
const ATTEMPT: Duration = Duration::from_secs(20);

fn run(stage: &Stage) -> Result<(), Failure> {
    let count = stage.sized(20, 1_000, 10_000);
    if process::descriptors_max() < count as u64 + 200 {
        return Err(format!("{count} connections need as many open files: raise `ulimit -n`").into());
    }
    let mut house = House::with(stage, count)?;
    let pairs: Vec<(usize, usize)> = (0..count / 2).map(|pair| (2 * pair, 2 * pair + 1)).collect();
    house.seed()?.directs(&pairs)?;
    let fil = Program::fil(&house.data(), 0)?;
    let port = fil.address.port();
    let data = house.data();
    let mut fil = measure(fil, &house, move || Program::fil(&data, port))?;
    let relay = Program::relay(0)?;
    let port = relay.address.port();
    let mut relay = measure(relay, &house, move || Program::relay(port))?;
    for (what, percent) in [("half_live_ms", 50.0), ("all_live_ms", 100.0)] {
        let baseline = Baseline::new("relay", relay.live.at_ms(percent)?);
        let figure = Figure::cost(format!("storm.{count}.{what}"), fil.live.at_ms(percent)?, "ms", baseline);
        stage.print(&figure.note("attempts", fil.attempts).note("relay_attempts", relay.attempts));
    }
    let name = format!("storm.{count}.listens_again_ms");
    let baseline = Baseline::new("relay", relay.down.as_secs_f64() * 1e3);
    stage.print(&Figure::cost(name, fil.down.as_secs_f64() * 1e3, "ms", baseline));
    Ok(())
}

struct Storm {
    /// From listening again to each welcome.
    live: Percentiles,
    /// Attempts to connect, of all devices, after the server listened again.
    attempts: u64,
    /// From the kill to listening again.
    down: Duration,
}

fn measure(
    program: Program,
    house: &House,
    restart: impl FnOnce() -> Result<Program, Failure> + Send + 'static,
) -> Result<Storm, Failure> {
    let people: Vec<usize> = (0..house.count()).collect();
    let seats = talk::seats(&program, house, 0, house.direct_id(0, 1), &people, 0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut wires = Vec::with_capacity(seats.len());
        connect(&program, &seats, &mut wires).await?;
        let (address, killed) = (program.address, Instant::now());
        program.kill()?;
        // A thread of its own: starting waits for the program's first line.
        let restarted = tokio::task::spawn_blocking(restart);
        let (listening, knows) = tokio::sync::watch::channel(None);
        let mut devices = Vec::with_capacity(wires.len());
        for (number, (wire, seat)) in wires.into_iter().zip(seats).enumerate() {
            let phase = RETRY * (number as u32 % 64) / 64;
            devices.push(tokio::task::spawn_local(come_back(wire, seat, address, phase, knows.clone())));
        }
        let program = restarted.await??;
        let listens = Instant::now();
        listening.send_replace(Some(listens));
        let mut storm = Storm { live: Percentiles::default(), attempts: 0, down: listens - killed };
        let mut live = Vec::with_capacity(devices.len());
        for device in devices {
            let (wire, at, attempts) = device.await??;
            storm.live.add(at.saturating_duration_since(listens));
            storm.attempts += attempts;
            // Kept until all are live.
            live.push(wire);
        }
        drop(program);
        Ok(storm)
    })
}

/// Notices the end, waits until the server listens again, and connects until it has a welcome: the new socket, when that
/// was, and how many attempts it took.
async fn come_back(
    mut wire: Wire,
    seat: Seat,
    address: std::net::SocketAddr,
    phase: Duration,
    mut listening: tokio::sync::watch::Receiver<Option<Instant>>,
) -> Result<(Wire, Instant, u64), Failure> {
    while let Ok(Some(_)) = wire.next().await {}
    drop(wire);
    listening.wait_for(Option::is_some).await?;
    for attempt in 1..=200 {
        let trying = timeout(ATTEMPT, async {
            let mut wire = Wire::open(address, &seat.path, &seat.token).await?;
            wire.send(&talk::hello(None, 0, 0)).await?;
            talk::welcomed(&mut wire).await?;
            Ok::<_, Failure>(wire)
        });
        match trying.await {
            Ok(Ok(wire)) => return Ok((wire, Instant::now(), attempt)),
            Ok(Err(_)) | Err(_) => sleep_until(Instant::now() + phase + RETRY).await,
        }
    }
    Err("a device did not come back in two hundred attempts".into())
}
