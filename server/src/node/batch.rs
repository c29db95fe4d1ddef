//! One batch: inputs in, one transaction, and what follows once it is committed.
//!
//! [`Batch::sort`] tells inputs that write from those that do not. [`Batch::commit`] runs the writing ones in order,
//! each in a savepoint of its own, so that one that fails leaves its neighbours alone. Every step knows what to answer
//! if the commit succeeds, and whom to refuse if it fails. A batch in which nothing writes begins no transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::{mem, slice};

use fil_protocol::{
    AccountId, ClientFrame, Command, ConversationId, ErrorCode, Generation, Head, Hello, OrganisationId, ProtocolError,
    RawCommand, Seq, ServerFrame, Verdict, VersionRange,
};

use super::commands::{self, Series};
use super::input::{Actor, ConnectionId, Idempotency, Input, RequestId, Revoked};
use super::marks::Marks;
use super::{Job, RETRY_MS, refusal};
use crate::bus::Push;
use crate::clock::Now;
use crate::hub::Hub;
use crate::pull::Pull;
use crate::store::{Store, StoreError, Transaction, nested};

/// Commands of one batch that may fail to be written before it is taken for a failure of the disk.
const FAILURES_MAX: usize = 8;

/// What follows after the commit.
pub(super) enum After {
    Reply { connection: ConnectionId, frame: ServerFrame },
    Refuse { connection: ConnectionId, error: ProtocolError },
    Welcome { connection: ConnectionId, protocol: u16, hello: Hello },
    Pull { connection: ConnectionId, pull: Pull },
    Answer { request: RequestId, result: Result<Head, ProtocolError> },
    Finish { job: Box<dyn Job>, result: Result<(), StoreError> },
    Revoke(Revoked),
    ShutDown,
}

/// A batch that is being collected.
pub(super) struct Batch<'h> {
    hub: &'h mut Hub,
    marks: &'h mut Marks,
    now: Now,
    stopping: bool,
    steps: Vec<Step>,
    /// How far accounts say they have read: only the furthest counts.
    reads: BTreeMap<(OrganisationId, AccountId, ConversationId), Seq>,
    /// Connections that were refused: the rest of what they sent is not looked at.
    refused: BTreeSet<ConnectionId>,
}

/// An input that waits for its turn, and what became of it.
enum Step {
    /// It needs no transaction.
    Free(After),
    /// A frame that writes.
    Frame { connection: ConnectionId, actor: Actor, generation: Generation, work: FrameWork, after: Option<After> },
    /// A command over HTTP.
    Request {
        request: RequestId,
        actor: Actor,
        idempotency: Option<Idempotency>,
        command: Command,
        result: Result<Head, ProtocolError>,
    },
    /// Work of the edge.
    Job { job: Box<dyn Job>, result: Option<Result<(), StoreError>> },
}

enum FrameWork {
    Hello { protocol: u16, hello: Hello },
    Command { no: u64, command: RawCommand },
    Acknowledge { no: u64 },
}

impl<'h> Batch<'h> {
    pub(super) fn new(hub: &'h mut Hub, marks: &'h mut Marks, now: Now, stopping: bool) -> Self {
        Self { hub, marks, now, stopping, steps: Vec::new(), reads: BTreeMap::new(), refused: BTreeSet::new() }
    }

    /// Takes one input. Connections come and go at once; everything else waits for the commit.
    pub(super) fn sort(&mut self, input: Input) {
        match input {
            Input::Connected { connection, actor, backlog } => {
                self.hub.connect(self.now.steady_ms, connection, actor, backlog);
                if self.stopping {
                    self.refuse(connection, unavailable());
                }
            }
            Input::Disconnected { connection } => self.hub.disconnect(connection),
            Input::Frame { connection, frame } => self.frame(connection, frame),
            Input::Command { request, .. } if self.stopping => {
                self.steps.push(Step::Free(After::Answer { request, result: Err(unavailable()) }));
            }
            Input::Command { request, actor, idempotency, command } => {
                let result = Err(unavailable());
                self.steps.push(Step::Request { request, actor, idempotency, command, result });
            }
            Input::Job(job) => self.steps.push(Step::Job { job, result: None }),
            Input::Revoked(revoked) => self.steps.push(Step::Free(After::Revoke(revoked))),
            Input::Tick => {}
            Input::ShutDown => {
                self.stopping = true;
                self.steps.push(Step::Free(After::ShutDown));
            }
        }
    }

    /// Runs what writes and commits it. Gives what follows, and the pushes of the commit.
    pub(super) fn commit(mut self, store: &mut dyn Store, sweep: bool) -> (Vec<After>, Vec<Push>) {
        let mut pushes = Vec::new();
        let mut steps = mem::take(&mut self.steps);
        if !sweep && self.reads.is_empty() && steps.iter().all(|step| matches!(step, Step::Free(_))) {
            return (steps.into_iter().filter_map(Step::succeeded).collect(), pushes);
        }
        let refused = self.refused.clone();
        let written = self.write(store, &mut steps, &mut pushes, |batch, transaction, pushes| {
            batch.write_reads(transaction, pushes)?;
            if sweep { commands::sweep(transaction, batch.now.wall_ms) } else { Ok(()) }
        });
        match written {
            Ok(()) => (steps.into_iter().filter_map(Step::succeeded).collect(), pushes),
            Err(error) => {
                tracing::error!(%error, "a batch could not be committed");
                self.refused = refused;
                self.commit_one_by_one(store, steps, &error)
            }
        }
    }

    /// A store may find out only when it writes that one command cannot be written. So that its neighbours do not
    /// suffer, each has another try in a transaction of its own. Where the disk is full or somebody holds the database,
    /// or several fail, it is no matter of single commands, and the rest is refused.
    fn commit_one_by_one(
        mut self,
        store: &mut dyn Store,
        steps: Vec<Step>,
        error: &StoreError,
    ) -> (Vec<After>, Vec<Push>) {
        let mut after = Vec::new();
        let mut pushes = Vec::new();
        let mut failures = if matches!(error, StoreError::Full | StoreError::Busy) { FAILURES_MAX } else { 0 };
        for mut step in steps {
            let mut news = Vec::new();
            let written = match &step {
                Step::Free(_) => Ok(()),
                _ if failures >= FAILURES_MAX => Err(error.repeat()),
                // What it did in the first try is undone, and it cannot do it twice.
                Step::Job { result: Some(_), .. } => Err(error.repeat()),
                _ => self.write(store, slice::from_mut(&mut step), &mut news, |_, _, _| Ok(())),
            };
            match written {
                Ok(()) => {
                    pushes.extend(news);
                    after.extend(step.succeeded());
                }
                Err(error) => {
                    failures += 1;
                    after.push(step.failed(&error));
                }
            }
        }
        if failures < FAILURES_MAX {
            let mut news = Vec::new();
            let written = self
                .write(store, &mut [], &mut news, |batch, transaction, pushes| batch.write_reads(transaction, pushes));
            // Positions that were not written are sent again with the next ones.
            pushes.extend(written.map(|()| news).unwrap_or_default());
        }
        (after, pushes)
    }

    /// One transaction for these steps, and something last.
    fn write(
        &mut self,
        store: &mut dyn Store,
        steps: &mut [Step],
        pushes: &mut Vec<Push>,
        last: impl FnOnce(&Self, &dyn Transaction, &mut Vec<Push>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let transaction = store.begin()?;
        for step in steps {
            self.run(transaction.as_ref(), step, pushes)?;
        }
        last(self, transaction.as_ref(), pushes)?;
        let marking = self.marks.prepare(transaction.as_ref(), self.now)?;
        transaction.commit()?;
        self.marks.committed(marking);
        Ok(())
    }

    fn frame(&mut self, connection: ConnectionId, frame: ClientFrame) {
        if self.stopping || self.refused.contains(&connection) {
            return;
        }
        let Some((actor, generation)) = self.hub.speaker(connection) else { return };
        let generation = match (&frame, generation) {
            (ClientFrame::Hello(_), Some(_)) => {
                return self.refuse(connection, ProtocolError::new(ErrorCode::Malformed, "hello came twice"));
            }
            (ClientFrame::Hello(hello), None) => hello.generation,
            (_, Some(generation)) => generation,
            (_, None) => {
                let error = ProtocolError::new(ErrorCode::Malformed, "the first frame must be hello");
                return self.refuse(connection, error);
            }
        };
        let work = match frame {
            ClientFrame::Hello(hello) => match VersionRange::OURS.agree(hello.protocol) {
                Ok(protocol) => {
                    self.hub.greet(connection, generation);
                    FrameWork::Hello { protocol, hello }
                }
                Err(error) => return self.refuse(connection, error),
            },
            ClientFrame::Command { no, command } => FrameWork::Command { no, command },
            ClientFrame::Acknowledge { no } => FrameWork::Acknowledge { no },
            ClientFrame::Read { conversation, seq } => {
                let furthest = self.reads.entry((actor.organisation, actor.account, conversation)).or_default();
                *furthest = seq.max(*furthest);
                return;
            }
            ClientFrame::Pull { request, stream, after, items_max } => {
                let pull = Pull { request, stream, after, items_max };
                return self.steps.push(Step::Free(After::Pull { connection, pull }));
            }
            ClientFrame::Ping => {
                return self.steps.push(Step::Free(After::Reply { connection, frame: ServerFrame::Pong }));
            }
            ClientFrame::Renew { .. } => return,
        };
        self.steps.push(Step::Frame { connection, actor, generation, work, after: None });
    }

    fn refuse(&mut self, connection: ConnectionId, error: ProtocolError) {
        self.refused.insert(connection);
        self.steps.push(Step::Free(After::Refuse { connection, error }));
    }

    /// Runs one step in a savepoint of its own. An error means that the transaction is of no use any more.
    fn run(
        &mut self,
        transaction: &dyn Transaction,
        step: &mut Step,
        pushes: &mut Vec<Push>,
    ) -> Result<(), StoreError> {
        let now_ms = self.now.wall_ms;
        match step {
            Step::Free(_) => {}
            Step::Frame { connection, after, .. } if self.refused.contains(connection) => *after = None,
            Step::Frame { connection, actor, generation, work, after } => {
                let connection = *connection;
                let series = Series { generation: *generation, begins_after: self.hub.begins_after(connection) };
                let hub = &mut *self.hub;
                let part = attempt(transaction, || match work {
                    FrameWork::Hello { protocol, hello } => {
                        let greeted = commands::hello(transaction, actor, hello)?;
                        let welcome = After::Welcome { connection, protocol: *protocol, hello: hello.clone() };
                        Ok(greeted.map(|before| {
                            hub.may_begin(connection, before);
                            (Some(welcome), Vec::new())
                        }))
                    }
                    FrameWork::Command { no, command } => {
                        let done = commands::numbered(transaction, actor, series, *no, command, now_ms)?;
                        Ok(done.map(|(verdict, pushes)| (verdict.map(|verdict| reply(connection, verdict)), pushes)))
                    }
                    FrameWork::Acknowledge { no } => {
                        let done = commands::acknowledge(transaction, actor, series, *no)?;
                        Ok(done.map(|()| (None, Vec::new())))
                    }
                });
                *after = match part? {
                    Ok((after, news)) => {
                        pushes.extend(news);
                        after
                    }
                    Err(error) => {
                        self.refused.insert(connection);
                        Some(After::Refuse { connection, error })
                    }
                };
            }
            Step::Request { actor, idempotency, command, result, .. } => {
                let part = attempt(transaction, || {
                    commands::unnumbered(transaction, actor, idempotency.as_ref(), command, now_ms)
                });
                *result = part?.map(|(head, news)| {
                    pushes.extend(news);
                    head
                });
            }
            Step::Job { job, result } => {
                // If the transaction fails, nobody asks for this one.
                *result = Some(Ok(()));
                *result = Some(nested(transaction, || Ok(((), job.run(transaction).map(|()| true)?)))?);
            }
        }
        Ok(())
    }

    fn write_reads(&self, transaction: &dyn Transaction, pushes: &mut Vec<Push>) -> Result<(), StoreError> {
        for ((organisation, account, conversation), seq) in &self.reads {
            let part = attempt(transaction, || {
                commands::read(transaction, *organisation, *account, *conversation, *seq).map(Ok)
            })?;
            // One that failed is not told to anybody: the client sends its position again with the next one.
            pushes.extend(part.ok().flatten());
        }
        Ok(())
    }
}

impl Step {
    fn succeeded(self) -> Option<After> {
        match self {
            Self::Free(after) => Some(after),
            Self::Frame { after, .. } => after,
            Self::Request { request, result, .. } => Some(After::Answer { request, result }),
            Self::Job { job, result } => Some(After::Finish { job, result: result.unwrap_or(Ok(())) }),
        }
    }

    /// What follows instead if it was not committed.
    fn failed(self, error: &StoreError) -> After {
        match self {
            Self::Free(after) => after,
            Self::Frame { connection, .. } => After::Refuse { connection, error: refusal(error) },
            Self::Request { request, .. } => After::Answer { request, result: Err(refusal(error)) },
            Self::Job { job, .. } => After::Finish { job, result: Err(error.repeat()) },
        }
    }
}

/// Runs a part of the batch in a savepoint. A failure of the store undoes the part and becomes a refusal of it.
fn attempt<T>(
    transaction: &dyn Transaction,
    part: impl FnOnce() -> Result<Result<T, ProtocolError>, StoreError>,
) -> Result<Result<T, ProtocolError>, StoreError> {
    let result = nested(transaction, || part().map(|value| (value, true)))?;
    Ok(result.unwrap_or_else(|error| {
        tracing::error!(%error, "a part of a batch failed and was undone");
        Err(refusal(&error))
    }))
}

fn reply(connection: ConnectionId, verdict: Verdict) -> After {
    After::Reply { connection, frame: ServerFrame::Verdict(verdict) }
}

fn unavailable() -> ProtocolError {
    ProtocolError::retry_after(ErrorCode::Unavailable, "the server is stopping", RETRY_MS)
}
