//! The conversation list.

use super::*;
use crate::bridge::types::ConversationRow;

fn draw_row(row: &ConversationRow) -> String {
    let last = row
        .last
        .as_ref()
        .map_or_else(String::new, |last| format!(" | {}{}", if last.own { "I: " } else { "" }, draw_body(&last.body)));
    let marks = [(row.pending, " pending"), (row.rejected, " rejected")];
    let marks: String = marks.iter().filter(|mark| mark.0).map(|mark| mark.1).collect();
    let draft = if row.draft.is_empty() { String::new() } else { format!(" draft {:?}", row.draft) };
    format!("{} ({}) {}{last}{draft}{marks}", row.title, row.members, row.unread)
}

fn list(stage: &mut Stage) -> Vec<String> {
    stage.view(|view| view.conversations()).iter().map(draw_row).collect()
}

/// A direct conversation that was begun offline, with somebody known from a search, until the server has it.
#[test]
fn a_conversation_lives_from_the_outbox_until_the_server_has_it() {
    let mut stage = Stage::new();
    stage.account.remember(&[profile(3)]);
    let conversation = ConversationId::direct(stage.account.record.organisation, account(1), account(3));
    let kind = ConversationKind::Direct;
    let row = stage.enqueue(Command::CreateConversation { conversation, kind, title: None, members: vec![account(3)] });
    assert_eq!(list(&mut stage), ["Zoë Müller (2) 0 pending"]);
    let text = "Salut".to_owned();
    stage.enqueue(Command::SendMessage { conversation, message: message(1), text, composed_at_ms: NOON_MS });
    assert_eq!(list(&mut stage), ["Zoë Müller (2) 0 | I: Salut pending"]);
    let timeline = stage.view(|view| view.timeline(conversation, Stretch::Opening { limit: 50 })).unwrap();
    assert_eq!(draw(&timeline), ["… ada: Salut +"]);
    stage.settle(row, 1);
    assert_eq!(list(&mut stage), ["Zoë Müller (2) 0 | I: Salut pending"], "applied, and not here yet");
    let members = [1, 3].map(|number| Member { profile: profile(number), role: Role::Member }).to_vec();
    let created = KnownEvent::Created { kind, title: None, members };
    let event = Event { seq: Seq(1), at_ms: NOON_MS, author: account(1), body: EventBody::Known(created) };
    stage.apply(StoreAction::ApplyEvents { conversation, events: vec![event] });
    assert_eq!(list(&mut stage), ["Zoë Müller (2) 0 | I: Salut"]);
}

#[test]
fn a_row_counts_unread_messages_and_shows_the_newest_thing_and_the_draft() {
    let mut stage = Stage::new();
    stage.window(101, 101..=150);
    stage.read_to(140);
    assert_eq!(list(&mut stage), ["Equipe (2) 10 | message 150"]);
    stage.store.save_draft(group(), "en cours", NOON_MS).unwrap();
    assert_eq!(list(&mut stage), ["Equipe (2) 10 | message 150 draft \"en cours\""]);
    let row = stage.send(1, "moi");
    assert_eq!(list(&mut stage), ["Equipe (2) 10 | I: moi"], "sending clears the draft");
    stage.reject(row);
    assert_eq!(list(&mut stage), ["Equipe (2) 10 | I: moi rejected"]);
    stage.enqueue(Command::SetTitle { conversation: group(), title: "Team".to_owned() });
    assert_eq!(list(&mut stage), ["Team (2) 10 | I: moi rejected"]);
}

#[test]
fn a_conversation_that_was_left_is_gone() {
    let mut stage = Stage::new();
    stage.window(1, 2..=5);
    stage.apply(StoreAction::ForgetConversation { conversation: group() });
    assert_eq!(list(&mut stage), [""; 0]);
    assert_eq!(stage.view(|view| view.conversation(group())), None);
    assert_eq!(stage.view(|view| view.timeline(group(), Stretch::Opening { limit: 10 })), None);
}

/// The journal still knows that the conversation was begun here, for a week.
#[test]
fn a_conversation_that_was_begun_here_and_left_does_not_come_back() {
    let mut stage = Stage::new();
    let (kind, title) = (ConversationKind::Group, Some("Equipe".to_owned()));
    let create = Command::CreateConversation { conversation: group(), kind, title, members: vec![account(2)] };
    let row = stage.enqueue(create);
    stage.settle(row, 1);
    stage.window(1, 2..=5);
    stage.apply(StoreAction::ForgetConversation { conversation: group() });
    assert_eq!(list(&mut stage), [""; 0]);
}

/// Written offline, refused because its author was removed in the meantime: it can still be seen, copied and given up.
#[test]
fn a_refused_message_is_not_lost_with_its_conversation() {
    let mut stage = Stage::new();
    stage.window(1, 2..=5);
    let row = stage.send(1, "too late");
    stage.apply(StoreAction::ForgetConversation { conversation: group() });
    stage.reject(row);
    assert_eq!(list(&mut stage), [" (1) 0 | I: too late pending rejected"]);
    assert_eq!(draw(&stage.opening()), ["Rejected { reason: Forbidden } ada: too late +"]);
    stage.apply(StoreAction::RemoveCommand { row });
    assert_eq!(list(&mut stage), [""; 0]);
}
