//! Power cuts and kills in the middle of the day (rows 4 and 6 of the failure catalogue).

use std::path::Path;

use crate::Choice;
use crate::check::{all_agree, device_is_whole, server_is_whole};
use crate::script::{ADA, BEN, DAY, act};
use crate::stage::{Crash, Stage};

/// Runs the whole day without a fault; answers the write points of the server and of the devices.
pub(crate) fn count_write_points() -> (u64, Vec<u64>) {
    let mut stage = Stage::new(0);
    for at in 0..DAY.len() {
        act(&mut stage, at);
    }
    stage.settle();
    all_agree(&stage);
    assert!(stage.devices.iter().all(|device| device.errors.is_empty()));
    (stage.server.disk.writes(), stage.devices.iter().map(|device| device.disk.writes()).collect())
}

/// The day without any fault ends well: what the other tests compare with, and that there is enough to break.
#[test]
fn a_day_without_faults_has_a_thousand_write_points() {
    let (server, devices) = count_write_points();
    println!("{server} write points at the server, {devices:?} on the devices");
    assert!(server >= 150 && devices.iter().all(|points| *points >= 100), "{server} {devices:?}");
    assert!(server + devices.iter().sum::<u64>() >= 1_000, "docs/RELIABILITY.md says over a thousand");
}

/// The server's machine loses its power, or its process is killed, in front of a write point: nothing that a device
/// holds an acknowledgement of is lost, logs and items are whole, and the day ends as if nothing had happened.
#[test]
fn a_server_that_dies_at_a_write_point_loses_nothing_acknowledged() {
    let (points, _) = count_write_points();
    for point in Choice::every(11).of(0..points) {
        for how in [Crash::Kill, Crash::PowerCut] {
            let mut stage = Stage::new(point);
            stage.server.disk.freeze_after(point);
            for at in 0..DAY.len() {
                act(&mut stage, at);
                if stage.server.disk.is_frozen() {
                    stage.restart_server(how);
                    server_is_whole(&stage);
                }
            }
            stage.settle();
            all_agree(&stage);
        }
    }
}

/// The same for a device: everything that was answered "queued" is in its outbox or at the server, drafts are as they
/// were answered, the cursor is never ahead of the events; and it goes on.
#[test]
fn a_device_that_dies_at_a_write_point_loses_nothing_queued() {
    let (_, points) = count_write_points();
    let choice = Choice::every(11);
    for index in [ADA, BEN] {
        for point in choice.of(0..points[index]) {
            for how in [Crash::Kill, Crash::PowerCut] {
                let mut stage = Stage::new(point);
                stage.devices[index].disk.freeze_after(point);
                for at in 0..DAY.len() {
                    act(&mut stage, at);
                    if stage.devices[index].disk.is_frozen() {
                        let rebuilt = stage.restart_device(index, how);
                        assert!(!rebuilt, "point {point}, {how:?}: the cache was not sound");
                        device_is_whole(&stage, index);
                    }
                }
                stage.settle();
                all_agree(&stage);
            }
        }
    }
}

/// `local.db` is synced with every commit, `cache.db` is not: after a power cut the cache may be as of any earlier step.
/// Every such pair opens without a rebuild, loses nothing, and becomes equal to the server.
#[test]
fn a_cache_of_any_earlier_moment_fits_the_outbox() {
    let mut stage = Stage::new(0);
    let mut images = vec![stage.image()];
    for at in 0..DAY.len() {
        act(&mut stage, at);
        images.push(stage.image());
    }
    let is_cache = |path: &Path| path.starts_with("ada") && path.to_string_lossy().contains("cache.db");
    let pairs = (0..images.len()).flat_map(|now| (0..=now).map(move |earlier| (now, earlier)));
    for (now, earlier) in Choice::every(11).of(pairs) {
        let mut image = images[now].clone();
        image.files.retain(|(path, _)| !is_cache(path));
        image.files.extend(images[earlier].files.iter().filter(|(path, _)| is_cache(path)).cloned());
        let mut stage = Stage::restore(&image, 1);
        assert!(!stage.devices[ADA].session.as_ref().expect("it is on").cache_rebuilt(), "{now} with {earlier}");
        device_is_whole(&stage, ADA);
        stage.settle();
        all_agree(&stage);
    }
}
