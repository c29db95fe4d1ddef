//! Actions as a line each.

use fil_engine::{Action, Change, StoreAction};
use fil_protocol::{ClientFrame, Command, ConversationId, Event, MessageId, RawCommand, Stream};

/// One action.
pub(crate) fn line(action: &Action) -> String {
    match action {
        Action::Store(store) => format!("store {}", stored(store)),
        Action::LoadJournal { after } => format!("load journal after {after}"),
        Action::Connect => "connect".into(),
        Action::Close => "close".into(),
        Action::Send(frame) => format!("send {}", sent(frame)),
        Action::Tell(change) => format!("tell {}", told(*change)),
    }
}

fn sent(frame: &ClientFrame) -> String {
    match frame {
        ClientFrame::Hello(hello) => format!(
            "hello generation={} epoch={} horizon={} account={} acknowledged={}{}",
            short(&hello.generation.to_string()),
            hello.epoch.map_or("none".into(), |epoch| short(&epoch.to_string())),
            hello.horizon,
            hello.account_rev,
            hello.acknowledged,
            hello.stamp.map_or_else(String::new, |stamp| format!(" stamp={}:{}", stamp.horizon, stamp.mark))
        ),
        ClientFrame::Command { no, command: RawCommand::Known(command) } => format!("{no}: {}", commanded(command)),
        ClientFrame::Command { no, .. } => format!("{no}: unknown"),
        ClientFrame::Acknowledge { no } => format!("acknowledge {no}"),
        ClientFrame::Pull { request, stream, after, items_max } => {
            let stream = match stream {
                Stream::Account => "account".into(),
                Stream::Conversation(id) => place(*id),
            };
            let window = items_max.map_or(String::new(), |items| format!(", window of {items}"));
            format!("pull {request} {stream} after {}{window}", after.map_or("nothing".into(), |seq| seq.to_string()))
        }
        ClientFrame::Read { conversation, seq } => format!("read {} {seq}", place(*conversation)),
        ClientFrame::Renew { .. } => "renew".into(),
        ClientFrame::Ping => "ping".into(),
    }
}

fn stored(action: &StoreAction) -> String {
    match action {
        StoreAction::InsertCommand { row, command, .. } => format!("insert row {}: {}", row.0, commanded(command)),
        StoreAction::RewriteCommand { row, command } => format!("rewrite row {}: {}", row.0, commanded(command)),
        StoreAction::RemoveCommand { row } => format!("remove row {}", row.0),
        StoreAction::NumberCommand { row, no } => format!("number row {} as {no}", row.0),
        StoreAction::SettleCommand { row, seq, .. } => format!("settle row {} at {seq}", row.0),
        StoreAction::RejectCommand { row, code } => format!("reject row {}: {code:?}", row.0),
        StoreAction::ReopenJournal { rows } => {
            format!("reopen rows {}", rows.iter().map(|row| row.0.to_string()).collect::<Vec<_>>().join(","))
        }
        StoreAction::StartGeneration { .. } => "start generation".into(),
        StoreAction::SetEpoch { epoch } => format!("outbox epoch {}", short(&epoch.to_string())),
        StoreAction::SetAcknowledged { no } => format!("acknowledged {no}"),
        StoreAction::PruneJournal { .. } => "prune journal".into(),
        StoreAction::SetReadMark { conversation, seq } => format!("read mark {} {seq}", place(*conversation)),
        StoreAction::ClearReadMark { conversation } => format!("no read mark {}", place(*conversation)),
        StoreAction::ApplyEvents { conversation, events } => {
            format!("events {} {}", place(*conversation), seqs(events))
        }
        StoreAction::ApplyWindow(window) => {
            format!("window {} {}..{}", place(window.record.conversation), window.from, window.as_of.seq)
        }
        StoreAction::ApplyAccount(changes) => format!("account {}", changes.rev),
        StoreAction::ForgetConversation { conversation } => format!("forget {}", place(*conversation)),
        StoreAction::ResetCache { epoch } => format!("reset cache, epoch {}", short(&epoch.to_string())),
        StoreAction::SetHorizon { horizon } => format!("horizon {horizon}"),
        StoreAction::SetStamp { stamp: Some(stamp) } => format!("stamp {}:{}", stamp.horizon, stamp.mark),
        StoreAction::SetStamp { stamp: None } => "no stamp".into(),
    }
}

fn commanded(command: &Command) -> String {
    let conversation = place(command.conversation());
    match command {
        Command::SendMessage { message, text, .. } => format!("send {conversation} {} {text}", named(*message)),
        Command::EditMessage { message, text, .. } => format!("edit {conversation} {} {text}", named(*message)),
        Command::DeleteMessage { message, .. } => format!("delete {conversation} {}", named(*message)),
        Command::SetTitle { title, .. } => format!("title {conversation} {title}"),
        other => format!("{other:?}"),
    }
}

fn told(change: Change) -> String {
    match change {
        Change::Status => "status".into(),
        Change::Conversations => "conversations".into(),
        Change::Timeline(id) => format!("timeline {}", place(id)),
        Change::Reverted(id, code) => format!("reverted {} {code:?}", place(id)),
    }
}

fn seqs(events: &[Event]) -> String {
    let seqs: Vec<String> = events.iter().map(|event| event.seq.to_string()).collect();
    seqs.join(",")
}

fn place(id: ConversationId) -> String {
    char::from(id.as_bytes()[0]).to_string()
}

fn named(id: MessageId) -> String {
    char::from(id.as_bytes()[0]).to_string()
}

/// The first digits of a UUID, enough to tell two apart.
fn short(uuid: &str) -> String {
    uuid.chars().take(2).collect()
}
