//! What happens in the house: a fixed day with everything that people do, in steps.
//!
//! Write points of the disks are counted while it runs, so a fault can be put in front of each.

use fil_engine::Input;
use fil_protocol::{AccountId, Command, ConversationId, ConversationKind, MessageId, OrganisationId, Seq};

use crate::server::people;
use crate::stage::Stage;

pub(crate) const ADA: usize = 0;
pub(crate) const BEN: usize = 1;

fn account(device: usize) -> AccountId {
    people()[device].0.account
}

/// The direct conversation of the two.
pub(crate) fn direct() -> ConversationId {
    ConversationId::direct(OrganisationId::from([1; 16]), account(ADA), account(BEN))
}

/// Their group.
pub(crate) fn group() -> ConversationId {
    ConversationId::from([7; 16])
}

pub(crate) fn message(number: u8) -> MessageId {
    MessageId::from([number; 16])
}

pub(crate) fn send(conversation: ConversationId, number: u8, text: &str) -> Command {
    Command::SendMessage { conversation, message: message(number), text: text.to_owned(), composed_at_ms: 1 }
}

/// One step of the day.
type Act = fn(&mut Stage);

/// The day.
pub(crate) const DAY: &[Act] = &[
    |stage| {
        let (conversation, kind, members) = (direct(), ConversationKind::Direct, vec![account(BEN)]);
        stage.give(ADA, Command::CreateConversation { conversation, kind, title: None, members });
    },
    |stage| give(stage, ADA, send(direct(), 1, "first")),
    |stage| give(stage, BEN, send(direct(), 2, "é̸ 👩‍👩‍👧 \u{202e}right to left")),
    |stage| {
        let (kind, members) = (ConversationKind::Group, vec![account(BEN)]);
        let title = Some("Crew".to_owned());
        stage.give(ADA, Command::CreateConversation { conversation: group(), kind, title, members });
    },
    |stage| stage.type_draft(ADA, group(), "half a thou"),
    // Three in one flight.
    |stage| {
        for number in 3..6 {
            give(stage, ADA, send(group(), number, "together"));
        }
    },
    |stage| give(stage, BEN, send(group(), 6, &"a long text ".repeat(1_000))),
    |stage| stage.type_draft(BEN, direct(), "never sent"),
    |stage| edit(stage, ADA, direct(), 1, "first, edited"),
    |stage| delete(stage, BEN, direct(), 2),
    |stage| {
        stage.step_device(BEN, Input::MarkRead { conversation: group(), seq: Seq(4) });
    },
    // Ada is away, and writes on.
    |stage| {
        stage.devices[ADA].offline = true;
        stage.hang_up(ADA);
        stage.devices[ADA].inputs.push_back(Input::Disconnected { error: None });
    },
    |stage| give(stage, ADA, send(direct(), 7, "written offline")),
    |stage| give(stage, BEN, send(direct(), 8, "meanwhile")),
    |stage| edit(stage, ADA, direct(), 7, "written offline, and better"),
    |stage| stage.type_draft(ADA, direct(), "and another thing"),
    |stage| give(stage, ADA, send(group(), 9, "too")),
    |stage| {
        stage.devices[ADA].offline = false;
        stage.devices[ADA].inputs.push_back(Input::ConnectNow);
    },
    |stage| {
        stage.give(ADA, Command::SetTitle { conversation: group(), title: "Crew 2".to_owned() });
    },
    // What Ben writes after he was removed is refused.
    |stage| {
        stage.hang_up(BEN);
        stage.devices[BEN].inputs.push_back(Input::Disconnected { error: None });
        stage.give(ADA, Command::RemoveMember { conversation: group(), account: account(BEN) });
    },
    |stage| give(stage, BEN, send(group(), 10, "am I still here?")),
    // Time for him to come back and be told.
    |stage| (0..6).for_each(|_| stage.wait()),
    |stage| {
        stage.give(ADA, Command::AddMember { conversation: group(), account: account(BEN) });
    },
    |stage| delete(stage, ADA, group(), 3),
    |stage| give(stage, ADA, send(direct(), 11, "last")),
];

/// One step of the day, and everything that follows from it at once.
pub(crate) fn act(stage: &mut Stage, at: usize) {
    DAY[at](stage);
    stage.pump();
}

fn give(stage: &mut Stage, device: usize, command: Command) {
    stage.give(device, command);
}

fn edit(stage: &mut Stage, device: usize, conversation: ConversationId, number: u8, text: &str) {
    stage.give(device, Command::EditMessage { conversation, message: message(number), text: text.to_owned() });
}

fn delete(stage: &mut Stage, device: usize, conversation: ConversationId, number: u8) {
    stage.give(device, Command::DeleteMessage { conversation, message: message(number) });
}
