//! Backup files: damaged ones, foreign ones, and ones that somebody prepared. Inspected, restored, and read afterwards.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use clap::Parser;
use fil_protocol::{
    AccountId, ClientFrame, Command, ConversationId, ConversationKind, DeviceId, Epoch, Generation, Hello, MessageId,
    OrganisationId, Profile, RawCommand, Seq, ServerFrame, Stream, VersionRange,
};
use fil_server::cli::{Arguments, Exit, Refusal, run};
use fil_server::node::{Actor, Backlog, ConnectionId, Input, Node};
use fil_server::relay;
use fil_server::store::sqlite::{SqliteStore, back_up};
use fil_server::store::{AccountRow, NewDevice, OrganisationRow, Store, StoreError};

/// A sentence about a file names it and what is damaged.
const SENTENCE_BYTES_MAX: usize = 4 * 1024;
/// What a database of SQLite begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";
const NOW_MS: u64 = 1_700_000_000_000;

/// A whole file if it begins like a database; else changes of a sound backup: four bytes of offset, one of content. A last
/// piece of fewer bytes cuts the file there.
pub(super) fn enter(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let (file, data) = (folder.path().join("backup.fil"), folder.path().join("data"));
    let content = if bytes.starts_with(MAGIC) || bytes.is_empty() { bytes.to_vec() } else { damaged(bytes) };
    fs::write(&file, &content).expect("the disk has room");
    private_folder(&data);
    let before = sound();
    fs::write(data.join("fil.db"), before).expect("the disk has room");

    match restore(&data, &file) {
        Ok(exit) => {
            assert_eq!(exit, Exit::Done);
            read_everything(&data.join("fil.db"));
            serve(&data.join("fil.db"));
        }
        Err(refusal) => {
            assert!([Exit::Data, Exit::Failed].contains(&refusal.exit), "{refusal}");
            assert!(!refusal.sentence.is_empty() && refusal.sentence.len() <= SENTENCE_BYTES_MAX, "{refusal}");
            assert_eq!(
                fs::read(data.join("fil.db")).expect("it is there"),
                before,
                "the database was touched: {refusal}"
            );
            let left: Vec<_> =
                fs::read_dir(&data).expect("it is there").map(|entry| entry.unwrap().file_name()).collect();
            let known = |name: &std::ffi::OsString| name == "fil.db" || name == "serve.lock";
            assert!(left.iter().all(known), "something was left behind: {left:?}");
        }
    }
    assert_eq!(fs::read(&file).expect("it is there"), content, "the backup was touched");
}

fn restore(data: &Path, file: &Path) -> Result<Exit, Refusal> {
    let words = ["fil-server", "--data", path(data), "backup", "restore", path(file)];
    run(Arguments::try_parse_from(words).expect("the words are those of the command"))
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary paths are text")
}

fn private_folder(path: &Path) {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).expect("the folder is new");
}

/// Changes of a sound backup.
fn damaged(bytes: &[u8]) -> Vec<u8> {
    let mut file = sound().to_vec();
    for change in bytes.chunks(5) {
        let offset = change.iter().take(4).fold(0_usize, |offset, byte| offset << 8 | usize::from(*byte));
        match change.get(4) {
            Some(byte) => {
                let at = offset % file.len().max(1);
                if let Some(place) = file.get_mut(at) {
                    *place = *byte;
                }
            }
            None => file.truncate(offset % (file.len() + 1)),
        }
    }
    file
}

/// A backup with a bit of everything, made once.
fn sound() -> &'static [u8] {
    static SOUND: OnceLock<Vec<u8>> = OnceLock::new();
    SOUND.get_or_init(|| make().expect("a new database takes a conversation"))
}

fn make() -> Result<Vec<u8>, StoreError> {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let (database, copy) = (folder.path().join("fil.db"), folder.path().join("copy.fil"));
    let mut store = SqliteStore::open(&database, Epoch::from([2; 16]))?;
    let transaction = store.begin()?;
    let id = OrganisationId::from([0x0d; 16]);
    transaction.create_organisation(&OrganisationRow { id, slug: "demo".into(), name: "Demo".into() })?;
    let writer = transaction.organisation(id)?;
    for account in [0x0a, 0x0b] {
        let handle = format!("a{account}");
        let profile = Profile { account: AccountId::from([account; 16]), name: handle.clone(), handle };
        let row = AccountRow { profile, password_hash: None, created_at_ms: NOW_MS, disabled_at_ms: None };
        writer.create_account(&row)?;
        let (device, account) = (DeviceId::from([account; 16]), row.profile.account);
        writer.create_device(&NewDevice { device, account, name: "x".into(), created_at_ms: NOW_MS })?;
    }
    let actor = Actor { organisation: id, account: AccountId::from([0x0a; 16]), device: DeviceId::from([0x0a; 16]) };
    let conversation: ConversationId = "018bcfe5-6800-7000-8000-0c0c0c0c0c0c".parse().expect("it is one");
    let begin = Command::CreateConversation {
        conversation,
        kind: ConversationKind::Group,
        title: Some("Garde".into()),
        members: vec![AccountId::from([0x0b; 16])],
    };
    relay::apply(&*writer, &actor, &begin, NOW_MS)?;
    for number in 0..20_u8 {
        let message = MessageId::from([number; 16]);
        let text = "bonjour à tous ".repeat(usize::from(number) + 1);
        relay::apply(
            &*writer,
            &actor,
            &Command::SendMessage { conversation, message, text, composed_at_ms: NOW_MS },
            NOW_MS,
        )?;
    }
    let delete = Command::DeleteMessage { conversation, message: MessageId::from([3; 16]) };
    relay::apply(&*writer, &actor, &delete, NOW_MS)?;
    drop(writer);
    transaction.commit()?;
    back_up(&database, &copy)?;
    Ok(fs::read(&copy).expect("it was just made"))
}

/// A restored database is read as a server reads it: rows that make no sense are errors, not panics.
fn read_everything(database: &Path) {
    let store = SqliteStore::open(database, Epoch::from([3; 16])).expect("what was restored opens");
    let mut reads = store.open_reads().expect("what was restored opens");
    let reader = reads.snapshot().expect("what was restored can be read");
    let Ok(organisations) = reader.organisations() else { return };
    for row in organisations {
        let Ok(organisation) = reader.organisation(row.id) else { continue };
        for account in organisation.accounts().unwrap_or_default() {
            let actor = Actor {
                organisation: row.id,
                account: account.profile.account,
                device: DeviceId::from(*account.profile.account.as_bytes()),
            };
            for (conversation, _) in organisation.conversations_of(actor.account).unwrap_or_default() {
                let id = conversation.record.conversation;
                for after in [None, Some(fil_protocol::Seq(1))] {
                    let stream = fil_protocol::Stream::Conversation(id);
                    for items_max in [None, Some(1)] {
                        let pull = fil_server::pull::Pull { request: 1, stream, after, items_max };
                        let _ = fil_server::pull::answer(&*organisation, &actor, pull);
                    }
                }
                let _ = fil_server::history::search(&*organisation, &actor, "bonjour", Some(id), None, 50);
            }
        }
    }
}

/// A restored database is served: its owner connects, reads and writes one of everything. What does not fit together is
/// refused, and the node goes on.
fn serve(database: &Path) {
    let store = SqliteStore::open(database, Epoch::from([3; 16])).expect("what was restored opens");
    let Ok(mut node) = Node::new(Box::new(store)) else { return };
    let actor = Actor {
        organisation: OrganisationId::from([0x0d; 16]),
        account: AccountId::from([0x0a; 16]),
        device: DeviceId::from([0x0a; 16]),
    };
    let connection = ConnectionId(1);
    let conversation: ConversationId = "018bcfe5-6800-7000-8000-0c0c0c0c0c0c".parse().expect("it is one");
    let (message, other) = (MessageId::from([0xee; 16]), MessageId::from([5; 16]));
    let hello = Hello {
        protocol: VersionRange::OURS,
        client: "hostile".into(),
        generation: Generation::from([1; 16]),
        epoch: None,
        horizon: 0,
        account_rev: 0,
        acknowledged: 0,
        stamp: None,
    };
    let commands = [
        Command::SendMessage { conversation, message, text: "bonjour".into(), composed_at_ms: NOW_MS },
        Command::EditMessage { conversation, message: other, text: "bonsoir".into() },
        Command::DeleteMessage { conversation, message: other },
        Command::SetTitle { conversation, title: "Nuit".into() },
        Command::RemoveMember { conversation, account: AccountId::from([0x0b; 16]) },
    ];
    let commands = (1..).zip(commands);
    let mut frames = vec![
        ClientFrame::Hello(hello),
        ClientFrame::Pull { request: 1, stream: Stream::Account, after: None, items_max: None },
        ClientFrame::Pull {
            request: 2,
            stream: Stream::Conversation(conversation),
            after: Some(Seq(0)),
            items_max: Some(1),
        },
        ClientFrame::Read { conversation, seq: Seq(9) },
    ];
    frames.extend(commands.map(|(no, command)| ClientFrame::Command { no, command: RawCommand::Known(command) }));
    let mut now_ms = NOW_MS;
    let mut inputs = vec![Input::Connected { connection, actor, backlog: Arc::new(Backlog::default()) }];
    for frame in frames {
        now_ms += 1;
        inputs.push(Input::Frame { connection, frame });
        for output in node.step(now_ms, std::mem::take(&mut inputs)) {
            if let fil_server::node::Output::Send { frame, .. } = output {
                ServerFrame::decode(&frame).expect("what the server says is a frame");
            }
        }
    }
}
