//! A server's data folder with people and conversations in it, made through the server's own library.
//!
//! Accounts, devices and conversations go through the store and the relay that the server runs, in large transactions, so
//! ten thousand people take seconds. Access tokens are signed with the key that the server finds in its folder; nobody has
//! a password, because ten thousand sign-ins would measure the password hash alone.

use std::path::{Path, PathBuf};

use fil_protocol::limits::ACCESS_TOKEN_MS;
use fil_protocol::{
    AccountId, Command, ConversationId, ConversationKind, DeviceId, MessageId, OrganisationId, Profile,
};
use fil_server::actor::Actor;
use fil_server::auth::access::AccessTokens;
use fil_server::auth::keys::Keys;
use fil_server::clock::now_ms;
use fil_server::data::DataFolder;
use fil_server::edge::prepare;
use fil_server::relay::{Decision, apply};
use fil_server::store::sqlite::SqliteStore;
use fil_server::store::{AccountRow, NewDevice, OrganisationRow, OrganisationWriter, Store};
use tempfile::TempDir;

use crate::{Failure, Stage};

/// Commands in one transaction of the seeding.
const COMMANDS_PER_COMMIT: usize = 5_000;

/// A data folder, gone with the value.
pub struct House {
    folder: TempDir,
    organisation: OrganisationId,
    tokens: AccessTokens,
    people: Vec<Actor>,
    conversations: u64,
}

impl std::fmt::Debug for House {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("House").field("people", &self.people.len()).finish_non_exhaustive()
    }
}

/// The open database of a house whose server does not run.
pub struct Seeding<'h> {
    house: &'h mut House,
    store: SqliteStore,
    messages: u64,
}

impl House {
    /// An organisation with this many people, each with one device.
    pub fn with(stage: &Stage, people: usize) -> Result<Self, Failure> {
        let folder = stage.folder()?;
        let data = DataFolder::new(folder.path().join("server"));
        let mut store = prepare(&data)?;
        let tokens = AccessTokens::new(&Keys::load_or_create(&data.keys(), now_ms())?, ACCESS_TOKEN_MS);
        let organisation = OrganisationId::from_parts(now_ms(), &[1; 10]);
        let transaction = store.begin()?;
        let row = OrganisationRow { id: organisation, slug: "load".to_owned(), name: "Load".to_owned() };
        transaction.create_organisation(&row)?;
        let writer = transaction.organisation(organisation)?;
        let mut actors = Vec::with_capacity(people);
        for number in 0..people {
            actors.push(person(writer.as_ref(), number)?);
        }
        drop(writer);
        transaction.commit()?;
        Ok(Self { folder, organisation, tokens, people: actors, conversations: 0 })
    }

    /// Where the server's data lies.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        DataFolder::new(self.data()).database()
    }

    /// The folder around everything, for what else a scenario wants on the same disk.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// How many people there are.
    pub fn count(&self) -> usize {
        self.people.len()
    }

    /// One of them.
    pub fn person(&self, number: usize) -> Actor {
        self.people[number]
    }

    /// An access token for one of them, good for ten minutes from now.
    pub fn token(&self, number: usize) -> String {
        let person = self.people[number];
        self.tokens.issue(person.organisation, person.account, person.device, now_ms())
    }

    /// The direct conversation of two of them, made or not.
    pub fn direct_id(&self, one: usize, other: usize) -> ConversationId {
        ConversationId::direct(self.organisation, self.people[one].account, self.people[other].account)
    }

    /// Opens the database to put things in. Not while the server runs.
    pub fn seed(&mut self) -> Result<Seeding<'_>, Failure> {
        let store = prepare(&DataFolder::new(self.data()))?;
        Ok(Seeding { house: self, store, messages: 0 })
    }
}

impl Seeding<'_> {
    /// Begins the direct conversations of these pairs.
    pub fn directs(&mut self, pairs: &[(usize, usize)]) -> Result<Vec<ConversationId>, Failure> {
        let commands: Vec<(usize, Command)> = pairs
            .iter()
            .map(|(one, other)| {
                let conversation = self.house.direct_id(*one, *other);
                let members = vec![self.house.people[*other].account];
                let kind = ConversationKind::Direct;
                (*one, Command::CreateConversation { conversation, kind, title: None, members })
            })
            .collect();
        self.run(&commands)?;
        Ok(commands.iter().map(|(_, command)| command.conversation()).collect())
    }

    /// Begins a group; the first is its owner.
    pub fn group(&mut self, members: &[usize]) -> Result<ConversationId, Failure> {
        Ok(self.groups(&[members])?.remove(0))
    }

    /// Begins groups.
    pub fn groups(&mut self, groups: &[&[usize]]) -> Result<Vec<ConversationId>, Failure> {
        let mut commands = Vec::with_capacity(groups.len());
        for members in groups {
            self.house.conversations += 1;
            let mut random = [0; 10];
            random[2..].copy_from_slice(&self.house.conversations.to_be_bytes());
            let conversation = ConversationId::from_parts(now_ms(), &random);
            let (owner, others) = members.split_first().ok_or("a group has an owner")?;
            let members = others.iter().map(|member| self.house.people[*member].account).collect();
            let title = Some(format!("Group {}", self.house.conversations));
            let kind = ConversationKind::Group;
            commands.push((*owner, Command::CreateConversation { conversation, kind, title, members }));
        }
        self.run(&commands)?;
        Ok(commands.iter().map(|(_, command)| command.conversation()).collect())
    }

    /// Writes messages: by whom, where, and what.
    pub fn messages(&mut self, messages: impl Iterator<Item = (usize, ConversationId, String)>) -> Result<(), Failure> {
        let mut waiting = Vec::with_capacity(COMMANDS_PER_COMMIT);
        for (author, conversation, text) in messages {
            self.messages += 1;
            let message = message_id(u32::MAX, self.messages);
            let composed_at_ms = now_ms();
            waiting.push((author, Command::SendMessage { conversation, message, text, composed_at_ms }));
            if waiting.len() == COMMANDS_PER_COMMIT {
                self.run(&waiting)?;
                waiting.clear();
            }
        }
        self.run(&waiting)
    }

    /// Everything up to now: what a client that has seen it all says in its hello.
    pub fn horizon(&mut self) -> Result<(fil_protocol::Epoch, u64), Failure> {
        let mut reads = self.store.open_reads()?;
        let reader = reads.snapshot()?;
        Ok((reader.epoch()?, reader.committed_horizon()?))
    }

    /// The revision of somebody's account stream.
    pub fn account_rev(&mut self, number: usize) -> Result<u64, Failure> {
        let mut reads = self.store.open_reads()?;
        let reader = reads.snapshot()?;
        let organisation = reader.organisation(self.house.organisation)?;
        Ok(organisation.account_rev(self.house.people[number].account)?)
    }

    fn run(&mut self, commands: &[(usize, Command)]) -> Result<(), Failure> {
        for chunk in commands.chunks(COMMANDS_PER_COMMIT) {
            let transaction = self.store.begin()?;
            let writer = transaction.organisation(self.house.organisation)?;
            for (author, command) in chunk {
                let actor = self.house.people[*author];
                if let Decision::Rejected(error) = apply(writer.as_ref(), &actor, command, now_ms())? {
                    return Err(format!("the relay rejected what was seeded: {}", error.detail).into());
                }
            }
            drop(writer);
            transaction.commit()?;
        }
        Ok(())
    }
}

/// The id of a message of the load: the time, then whose and which.
pub fn message_id(author: u32, number: u64) -> MessageId {
    let mut random = [0; 10];
    random[..4].copy_from_slice(&author.to_be_bytes());
    random[4..].copy_from_slice(&number.to_be_bytes()[2..]);
    MessageId::from_parts(now_ms(), &random)
}

fn person(writer: &dyn OrganisationWriter, number: usize) -> Result<Actor, Failure> {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&(number as u64).to_be_bytes());
    let account = AccountId::from_parts(now_ms(), &random);
    let device = DeviceId::from_parts(now_ms(), &random);
    let profile = Profile { account, handle: format!("p{number}"), name: format!("Person {number}") };
    let created_at_ms = now_ms();
    writer.create_account(&AccountRow { profile, password_hash: None, created_at_ms, disabled_at_ms: None })?;
    writer.create_device(&NewDevice { device, account, name: "load".to_owned(), created_at_ms })?;
    Ok(Actor { organisation: writer.id(), account, device })
}
