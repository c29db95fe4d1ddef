//! Views of a real store: what is drawn is written as text and compared, a line per row.

mod conversations;
mod search;
mod timeline;

use std::sync::Arc;

use fil_engine::StoreAction;
use fil_engine::outbox::RowId;
use fil_protocol::{
    AccountId, Command, ConversationEntry, ConversationId, ConversationKind, ConversationRecord, ErrorCode, Event,
    EventBody, Item, ItemBody as Kept, KnownEvent, Member, MessageId, OrganisationId, Position, Profile, Role, Seq,
    Window,
};
use tempfile::TempDir;

use super::{Stretch, View};
use crate::account::Account;
use crate::auth::Auth;
use crate::bridge::types::{ItemBody, ItemState, Timeline, TimelineItem};
use crate::fake;
use crate::readers::Readers;
use crate::store::{Reader, Store};

/// Noon of some day.
const NOON_MS: u64 = 1_700_000_000_000;

fn account(number: u8) -> AccountId {
    AccountId::from_parts(1, &[number; 10])
}

fn message(number: u8) -> MessageId {
    MessageId::from_parts(2, &[number; 10])
}

fn group() -> ConversationId {
    ConversationId::from_parts(3, &[1; 10])
}

fn profile(number: u8) -> Profile {
    let (handle, name) = match number {
        1 => ("ada", "Ada Lovelace"),
        2 => ("ben", "Ben Franklin"),
        _ => ("zoe", "Zoë Müller"),
    };
    Profile { account: account(number), handle: handle.to_owned(), name: name.to_owned() }
}

/// A profile of Ada's, with a store that a test fills by the same actions as the engine.
struct Stage {
    store: Store,
    reader: Reader,
    account: Account,
    rows: i64,
    _folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(folder.path(), account(1)).unwrap();
        let reader = store.reader().unwrap();
        let mut record = crate::profile::tests::record();
        record.account = account(1);
        record.organisation = OrganisationId::from_parts(1, &[9; 10]);
        let auth: Auth = fake::auth_without_server();
        let account = Account::new(record, Arc::new(auth), Readers::new(Vec::new()));
        let mut stage = Self { store, reader, account, rows: 0, _folder: folder };
        stage.apply(StoreAction::ResetCache { epoch: fil_protocol::Epoch::from_parts(1, &[1; 10]) });
        stage
    }

    fn apply(&mut self, action: StoreAction) {
        self.store.apply(&[action]).unwrap();
    }

    fn view<T>(&mut self, look: impl FnOnce(&View<'_>) -> rusqlite::Result<T>) -> T {
        let Self { reader, account, .. } = self;
        reader.snapshot(|db| look(&View::new(db, account))).unwrap()
    }

    /// A window with Ada and Ben in a group, and messages by Ben with these numbers.
    fn window(&mut self, from: u64, numbers: std::ops::RangeInclusive<u64>) {
        let items = numbers.clone().map(|number| item(number, 2, &format!("message {number}"))).collect();
        let members = [1, 2].map(|number| Member { profile: profile(number), role: Role::Member }).to_vec();
        let conversation = group();
        let title = Some("Equipe".to_owned());
        self.apply(StoreAction::ApplyWindow(Window {
            record: ConversationRecord { conversation, kind: ConversationKind::Group, title },
            members,
            items,
            from: Seq(from),
            as_of: Position { seq: Seq(*numbers.end()), sent: *numbers.end() - 1 },
            changed: Vec::new(),
            reset: false,
            deleted: Vec::new(),
        }));
    }

    fn read_to(&mut self, seq: u64) {
        let entry = ConversationEntry {
            conversation: group(),
            kind: ConversationKind::Group,
            member: true,
            read: Position { seq: Seq(seq), sent: seq.saturating_sub(1) },
        };
        let entries = vec![fil_protocol::AccountEntry::Known(fil_protocol::KnownAccountEntry::Conversation(entry))];
        let changes =
            fil_protocol::AccountChanges { request: None, after: 0, rev: 1, full: false, entries, stamp: None };
        self.apply(StoreAction::ApplyAccount(changes));
    }

    fn event(&mut self, seq: u64, author: u8, body: KnownEvent) {
        let body = EventBody::Known(body);
        let event = Event { seq: Seq(seq), at_ms: NOON_MS + seq, author: account(author), body };
        self.apply(StoreAction::ApplyEvents { conversation: group(), events: vec![event] });
    }

    fn enqueue(&mut self, command: Command) -> RowId {
        self.rows += 1;
        let row = RowId(self.rows);
        self.apply(StoreAction::InsertCommand { row, command, wall_ms: NOON_MS + 500 });
        row
    }

    fn send(&mut self, number: u8, text: &str) -> RowId {
        let (conversation, message) = (group(), message(number));
        self.enqueue(Command::SendMessage { conversation, message, text: text.to_owned(), composed_at_ms: NOON_MS })
    }

    fn settle(&mut self, row: RowId, seq: u64) {
        self.apply(StoreAction::SettleCommand { row, seq: Seq(seq), wall_ms: NOON_MS });
    }

    fn reject(&mut self, row: RowId) {
        self.apply(StoreAction::RejectCommand { row, code: ErrorCode::Forbidden });
    }

    fn timeline(&mut self, stretch: Stretch) -> Timeline {
        self.view(|view| view.timeline(group(), stretch)).unwrap()
    }

    fn opening(&mut self) -> Timeline {
        self.timeline(Stretch::Opening { limit: 50 })
    }
}

/// A message with this number; the conversation began with number 1.
fn item(number: u64, author: u8, text: &str) -> Item {
    let body = Kept::Message {
        id: MessageId::from_parts(number, &[0; 10]),
        sent: number - 1,
        text: text.to_owned(),
        composed_at_ms: NOON_MS + number,
        edited: false,
    };
    Item { seq: Seq(number), rev: Seq(number), at_ms: NOON_MS + number, author: account(author), body }
}

/// A timeline as text: number or state, author, body.
fn draw(timeline: &Timeline) -> Vec<String> {
    timeline.items.iter().map(draw_item).collect()
}

fn draw_item(item: &TimelineItem) -> String {
    let state = match (item.state, item.seq) {
        (ItemState::Sent, Some(seq)) => format!("#{seq}"),
        (ItemState::Queued, Some(seq)) => format!("#{seq}…"),
        (ItemState::Queued, None) => "…".to_owned(),
        (state, _) => format!("{state:?}"),
    };
    let may = match (item.may_edit, item.may_delete) {
        (true, true) => " +",
        (false, false) => "",
        other => panic!("{other:?}"),
    };
    format!("{state} {}: {}{may}", item.author.handle, draw_body(&item.body))
}

fn draw_body(body: &ItemBody) -> String {
    match body {
        ItemBody::Message { text, edited, .. } => format!("{text}{}", if *edited { " (edited)" } else { "" }),
        ItemBody::Joined { person } => format!("joined {}", person.handle),
        other => format!("{other:?}"),
    }
}
