//! What the server gave to one device, as far as it explains what stands in its cache; and what the device asks for
//! again, which wants a reason.
//!
//! A cache that has lost something in the middle still equals the server in what it says it keeps, so what it says is
//! looked at too: every stretch of numbers begins at 1 or where a window began (row 36 of the failure catalogue). Asking
//! for everything is right after the cache was emptied for a reason, and asking the same question many times in a few
//! seconds never is (rows 27 and 28).

use std::collections::{BTreeMap, BTreeSet};

use fil_client::store::Projection;
use fil_protocol::{ConversationId, Seq, ServerFrame, Stream};

/// The engine's loop breaker counts identical questions over this time, in milliseconds.
const SPAN_MS: u64 = 10_000;
/// Identical questions in that time, at most: five for events, five for a window, and as many again where its time and
/// this one's do not begin together.
const QUESTIONS_MAX: u32 = 20;
/// After so many questions without an answer the breaker asks for the whole account stream, whatever is cached.
const BREAKER_QUESTIONS: u32 = 5;

/// What one device was given.
#[derive(Debug)]
pub struct Received {
    /// Where windows began that came since the cache was last emptied.
    windows: BTreeMap<ConversationId, BTreeSet<Seq>>,
    /// The cache may be emptied, for a reason that was not used yet.
    may_be_emptied: bool,
    /// Everything was asked for, and has not come yet.
    asks_for_everything: bool,
    /// Questions about the account stream since it was last answered.
    account_questions: u32,
    /// Questions on this connection: since when, and how often.
    questions: BTreeMap<(Option<ConversationId>, Option<Seq>), (u64, u32)>,
}

impl Default for Received {
    fn default() -> Self {
        Self {
            windows: BTreeMap::new(),
            may_be_emptied: true,
            asks_for_everything: false,
            account_questions: 0,
            questions: BTreeMap::new(),
        }
    }
}

impl Received {
    /// There is a reason to empty the cache: another history, damage, a power cut that may have taken an earlier one back.
    pub fn may_be_emptied(&mut self) {
        self.may_be_emptied = true;
    }

    /// Whether the cache may still hold another history than the server's.
    pub fn is_of_another_history(&self) -> bool {
        self.may_be_emptied || self.asks_for_everything
    }

    /// Another connection, or another process.
    pub fn begin_anew(&mut self) {
        self.questions.clear();
    }

    /// A frame arrives at the device.
    pub fn frame(&mut self, frame: &ServerFrame) {
        match frame {
            ServerFrame::Window { window, .. } => {
                self.windows.entry(window.record.conversation).or_default().insert(window.from);
            }
            ServerFrame::Account(changes) => {
                self.account_questions = 0;
                self.asks_for_everything &= !changes.full;
            }
            // Said with every connection until the journal was offered, and each time the cache is emptied.
            ServerFrame::Welcome(welcome) => self.may_be_emptied |= welcome.diverged,
            _ => {}
        }
    }

    /// The device asks a question.
    pub fn asked(&mut self, now_ms: u64, stream: Stream, after: Option<Seq>) -> Result<(), String> {
        let conversation = match stream {
            Stream::Account => None,
            Stream::Conversation(conversation) => Some(conversation),
        };
        let (since_ms, count) = self.questions.entry((conversation, after)).or_insert((now_ms, 0));
        if now_ms > *since_ms + SPAN_MS {
            (*since_ms, *count) = (now_ms, 0);
        }
        *count += 1;
        if *count > QUESTIONS_MAX {
            return Err(format!("asks for {stream:?} after {after:?} {count} times in {} ms", now_ms - *since_ms));
        }
        if conversation.is_some() {
            return Ok(());
        }
        self.account_questions += 1;
        if after.is_none() && !self.asks_for_everything && self.account_questions <= BREAKER_QUESTIONS {
            if !std::mem::take(&mut self.may_be_emptied) {
                return Err("has emptied its cache without a reason".to_owned());
            }
            self.asks_for_everything = true;
            self.windows.clear();
        }
        Ok(())
    }

    /// Whether what the device was given explains the stretches that it says it keeps.
    pub fn explains(&self, projection: &Projection) -> Result<(), String> {
        let Projection { conversation, kept, .. } = projection;
        let began = self.windows.get(conversation);
        let explained = |low: &Seq| low.0 == 1 || began.is_some_and(|began| began.contains(low));
        match kept.iter().find(|(low, _)| !explained(low)) {
            Some((low, _)) => Err(format!("{conversation}: {kept:?} is kept, and nothing that came begins at {low}")),
            None => Ok(()),
        }
    }
}
