//! Views: the rows of the databases as records for a screen, one file per record.
//!
//! A view is a function of one moment of the two databases and of who is signed in. It holds nothing between two
//! requests, so there is nothing that could be out of date.

pub(crate) mod bubbles;
mod conversations;
mod drawn;
mod overlay;
mod people;
mod search;
mod timeline;

use std::cell::RefCell;
use std::collections::HashMap;

use fil_protocol::{AccountId, Profile};
use rusqlite::Connection;

pub(crate) use timeline::Stretch;

use crate::account::Account;
use crate::bridge::types::Person;
use crate::store::read;

/// One moment, seen by one account.
pub(crate) struct View<'a> {
    db: &'a Connection,
    me: Profile,
    /// Who remembers people from searches; nobody where only the databases speak.
    account: Option<&'a Account>,
    people: RefCell<HashMap<AccountId, Person>>,
}

impl<'a> View<'a> {
    pub(crate) fn new(db: &'a Connection, account: &'a Account) -> Self {
        let record = &account.record;
        let me = Profile { account: record.account, handle: record.handle.clone(), name: record.name.clone() };
        Self { db, me, account: Some(account), people: RefCell::default() }
    }

    /// What the databases alone show to somebody.
    fn of(db: &'a Connection, me: &Profile) -> Self {
        Self { db, me: me.clone(), account: None, people: RefCell::default() }
    }

    /// How many messages were refused and await a decision.
    pub(crate) fn rejected_count(&self) -> rusqlite::Result<u32> {
        read::command::rejected_count(self.db)
    }

    fn me(&self) -> AccountId {
        self.me.account
    }

    /// Somebody, from the cache, from an earlier search at the server, or known by the account alone.
    fn person(&self, account: AccountId) -> rusqlite::Result<Person> {
        if let Some(known) = self.people.borrow().get(&account) {
            return Ok(known.clone());
        }
        let profile = read::person::get(self.db, account)?.or_else(|| self.account?.seen(account));
        let person = match profile {
            Some(profile) => person(&profile),
            None if account == self.me() => person(&self.me),
            None => Person { account: account.to_string(), handle: String::new(), name: String::new() },
        };
        self.people.borrow_mut().insert(account, person.clone());
        Ok(person)
    }
}

/// A profile in the screen's words.
pub(crate) fn person(profile: &Profile) -> Person {
    Person { account: profile.account.to_string(), handle: profile.handle.clone(), name: profile.name.clone() }
}

#[cfg(test)]
mod tests;
