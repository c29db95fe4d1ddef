//! Answers that are read from the committed state: welcomes and pulls.

use std::collections::{BTreeMap, VecDeque};
use std::mem;

use fil_protocol::{Head, Hello, ProtocolError, ServerFrame, Welcome};

use super::input::{Actor, ConnectionId};
use super::{Node, PULLS_PER_STEP, lineage, marks, refusal};
use crate::history::ReadError;
use crate::hub::{Hub, Subscription};
use crate::pull::{self, Pull};
use crate::store::{Reader, StoreError};

impl Node {
    /// Subscribes connections and tells them what changed, all from one snapshot, which a storm of them shares. What a
    /// connection is subscribed to and what it is told are one reading.
    pub(super) fn welcome(&mut self, welcomes: &mut Vec<(ConnectionId, u16, Hello)>) {
        if welcomes.is_empty() {
            return;
        }
        let snapshot = self.reads.snapshot();
        for (connection, protocol, hello) in welcomes.drain(..) {
            let Some((actor, _)) = self.hub.speaker(connection) else { continue };
            let read = match &snapshot {
                Ok(reader) => read_welcome(reader.as_ref(), &actor, protocol, &hello),
                Err(error) => Err(error.repeat()),
            };
            match read {
                Ok((subscription, welcome, evidence)) => {
                    if let Some(enough) = evidence {
                        self.lineage.note(&actor, enough);
                    }
                    let welcome = Welcome { server_time_ms: self.now.wall_ms, stamp: self.marks.stamp(), ..welcome };
                    self.hub.welcome(self.now.steady_ms, connection, &subscription, welcome);
                }
                Err(error) => {
                    tracing::error!(%error, "a welcome could not be read");
                    self.hub.refuse(connection, refusal(&error));
                }
            }
        }
    }

    /// Answers pulls whose connections have room, one of each connection in turn, all from one snapshot.
    pub(super) fn answer_pulls(&mut self) {
        let hub = &mut self.hub;
        self.pulls.retain(|connection, waiting| hub.speaker(*connection).is_some() && !waiting.is_empty());
        self.pulls_due = false;
        let mut turns: VecDeque<ConnectionId> =
            self.pulls.keys().copied().filter(|connection| hub.has_room(*connection)).collect();
        if turns.is_empty() {
            return;
        }
        let served = turns.partition_point(|connection| *connection <= self.pulled_last);
        turns.rotate_left(served);
        let snapshot = match self.reads.snapshot() {
            Ok(snapshot) => snapshot,
            Err(error) => {
                tracing::error!(%error, "pulls could not be answered");
                return refuse_pulls(hub, &mut self.pulls, &error);
            }
        };
        let mut left = PULLS_PER_STEP;
        while let Some(connection) = turns.pop_front() {
            let Some((actor, _)) = hub.speaker(connection).filter(|_| hub.has_room(connection)) else { continue };
            let Some(waiting) = self.pulls.get_mut(&connection) else { continue };
            if waiting.is_empty() {
                continue;
            }
            if left == 0 {
                self.pulls_due = true;
                break;
            }
            let Some(pull) = waiting.pop_front() else { continue };
            let frame = snapshot
                .organisation(actor.organisation)
                .map_err(ReadError::from)
                .and_then(|reader| pull::answer(reader.as_ref(), &actor, pull))
                .unwrap_or_else(|error| ServerFrame::Error { request: Some(pull.request), error: told(error) });
            hub.reply(connection, &self.marks.put_on(frame));
            left -= 1;
            self.pulled_last = connection;
            turns.push_back(connection);
        }
        drop(snapshot);
        self.pulls.retain(|_, waiting| !waiting.is_empty());
    }
}

fn refuse_pulls(hub: &mut Hub, pulls: &mut BTreeMap<ConnectionId, VecDeque<Pull>>, error: &StoreError) {
    for (connection, waiting) in mem::take(pulls) {
        for pull in waiting {
            hub.reply(connection, &ServerFrame::Error { request: Some(pull.request), error: refusal(error) });
        }
    }
}

fn told(error: ReadError) -> ProtocolError {
    match error {
        ReadError::Refused(error) => error,
        ReadError::Store(error) => {
            tracing::error!(%error, "a pull could not be answered");
            refusal(&error)
        }
    }
}

/// The welcome, but for the time and the stamp; and, if the client has heard what the database does not know, how many
/// accounts of that kind show that the database is an older copy.
fn read_welcome(
    reader: &dyn Reader,
    actor: &Actor,
    protocol: u16,
    hello: &Hello,
) -> Result<(Subscription, Welcome, Option<usize>), StoreError> {
    let (epoch, horizon) = (reader.epoch()?, reader.committed_horizon()?);
    let organisation = reader.organisation(actor.organisation)?;
    let account = organisation.account(actor.account)?.ok_or(StoreError::Missing("account"))?;
    let progress = organisation.progress(actor.device)?.ok_or(StoreError::Missing("device"))?;
    let diverged = marks::is_of_another_history(reader, hello, epoch, horizon)?;
    // A horizon of another history, or one that this history has not reached, says nothing about what the client has.
    let same = hello.epoch == Some(epoch) && !diverged;
    let known = if same && hello.horizon <= horizon { hello.horizon } else { 0 };
    let account_rev = organisation.account_rev(actor.account)?;
    let evidence = diverged || lineage::is_ahead(hello, epoch, horizon, account_rev, &progress);
    let evidence = if evidence { Some(lineage::enough(reader)?) } else { None };
    let conversations: Vec<(Head, u64)> =
        organisation.conversations_of(actor.account)?.iter().map(|(row, _)| (row.head(), row.changed)).collect();
    let heads = conversations.iter().filter(|(_, changed)| *changed > known).map(|(head, _)| *head).collect();
    let verdicts = organisation.verdicts_after(actor.device, progress.acknowledged)?;
    // Another generation begins with its first command: until then the database has the one before.
    let begun = progress.generation == Some(hello.generation);
    let (applied, verdicts) = if begun { (progress.applied, verdicts) } else { (0, Vec::new()) };
    let welcome = Welcome {
        protocol,
        server_time_ms: 0,
        epoch,
        horizon,
        profile: account.profile,
        applied,
        verdicts,
        account_rev,
        heads,
        diverged,
        stamp: None,
    };
    Ok((Subscription { account_rev, conversations }, welcome, evidence))
}
