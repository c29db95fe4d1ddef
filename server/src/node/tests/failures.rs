//! A store that fails: nothing is acknowledged that is not durable, and a neighbour's failure is not one's own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use fil_protocol::{ClientFrame, DeviceId, Epoch, ErrorCode, OrganisationId, Outcome, Seq};

use super::stage::{Stage, frame, http, script};
use crate::actor::{Actor, Revoked};
use crate::node::{Input, job};
use crate::store::{
    InviteHash, OrganisationRow, OrganisationWriter, ReadServer, ReadStore, Store, StoreError, Transaction, WriteServer,
};
use crate::testing::{ADA, BEN, EVE, account, actor, create_direct, create_group, direct, group, organisation, send};

/// A store whose commits fail while the switch is on.
struct FailingCommits {
    store: Box<dyn Store>,
    failing: Arc<AtomicBool>,
}

impl Store for FailingCommits {
    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        let failing = self.failing.load(Ordering::Relaxed);
        Ok(Box::new(FailingCommit { transaction: self.store.begin()?, failing }))
    }

    fn open_reads(&self) -> Result<Box<dyn ReadStore>, StoreError> {
        self.store.open_reads()
    }

    fn forget(&mut self) -> Result<bool, StoreError> {
        self.store.forget()
    }
}

struct FailingCommit<'s> {
    transaction: Box<dyn Transaction + 's>,
    failing: bool,
}

impl Transaction for FailingCommit<'_> {
    fn organisation(&self, organisation: OrganisationId) -> Result<Box<dyn OrganisationWriter + '_>, StoreError> {
        self.transaction.organisation(organisation)
    }

    fn new_horizon(&self) -> Option<u64> {
        self.transaction.new_horizon()
    }

    fn savepoint(&self) -> Result<(), StoreError> {
        self.transaction.savepoint()
    }

    fn roll_back(&self) -> Result<(), StoreError> {
        self.transaction.roll_back()
    }

    fn release(&self) -> Result<(), StoreError> {
        self.transaction.release()
    }

    fn commit(self: Box<Self>) -> Result<(), StoreError> {
        if self.failing { Err(StoreError::Full) } else { self.transaction.commit() }
    }
}

impl ReadServer for FailingCommit<'_> {
    fn epoch(&self) -> Result<Epoch, StoreError> {
        self.transaction.epoch()
    }

    fn committed_horizon(&self) -> Result<u64, StoreError> {
        self.transaction.committed_horizon()
    }

    fn epoch_before(&self) -> Result<Option<Epoch>, StoreError> {
        self.transaction.epoch_before()
    }

    fn mark_at(&self, horizon: u64) -> Result<Option<u64>, StoreError> {
        self.transaction.mark_at(horizon)
    }

    fn organisations(&self) -> Result<Vec<OrganisationRow>, StoreError> {
        self.transaction.organisations()
    }

    fn organisation_by_slug(&self, slug: &str) -> Result<Option<OrganisationRow>, StoreError> {
        self.transaction.organisation_by_slug(slug)
    }

    fn owner_of_device(&self, device: DeviceId) -> Result<Option<Actor>, StoreError> {
        self.transaction.owner_of_device(device)
    }

    fn revoked_since(&self, at_ms: u64) -> Result<Vec<Revoked>, StoreError> {
        self.transaction.revoked_since(at_ms)
    }

    fn organisation_of_invite(&self, hash: &InviteHash) -> Result<Option<OrganisationId>, StoreError> {
        self.transaction.organisation_of_invite(hash)
    }
}

impl WriteServer for FailingCommit<'_> {
    fn create_organisation(&self, organisation: &OrganisationRow) -> Result<(), StoreError> {
        self.transaction.create_organisation(organisation)
    }

    fn set_epoch(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.transaction.set_epoch(epoch)
    }

    fn add_mark(&self, horizon: u64, mark: u64, at_ms: u64) -> Result<(), StoreError> {
        self.transaction.add_mark(horizon, mark, at_ms)
    }

    fn forget_marks(&self, before_ms: u64) -> Result<(), StoreError> {
        self.transaction.forget_marks(before_ms)
    }
}

/// The disk is full at the commit: everyone in the batch is refused, nobody hears a push, and a retry applies once.
#[test]
fn a_failed_commit_acknowledges_nothing() {
    let failing = Arc::new(AtomicBool::new(false));
    let switch = failing.clone();
    let mut stage = Stage::on(|store| Box::new(FailingCommits { store, failing: switch }));
    stage.join(1, ADA);
    stage.join(2, BEN);
    stage.run(1, create_direct(ADA, BEN));
    stage.hear(1);
    stage.hear(2);
    failing.store(true, Ordering::Relaxed);
    let finished = Arc::new(Mutex::new(None));
    let report = finished.clone();
    let work = job(|_| Ok(5), move |result| *report.lock().unwrap() = Some(result.map_err(|error| error.to_string())));
    let message = stage.command(1, send(direct(ADA, BEN), 1, "hello"));
    let silent = frame(2, ClientFrame::Ping);
    stage.step(vec![message, http(4, ADA, None, create_group(1, "Crew", &[])), Input::Job(work), silent]);
    assert_eq!(script(&stage.hear(1)), ["error Unavailable"]);
    assert_eq!(script(&stage.hear(2)), ["pong"]);
    assert_eq!(stage.answers[&4].as_ref().unwrap_err().code, ErrorCode::Unavailable);
    assert_eq!(finished.lock().unwrap().take(), Some(Err("the disk is full".to_owned())));
    failing.store(false, Ordering::Relaxed);
    let back = stage.join(3, ADA);
    assert_eq!(back.applied, 1);
    assert_eq!(stage.run(3, send(direct(ADA, BEN), 1, "hello")), Outcome::Applied { seq: Seq(2) });
    assert_eq!(script(&stage.hear(2)), ["event 2"]);
}

/// A job that fails halfway is undone alone; what stands before and after it in the batch is kept.
#[test]
fn a_failing_part_is_undone_alone() {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    let reports = Arc::new(Mutex::new(Vec::new()));
    let report = reports.clone();
    let failing = job(
        |transaction| {
            let writer = transaction.organisation(organisation(1))?;
            writer.set_disabled(account(EVE), Some(1))?;
            Err::<(), _>(StoreError::Missing("thing"))
        },
        move |result| report.lock().unwrap().push(result.is_ok()),
    );
    let report = reports.clone();
    let working = job(
        |transaction| transaction.organisation(organisation(1))?.set_password_hash(account(EVE), "hash"),
        move |result| report.lock().unwrap().push(result.is_ok()),
    );
    let first = stage.command(1, create_group(1, "Crew", &[EVE]));
    let last = stage.command(1, send(group(1), 1, "hello"));
    stage.step(vec![first, Input::Job(failing), Input::Job(working), last]);
    let verdicts: Vec<_> = script(&stage.hear(1)).into_iter().filter(|line| line.starts_with("verdict")).collect();
    assert_eq!(verdicts, ["verdict 1 applied 1", "verdict 2 applied 2"]);
    assert_eq!(*reports.lock().unwrap(), [false, true]);
    stage.join(3, EVE);
}

/// The account of an actor that does not exist is refused like any signed-out device.
#[test]
fn an_actor_that_does_not_exist_is_refused() {
    let mut stage = Stage::new();
    stage.step(vec![Input::Command {
        request: crate::node::RequestId(1),
        actor: Actor { device: DeviceId::from_parts(9, &[9; 10]), ..actor(ADA) },
        idempotency: None,
        command: create_group(1, "Crew", &[]),
    }]);
    assert_eq!(stage.answers[&1].as_ref().unwrap_err().code, ErrorCode::DeviceRevoked);
}

/// A command that the database refuses to write, for whatever reason, is refused alone, and so is a job that ran beside
/// it; its neighbours are committed, in their order. A trigger plays the damaged page.
#[test]
fn a_command_that_cannot_be_written_leaves_its_neighbours_alone() {
    let mut stage = Stage::new();
    stage.join(1, ADA);
    stage.join(2, BEN);
    stage.join(3, EVE);
    stage.run(1, create_group(1, "Crew", &[BEN, EVE]));
    stage.sabotage(
        "CREATE TRIGGER page BEFORE INSERT ON event WHEN NEW.body LIKE '%poison%'
        BEGIN SELECT RAISE(ABORT, 'damaged'); END",
    );
    for connection in [1, 2, 3] {
        stage.hear(connection);
    }
    let before = stage.command(1, send(group(1), 1, "one"));
    let poison = stage.command(2, send(group(1), 2, "poison"));
    let after = stage.command(3, send(group(1), 3, "two"));
    let read = frame(3, ClientFrame::Read { conversation: group(1), seq: Seq(2) });
    stage.step(vec![before, poison, after, read, http(4, ADA, None, send(group(1), 4, "three"))]);
    assert_eq!(script(&stage.hear(2)), ["event 2", "event 3", "event 4", "error Internal"]);
    let heard = script(&stage.hear(3));
    assert_eq!(heard, ["event 2", "event 3", "account 1..2: 1", "event 4", "verdict 1 applied 3"]);
    assert_eq!(stage.answers[&4].as_ref().unwrap().seq, Seq(4));
    stage.sabotage("DROP TRIGGER page");
    let back = stage.join(5, BEN);
    assert_eq!(back.applied, 0, "the number of what was refused is free");
    assert_eq!(stage.run(5, send(group(1), 2, "poison")), Outcome::Applied { seq: Seq(5) });
}
