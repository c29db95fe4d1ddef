//! A server's node on a disk of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fil_disk::Disk;
use fil_protocol::{AccountId, DeviceId, Epoch, OrganisationId, Profile};
use fil_server::node::{Actor, Backlog, ConnectionId, Input, Node, Output};
use fil_server::store::sqlite::SqliteStore;
use fil_server::store::{AccountRow, NewDevice, OrganisationRow, ReadStore, Store, StoreError};

/// The server's clock at the beginning, in milliseconds since 1970.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// A server that may be down.
pub(crate) struct Server {
    pub(crate) disk: Disk,
    pub(crate) path: PathBuf,
    pub(crate) node: Option<Node>,
    inbox: Vec<Input>,
    backlogs: BTreeMap<ConnectionId, Arc<Backlog>>,
    connections: u64,
}

/// Who lives in every house: an account with one device each, of one organisation.
pub(crate) fn people() -> [(Actor, Profile); 2] {
    [("ada", 10), ("ben", 11)].map(|(handle, number)| {
        let actor = Actor {
            organisation: OrganisationId::from([1; 16]),
            account: AccountId::from([number; 16]),
            device: DeviceId::from([number + 10; 16]),
        };
        (actor, Profile { account: actor.account, handle: handle.into(), name: handle.to_uppercase() })
    })
}

impl Server {
    /// A new server that knows the people, down.
    pub(crate) fn create(folder: &Path) -> Self {
        std::fs::create_dir(folder).expect("the folder is new");
        let path = folder.join("fil.db");
        let mut store = SqliteStore::open(&path, Epoch::from([1; 16])).expect("a new database");
        fill(&mut store).expect("a new database takes people");
        drop(store);
        Self::open(folder)
    }

    /// A server whose folder is there, down.
    pub(crate) fn open(folder: &Path) -> Self {
        let (disk, path) = (Disk::mount(folder), folder.join("fil.db"));
        Self { disk, path, node: None, inbox: Vec::new(), backlogs: BTreeMap::new(), connections: 0 }
    }

    /// Its process begins on the files that are there.
    pub(crate) fn start(&mut self) -> Result<(), StoreError> {
        let store = SqliteStore::open(&self.path, Epoch::from([2; 16]))?;
        self.node = Some(Node::new(Box::new(store))?);
        Ok(())
    }

    /// Its process ends: what waited is lost.
    pub(crate) fn stop(&mut self) {
        self.node = None;
        self.inbox.clear();
        self.backlogs.clear();
    }

    /// A door of its own for looking in.
    pub(crate) fn reads(&self) -> Box<dyn ReadStore> {
        let store = SqliteStore::open(&self.path, Epoch::from([3; 16])).expect("the database opens");
        store.open_reads().expect("the database can be read")
    }

    pub(crate) fn connect(&mut self, actor: Actor) -> Option<ConnectionId> {
        self.node.as_ref()?;
        self.connections += 1;
        let (connection, backlog) = (ConnectionId(self.connections), Arc::new(Backlog::default()));
        self.backlogs.insert(connection, backlog.clone());
        self.inbox.push(Input::Connected { connection, actor, backlog });
        Some(connection)
    }

    pub(crate) fn put(&mut self, input: Input) {
        if self.node.is_some() {
            self.inbox.push(input);
        }
    }

    pub(crate) fn has_work(&self) -> bool {
        self.node.is_some() && !self.inbox.is_empty()
    }

    /// Takes everything that waits as one batch.
    pub(crate) fn step(&mut self, now_ms: u64) -> Vec<Output> {
        let Some(node) = &mut self.node else { return Vec::new() };
        let mut batch = std::mem::take(&mut self.inbox);
        batch.push(Input::Tick);
        let outputs = node.step(START_MS + now_ms, batch);
        for output in &outputs {
            if let Output::Send { connection, frame } = output
                && let Some(backlog) = self.backlogs.get(connection)
            {
                backlog.subtract(frame.len());
            }
        }
        outputs
    }
}

fn fill(store: &mut SqliteStore) -> Result<(), StoreError> {
    let transaction = store.begin()?;
    let organisation = people()[0].0.organisation;
    let row = OrganisationRow { id: organisation, name: "House".into(), slug: "house".into() };
    transaction.create_organisation(&row)?;
    let writer = transaction.organisation(organisation)?;
    for (Actor { account, device, .. }, profile) in people() {
        let created_at_ms = START_MS;
        writer.create_account(&AccountRow { profile, password_hash: None, created_at_ms, disabled_at_ms: None })?;
        writer.create_device(&NewDevice { device, account, name: "test".into(), created_at_ms })?;
    }
    drop(writer);
    transaction.commit()
}
