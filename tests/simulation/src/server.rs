//! The server's side of a world: the real node on a real database file, and its crashes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fil_protocol::{AccountId, DeviceId, Epoch, OrganisationId, Profile};
use fil_server::node::{Actor, Backlog, ConnectionId, Input, Node, Output};
use fil_server::store::sqlite::SqliteStore;
use fil_server::store::{AccountRow, NewDevice, OrganisationRow, ReadStore, Store, StoreError};

/// The server's clock at the beginning of every run, in milliseconds since 1970.
pub const START_MS: u64 = 1_700_000_000_000;

/// A server that may be down.
pub struct Server {
    path: PathBuf,
    node: Option<Node>,
    inbox: Vec<Input>,
    backlogs: BTreeMap<ConnectionId, Arc<Backlog>>,
    /// What the oracles read through.
    pub reads: Box<dyn ReadStore>,
}

impl Server {
    /// A new server whose database has these accounts and devices.
    pub fn create(folder: &Path, people: &[(Actor, Profile)]) -> Result<Self, StoreError> {
        let path = folder.join("server.db");
        let mut store = SqliteStore::open(&path, Epoch::from([1; 16]))?;
        let transaction = store.begin()?;
        let mut organisations: Vec<OrganisationId> = Vec::new();
        let mut accounts: Vec<AccountId> = Vec::new();
        for (actor, profile) in people {
            if !organisations.contains(&actor.organisation) {
                let slug = format!("o{}", organisations.len());
                let row = OrganisationRow { id: actor.organisation, name: slug.clone(), slug };
                transaction.create_organisation(&row)?;
                organisations.push(actor.organisation);
            }
            let writer = transaction.organisation(actor.organisation)?;
            if !accounts.contains(&actor.account) {
                writer.create_account(&AccountRow {
                    profile: profile.clone(),
                    password_hash: None,
                    created_at_ms: START_MS,
                    disabled_at_ms: None,
                })?;
                accounts.push(actor.account);
            }
            let (device, account) = (actor.device, actor.account);
            writer.create_device(&NewDevice { device, account, name: "sim".into(), created_at_ms: START_MS })?;
        }
        transaction.commit()?;
        let reads = store.open_reads()?;
        Ok(Self { path, node: Some(Node::new(Box::new(store))?), inbox: Vec::new(), backlogs: BTreeMap::new(), reads })
    }

    /// Whether its process runs.
    pub fn is_up(&self) -> bool {
        self.node.is_some()
    }

    /// Its process ends: what waited is lost.
    pub fn crash(&mut self) {
        self.node = None;
        self.inbox.clear();
        self.backlogs.clear();
    }

    /// Its process begins again on the same files.
    pub fn start(&mut self) -> Result<(), StoreError> {
        let store = SqliteStore::open(&self.path, Epoch::from([2; 16]))?;
        self.node = Some(Node::new(Box::new(store))?);
        Ok(())
    }

    /// A device has connected.
    pub fn connected(&mut self, connection: ConnectionId, actor: Actor) {
        let backlog = Arc::new(Backlog::default());
        self.backlogs.insert(connection, Arc::clone(&backlog));
        self.inbox.push(Input::Connected { connection, actor, backlog });
    }

    /// A frame of this size was put on the wire.
    pub fn written(&mut self, connection: ConnectionId, bytes: usize) {
        if let Some(backlog) = self.backlogs.get(&connection) {
            backlog.subtract(bytes);
        }
    }

    /// Something waits to be taken.
    pub fn put(&mut self, input: Input) {
        if self.is_up() {
            self.inbox.push(input);
        }
    }

    /// Whether anything waits.
    pub fn has_work(&self) -> bool {
        self.is_up() && !self.inbox.is_empty()
    }

    /// When it wants a tick, by the simulated clock.
    pub fn deadline(&self) -> Option<u64> {
        let node = self.node.as_ref()?;
        node.deadline().map(|at_ms| at_ms.saturating_sub(START_MS))
    }

    /// Takes everything that waits as one batch.
    pub fn step(&mut self, now_ms: u64) -> Vec<Output> {
        let Some(node) = &mut self.node else { return Vec::new() };
        let mut batch = std::mem::take(&mut self.inbox);
        batch.push(Input::Tick);
        node.step(START_MS + now_ms, batch)
    }
}

/// Who is who in every run: two organisations, so that crossing is noticed, and an account with two devices.
pub fn cast() -> Vec<(Actor, Profile)> {
    let person = |organisation: u8, account: u8, device: u8, handle: &str| {
        let actor = Actor {
            organisation: OrganisationId::from([organisation; 16]),
            account: AccountId::from([account; 16]),
            device: DeviceId::from([device; 16]),
        };
        let profile = Profile { account: actor.account, handle: handle.into(), name: handle.to_uppercase() };
        (actor, profile)
    };
    vec![
        person(1, 10, 20, "ada"),
        person(1, 10, 21, "ada"),
        person(1, 11, 22, "ben"),
        person(1, 12, 23, "chloe"),
        person(2, 13, 24, "dan"),
        person(2, 14, 25, "eve"),
    ]
}
