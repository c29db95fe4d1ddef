//! The thread on which the node runs, and the handle through which everybody else talks to it.
//!
//! The thread takes whatever waits in its queue as one batch, so that all of it shares one commit. The queue is bounded
//! ([`QUEUE_MAX`]): a socket that finds it full stops reading its client until there is room, a request waits the same
//! way, so a flood is felt by those who send it. Nothing that the node puts out is waited for: frames go into the
//! sockets' mailboxes, answers to whoever asked.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fil_protocol::{ClientFrame, Command, ErrorCode, Head, ProtocolError};
use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};

use super::checkpoints::Committed;
use super::mailbox::Mailbox;
use crate::clock::Clock;
use crate::http::failure::from_store;
use crate::metrics::names;
use crate::node::{Actor, Backlog, ConnectionId, Idempotency, Input, Node, Output, RequestId, Revoked, job};
use crate::store::{StoreError, Transaction};

/// Messages that may wait for the node.
pub(super) const QUEUE_MAX: usize = 8_192;
/// Messages that become one batch.
pub(super) const BATCH_MAX: usize = 1_024;
/// How often the bytes that wait for slow readers are added up for the figures.
const BACKLOG_EVERY: Duration = Duration::from_secs(1);
/// A commit that takes longer is worth a line in the log.
const SLOW_BATCH: Duration = Duration::from_millis(500);

/// Talks to the node. Cheap to copy.
#[derive(Clone, Debug)]
pub struct NodeHandle {
    queue: mpsc::Sender<Message>,
}

/// One thing that waits for the node, with where its output goes.
enum Message {
    Input(Input),
    Connected { connection: ConnectionId, actor: Actor, backlog: Arc<Backlog>, mailbox: Arc<Mailbox> },
    Command { actor: Actor, idempotency: Option<Idempotency>, command: Command, answer: oneshot::Sender<Answer> },
    ShutDown { done: oneshot::Sender<()> },
    Finish,
}

type Answer = Result<Head, ProtocolError>;

/// The node's thread, to be waited for at the end.
#[derive(Debug)]
pub struct NodeThread(std::thread::JoinHandle<()>);

impl NodeThread {
    /// Waits until the node has finished its last batch; see [`NodeHandle::finish`].
    pub fn join(self) {
        if self.0.join().is_err() {
            tracing::error!("the node thread panicked");
        }
    }
}

/// Starts the node on a thread of its own.
pub(super) fn start(node: Node, committed: Committed) -> std::io::Result<(NodeHandle, NodeThread)> {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    // Its own small runtime, only to wait for a message or a point in time, whichever comes first.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let thread = std::thread::Builder::new()
        .name("node".to_owned())
        .spawn(move || runtime.block_on(run(node, receiver, committed)))?;
    Ok((NodeHandle { queue: sender }, NodeThread(thread)))
}

impl NodeHandle {
    /// Runs work in the node's next transaction; the answer comes after its commit. Work that refuses *and* keeps what it
    /// wrote (a reused refresh token, which revokes its device) returns the refusal inside `T`.
    pub async fn write<T, W>(&self, work: W) -> Result<T, ProtocolError>
    where
        T: Send + 'static,
        W: FnOnce(&dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job = job(work, move |result| {
            // Nobody waits any more if the request was given up; the work is done all the same.
            let _ = sender.send(result);
        });
        self.send(Message::Input(Input::Job(job))).await?;
        match receiver.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(from_store(&error)),
            Err(_) => Err(stopped()),
        }
    }

    /// A command over HTTP.
    pub async fn command(
        &self,
        actor: Actor,
        idempotency: Option<Idempotency>,
        command: Command,
    ) -> Result<Head, ProtocolError> {
        let (answer, receiver) = oneshot::channel();
        self.send(Message::Command { actor, idempotency, command, answer }).await?;
        receiver.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// A socket was opened.
    pub async fn connected(
        &self,
        connection: ConnectionId,
        actor: Actor,
        backlog: Arc<Backlog>,
        mailbox: Arc<Mailbox>,
    ) -> Result<(), ProtocolError> {
        self.send(Message::Connected { connection, actor, backlog, mailbox }).await
    }

    /// A frame arrived.
    pub async fn frame(&self, connection: ConnectionId, frame: ClientFrame) -> Result<(), ProtocolError> {
        self.send(Message::Input(Input::Frame { connection, frame })).await
    }

    /// A socket is gone.
    pub async fn disconnected(&self, connection: ConnectionId) {
        // If the node is gone too, there is nobody to tell.
        let _ = self.send(Message::Input(Input::Disconnected { connection })).await;
    }

    /// Somebody may no longer be connected.
    pub async fn revoked(&self, revoked: Revoked) -> Result<(), ProtocolError> {
        self.send(Message::Input(Input::Revoked(revoked))).await
    }

    /// Says goodbye to every connection; returns when that was handed to the sockets.
    pub async fn shut_down(&self) {
        let (done, receiver) = oneshot::channel();
        if self.send(Message::ShutDown { done }).await.is_ok() {
            let _ = receiver.await;
        }
    }

    /// Ends the thread after everything that waits now. Requests that come later are told that the server stops.
    pub async fn finish(&self) {
        // An error means that it has ended already.
        let _ = self.send(Message::Finish).await;
    }

    /// Whether the node's thread runs.
    pub fn is_alive(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Returns when the node's thread has ended, whatever the reason.
    pub async fn ended(&self) {
        self.queue.closed().await;
    }

    async fn send(&self, message: Message) -> Result<(), ProtocolError> {
        self.queue.send(message).await.map_err(|_| stopped())
    }
}

fn stopped() -> ProtocolError {
    ProtocolError::retry_after(ErrorCode::Unavailable, "the server is stopping", 2_000)
}

async fn run(mut node: Node, mut queue: mpsc::Receiver<Message>, committed: Committed) {
    let mut outlets = Outlets::default();
    let mut messages = Vec::with_capacity(BATCH_MAX);
    let mut backlog_due = Instant::now();
    let clock = Clock::start();
    loop {
        let received = match node.deadline() {
            None => queue.recv_many(&mut messages, BATCH_MAX).await,
            Some(deadline_ms) => {
                let left = clock.until(deadline_ms);
                let receiving = queue.recv_many(&mut messages, BATCH_MAX);
                let received = if left.is_zero() {
                    // The smallest timeout is a millisecond: long for pulls that wait for nothing but their turn.
                    tokio::task::yield_now().await;
                    receiving.now_or_never()
                } else {
                    tokio::time::timeout(left, receiving).await.ok()
                };
                received.unwrap_or_else(|| {
                    messages.push(Message::Input(Input::Tick));
                    1
                })
            }
        };
        if received == 0 {
            return;
        }
        let mut finished = Vec::new();
        let mut inputs = Vec::with_capacity(messages.len() + 1);
        let mut last = false;
        for message in messages.drain(..) {
            last |= matches!(message, Message::Finish);
            inputs.extend(outlets.open(message, &mut finished));
        }
        let now = clock.now();
        // A busy queue must not hold back heartbeats.
        if node.deadline().is_some_and(|deadline_ms| deadline_ms <= now.steady_ms) {
            inputs.push(Input::Tick);
        }
        let started = Instant::now();
        metrics::histogram!(names::BATCH_INPUTS).record(inputs.len() as f64);
        metrics::gauge!(names::NODE_QUEUE).set(queue.len() as f64);
        let outputs = node.step(now, inputs);
        let elapsed = started.elapsed();
        metrics::histogram!(names::BATCH_SECONDS).record(elapsed.as_secs_f64());
        if elapsed > SLOW_BATCH {
            tracing::warn!(elapsed_ms = elapsed.as_millis() as u64, "a batch took long: is the disk slow?");
        }
        for output in outputs {
            outlets.deliver(output);
        }
        outlets.ring();
        committed.tell();
        if started >= backlog_due {
            backlog_due = started + BACKLOG_EVERY;
            metrics::gauge!(names::BACKLOG_BYTES).set(node.queued_bytes() as f64);
        }
        for done in finished {
            let _ = done.send(());
        }
        if last {
            return;
        }
    }
}

/// Where the node's outputs go.
#[derive(Default)]
struct Outlets {
    mailboxes: HashMap<ConnectionId, Arc<Mailbox>>,
    answers: HashMap<RequestId, oneshot::Sender<Answer>>,
    requests: u64,
    /// Mailboxes that got something from this batch.
    filled: Vec<Arc<Mailbox>>,
}

impl Outlets {
    /// Remembers where the output of a message goes, and gives the node's part of it.
    fn open(&mut self, message: Message, finished: &mut Vec<oneshot::Sender<()>>) -> Option<Input> {
        Some(match message {
            Message::Input(input) => {
                if let Input::Disconnected { connection } = &input {
                    self.mailboxes.remove(connection);
                }
                input
            }
            Message::Connected { connection, actor, backlog, mailbox } => {
                self.mailboxes.insert(connection, mailbox);
                Input::Connected { connection, actor, backlog }
            }
            Message::Command { actor, idempotency, command, answer } => {
                self.requests += 1;
                let request = RequestId(self.requests);
                self.answers.insert(request, answer);
                Input::Command { request, actor, idempotency, command }
            }
            Message::ShutDown { done } => {
                finished.push(done);
                Input::ShutDown
            }
            Message::Finish => return None,
        })
    }

    /// Wakes the sockets that got something, each once.
    fn ring(&mut self) {
        for mailbox in self.filled.drain(..) {
            mailbox.ring();
        }
    }

    fn deliver(&mut self, output: Output) {
        match output {
            Output::Send { connection, frame } => {
                if let Some(mailbox) = self.mailboxes.get(&connection)
                    && mailbox.put(frame)
                {
                    self.filled.push(Arc::clone(mailbox));
                }
            }
            Output::Close { connection, code, reason } => {
                if let Some(mailbox) = self.mailboxes.remove(&connection) {
                    mailbox.close(code, reason);
                }
            }
            Output::Answered { request, result } => {
                if let Some(answer) = self.answers.remove(&request) {
                    let _ = answer.send(result);
                }
            }
        }
    }
}
