//! What devices asked for, and what the server answered: a number has one body and one verdict, and a verdict that says
//! applied names the event that did it.

use std::collections::{BTreeMap, BTreeSet};

use fil_protocol::{AccountId, Command, Event, Generation, KnownEvent, MembershipChange};
use fil_protocol::{ClientFrame, Outcome, RawCommand, Verdict};
use fil_server::node::ConnectionId;

/// A number of a device in one of its generations.
pub(super) type Number = (usize, Generation, u64);

/// Commands and verdicts.
#[derive(Default)]
pub(super) struct Verdicts {
    asked: BTreeMap<Number, Command>,
    /// What the server said in the history that it is in.
    given: BTreeMap<Number, Outcome>,
    /// Numbers that the server gave a verdict on, in any history.
    judged: BTreeSet<Number>,
    /// Those of them that it rejected, in any history: the person was told, whatever came back later.
    refused: BTreeSet<Number>,
    lines: BTreeMap<ConnectionId, Line>,
    /// The newest generation of each device that has arrived.
    newest: BTreeMap<usize, Generation>,
}

/// What has arrived on one connection.
struct Line {
    device: usize,
    generation: Generation,
    /// The number that comes next, once the device is welcome.
    next: Option<u64>,
    /// A number was left out, so the rest may be refused.
    left_out: bool,
}

impl Verdicts {
    /// The server begins again from a backup: it may decide anew on what it has lost.
    pub(super) fn restored(&mut self) {
        self.given.clear();
    }

    /// A device has sent a command.
    pub(super) fn asked(&mut self, number: Number, command: &Command) -> Result<(), String> {
        match self.asked.insert(number, command.clone()) {
            Some(before) if before != *command => {
                Err(format!("the number {} of device {} was {before:?} and is {command:?}", number.2, number.0))
            }
            _ => Ok(()),
        }
    }

    /// A frame arrives at the server.
    pub(super) fn arrives(&mut self, connection: ConnectionId, device: usize, frame: &ClientFrame) {
        match frame {
            ClientFrame::Hello(hello) => {
                let generation = hello.generation;
                self.newest.insert(device, generation);
                self.lines.entry(connection).or_insert(Line { device, generation, next: None, left_out: false });
            }
            ClientFrame::Command { no, command: RawCommand::Known(_) | RawCommand::Unknown(_) } => {
                let Some(line) = self.lines.get_mut(&connection) else { return };
                match &mut line.next {
                    Some(next) if no == next => *next += 1,
                    Some(next) if no < next => {}
                    _ => line.left_out = true,
                }
            }
            _ => {}
        }
    }

    /// The generation that a connection began with.
    pub(super) fn generation(&self, connection: ConnectionId) -> Option<Generation> {
        self.lines.get(&connection).map(|line| line.generation)
    }

    /// A device is welcome, with this number applied last.
    pub(super) fn welcomed(&mut self, connection: ConnectionId, applied: u64) {
        if let Some(line) = self.lines.get_mut(&connection) {
            line.next = Some(applied + 1);
        }
    }

    /// The server refuses what came as out of order: only where a number was left out, or another generation began.
    pub(super) fn out_of_order(&self, connection: ConnectionId) -> Result<(), String> {
        match self.lines.get(&connection) {
            Some(line) if !line.left_out && self.newest.get(&line.device) == Some(&line.generation) => {
                Err(format!("device {} is out of order, and has left nothing out", line.device))
            }
            _ => Ok(()),
        }
    }

    /// A verdict leaves the server. Answers the command that it is on.
    pub(super) fn given(&mut self, number: Number, verdict: &Verdict) -> Result<&Command, String> {
        let (device, _, no) = number;
        let command = self.asked.get(&number).ok_or(format!("device {device} hears of {no}, which it never asked"))?;
        self.judged.insert(number);
        if matches!(verdict.outcome, Outcome::Rejected { .. }) {
            self.refused.insert(number);
        }
        match self.given.insert(number, verdict.outcome.clone()) {
            Some(before) if before != verdict.outcome => {
                Err(format!("{command:?} of device {device} was {before:?} and is {:?}", verdict.outcome))
            }
            _ => Ok(command),
        }
    }

    /// How often this device has asked for this and had a verdict.
    pub(super) fn judged(&self, device: usize, command: &Command) -> usize {
        let of_device = self.judged.iter().filter(|number| number.0 == device);
        of_device.filter(|number| self.asked.get(number) == Some(command)).count()
    }

    /// Whether the server has rejected this device's command.
    pub(super) fn rejected(&self, device: usize, command: &Command) -> bool {
        let mut of_device = self.refused.iter().filter(|number| number.0 == device);
        of_device.any(|number| self.asked.get(number) == Some(command))
    }
}

/// Whether this event is what the command asked for. One whose work was done before names the event that did it.
pub(super) fn did(command: &Command, actor: AccountId, event: &Event) -> bool {
    let own = event.author == actor;
    let Some(known) = event.known() else { return false };
    match (command, known) {
        (Command::CreateConversation { .. }, KnownEvent::Created { .. }) => true,
        (Command::SendMessage { message, .. }, KnownEvent::Message { id, .. }) => own && id == message,
        (Command::SendMessage { message, .. }, KnownEvent::Tombstone { message: id, sent: Some(_) }) => {
            own && id == message
        }
        (Command::EditMessage { message, text, .. }, KnownEvent::Edit { message: id, text: said, .. })
        | (Command::EditMessage { message, text, .. }, KnownEvent::Message { id, text: said, .. }) => {
            own && id == message && said == text
        }
        (Command::EditMessage { message, .. }, KnownEvent::Tombstone { message: id, .. }) => own && id == message,
        (Command::DeleteMessage { message, .. }, KnownEvent::Deletion { message: id, .. }) => id == message,
        (Command::SetTitle { title, .. }, KnownEvent::Title { title: said }) => own && said == title,
        (Command::AddMember { account, .. }, KnownEvent::Created { members, .. }) => {
            members.iter().any(|member| member.account() == *account)
        }
        (Command::AddMember { account, .. }, KnownEvent::Membership { member, change: MembershipChange::Joined })
        | (Command::RemoveMember { account, .. }, KnownEvent::Membership { member, change: MembershipChange::Left }) => {
            member.account() == *account
        }
        _ => false,
    }
}
