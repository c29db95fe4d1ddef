//! One batch: inputs in, one transaction, and what follows once it is committed.
//!
//! [`Batch::sort`] tells inputs that write from those that do not. [`Batch::commit`] runs the writing ones in order,
//! each in a savepoint of its own, so that one that fails leaves its neighbours alone. Every step knows what to answer
//! if the commit succeeds, and whom to refuse if it fails.

use std::collections::{BTreeMap, BTreeSet};

use fil_protocol::{
    AccountId, ClientFrame, Command, ConversationId, ErrorCode, Generation, Head, Hello, OrganisationId, ProtocolError,
    RawCommand, Seq, ServerFrame, Stream, Verdict, VersionRange,
};

use super::input::{Actor, ConnectionId, Idempotency, Input, RequestId, Revoked};
use super::{Job, RETRY_MS, commands, refusal};
use crate::bus::Push;
use crate::hub::Hub;
use crate::store::{Store, StoreError, Transaction, nested};

/// What follows after the commit.
pub(super) enum After {
    Reply { connection: ConnectionId, frame: ServerFrame },
    Refuse { connection: ConnectionId, error: ProtocolError },
    Welcome { connection: ConnectionId, protocol: u16, hello: Hello },
    Pull { connection: ConnectionId, request: u64, stream: Stream, after: Option<Seq> },
    Answer { request: RequestId, result: Result<Head, ProtocolError> },
    Finish { job: Box<dyn Job>, result: Result<(), StoreError> },
    Revoke(Revoked),
    ShutDown,
}

/// A batch that is being collected.
pub(super) struct Batch<'h> {
    hub: &'h mut Hub,
    now_ms: u64,
    stopping: bool,
    steps: Vec<Step>,
    /// How far accounts say they have read: only the furthest counts.
    reads: BTreeMap<(OrganisationId, AccountId, ConversationId), Seq>,
    /// Connections that were refused: the rest of what they sent is not looked at.
    refused: BTreeSet<ConnectionId>,
}

/// An input that waits for its turn.
enum Step {
    /// It needs no transaction.
    Free(After),
    /// A frame that writes.
    Frame { connection: ConnectionId, actor: Actor, generation: Generation, work: FrameWork },
    /// A command over HTTP.
    Request { request: RequestId, actor: Actor, idempotency: Option<Idempotency>, command: Command },
    /// Work of the edge.
    Job(Box<dyn Job>),
}

enum FrameWork {
    Hello { protocol: u16, hello: Hello },
    Command { no: u64, command: RawCommand },
    Acknowledge { no: u64 },
}

/// A step that has run, and is not committed yet.
enum Ran {
    Free(After),
    Frame { connection: ConnectionId, after: Option<After> },
    Request { request: RequestId, result: Result<Head, ProtocolError> },
    Job { job: Box<dyn Job>, result: Result<(), StoreError> },
}

impl<'h> Batch<'h> {
    pub(super) fn new(hub: &'h mut Hub, now_ms: u64, stopping: bool) -> Self {
        Self { hub, now_ms, stopping, steps: Vec::new(), reads: BTreeMap::new(), refused: BTreeSet::new() }
    }

    /// Takes one input. Connections come and go at once; everything else waits for the commit.
    pub(super) fn sort(&mut self, input: Input) {
        match input {
            Input::Connected { connection, actor, backlog } => {
                self.hub.connect(self.now_ms, connection, actor, backlog);
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
                self.steps.push(Step::Request { request, actor, idempotency, command });
            }
            Input::Job(job) => self.steps.push(Step::Job(job)),
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
        let steps = std::mem::take(&mut self.steps);
        let writing = !self.reads.is_empty() || steps.iter().any(|step| !matches!(step, Step::Free(_)));
        if !writing {
            return (steps.into_iter().map(not_run).filter_map(Ran::succeeded).collect(), Vec::new());
        }
        let mut pushes = Vec::new();
        let mut ran = Vec::with_capacity(steps.len());
        match self.write(store, steps, sweep, &mut ran, &mut pushes) {
            Ok(()) => (ran.into_iter().filter_map(Ran::succeeded).collect(), pushes),
            Err(error) => {
                tracing::error!(%error, "a batch could not be committed");
                (ran.into_iter().map(|step| step.failed(&error)).collect(), Vec::new())
            }
        }
    }

    /// One transaction for everything. Every step is in `ran` afterwards, whether it had its turn or not.
    fn write(
        &mut self,
        store: &mut dyn Store,
        steps: Vec<Step>,
        sweep: bool,
        ran: &mut Vec<Ran>,
        pushes: &mut Vec<Push>,
    ) -> Result<(), StoreError> {
        let transaction = match store.begin() {
            Ok(transaction) => transaction,
            Err(error) => {
                ran.extend(steps.into_iter().map(not_run));
                return Err(error);
            }
        };
        let mut broken = None;
        for step in steps {
            if broken.is_some() {
                ran.push(not_run(step));
                continue;
            }
            let (step, result) = self.run(transaction.as_ref(), step, pushes);
            ran.push(step);
            broken = result.err();
        }
        if let Some(error) = broken {
            return Err(error);
        }
        self.write_reads(transaction.as_ref(), pushes)?;
        if sweep {
            commands::sweep_answers(transaction.as_ref(), self.now_ms)?;
        }
        transaction.commit()
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
            ClientFrame::Pull { request, stream, after } => {
                return self.steps.push(Step::Free(After::Pull { connection, request, stream, after }));
            }
            ClientFrame::Ping => {
                return self.steps.push(Step::Free(After::Reply { connection, frame: ServerFrame::Pong }));
            }
            ClientFrame::Renew { .. } => return,
        };
        self.steps.push(Step::Frame { connection, actor, generation, work });
    }

    fn refuse(&mut self, connection: ConnectionId, error: ProtocolError) {
        self.refused.insert(connection);
        self.steps.push(Step::Free(After::Refuse { connection, error }));
    }

    /// Runs one step in a savepoint of its own. An error means that the transaction is of no use any more; the step is
    /// given back all the same, to be refused.
    fn run(
        &mut self,
        transaction: &dyn Transaction,
        step: Step,
        pushes: &mut Vec<Push>,
    ) -> (Ran, Result<(), StoreError>) {
        let now_ms = self.now_ms;
        match step {
            Step::Free(after) => (Ran::Free(after), Ok(())),
            Step::Frame { connection, .. } if self.refused.contains(&connection) => {
                (Ran::Frame { connection, after: None }, Ok(()))
            }
            Step::Frame { connection, actor, generation, work } => {
                let part = attempt(transaction, || match work {
                    FrameWork::Hello { protocol, hello } => {
                        let greeted = commands::hello(transaction, &actor, &hello)?;
                        Ok(greeted.map(|()| (Some(After::Welcome { connection, protocol, hello }), Vec::new())))
                    }
                    FrameWork::Command { no, command } => {
                        let done = commands::numbered(transaction, &actor, generation, no, &command, now_ms)?;
                        Ok(done.map(|(verdict, pushes)| (verdict.map(|verdict| reply(connection, verdict)), pushes)))
                    }
                    FrameWork::Acknowledge { no } => {
                        let done = commands::acknowledge(transaction, &actor, generation, no)?;
                        Ok(done.map(|()| (None, Vec::new())))
                    }
                });
                match part {
                    Ok(Ok((after, news))) => {
                        pushes.extend(news);
                        (Ran::Frame { connection, after }, Ok(()))
                    }
                    Ok(Err(error)) => {
                        self.refused.insert(connection);
                        (Ran::Frame { connection, after: Some(After::Refuse { connection, error }) }, Ok(()))
                    }
                    Err(error) => (Ran::Frame { connection, after: None }, Err(error)),
                }
            }
            Step::Request { request, actor, idempotency, command } => {
                let part =
                    attempt(transaction, || commands::unnumbered(transaction, &actor, idempotency, &command, now_ms));
                match part {
                    Ok(Ok((head, news))) => {
                        pushes.extend(news);
                        (Ran::Request { request, result: Ok(head) }, Ok(()))
                    }
                    Ok(Err(error)) => (Ran::Request { request, result: Err(error) }, Ok(())),
                    Err(error) => (not_run(Step::Request { request, actor, idempotency: None, command }), Err(error)),
                }
            }
            Step::Job(mut job) => match nested(transaction, || Ok(((), job.run(transaction).map(|()| true)?))) {
                Ok(result) => (Ran::Job { job, result }, Ok(())),
                Err(error) => (Ran::Job { job, result: Ok(()) }, Err(error)),
            },
        }
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

impl Ran {
    fn succeeded(self) -> Option<After> {
        match self {
            Self::Free(after) => Some(after),
            Self::Frame { after, .. } => after,
            Self::Request { request, result } => Some(After::Answer { request, result }),
            Self::Job { job, result } => Some(After::Finish { job, result }),
        }
    }

    /// What follows instead if the batch was not committed.
    fn failed(self, error: &StoreError) -> After {
        match self {
            Self::Free(after) => after,
            Self::Frame { connection, .. } => After::Refuse { connection, error: refusal(error) },
            Self::Request { request, .. } => After::Answer { request, result: Err(refusal(error)) },
            Self::Job { job, .. } => After::Finish { job, result: Err(error.repeat()) },
        }
    }
}

/// A step that never had its turn, to be refused.
fn not_run(step: Step) -> Ran {
    match step {
        Step::Free(after) => Ran::Free(after),
        Step::Frame { connection, .. } => Ran::Frame { connection, after: None },
        Step::Request { request, .. } => Ran::Request { request, result: Err(unavailable()) },
        Step::Job(job) => Ran::Job { job, result: Ok(()) },
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
