//! Changes that a person wants, as commands for the outbox.
//!
//! Everything that can be known here is checked here, so that the server's refusal is for what only the server knows.
//! A change is durable when it is answered.

use std::collections::BTreeSet;

use fil_engine::Input;
use fil_protocol::limits::MEMBERS_MAX;
use fil_protocol::{
    AccountId, Action, Command, ConversationId, ConversationKind, Denied, ItemBody, MessageId, Role, can, text,
};

use super::{Answer, Change, Driver, Online};
use crate::bridge::types::{Failure, FailureKind, Response};
use crate::clock::wall_ms;
use crate::failure::{failure, internal, signed_out};
use crate::store::local::command::{State, Written};
use crate::store::read;

/// How long what is in a composer may be: a message may be shortened before it is sent, but not without end.
const DRAFT_BYTES_MAX: usize = 4 * text_max();

const fn text_max() -> usize {
    fil_protocol::limits::TEXT_BYTES_MAX
}

/// What is known of a message that a person points at.
enum Known {
    /// It waits in the outbox, or is applied and not in the cache yet.
    Pending,
    /// It was refused.
    Rejected(Box<Written>),
    /// The server has it.
    Stored { author: AccountId, kind: ConversationKind, role: Option<Role> },
}

/// A message that a person sends, and where its answer goes.
pub(super) struct Send {
    pub(super) conversation: ConversationId,
    pub(super) text: String,
    pub(super) answer: Answer<Response>,
}

/// A message that is checked, and what is answered once it is stored.
struct Prepared {
    input: Input,
    response: Response,
}

impl Driver {
    /// Carries a change out.
    pub(super) fn change(&mut self, change: Change) -> Result<Response, Failure> {
        match change {
            Change::OpenDirect { account } => self.open_direct(account),
            Change::CreateGroup { title, members } => self.create_group(title, members),
            Change::Send { conversation, text } => {
                let prepared = self.prepare(conversation, text, 0)?;
                self.step(vec![prepared.input])?;
                Ok(prepared.response)
            }
            Change::Edit { conversation, message, text } => self.edit(conversation, message, text),
            Change::Delete { conversation, message } => self.delete(conversation, message),
            Change::Retry { conversation, message } => self.retry(conversation, message, None),
            Change::Discard { conversation, message } => self.discard(conversation, message),
            Change::MarkRead { conversation, seq } => self.done(Input::MarkRead { conversation, seq }),
            Change::Show { conversation } => {
                self.online()?.shown = conversation;
                self.done(Input::Show { conversation })
            }
            Change::ConnectNow => {
                self.online()?.rests_until_ms = None;
                self.done(Input::ConnectNow)
            }
            Change::SaveDraft { conversation, text } => self.save_draft(conversation, &text),
        }
    }

    fn online(&mut self) -> Result<&mut Online, Failure> {
        self.online.as_mut().ok_or_else(signed_out)
    }

    fn done(&mut self, input: Input) -> Result<Response, Failure> {
        self.step(vec![input])?;
        Ok(Response::Done)
    }

    fn enqueue(&mut self, command: Command) -> Result<(), Failure> {
        let online = self.online()?;
        if online.session.room() == 0 {
            return Err(failure(FailureKind::OutboxFull, "the outbox is full"));
        }
        let row = online.session.next_row();
        self.step(vec![Input::Enqueue { row, command }])
    }

    fn open_direct(&mut self, account: AccountId) -> Result<Response, Failure> {
        let online = self.online()?;
        let record = &online.account.record;
        if account == record.account {
            return Err(failure(FailureKind::Invalid, "a conversation needs somebody else"));
        }
        let conversation = ConversationId::direct(record.organisation, record.account, account);
        if !online.exists(conversation)? {
            online.meet(&[account])?;
            self.enqueue(Command::CreateConversation {
                conversation,
                kind: ConversationKind::Direct,
                title: None,
                members: vec![account],
            })?;
        }
        Ok(Response::Opened { conversation: conversation.to_string() })
    }

    fn create_group(&mut self, title: String, members: Vec<AccountId>) -> Result<Response, Failure> {
        text::check_title(&title)?;
        let me = self.online()?.account.record.account;
        let members: BTreeSet<AccountId> = members.into_iter().filter(|member| *member != me).collect();
        if members.len() >= MEMBERS_MAX {
            return Err(failure(FailureKind::Invalid, format!("a group has at most {MEMBERS_MAX} members")));
        }
        let conversation = ConversationId::from_parts(wall_ms(), &random()?);
        let members: Vec<AccountId> = members.into_iter().collect();
        self.online()?.meet(&members)?;
        let kind = ConversationKind::Group;
        self.enqueue(Command::CreateConversation { conversation, kind, title: Some(title), members })?;
        Ok(Response::Opened { conversation: conversation.to_string() })
    }

    /// Queues messages that were waiting together: one commit for all of them, and the answers after it. Those that
    /// break a rule are refused by themselves.
    pub(super) fn send_together(&mut self, sends: Vec<Send>) {
        let mut inputs = Vec::with_capacity(sends.len());
        let mut answers = Vec::with_capacity(sends.len());
        for Send { conversation, text, answer } in sends {
            match self.prepare(conversation, text, inputs.len()) {
                Ok(prepared) => {
                    inputs.push(prepared.input);
                    answers.push((answer, prepared.response));
                }
                // Whoever asked may have stopped waiting.
                Err(failure) => drop(answer.send(Err(failure))),
            }
        }
        let stored = if inputs.is_empty() { Ok(()) } else { self.step(inputs) };
        for (answer, response) in answers {
            // Whoever asked may have stopped waiting; the message stays.
            let _ = answer.send(stored.clone().map(|()| response));
        }
    }

    /// A message as the engine takes it. `ahead` messages are going to be queued before it.
    fn prepare(&mut self, conversation: ConversationId, text: String, ahead: usize) -> Result<Prepared, Failure> {
        text::check_message(&text)?;
        let online = self.online()?;
        if !online.exists(conversation)? {
            return Err(not_here("conversation"));
        }
        if online.session.room() <= ahead {
            return Err(failure(FailureKind::OutboxFull, "the outbox is full"));
        }
        let composed_at_ms = wall_ms();
        let message = MessageId::from_parts(composed_at_ms, &random()?);
        let command = Command::SendMessage { conversation, message, text, composed_at_ms };
        let input = Input::Enqueue { row: online.session.next_row(), command };
        Ok(Prepared { input, response: Response::Queued { message: message.to_string() } })
    }

    fn edit(&mut self, conversation: ConversationId, message: MessageId, text: String) -> Result<Response, Failure> {
        text::check_message(&text)?;
        let online = self.online()?;
        match online.find(conversation, message)? {
            Known::Rejected(_) => return self.retry(conversation, message, Some(&text)),
            Known::Pending => {}
            Known::Stored { author, kind, role } => online.may(role, kind, Action::EditMessage { author })?,
        }
        self.enqueue(Command::EditMessage { conversation, message, text })?;
        Ok(Response::Done)
    }

    fn delete(&mut self, conversation: ConversationId, message: MessageId) -> Result<Response, Failure> {
        let online = self.online()?;
        match online.find(conversation, message)? {
            Known::Rejected(_) => return self.discard(conversation, message),
            Known::Pending => {}
            Known::Stored { author, kind, role } => online.may(role, kind, Action::DeleteMessage { author })?,
        }
        self.enqueue(Command::DeleteMessage { conversation, message })?;
        Ok(Response::Done)
    }

    /// Queues a refused message again, perhaps with another text, and before it the conversation that it needs.
    fn retry(
        &mut self,
        conversation: ConversationId,
        message: MessageId,
        newer: Option<&str>,
    ) -> Result<Response, Failure> {
        let online = self.online()?;
        let Known::Rejected(written) = online.find(conversation, message)? else {
            return Err(not_here("rejected message"));
        };
        if online.session.room() == 0 {
            return Err(failure(FailureKind::OutboxFull, "the outbox is full"));
        }
        let mut again: Vec<Written> = online.rejected_creation(conversation)?.into_iter().collect();
        again.push(*written);
        let inputs = again.into_iter().map(|written| {
            let mut command = written.command;
            if let (Command::SendMessage { text, .. }, Some(newer)) = (&mut command, newer) {
                newer.clone_into(text);
            }
            Input::Retry { rejected: written.row, row: online.session.next_row(), command }
        });
        let inputs = inputs.collect();
        self.step(inputs)?;
        self.changed(conversation);
        Ok(Response::Done)
    }

    /// Gives a refused message up, and the conversation that was refused before it if nothing else waits for that.
    fn discard(&mut self, conversation: ConversationId, message: MessageId) -> Result<Response, Failure> {
        let online = self.online()?;
        let Known::Rejected(written) = online.find(conversation, message)? else {
            return Err(not_here("rejected message"));
        };
        let mut inputs = vec![Input::Discard { row: written.row }];
        if let Some(creation) = online.rejected_creation(conversation)?
            && online.rows(conversation)?.iter().all(|row| [creation.row, written.row].contains(&row.row))
        {
            inputs.push(Input::Discard { row: creation.row });
        }
        self.step(inputs)?;
        self.changed(conversation);
        Ok(Response::Done)
    }

    fn save_draft(&mut self, conversation: ConversationId, text: &str) -> Result<Response, Failure> {
        if text.len() > DRAFT_BYTES_MAX {
            return Err(failure(FailureKind::Invalid, format!("a draft has at most {DRAFT_BYTES_MAX} bytes")));
        }
        let now = self.clock.now();
        let online = self.online()?;
        if !text.is_empty() && !online.exists(conversation)? {
            return Err(not_here("conversation"));
        }
        match online.session.save_draft(now, conversation, text) {
            Ok(effects) => {
                self.carry_out(now, effects);
                Ok(Response::Done)
            }
            Err(error) => Err(online.blame(error)),
        }
    }

    /// The engine does not know in which conversation a row is that a person gave up or took up again.
    fn changed(&self, conversation: ConversationId) {
        use crate::bridge::types::Update;
        self.shared.updates.send(&Update::Timeline { conversation: conversation.to_string() });
        self.shared.updates.send(&Update::Conversations);
    }
}

impl Online {
    /// Keeps the names of people who were found at the server, while a conversation with them is only here.
    fn meet(&mut self, people: &[AccountId]) -> Result<(), Failure> {
        let people: Vec<_> = people.iter().filter_map(|account| self.account.seen(*account)).collect();
        self.session.meet(&people).map_err(|error| self.blame(error))
    }

    /// Asks the databases what a change has to know.
    fn look<T>(&mut self, question: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>) -> Result<T, Failure> {
        self.reader.snapshot(question).map_err(|error| self.blame(error))
    }

    fn rows(&mut self, conversation: ConversationId) -> Result<Vec<Written>, Failure> {
        self.look(|db| read::command::unseen(db, conversation))
    }

    /// Whether the conversation is there, be it only in the outbox.
    fn exists(&mut self, conversation: ConversationId) -> Result<bool, Failure> {
        if self.look(|db| read::conversation::exists(db, conversation))? {
            return Ok(true);
        }
        let begun = |row: &Written| matches!(row.command, Command::CreateConversation { .. });
        Ok(self.rows(conversation)?.iter().any(begun))
    }

    fn rejected_creation(&mut self, conversation: ConversationId) -> Result<Option<Written>, Failure> {
        let creation = |row: &Written| {
            matches!(row.command, Command::CreateConversation { .. }) && matches!(row.state, State::Rejected(_))
        };
        Ok(self.rows(conversation)?.into_iter().find(creation))
    }

    fn find(&mut self, conversation: ConversationId, message: MessageId) -> Result<Known, Failure> {
        let me = self.account.record.account;
        let found = self.look(|db| {
            if let Some(written) = read::command::rejected(db, conversation, message)? {
                return Ok(Some(Known::Rejected(Box::new(written))));
            }
            if let Some(item) = read::item::message(db, conversation, message)? {
                if matches!(item.body, ItemBody::Deleted { .. }) {
                    return Ok(None);
                }
                let role = read::conversation::role(db, conversation, me)?;
                let kind = read::conversation::one(db, me, conversation)?.map(|conversation| conversation.kind);
                let kind = kind.unwrap_or(ConversationKind::Direct);
                return Ok(Some(Known::Stored { author: item.author, kind, role }));
            }
            let rows = read::command::unseen(db, conversation)?;
            let sent =
                |row: &Written| matches!(&row.command, Command::SendMessage { message: id, .. } if *id == message);
            Ok(rows.iter().any(sent).then_some(Known::Pending))
        })?;
        found.ok_or_else(|| not_here("message"))
    }

    fn may(&self, role: Option<Role>, kind: ConversationKind, action: Action) -> Result<(), Failure> {
        can(self.account.record.account, role, kind, action).map_err(|denied| match denied {
            Denied::Invisible => not_here("conversation"),
            Denied::NotAllowed => failure(FailureKind::Forbidden, "this is not allowed here"),
        })
    }
}

fn not_here(what: &str) -> Failure {
    failure(FailureKind::NotFound, format!("there is no such {what} here"))
}

fn random() -> Result<[u8; 10], Failure> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).map_err(internal)?;
    Ok(bytes)
}
