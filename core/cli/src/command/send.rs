//! `fil send`: one message, or one per line of standard input.
//!
//! Every message is durable in the outbox when it is reported as queued, whatever happens to this process or the
//! connection afterwards. Online the command stays until the server has stored everything; offline it leaves at once,
//! and the next command of this profile that finds the server sends what waits.

use std::io::BufRead;
use std::time::Duration;

use fil_client::bridge::types::{ItemBody, ItemState, RejectReason, Request, Response, TimelineItem, TimelineRange};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{invalid, text_or_input};
use crate::arguments::Send;
use crate::exit::Refusal;
use crate::link::{Changed, Link, is_offline};
use crate::output::{Output, json_line};
use crate::texts::Texts;
use crate::who;

/// How long a message may take without `--wait`, on a connection that looks alive.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn run(arguments: Send, link: &mut Link, output: Output) -> Result<(), Refusal> {
    let deadline = match (arguments.wait, arguments.timeout) {
        (true, Some(seconds)) => Some(Instant::now() + Duration::from_secs(seconds)),
        (true, None) => None,
        (false, _) => Some(Instant::now() + PATIENCE),
    };
    let text = arguments.text.map(text_or_input).transpose()?;
    let conversation = who::open(link, &arguments.who).await?;
    let head = link.timeline(&conversation, TimelineRange::Opening { limit: 1 }).await?.head;
    let mut outgoing = Outgoing { conversation, from: head + 1, waiting: Vec::new(), lines: arguments.lines, output };
    match text {
        Some(text) => outgoing.queue(link, text).await?,
        None => outgoing.queue_lines(link).await?,
    }
    let deadline = if arguments.lines && !arguments.wait { Some(Instant::now() + PATIENCE) } else { deadline };
    outgoing.finish(link, arguments.wait, deadline).await
}

/// Messages on their way to one conversation.
struct Outgoing {
    conversation: String,
    /// Where in the timeline the first of them can stand.
    from: u64,
    /// Ids of those whose fate is open, in the order in which they were queued.
    waiting: Vec<String>,
    /// Whether every step of every message is reported.
    lines: bool,
    output: Output,
}

impl Outgoing {
    /// Puts a message into the outbox.
    async fn queue(&mut self, link: &Link, text: String) -> Result<(), Refusal> {
        let request = Request::Send { conversation: self.conversation.clone(), text };
        let Response::Queued { message } = link.request(request).await? else {
            return Err(Refusal::unexpected());
        };
        if self.lines {
            self.say(&self.report(&message, "queued", None), |texts| texts.queued.to_owned());
        }
        self.waiting.push(message);
        Ok(())
    }

    /// Queues every line that comes, and reports meanwhile what becomes of those before.
    async fn queue_lines(&mut self, link: &mut Link) -> Result<(), Refusal> {
        // The keyboard is read on its own thread, a few lines ahead; then it waits.
        let (lines, mut incoming) = mpsc::channel(64);
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                if lines.blocking_send(line).is_err() {
                    break;
                }
            }
        });
        loop {
            tokio::select! {
                line = incoming.recv() => match line {
                    None => return Ok(()),
                    Some(Err(error)) => return Err(invalid(&error)),
                    Some(Ok(line)) if line.trim().is_empty() => {}
                    Some(Ok(line)) => self.queue(link, line).await?,
                },
                changed = link.changed(None) => {
                    changed?;
                    self.look(link).await?;
                }
            }
        }
    }

    /// Waits until the fate of all is known. Offline, what waits is left to the outbox unless `wait` is set.
    async fn finish(&mut self, link: &mut Link, wait: bool, deadline: Option<Instant>) -> Result<(), Refusal> {
        let mut refused = None;
        loop {
            if let Some(reason) = self.look(link).await? {
                refused = Some(reason);
            }
            if self.waiting.is_empty() {
                return refused.map_or(Ok(()), |reason| Err(Refusal::rejected(reason)));
            }
            let status = link.status().await?;
            if let (true, Some(refusal)) = (wait, Refusal::ended(&status)) {
                return Err(refusal);
            }
            let hopeless = !wait && is_offline(&status);
            if hopeless || link.changed(deadline).await? == Changed::Late {
                if wait {
                    return Err(Refusal::timeout());
                }
                self.leave();
                return Ok(());
            }
        }
    }

    /// Reads the timeline again and reports what is decided. Gives back the reason of a refusal.
    async fn look(&mut self, link: &Link) -> Result<Option<RejectReason>, Refusal> {
        let mut refused = None;
        for item in link.since(&self.conversation, self.from).await? {
            if let Some(seq) = item.seq {
                self.from = self.from.max(seq);
            }
            let Some(at) = self.waiting.iter().position(|waiting| names(&item, waiting)) else { continue };
            match item.state {
                ItemState::Queued => {}
                ItemState::Sent => {
                    let message = self.waiting.remove(at);
                    self.say(&self.report(&message, "sent", None), |texts| texts.sent.to_owned());
                }
                ItemState::Rejected { reason } => {
                    let message = self.waiting.remove(at);
                    // For people the refusal itself says it, at the end.
                    self.say(&self.report(&message, "rejected", Some(reason)), |_| String::new());
                    refused = Some(reason);
                }
            }
        }
        Ok(refused)
    }

    /// Says that what is not sent waits in the outbox. Lines have said so already.
    fn leave(&self) {
        if let (false, Some(message)) = (self.lines, self.waiting.first()) {
            self.output.show(&self.report(message, "queued", None), |texts| texts.queued.to_owned());
        }
    }

    /// Reports one step. Many lines are for programs, whatever was asked for: a text would not say which line it means.
    fn say(&self, report: &Value, text: impl FnOnce(&'static Texts) -> String) {
        if self.lines {
            json_line(report);
        } else {
            self.output.show(report, text);
        }
    }

    fn report(&self, message: &str, state: &str, reason: Option<RejectReason>) -> Value {
        let mut report = json!({ "conversation": self.conversation, "message": message, "state": state });
        if let Some(reason) = reason {
            report["reason"] = serde_json::to_value(reason).unwrap_or_default();
        }
        report
    }
}

/// Whether the item is this message. Its key is its id for its whole life; a deleted one has nothing else.
fn names(item: &TimelineItem, message: &str) -> bool {
    match &item.body {
        ItemBody::Message { id, .. } => id == message,
        _ => item.key == message,
    }
}
