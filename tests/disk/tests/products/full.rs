//! A full disk and a failing device at every write point (row 51 of the failure catalogue).
//!
//! Nobody restarts anything while the disk refuses: the products go on by themselves once it works again.

use fil_client::store::StoreError;
use fil_disk::{Disk, Failure};

use crate::Choice;
use crate::check::{all_agree, device_is_whole, server_is_whole};
use crate::cuts::count_write_points;
use crate::script::{ADA, BEN, DAY, act};
use crate::stage::{Answered, Crash, Stage};

/// How a disk refuses, and for how long.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    /// One operation.
    Once(Failure),
    /// Everything for three steps of the day.
    While(Failure),
}

const REFUSALS: [Refusal; 4] = [
    Refusal::Once(Failure::Full),
    Refusal::Once(Failure::Io),
    Refusal::While(Failure::Full),
    Refusal::While(Failure::Io),
];

impl Refusal {
    fn arm(self, disk: &Disk, point: u64) {
        match self {
            Self::Once(kind) => disk.fail_once(point, kind),
            Self::While(kind) => disk.fail_after(point, kind),
        }
    }
}

/// All of them for every point if every point is tried, else one in turn, and another one when the point's day comes again.
fn refusals(choice: Choice, number: usize) -> Vec<Refusal> {
    if choice.is_everything() { REFUSALS.to_vec() } else { vec![REFUSALS[(number + choice.turn()) % REFUSALS.len()]] }
}

/// Runs the day on a disk that refuses at a write point, and heals it three steps after it began. Gives the stage
/// after each step to `look`.
fn run(point: u64, refusal: Refusal, disk: impl Fn(&Stage) -> Disk, look: impl Fn(&Stage)) -> Stage {
    let mut stage = Stage::new(point);
    let disk = disk(&stage);
    refusal.arm(&disk, point);
    let mut healing = None;
    for at in 0..DAY.len() {
        act(&mut stage, at);
        look(&stage);
        if disk.writes() > point && healing.is_none() {
            healing = Some(at + 3);
        }
        if healing == Some(at) {
            disk.heal();
        }
    }
    disk.heal();
    stage.settle();
    all_agree(&stage);
    stage
}

/// The server's disk refuses at a write point: what was acknowledged stays, what was not is tried again by the clients and
/// applied once, and the same process serves on when there is room. A power cut later finds everything.
#[test]
fn a_server_whose_disk_refuses_goes_on_when_it_takes_again() {
    let (points, _) = count_write_points();
    let choice = Choice::every(7);
    for (number, point) in choice.of(0..points).enumerate() {
        for refusal in refusals(choice, number) {
            let mut stage = run(point, refusal, |stage| stage.server.disk.clone(), |_| {});
            assert!(stage.devices.iter().all(|device| device.errors.is_empty()), "the devices' disks were sound");
            stage.restart_server(Crash::PowerCut);
            server_is_whole(&stage);
        }
    }
}

/// A device's disk refuses at a write point: the person is told by a typed error, what was refused does not go out behind
/// their back, what was queued before stays, and the same session goes on. A power cut later finds everything.
#[test]
fn a_device_whose_disk_refuses_goes_on_when_it_takes_again() {
    let (_, points) = count_write_points();
    let mut refused = 0;
    let choice = Choice::every(7);
    for index in [ADA, BEN] {
        for (number, point) in choice.of(0..points[index]).enumerate() {
            for refusal in refusals(choice, number) {
                let disk = |stage: &Stage| stage.devices[index].disk.clone();
                let mut stage = run(point, refusal, disk, |stage| device_is_whole(stage, index));
                for error in &stage.devices[index].errors {
                    let typed = match refusal {
                        Refusal::Once(Failure::Full) | Refusal::While(Failure::Full) => {
                            matches!(error, StoreError::DiskFull)
                        }
                        _ => matches!(error, StoreError::Failed(_)),
                    };
                    assert!(typed, "point {point}, {refusal:?}: {error}");
                }
                refused += stage.presses.iter().filter(|press| press.answered == Answered::Refused).count();
                stage.restart_device(index, Crash::PowerCut);
                device_is_whole(&stage, index);
            }
        }
    }
    assert!(refused > 0, "no message was refused: the faults missed");
}
