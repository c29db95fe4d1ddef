//! All logs, with the few that want something in order: what a step costs does not grow with the conversations there are.
//!
//! A log stands in at most one of three places besides the map, by its own state alone: it is being pulled, it is due
//! to be pulled, or it is going to be due. [`Logs::change`] is the only way to touch a log, and puts it where it belongs
//! afterwards, so the places cannot part from the logs. Scanning all logs at the end of each step was refused: with
//! 5,000 conversations it cost more than everything else that a step does.

use std::collections::btree_map::Values;
use std::collections::{BTreeMap, BTreeSet};

use fil_protocol::{ConversationId, Seq};

use super::log::{Log, Pull};

/// Conversations whose pushes are held although nobody has said that the account is a member. Pushes of further ones are
/// dropped: when it turns out that it is, they are pulled.
pub const STRANGERS_MAX: usize = 16;

/// The logs.
#[derive(Clone, Debug, Default)]
pub(super) struct Logs {
    logs: BTreeMap<ConversationId, Log>,
    /// Logs that something is missing in.
    behind: usize,
    /// Logs with a request under way: never more than `PULLS_MAX`, give or take those that a heartbeat restarts.
    pulled: BTreeMap<ConversationId, Pull>,
    /// Logs that are behind and may be asked for now, by rank.
    due: BTreeSet<(u64, ConversationId)>,
    /// Logs that are behind and will be due, by time.
    waiting: BTreeSet<(u64, ConversationId)>,
}

impl Logs {
    /// Logs whose events up to their cursors are stored.
    pub(super) fn stored(cursors: impl IntoIterator<Item = (ConversationId, Option<Seq>)>) -> Self {
        let log = |cursor: Option<Seq>| cursor.map_or_else(Log::named, Log::stored);
        let logs: BTreeMap<_, _> = cursors.into_iter().map(|(id, cursor)| (id, log(cursor))).collect();
        let behind = logs.values().filter(|log| log.is_behind()).count();
        Self { logs, behind, ..Self::default() }
    }

    /// Changes a log, which begins empty if it is not there yet.
    pub(super) fn change<T>(&mut self, id: ConversationId, change: impl FnOnce(&mut Log) -> T) -> T {
        self.leave(id);
        let changed = change(self.logs.entry(id).or_default());
        self.enter(id);
        changed
    }

    /// The same, only if it is there.
    pub(super) fn change_known<T>(&mut self, id: ConversationId, change: impl FnOnce(&mut Log) -> T) -> Option<T> {
        self.logs.contains_key(&id).then(|| self.change(id, change))
    }

    /// Forgets a log. Answers whether it was there.
    pub(super) fn remove(&mut self, id: ConversationId) -> bool {
        self.leave(id);
        self.logs.remove(&id).is_some()
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether there is room for a push of this conversation: it is known, or not too many unknown ones are held.
    pub(super) fn have_room_for(&self, id: ConversationId) -> bool {
        self.logs.contains_key(&id) || self.strangers().count() < STRANGERS_MAX
    }

    /// Logs whose pushes are held although nobody has said that the account is a member.
    pub(super) fn strangers(&self) -> impl Iterator<Item = ConversationId> + '_ {
        self.logs.iter().filter(|(_, log)| !log.followed).map(|(id, _)| *id)
    }

    /// What was under way in any of them will not come.
    pub(super) fn disconnected(&mut self) {
        self.logs.retain(|_, log| log.followed);
        self.logs.values_mut().for_each(Log::disconnected);
        self.pulled.clear();
        self.due.clear();
        self.waiting.clear();
    }

    /// The last event of a conversation that is stored here; none if nothing is.
    pub(super) fn cursor(&self, id: ConversationId) -> Option<Seq> {
        self.logs.get(&id).and_then(|log| log.cursor)
    }

    /// Whether it is there, and somebody has said that the account is a member.
    pub(super) fn follows(&self, id: ConversationId) -> bool {
        self.logs.get(&id).is_some_and(|log| log.followed)
    }

    /// Whether it is there.
    pub(super) fn contains(&self, id: ConversationId) -> bool {
        self.logs.contains_key(&id)
    }

    /// The ids of all.
    pub(super) fn ids(&self) -> impl Iterator<Item = ConversationId> + '_ {
        self.logs.keys().copied()
    }

    /// Those that something is missing in.
    pub(super) fn behind(&self) -> Vec<ConversationId> {
        self.logs.iter().filter(|(_, log)| log.is_behind()).map(|(id, _)| *id).collect()
    }

    /// Whether nothing is missing in any.
    pub(super) fn are_caught_up(&self) -> bool {
        self.behind == 0
    }

    /// The most pushes that one of them holds.
    pub(super) fn held_max(&self) -> usize {
        self.logs.values().map(Log::held).max().unwrap_or(0)
    }

    /// Requests under way.
    pub(super) fn pulls(&self) -> Values<'_, ConversationId, Pull> {
        self.pulled.values()
    }

    /// The log that is being pulled by this request.
    pub(super) fn pulled_by(&self, request: u64) -> Option<ConversationId> {
        self.pulled.iter().find(|(_, pull)| pull.request == request).map(|(id, _)| *id)
    }

    /// Logs whose answer has taken too long.
    pub(super) fn late(&self, now_ms: u64) -> Vec<ConversationId> {
        self.pulled.iter().filter(|(_, pull)| now_ms >= pull.until_ms).map(|(id, _)| *id).collect()
    }

    /// The log to ask for next: the one on screen, else the one with the highest rank.
    pub(super) fn most_wanted(&mut self, now_ms: u64, shown: Option<ConversationId>) -> Option<ConversationId> {
        while let Some((_, id)) = self.waiting.first().copied().filter(|(due_ms, _)| *due_ms <= now_ms) {
            self.waiting.pop_first();
            self.due.insert((self.logs.get(&id).map_or(0, |log| log.rank), id));
        }
        shown
            .filter(|id| self.logs.get(id).is_some_and(|log| self.due.contains(&(log.rank, *id))))
            .or_else(|| self.due.last().map(|(_, id)| *id))
    }

    /// When the next log is due that is not being pulled.
    pub(super) fn next_due_ms(&self) -> Option<u64> {
        match self.due.first() {
            Some((_, id)) => self.logs.get(id).and_then(|log| log.due_ms),
            None => self.waiting.first().map(|(due_ms, _)| *due_ms),
        }
    }

    fn leave(&mut self, id: ConversationId) {
        let Some(log) = self.logs.get(&id) else { return };
        self.behind -= usize::from(log.is_behind());
        self.pulled.remove(&id);
        self.due.remove(&(log.rank, id));
        if let Some(due_ms) = log.due_ms {
            self.waiting.remove(&(due_ms, id));
        }
    }

    fn enter(&mut self, id: ConversationId) {
        let Some(log) = self.logs.get(&id) else { return };
        self.behind += usize::from(log.is_behind());
        if let Some(pull) = log.pull {
            self.pulled.insert(id, pull);
        } else if let Some(due_ms) = log.due_ms.filter(|_| log.is_behind()) {
            self.waiting.insert((due_ms, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use fil_protocol::Seq;

    use super::*;

    /// The places give the same answers as looking at every log, whatever was done to them: random changes, and after
    /// each the four questions put both ways.
    #[test]
    fn the_places_say_what_looking_at_every_log_would_say() {
        let id = |number: u64| ConversationId::from([number as u8; 16]);
        let mut logs = Logs::stored((0..6).map(|number| (id(number), (number % 2 == 0).then_some(Seq(number)))));
        let mut state = 7u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let (mut asked, mut pulled) = (0, 0);
        for now_ms in 0..5_000 {
            let which = id(random(12));
            match random(7) {
                0 => logs.change(which, |log| (log.head, log.followed) = (Seq(random(20)), random(8) > 0)),
                1 => logs.change(which, |log| log.due_ms = Some(now_ms + random(50))),
                2 => logs.change(which, |log| log.rank = now_ms),
                3 => drop(logs.change_known(which, |log| log.jump(Seq(random(20))))),
                4 => drop(logs.remove(which)),
                5 if random(20) == 0 => logs.disconnected(),
                _ => {}
            }
            let shown = Some(id(random(12)));
            let due = |log: &Log| log.pull.is_none() && log.is_behind() && log.due_ms.is_some_and(|due| now_ms >= due);
            let wanted = logs.logs.iter().filter(|(_, log)| due(log));
            let wanted = wanted.max_by_key(|(id, log)| (shown == Some(**id), log.rank, **id)).map(|(id, _)| *id);
            assert_eq!(logs.most_wanted(now_ms, shown), wanted);
            let rests = |log: &&Log| log.pull.is_none() && log.is_behind();
            let later = logs.logs.values().filter(rests).filter_map(|log| log.due_ms).min();
            assert_eq!(logs.next_due_ms().map(|due_ms| due_ms.max(now_ms)), later.map(|due_ms| due_ms.max(now_ms)));
            assert_eq!(logs.are_caught_up(), logs.logs.values().all(|log| !log.is_behind()));
            assert_eq!(logs.pulls().count(), logs.logs.values().filter(|log| log.pull.is_some()).count());
            if let Some(wanted) = wanted {
                asked += 1;
                let pull = Pull { request: now_ms, until_ms: now_ms + random(30) };
                logs.change(wanted, |log| (log.pull, log.due_ms) = (Some(pull), None));
                assert_eq!(logs.pulled_by(now_ms), Some(wanted));
            }
            for late in logs.late(now_ms) {
                pulled += 1;
                logs.change(late, |log| (log.pull, log.due_ms) = (None, Some(now_ms)));
            }
        }
        assert!(asked > 100 && pulled > 100, "too little happened: {asked} asked, {pulled} late");
    }
}
