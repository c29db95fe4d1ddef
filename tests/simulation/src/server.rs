//! The server's side of a world: the real node on a real database file on a simulated disk, the real tokens, and its
//! misfortunes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use fil_disk::{Disk, Failure};
use fil_protocol::http::Session;
use fil_protocol::{AccountId, DeviceId, Epoch, ErrorCode, OrganisationId, ProtocolError};
use fil_server::auth::access::AccessTokens;
use fil_server::auth::keys::Keys;
use fil_server::auth::refresh::{Presented, RefreshTokens};
use fil_server::clock::Now;
use fil_server::node::{Actor, Backlog, ConnectionId, Input, Node, Output, job};
use fil_server::refreshing::{Refreshed, exchange, is_news, note_seen};
use fil_server::store::sqlite::{SqliteStore, back_up};
use fil_server::store::{
    AccountRow, NewDevice, OrganisationRow, ReadStore, Store, StoreError, Transaction, start_new_epoch,
};
use fil_server::witness::{self, Witness};

use crate::cast::Cast;
use crate::random::Random;

/// The server's clock at the beginning of every run, in milliseconds since 1970.
pub const START_MS: u64 = 1_700_000_000_000;

/// What a refresh came to; none while it is under way.
pub type Refreshing = Arc<Mutex<Option<Result<Session, ProtocolError>>>>;

/// A server that may be down.
pub struct Server {
    folder: PathBuf,
    path: PathBuf,
    disk: Disk,
    running: Option<Running>,
    inbox: Vec<Input>,
    backlogs: BTreeMap<ConnectionId, Arc<Backlog>>,
    access: Arc<AccessTokens>,
    refresh: Arc<RefreshTokens>,
    grace_ms: u64,
    /// How many epochs there have been since the first.
    epochs: u8,
    /// The simulated time of the last step.
    now_ms: u64,
    /// How far its wall clock is ahead of the simulated time.
    pub skew_ms: i64,
    /// Its disk fails now and then, or is full.
    pub disk_fails: bool,
}

struct Running {
    node: Node,
    reads: Box<dyn ReadStore>,
}

impl Server {
    /// A new server whose database has these accounts and devices, and whose access tokens live so long.
    pub fn create(folder: &Path, cast: &Cast, access_ms: u64, grace_ms: u64) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let folder = folder.join("server");
        fs::create_dir(&folder).map_err(text)?;
        let keys = Keys::load_or_create(&folder.join("keys"), START_MS).map_err(|error| error.to_string())?;
        let path = folder.join("server.db");
        let disk = Disk::mount(&folder);
        let mut server = Self {
            folder,
            path,
            disk,
            running: None,
            inbox: Vec::new(),
            backlogs: BTreeMap::new(),
            access: Arc::new(AccessTokens::new(&keys, access_ms)),
            refresh: Arc::new(RefreshTokens::new(&keys.refresh)),
            grace_ms,
            epochs: 0,
            now_ms: 0,
            skew_ms: 0,
            disk_fails: false,
        };
        server.populate(cast).map_err(|error| error.to_string())?;
        server.start().map_err(|error| error.to_string())?;
        Ok(server)
    }

    fn populate(&mut self, cast: &Cast) -> Result<(), StoreError> {
        let mut store = SqliteStore::open(&self.path, Epoch::from([1; 16]))?;
        let transaction = store.begin()?;
        let mut organisations: Vec<OrganisationId> = Vec::new();
        let mut accounts: Vec<AccountId> = Vec::new();
        for (actor, profile) in &cast.0 {
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
        transaction.commit()
    }

    /// Whether its process runs.
    pub fn is_up(&self) -> bool {
        self.running.is_some()
    }

    /// What the oracles read through, while it runs.
    pub fn reads(&mut self) -> Option<&mut (dyn ReadStore + 'static)> {
        self.running.as_mut().map(|running| running.reads.as_mut())
    }

    /// Its process is killed: what waited is lost.
    pub fn kill(&mut self) {
        self.disk.freeze();
        self.stop();
        self.disk.kill();
    }

    /// Its machine loses power.
    pub fn cut_power(&mut self, random: &mut Random) {
        self.disk.freeze();
        self.stop();
        self.disk.cut_power(&mut |below| random.below(below));
    }

    fn stop(&mut self) {
        self.running = None;
        self.inbox.clear();
        self.backlogs.clear();
    }

    /// Its process begins again on the same files. As the edge does, it looks first whether they are those that were
    /// here before.
    pub fn start(&mut self) -> Result<(), StoreError> {
        let mut store = SqliteStore::open(&self.path, Epoch::from([2; 16]))?;
        let epoch = self.new_epoch();
        witness::recognise(&mut store, &self.witness(), epoch)?;
        let reads = store.open_reads()?;
        self.running = Some(Running { node: Node::new(Box::new(store))?, reads });
        Ok(())
    }

    /// Writes fail from now on: after so many more, once or until [`Server::heal_disk`].
    pub fn fail_disk(&mut self, after: u64, failure: Failure, once: bool) {
        self.disk_fails = true;
        if once { self.disk.fail_once(after, failure) } else { self.disk.fail_after(after, failure) }
    }

    /// How many operations its disk has refused so far.
    pub fn disk_failures(&self) -> u64 {
        self.disk.failures()
    }

    /// The disk works again.
    pub fn heal_disk(&mut self) {
        self.disk_fails = false;
        self.disk.heal();
    }

    fn new_epoch(&mut self) -> Epoch {
        self.epochs += 1;
        Epoch::from_parts(self.wall_ms(self.now_ms), &[self.epochs; 10])
    }

    /// What stands in its witness.
    pub fn noted(&self) -> Option<Witness> {
        Witness::load(&self.witness())
    }

    /// What its wall clock shows.
    fn wall_ms(&self, now_ms: u64) -> u64 {
        (START_MS + now_ms).saturating_add_signed(self.skew_ms)
    }

    fn witness(&self) -> PathBuf {
        self.folder.join("witness")
    }

    /// Notes how far the database has come, as the edge does every second.
    pub fn note(&mut self) -> Result<(), StoreError> {
        let file = self.witness();
        let Some(reads) = self.reads() else { return Ok(()) };
        let witness = Witness::of(&*reads.snapshot()?)?;
        witness.save(&file).map_err(|error| StoreError::Engine(Box::new(error)))
    }

    /// Takes a backup while the server is in use.
    pub fn back_up(&self) -> Result<(), StoreError> {
        let backup = self.folder.join("backup.db");
        let _ = fs::remove_file(&backup);
        back_up(&self.path, &backup)
    }

    /// Restores the backup, as the command does: the database is replaced, and a new history begins. The process must
    /// not run.
    pub fn restore(&mut self) -> Result<(), StoreError> {
        self.replace_database();
        let mut store = SqliteStore::open(&self.path, Epoch::from([2; 16]))?;
        let epoch = self.new_epoch();
        start_new_epoch(&mut store, epoch)?;
        let witness = Witness::of(&*store.open_reads()?.snapshot()?)?;
        witness.save(&self.witness()).map_err(|error| StoreError::Engine(Box::new(error)))
    }

    /// Somebody copies the backup over the database by hand. The process must not run.
    pub fn replace_database(&mut self) {
        self.replace_by(&self.folder.join("backup.db"));
    }

    fn replace_by(&self, copy: &Path) {
        for log in ["server.db-wal", "server.db-shm"] {
            let _ = fs::remove_file(self.folder.join(log));
        }
        // In memory, between two files of ours: there is nothing that could fail.
        fs::copy(copy, &self.path).expect("the copy was taken before");
    }

    /// Takes a snapshot of the whole folder while the server is in use.
    pub fn take_snapshot(&self) -> Result<(), StoreError> {
        let [database, witness] = self.snapshot();
        for file in [&database, &witness] {
            let _ = fs::remove_file(file);
        }
        back_up(&self.path, &database)?;
        // A server that has not noted anything yet has no witness.
        let _ = fs::copy(self.witness(), witness);
        Ok(())
    }

    /// The folder is as it was at the snapshot, the witness too. The process must not run.
    pub fn put_folder_back(&mut self) {
        let [database, witness] = self.snapshot();
        self.replace_by(&database);
        if fs::copy(witness, self.witness()).is_err() {
            let _ = fs::remove_file(self.witness());
        }
    }

    fn snapshot(&self) -> [PathBuf; 2] {
        [self.folder.join("snapshot.db"), self.folder.join("snapshot.witness")]
    }

    /// A device has connected with this access token. Otherwise why it may not: what the edge looks at, in its order.
    pub fn connect(
        &mut self,
        now_ms: u64,
        connection: ConnectionId,
        actor: Actor,
        token: &str,
    ) -> Result<u64, ErrorCode> {
        let wall_ms = self.wall_ms(now_ms);
        let claims = self.access.verify(token, wall_ms).map_err(|error| error.code)?;
        let Some(running) = &mut self.running else { return Err(ErrorCode::Unavailable) };
        let failed = |_: StoreError| ErrorCode::Unavailable;
        let snapshot = running.reads.snapshot().map_err(failed)?;
        let organisation = snapshot.organisation(actor.organisation).map_err(|_| ErrorCode::Unauthorised)?;
        let device = organisation.device(actor.device).map_err(failed)?.ok_or(ErrorCode::Unauthorised)?;
        if device.revoked_at_ms.is_some() {
            return Err(ErrorCode::DeviceRevoked);
        }
        let account = organisation.account(actor.account).map_err(failed)?.ok_or(ErrorCode::Unauthorised)?;
        if account.disabled_at_ms.is_some() {
            return Err(ErrorCode::AccountDisabled);
        }
        let news = is_news(&claims, &device);
        drop(organisation);
        drop(snapshot);
        if news {
            let work = move |transaction: &dyn Transaction| note_seen(transaction, &claims, wall_ms);
            self.put(Input::Job(job(work, |_| {})));
        }
        let backlog = Arc::new(Backlog::default());
        self.backlogs.insert(connection, Arc::clone(&backlog));
        self.inbox.push(Input::Connected { connection, actor, backlog });
        Ok(now_ms + (claims.expires_at_ms - wall_ms))
    }

    /// When a token that renews a connection expires, if it is good for this actor.
    pub fn renewed(&self, now_ms: u64, actor: Actor, token: &str) -> Result<u64, ErrorCode> {
        let wall_ms = self.wall_ms(now_ms);
        let claims = self.access.verify(token, wall_ms).map_err(|error| error.code)?;
        if claims.device != actor.device {
            return Err(ErrorCode::Unauthorised);
        }
        Ok(now_ms + (claims.expires_at_ms - wall_ms))
    }

    /// The tokens that a device has signed in with.
    pub fn sign_in(&self, now_ms: u64, actor: Actor, cast: &Cast) -> Session {
        session(&self.access, &self.refresh, self.wall_ms(now_ms), actor, &cast.profile(actor.account), 0)
    }

    /// A refresh token was presented. The answer is there once the batch that it is part of is committed.
    pub fn refresh(&mut self, now_ms: u64, device: DeviceId, token: &str) -> Option<Refreshing> {
        let answer: Refreshing = Arc::default();
        let presented = self.refresh.read(token)?;
        debug_assert_eq!(presented.device, device);
        let (access, refresh) = (Arc::clone(&self.access), Arc::clone(&self.refresh));
        let (grace_ms, slot, wall_ms) = (self.grace_ms, Arc::clone(&answer), self.wall_ms(now_ms));
        let work = move |transaction: &dyn Transaction| exchange(transaction, presented, wall_ms, grace_ms);
        let deliver = move |exchanged: Result<Refreshed, StoreError>| {
            let answer = match exchanged {
                Ok(Refreshed::Granted { actor, account, counter, .. }) => {
                    Ok(session(&access, &refresh, wall_ms, actor, &account.profile, counter))
                }
                Ok(Refreshed::Reused) => Err(ProtocolError::new(ErrorCode::DeviceRevoked, "used again")),
                Ok(Refreshed::Refused(error)) => Err(error),
                Err(error) => Err(ProtocolError::new(ErrorCode::Unavailable, error.to_string())),
            };
            *slot.lock().expect("nothing panics while it is held") = Some(answer);
        };
        self.put(Input::Job(job(work, deliver)));
        Some(answer)
    }

    /// Disables an account since a time, or enables it again.
    pub fn set_disabled(&mut self, organisation: OrganisationId, account: AccountId, at_ms: Option<u64>) {
        let at_ms = at_ms.map(|at_ms| self.wall_ms(at_ms));
        let work =
            move |transaction: &dyn Transaction| transaction.organisation(organisation)?.set_disabled(account, at_ms);
        self.put(Input::Job(job(work, |_| {})));
        if at_ms.is_some() {
            self.put(Input::Revoked(fil_server::node::Revoked::Account(account)));
        }
    }

    /// The history that it is in, while it runs.
    pub fn epoch(&mut self) -> Option<Epoch> {
        self.reads()?.snapshot().ok()?.epoch().ok()
    }

    /// Whether an account is disabled; none if the server cannot say.
    pub fn is_disabled(&mut self, organisation: OrganisationId, account: AccountId) -> Option<bool> {
        let snapshot = self.reads()?.snapshot().ok()?;
        let row = snapshot.organisation(organisation).ok()?.account(account).ok()??;
        Some(row.disabled_at_ms.is_some())
    }

    /// So many bytes more wait for a connection. Answers whether the server knows it.
    pub fn pile_up(&mut self, connection: ConnectionId, bytes: usize) -> bool {
        let backlog = self.backlogs.get(&connection);
        backlog.map(|backlog| backlog.add(bytes)).is_some()
    }

    /// A frame of this size was put on the wire.
    pub fn written(&mut self, connection: ConnectionId, bytes: usize) {
        if let Some(backlog) = self.backlogs.get(&connection) {
            backlog.subtract(bytes);
        }
    }

    /// The most bytes that wait for one connection.
    pub fn queued_bytes_max(&self) -> u64 {
        self.backlogs.values().map(|backlog| backlog.queued_bytes()).max().unwrap_or(0)
    }

    /// A connection is gone.
    pub fn forget(&mut self, connection: ConnectionId) {
        self.backlogs.remove(&connection);
        self.put(Input::Disconnected { connection });
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
        let node = &self.running.as_ref()?.node;
        node.deadline()
    }

    /// Takes everything that waits as one batch.
    pub fn step(&mut self, now_ms: u64) -> Vec<Output> {
        self.now_ms = now_ms;
        let now = Now { wall_ms: self.wall_ms(now_ms), steady_ms: now_ms };
        let Some(running) = &mut self.running else { return Vec::new() };
        let mut batch = std::mem::take(&mut self.inbox);
        batch.push(Input::Tick);
        running.node.step(now, batch)
    }
}

fn session(
    access: &AccessTokens,
    refresh: &RefreshTokens,
    wall_ms: u64,
    actor: Actor,
    profile: &fil_protocol::Profile,
    counter: u64,
) -> Session {
    let Actor { organisation, account, device } = actor;
    Session {
        organisation,
        organisation_slug: "o0".to_owned(),
        profile: profile.clone(),
        device,
        access_token: access.issue_beside(organisation, account, device, Some(counter), wall_ms),
        access_expires_in_ms: access.life_ms(),
        refresh_token: refresh.issue(Presented { organisation, device, counter }),
    }
}
