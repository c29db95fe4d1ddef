//! The ledger: every press that gives a command, with what is known of it on its device, and how far people have read.
//!
//! At the end every row of it has to have led somewhere ([`crate::reckoning`]). All texts and titles of a run are
//! different, so that an effect that comes twice, or of nothing, is seen.

use std::collections::{BTreeMap, BTreeSet};

use fil_engine::outbox::RowId;
use fil_protocol::{AccountId, Command, ConversationId, MessageId, Seq};

/// A press that gives a command.
#[derive(Clone, Debug)]
pub struct Press {
    /// On which device.
    pub device: usize,
    /// By whom.
    pub account: AccountId,
    /// The row of its outbox.
    pub row: RowId,
    /// What was asked for.
    pub command: Command,
    /// An edit or deletion of a message that was never transmitted: it has changed the message's row.
    pub folded: bool,
    /// Nobody counts on it: the device did not take it and said so, or the person has taken it back since.
    pub moot: bool,
}

/// All presses, in order.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    presses: Vec<Press>,
    texts: BTreeSet<String>,
    /// How far each account has pressed that it has read, in the server's history.
    reads: BTreeMap<(AccountId, ConversationId), Seq>,
    /// The same, wherever it may have come from.
    claims: BTreeMap<(AccountId, ConversationId), Seq>,
}

impl Ledger {
    /// Somebody presses.
    pub fn note(&mut self, press: Press) {
        let text = match &press.command {
            Command::SendMessage { text, .. } | Command::EditMessage { text, .. } => Some(text),
            Command::SetTitle { title, .. } => Some(title),
            _ => None,
        };
        self.texts.extend(text.cloned());
        if let Command::EditMessage { message, .. } | Command::DeleteMessage { message, .. } = press.command
            && press.folded
        {
            // The newest text is what the message begins with.
            self.settle_changes_of(message, |earlier| earlier.folded && earlier.device == press.device);
        }
        self.presses.push(press);
    }

    /// The message is sent once more after it was refused: what was to become of it before went with the refusal.
    pub fn retried(&mut self, message: MessageId) {
        self.settle_changes_of(message, |_| true);
    }

    fn settle_changes_of(&mut self, message: MessageId, which: impl Fn(&Press) -> bool) {
        for press in &mut self.presses {
            let changes = matches!(press.command, Command::EditMessage { .. } | Command::DeleteMessage { .. });
            if changes && press.command.message() == Some(message) && which(press) {
                press.moot = true;
            }
        }
    }

    /// Nobody counts on this row any more.
    pub fn moot(&mut self, device: usize, row: RowId) {
        for press in self.presses.iter_mut().filter(|press| press.device == device && press.row == row) {
            press.moot = true;
        }
    }

    /// All presses.
    pub fn presses(&self) -> &[Press] {
        &self.presses
    }

    /// Whether anybody has written this text or title.
    pub fn wrote(&self, text: &str) -> bool {
        self.texts.contains(text)
    }

    /// How often an account has pressed for this, on any device.
    pub fn pressed(&self, account: AccountId, command: &Command) -> usize {
        self.presses.iter().filter(|press| press.account == account && press.command == *command).count()
    }

    /// Somebody has read this far. `counts` if the device is in the server's history for certain.
    pub fn read(&mut self, account: AccountId, conversation: ConversationId, seq: Seq, counts: bool) {
        let place = (account, conversation);
        let claim = self.claims.entry(place).or_default();
        *claim = seq.max(*claim);
        if counts {
            let read = self.reads.entry(place).or_default();
            *read = seq.max(*read);
        }
    }

    /// The furthest that an account may have said that it has read.
    pub fn claimed(&self, account: AccountId, conversation: ConversationId) -> Seq {
        self.claims.get(&(account, conversation)).copied().unwrap_or(Seq::ZERO)
    }

    /// How far everybody has pressed that they have read.
    pub fn reads(&self) -> impl Iterator<Item = (AccountId, ConversationId, Seq)> {
        self.reads.iter().map(|((account, conversation), seq)| (*account, *conversation, *seq))
    }

    /// The server has lost a part of its history: positions in it mean nothing in the other one.
    pub fn restored(&mut self) {
        self.reads.clear();
    }
}
