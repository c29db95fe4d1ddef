//! What a batch writes: hellos, commands with and without a number, acknowledgements, read positions.
//!
//! Each function belongs into a savepoint. Its inner error is a refusal that has written nothing; its outer error is
//! the store's, and undoes what it wrote.

use fil_protocol::{
    AccountId, Command, ConversationEntry, ConversationId, ErrorCode, Generation, Head, Hello, KnownAccountEntry,
    OrganisationId, Outcome, Position, ProtocolError, RawCommand, Seq, Verdict,
};

use super::input::{Actor, Idempotency};
use super::{ANSWERS_KEPT_MS, MARKS_KEPT_MS, RETRY_MS};
use crate::bus::Push;
use crate::relay::{self, Decision};
use crate::store::{Answer, OrganisationReader, OrganisationWriter, Progress, StoreError, Transaction};

/// Verdicts that a device may leave unacknowledged. Over it, its commands are refused until it acknowledges.
pub(super) const VERDICTS_UNACKNOWLEDGED_MAX: u64 = 1_000;

type Refusable<T> = Result<Result<T, ProtocolError>, StoreError>;

/// The numbers that a connection may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series {
    /// The generation that its hello named.
    pub(super) generation: Generation,
    /// Where the first command may begin it: while the device still has this one, which it had at the hello.
    pub(super) begins_after: Option<Option<Generation>>,
}

/// A device says hello, in its generation or another: which one it has. In the same one it acknowledges verdicts. Another
/// one begins with its first command (`docs/decisions/0017-a-generation-begins-with-its-first-command.md`), so that
/// connecting writes nothing.
pub(super) fn hello(transaction: &dyn Transaction, actor: &Actor, hello: &Hello) -> Refusable<Option<Generation>> {
    let organisation = transaction.organisation(actor.organisation)?;
    let progress = match active(organisation.as_ref(), actor)? {
        Ok(progress) => progress,
        Err(error) => return Ok(Err(error)),
    };
    let same = progress.generation == Some(hello.generation);
    if same && hello.acknowledged > progress.acknowledged && hello.epoch == Some(transaction.epoch()?) {
        // What was acknowledged in another history is not: the client looks for its survivors among the verdicts.
        organisation.acknowledge(actor.device, hello.acknowledged)?;
    }
    Ok(Ok(progress.generation))
}

/// A command under its number, exactly once. No verdict is given for a number whose verdict was acknowledged.
pub(super) fn numbered(
    transaction: &dyn Transaction,
    actor: &Actor,
    series: Series,
    no: u64,
    command: &RawCommand,
    now_ms: u64,
) -> Refusable<(Option<Verdict>, Vec<Push>)> {
    let organisation = transaction.organisation(actor.organisation)?;
    let progress = match current(organisation.as_ref(), actor, series)? {
        Ok(progress) => progress,
        Err(error) => return Ok(Err(error)),
    };
    if no <= progress.applied {
        return Ok(Ok((organisation.verdict(actor.device, no)?, Vec::new())));
    }
    if no != progress.applied + 1 {
        let detail = format!("the number is {no}, the last one applied is {}", progress.applied);
        return Ok(Err(ProtocolError::new(ErrorCode::OutOfOrder, detail)));
    }
    if progress.applied - progress.acknowledged >= VERDICTS_UNACKNOWLEDGED_MAX {
        let detail = "acknowledge the verdicts so far before sending more commands";
        return Ok(Err(ProtocolError::retry_after(ErrorCode::RateLimited, detail, RETRY_MS)));
    }
    if progress.generation != Some(series.generation) {
        organisation.start_generation(actor.device, series.generation)?;
    }
    let (outcome, pushes) = match command {
        RawCommand::Known(command) => match relay::apply(organisation.as_ref(), actor, command, now_ms)? {
            Decision::Applied { seq, pushes } => (Outcome::Applied { seq }, pushes),
            Decision::Rejected(error) => (Outcome::Rejected { code: error.code }, Vec::new()),
        },
        RawCommand::Unknown(_) => (Outcome::Rejected { code: ErrorCode::Unsupported }, Vec::new()),
    };
    let verdict = Verdict { no, outcome };
    organisation.store_verdict(actor.device, &verdict)?;
    organisation.set_applied(actor.device, no)?;
    Ok(Ok((Some(verdict), pushes)))
}

/// A command over HTTP, recognised by its key if it has one.
pub(super) fn unnumbered(
    transaction: &dyn Transaction,
    actor: &Actor,
    idempotency: Option<&Idempotency>,
    command: &Command,
    now_ms: u64,
) -> Refusable<(Head, Vec<Push>)> {
    let organisation = transaction.organisation(actor.organisation)?;
    if let Err(error) = active(organisation.as_ref(), actor)? {
        return Ok(Err(error));
    }
    if let Some(Idempotency { key, body_hash }) = idempotency
        && let Some(answer) = organisation.answer(actor.account, key)?
    {
        if answer.body_hash != *body_hash {
            let detail = "the Idempotency-Key was used with another body";
            return Ok(Err(ProtocolError::new(ErrorCode::Conflict, detail)));
        }
        return Ok(answer.result.map(|head| (head, Vec::new())));
    }
    let (result, pushes) = match relay::apply(organisation.as_ref(), actor, command, now_ms)? {
        Decision::Applied { seq, pushes } => (Ok(Head { conversation: command.conversation(), seq }), pushes),
        Decision::Rejected(error) => (Err(error), Vec::new()),
    };
    if let Some(Idempotency { key, body_hash }) = idempotency {
        let answer = Answer { body_hash: *body_hash, result: result.clone() };
        organisation.store_answer(actor.account, key, &answer, now_ms)?;
    }
    Ok(result.map(|head| (head, pushes)))
}

/// The device has stored the verdicts up to this number.
pub(super) fn acknowledge(transaction: &dyn Transaction, actor: &Actor, series: Series, no: u64) -> Refusable<()> {
    let organisation = transaction.organisation(actor.organisation)?;
    match current(organisation.as_ref(), actor, series)? {
        Ok(progress) if progress.generation == Some(series.generation) => {
            organisation.acknowledge(actor.device, no).map(Ok)
        }
        // A generation that has not begun has no verdicts.
        Ok(_) => Ok(Ok(())),
        Err(error) => Ok(Err(error)),
    }
}

/// Moves a read position forward, never back and never beyond the head. Not told to anybody if it did not move.
pub(super) fn read(
    transaction: &dyn Transaction,
    organisation: OrganisationId,
    account: AccountId,
    conversation: ConversationId,
    seq: Seq,
) -> Result<Option<Push>, StoreError> {
    let writer = transaction.organisation(organisation)?;
    let Some(row) = writer.conversation(conversation)? else { return Ok(None) };
    let Some(member) = writer.member(conversation, account)?.filter(|member| member.member) else { return Ok(None) };
    let seq = seq.min(row.head.seq);
    if seq <= member.read.seq {
        return Ok(None);
    }
    let read =
        if seq == row.head.seq { row.head } else { Position { seq, sent: writer.sent_up_to(conversation, seq)? } };
    let rev = writer.set_read(conversation, account, read)?;
    let entry = ConversationEntry { conversation, kind: row.record.kind, member: true, read };
    Ok(Some(Push::Account { organisation, account, rev, entry: KnownAccountEntry::Conversation(entry) }))
}

/// Forgets answers to HTTP requests that nobody repeats any more, and marks that nobody comes back to.
pub(super) fn sweep(transaction: &dyn Transaction, now_ms: u64) -> Result<(), StoreError> {
    transaction.forget_marks(now_ms.saturating_sub(MARKS_KEPT_MS))?;
    let before_ms = now_ms.saturating_sub(ANSWERS_KEPT_MS);
    for organisation in transaction.organisations()? {
        let writer: Box<dyn OrganisationWriter + '_> = transaction.organisation(organisation.id)?;
        writer.forget_answers(before_ms)?;
    }
    Ok(())
}

/// The device's progress, if it may still act.
fn active(organisation: &dyn OrganisationReader, actor: &Actor) -> Refusable<Progress> {
    let progress = organisation.progress(actor.device)?.filter(|progress| progress.active);
    Ok(progress.ok_or_else(|| ProtocolError::new(ErrorCode::DeviceRevoked, "this device is signed out: sign in again")))
}

/// The device's progress, if the connection's numbers are those of its newest generation, or may begin it: then nothing
/// is applied yet, and the generation in the answer is the one before. An older connection of a device that began another
/// series would otherwise consume the numbers of the new one.
fn current(organisation: &dyn OrganisationReader, actor: &Actor, series: Series) -> Refusable<Progress> {
    let progress = active(organisation, actor)?;
    Ok(progress.and_then(|progress| {
        if progress.generation == Some(series.generation) {
            Ok(progress)
        } else if series.begins_after == Some(progress.generation) {
            Ok(Progress { applied: 0, acknowledged: 0, ..progress })
        } else {
            let detail = "the device has begun another generation of numbers on another connection";
            Err(ProtocolError::new(ErrorCode::OutOfOrder, detail))
        }
    }))
}
