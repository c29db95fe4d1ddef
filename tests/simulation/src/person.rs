//! What people do, and what they may expect of it.

use std::collections::{BTreeMap, BTreeSet};

use fil_client::store::{Bubble, CommandState, Projection, Reader, StoreError, Written};
use fil_engine::Input;
use fil_protocol::{AccountId, Command, ConversationId, ConversationKind, ItemBody, MessageId, OrganisationId};
use fil_server::node::Actor;

use crate::cast::Cast;
use crate::convergence;
use crate::device::Device;
use crate::fault::{Fault, Faults};
use crate::ledger::{Ledger, Press};
use crate::random::Random;

/// A message for which somebody has pressed send.
#[derive(Clone, Copy, Debug)]
pub struct Pressed {
    /// On which device.
    pub device: usize,
    /// The how-manieth press of the run; a retry is a press of its own.
    pub order: u64,
    /// Where.
    pub conversation: ConversationId,
}

/// Why a screen does not show what it should.
#[derive(Debug)]
pub enum Unseen {
    /// A promise is broken, which a damaged cache would explain.
    Broken(String),
    /// A promise about the outbox is broken, which nothing explains.
    Lost(String),
    /// The cache is damaged: the session has to build another one, as the client's driver has it do.
    CacheDamaged,
}

impl From<StoreError> for Unseen {
    fn from(error: StoreError) -> Self {
        if error.suggests_damage() {
            Self::CacheDamaged
        } else {
            Self::Broken(format!("the screen cannot be read: {error}"))
        }
    }
}

/// What people have done so far.
#[derive(Default)]
pub struct People {
    /// Messages by id.
    pub pressed: BTreeMap<MessageId, Pressed>,
    /// Messages that somebody has deleted, or given up after they were rejected, or that the device did not take: it
    /// said so, and they stayed in the composer.
    pub given_up: BTreeSet<MessageId>,
    /// Every press.
    pub ledger: Ledger,
    /// Conversations in which a device told its person that a change was undone.
    pub reverted: BTreeSet<(usize, ConversationId)>,
    /// How often somebody who adds and removes people all the time did so.
    pub churns: u64,
    /// How many commands were given.
    pub commands: u64,
    presses: u64,
}

impl People {
    /// One thing that the person at this device does now, looking at its own screen. The error is a broken promise.
    pub fn act(
        &mut self,
        index: usize,
        device: &mut Device,
        cast: &Cast,
        now_ms: u64,
        faults: &Faults,
        random: &mut Random,
    ) -> Result<Option<Input>, Unseen> {
        let actor = device.actor;
        let wall_ms = device.now(now_ms).wall_ms;
        let looked = match device.screen() {
            Ok(None) => return Ok(None),
            Ok(Some((reader, _))) => Seen::look(reader, actor),
            Err(error) => Err(error),
        };
        let seen = looked?;
        convergence::outbox_is_drawn(&seen.commands, &seen.bubbles).map_err(Unseen::Lost)?;
        convergence::recount(&seen.projections).map_err(Unseen::Broken)?;
        convergence::bijection(&seen.projections, &seen.commands, &seen.bubbles).map_err(Unseen::Broken)?;
        convergence::explained(&device.received, &seen.projections).map_err(Unseen::Broken)?;
        let others = cast.others(actor);
        let Some(wish) = seen.wish(&others, self.commands, wall_ms, faults, random) else { return Ok(None) };
        let Some(session) = device.session() else { return Ok(None) };
        let row = session.next_row();
        self.commands += 1;
        self.churns += u64::from(faults.has(Fault::MembershipChurn) && wish.is_of_members());
        let press = |command: &Command| Press {
            device: index,
            account: actor.account,
            row,
            folded: seen.is_unsent(command),
            command: command.clone(),
            moot: false,
        };
        Ok(Some(match wish {
            Wish::Give(command) => {
                self.remember(press(&command));
                Input::Enqueue { row, command }
            }
            Wish::Retry(written) => {
                self.ledger.moot(index, written.row);
                self.remember(press(&written.command));
                Input::Retry { rejected: written.row, row, command: written.command }
            }
            Wish::Discard(written) => {
                self.ledger.moot(index, written.row);
                self.given_up.extend(written.command.message());
                Input::Discard { row: written.row }
            }
            Wish::Read(conversation, seq) => Input::MarkRead { conversation, seq },
            Wish::Show(conversation) => Input::Show { conversation },
        }))
    }

    /// The device could not store what was asked for, and said so. A message may still have reached the disk in that
    /// moment, so it may turn up, but nobody counts on it.
    pub fn refused(&mut self, device: usize, input: &Input) {
        if let Input::Enqueue { row, command } | Input::Retry { row, command, .. } = input {
            self.ledger.moot(device, *row);
            if matches!(command, Command::SendMessage { .. }) {
                self.given_up.extend(command.message());
            }
        }
    }

    fn remember(&mut self, press: Press) {
        let device = press.device;
        match &press.command {
            Command::SendMessage { message, conversation, .. } => {
                self.presses += 1;
                let (order, conversation) = (self.presses, *conversation);
                self.pressed.insert(*message, Pressed { device, order, conversation });
                // Whoever sends a refused message once more does not want it deleted any more.
                self.ledger.retried(*message);
            }
            Command::DeleteMessage { message, .. } => {
                self.given_up.insert(*message);
            }
            _ => {}
        }
        self.ledger.note(press);
    }
}

impl Wish {
    fn is_of_members(&self) -> bool {
        matches!(self, Self::Give(Command::AddMember { .. } | Command::RemoveMember { .. }))
    }
}

/// What a person sees on the screen.
struct Seen {
    projections: Vec<Projection>,
    commands: Vec<Written>,
    bubbles: Vec<Bubble>,
    actor: Actor,
}

enum Wish {
    Give(Command),
    Retry(Written),
    Discard(Written),
    Read(ConversationId, fil_protocol::Seq),
    Show(Option<ConversationId>),
}

impl Seen {
    fn look(reader: &mut Reader, actor: Actor) -> Result<Self, StoreError> {
        let (projections, commands) = (reader.projections()?, reader.commands()?);
        Ok(Self { projections, commands, bubbles: reader.bubbles()?, actor })
    }

    /// Whether this changes a message that was never transmitted, and so changes its row.
    fn is_unsent(&self, command: &Command) -> bool {
        matches!(command, Command::EditMessage { .. } | Command::DeleteMessage { .. })
            && self.commands.iter().any(|row| {
                matches!(row.command, Command::SendMessage { .. })
                    && row.state == CommandState::Waiting
                    && !row.transmitted
                    && row.command.message() == command.message()
            })
    }

    /// What the person wants next. `nth` makes every text and title of a run another one.
    fn wish(&self, others: &[AccountId], nth: u64, wall_ms: u64, faults: &Faults, random: &mut Random) -> Option<Wish> {
        let place = self.place(random);
        // Somebody who adds and removes people all the time does little else.
        let churns = random.permille(faults.get(Fault::MembershipChurn));
        let command = match if churns { random.between(66, 72) } else { random.below(100) } {
            0..=54 => {
                let message = MessageId::from_parts(wall_ms, &random.ten());
                let mut text = format!("text {} of {nth}", random.below(1_000_000));
                if faults.has(Fault::SlowConsumer) || faults.has(Fault::FullQueue) {
                    // Only much text can fill the queue of somebody who does not read.
                    text.push_str(&" and so on".repeat(usize::try_from(random.below(1_200)).unwrap_or(0)));
                }
                Command::SendMessage { conversation: place?, message, text, composed_at_ms: wall_ms }
            }
            55..=59 => self.direct(*random.pick(others)?),
            60..=62 => self.group(others, wall_ms, random),
            63..=65 => {
                Command::SetTitle { conversation: place?, title: format!("title {} of {nth}", random.below(1000)) }
            }
            66..=69 => Command::AddMember { conversation: place?, account: *random.pick(others)? },
            70..=72 => {
                let account = if random.permille(300) { self.actor.account } else { *random.pick(others)? };
                Command::RemoveMember { conversation: place?, account }
            }
            73..=79 => {
                let (conversation, message) = self.own_message(random)?;
                let text = format!("edited {} of {nth}", random.below(1_000_000));
                Command::EditMessage { conversation, message, text }
            }
            80..=84 => {
                let (conversation, message) = self.own_message(random)?;
                Command::DeleteMessage { conversation, message }
            }
            85..=94 => {
                let projection = random.pick(&self.projections)?;
                return Some(Wish::Read(projection.conversation, projection.cursor));
            }
            95..=96 => return Some(Wish::Show(place)),
            _ => {
                let rejected: Vec<&Written> =
                    self.commands.iter().filter(|row| matches!(row.state, CommandState::Rejected(_))).collect();
                let written = (*random.pick(&rejected)?).clone();
                return Some(if random.permille(500) { Wish::Retry(written) } else { Wish::Discard(written) });
            }
        };
        Some(Wish::Give(command))
    }

    /// A conversation on the screen, pending ones included.
    fn place(&self, random: &mut Random) -> Option<ConversationId> {
        let mut places: Vec<ConversationId> =
            self.projections.iter().map(|projection| projection.conversation).collect();
        places.extend(self.commands.iter().filter_map(|row| match (&row.command, row.state) {
            (Command::CreateConversation { conversation, .. }, CommandState::Waiting) => Some(*conversation),
            _ => None,
        }));
        random.pick(&places).copied()
    }

    fn own_message(&self, random: &mut Random) -> Option<(ConversationId, MessageId)> {
        let mut own: Vec<(ConversationId, MessageId)> = Vec::new();
        for projection in &self.projections {
            for item in projection.items.iter().filter(|item| item.author == self.actor.account) {
                if let ItemBody::Message { id, .. } = item.body {
                    own.push((projection.conversation, id));
                }
            }
        }
        own.extend(self.commands.iter().filter_map(|row| match (&row.command, row.state) {
            (Command::SendMessage { conversation, message, .. }, CommandState::Waiting) => {
                Some((*conversation, *message))
            }
            _ => None,
        }));
        random.pick(&own).copied()
    }

    fn direct(&self, other: AccountId) -> Command {
        let organisation: OrganisationId = self.actor.organisation;
        Command::CreateConversation {
            conversation: ConversationId::direct(organisation, self.actor.account, other),
            kind: ConversationKind::Direct,
            title: None,
            members: vec![other],
        }
    }

    fn group(&self, others: &[AccountId], wall_ms: u64, random: &mut Random) -> Command {
        let count = usize::try_from(random.below(others.len() as u64 + 1)).unwrap_or(0);
        Command::CreateConversation {
            conversation: ConversationId::from_parts(wall_ms, &random.ten()),
            kind: ConversationKind::Group,
            title: Some(format!("group {}", random.below(1000))),
            members: others[..count].to_vec(),
        }
    }
}
