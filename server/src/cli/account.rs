//! `fil-server account …`

use std::io::Read;

use clap::{Args, Subcommand};
use fil_protocol::limits::PASSWORD_BYTES_MAX;
use fil_protocol::text::{check_handle, check_name};
use fil_protocol::{AccountId, DeviceId, Profile};
use serde::Serialize;

use super::open::{folder, organisation, print, read, store};
use super::{Exit, Refusal};
use crate::auth::keys::random;
use crate::auth::password::Passwords;
use crate::auth::{invite, password};
use crate::clock::now_ms;
use crate::config::Config;
use crate::secret::Secret;
use crate::store::sqlite::SqliteStore;
use crate::store::{
    AccountRow, DeviceRow, InviteRow, OrganisationRow, OrganisationWriter, Store, StoreError, Transaction,
};

/// Make, invite, list, sign out and disable accounts.
#[derive(Debug, Subcommand)]
pub(super) enum Account {
    /// Make an account: with a password from standard input, or else with an invite link.
    Create {
        #[command(flatten)]
        who: Who,
        /// The name that people read [default: the handle].
        #[arg(long)]
        name: Option<String>,
        /// Read the password from standard input, one line, instead of making an invite.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Make an invite link for an account, which is made if it does not exist. Earlier unused links end.
    Invite {
        #[command(flatten)]
        who: Who,
        /// The name of an account that is made [default: the handle].
        #[arg(long)]
        name: Option<String>,
    },
    /// Set the password of an account, from standard input, and sign all its devices out: whoever knew the old one may
    /// have used it.
    Password {
        #[command(flatten)]
        who: Who,
        /// Read the password from standard input, one line. There is no other way: arguments are visible to all.
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Disable an account: its sockets are closed within two seconds, its tokens are void.
    Disable {
        #[command(flatten)]
        who: Who,
    },
    /// Sign devices of an account out: their sockets are closed within two seconds, their tokens are void. What they
    /// have not sent stays on them, until somebody signs in there again.
    SignOut {
        #[command(flatten)]
        who: Who,
        /// Only this device, by its id [default: all].
        #[arg(long, value_name = "ID")]
        device: Option<DeviceId>,
    },
    /// List the signed-in devices of an account.
    Devices {
        #[command(flatten)]
        who: Who,
    },
    /// Enable an account again.
    Enable {
        #[command(flatten)]
        who: Who,
    },
    /// List the accounts of an organisation.
    List {
        /// The short name of the organisation; not needed if there is one only.
        organisation: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Whose account.
#[derive(Debug, Args)]
pub(super) struct Who {
    /// The short name of the organisation (not needed if there is one only), then the handle.
    #[arg(num_args = 1..=2, required = true, value_names = ["ORGANISATION", "HANDLE"])]
    names: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Shown {
    account: AccountId,
    organisation: String,
    handle: String,
    name: String,
    has_password: bool,
    disabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    invite: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invite_expires_at_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct SignedOut {
    account: AccountId,
    signed_out: usize,
}

#[derive(Debug, Serialize)]
struct ShownDevice {
    device: DeviceId,
    name: String,
    created_at_ms: u64,
}

impl From<DeviceRow> for ShownDevice {
    fn from(row: DeviceRow) -> Self {
        Self { device: row.device, name: row.name, created_at_ms: row.created_at_ms }
    }
}

impl Account {
    pub(super) fn run(self, config: &Config) -> Result<Exit, Refusal> {
        match self {
            Self::Create { who, name, password_stdin } => {
                let hash = if password_stdin { Some(hash(config)?) } else { None };
                let shown = change(config, &who, |writer, organisation, found| {
                    if found.is_some() {
                        return Err(StoreError::Exists("account").into());
                    }
                    let row = create(writer, &who, name, hash)?;
                    if row.password_hash.is_some() {
                        Ok(plain(organisation, row))
                    } else {
                        invited(config, writer, organisation, row)
                    }
                })?;
                print(who.json, &shown, |shown| match &shown.invite {
                    Some(link) => link.clone(),
                    None => format!("account {} made", shown.handle),
                })
            }
            Self::Invite { who, name } => {
                let shown = change(config, &who, |writer, organisation, found| {
                    let row = match found {
                        Some(row) => row,
                        None => create(writer, &who, name, None)?,
                    };
                    invited(config, writer, organisation, row)
                })?;
                print(who.json, &shown, |shown| shown.invite.clone().unwrap_or_default())
            }
            Self::Password { who, password_stdin: _ } => {
                let hash = hash(config)?;
                let shown = change(config, &who, |writer, organisation, found| {
                    let mut row = found.ok_or_else(|| nobody(&who))?;
                    writer.set_password_hash(row.profile.account, &hash)?;
                    sign_out(writer, row.profile.account, None)?;
                    row.password_hash = Some(hash);
                    Ok(plain(organisation, row))
                })?;
                print(who.json, &shown, |shown| {
                    format!("password of {} set, and all its devices signed out", shown.handle)
                })
            }
            Self::SignOut { who, device } => {
                let mut signed_out = 0;
                let shown = change(config, &who, |writer, organisation, found| {
                    let row = found.ok_or_else(|| nobody(&who))?;
                    signed_out = sign_out(writer, row.profile.account, device)?;
                    Ok(plain(organisation, row))
                })?;
                print(who.json, &SignedOut { account: shown.account, signed_out }, |done| {
                    format!("{}: {} devices signed out", shown.handle, done.signed_out)
                })
            }
            Self::Devices { who } => {
                check_handle(who.handle())?;
                let rows = read(&store(config)?, |reader| {
                    let reader = reader.organisation(organisation(reader, who.slug())?.id)?;
                    let account = reader.account_by_handle(who.handle())?.ok_or_else(|| nobody(&who))?;
                    Ok(reader.devices_of(account.profile.account)?)
                })?;
                let rows: Vec<_> = rows.into_iter().map(ShownDevice::from).collect();
                print(who.json, &rows, |rows| {
                    let line = |row: &ShownDevice| format!("{}\t{}", row.device, row.name);
                    rows.iter().map(line).collect::<Vec<_>>().join("\n")
                })
            }
            Self::Disable { who } => {
                let shown = set_disabled(config, &who, Some(now_ms()))?;
                print(who.json, &shown, |shown| format!("account {} disabled", shown.handle))
            }
            Self::Enable { who } => {
                let shown = set_disabled(config, &who, None)?;
                print(who.json, &shown, |shown| format!("account {} enabled", shown.handle))
            }
            Self::List { organisation: slug, json } => {
                let rows = read(&store(config)?, |reader| {
                    let row = organisation(reader, slug.as_deref())?;
                    let accounts = reader.organisation(row.id)?.accounts()?;
                    Ok(accounts.into_iter().map(|account| plain(&row, account)).collect::<Vec<_>>())
                })?;
                print(json, &rows, |rows| rows.iter().map(line).collect::<Vec<_>>().join("\n"))
            }
        }
    }
}

impl Who {
    fn slug(&self) -> Option<&str> {
        if self.names.len() == 2 { self.names.first().map(String::as_str) } else { None }
    }

    fn handle(&self) -> &str {
        self.names.last().map(String::as_str).unwrap_or_default()
    }
}

/// Changes one account in one transaction.
fn change(
    config: &Config,
    who: &Who,
    change: impl FnOnce(&dyn OrganisationWriter, &OrganisationRow, Option<AccountRow>) -> Result<Shown, Refusal>,
) -> Result<Shown, Refusal> {
    check_handle(who.handle())?;
    let mut store = store(config)?;
    let row = read(&store, |reader| organisation(reader, who.slug()))?;
    let transaction = begin(&mut store)?;
    let shown = {
        let writer = transaction.organisation(row.id)?;
        let found = writer.account_by_handle(who.handle())?;
        change(&*writer, &row, found)?
    };
    transaction.commit()?;
    Ok(shown)
}

fn begin(store: &mut SqliteStore) -> Result<Box<dyn Transaction + '_>, Refusal> {
    Ok(store.begin()?)
}

fn create(
    writer: &dyn OrganisationWriter,
    who: &Who,
    name: Option<String>,
    password_hash: Option<String>,
) -> Result<AccountRow, Refusal> {
    let handle = who.handle().to_owned();
    let name = name.unwrap_or_else(|| handle.clone());
    check_name(&name)?;
    let now_ms = now_ms();
    let profile = Profile { account: AccountId::from_parts(now_ms, &random()?), handle, name };
    let row = AccountRow { profile, password_hash, created_at_ms: now_ms, disabled_at_ms: None };
    writer.create_account(&row)?;
    Ok(row)
}

fn invited(
    config: &Config,
    writer: &dyn OrganisationWriter,
    organisation: &OrganisationRow,
    row: AccountRow,
) -> Result<Shown, Refusal> {
    let secret = invite::create()?;
    let expires_at_ms = now_ms() + config.sessions.invite_hours * 60 * 60 * 1000;
    let invite =
        InviteRow { hash: invite::hash(&secret), account: row.profile.account, expires_at_ms, used_at_ms: None };
    writer.create_invite(&invite)?;
    let mut shown = plain(organisation, row);
    // Without a configured address, the one of the running server: it may have been told its port by a flag.
    let address = if config.public_url.is_empty() { folder(config).address() } else { None };
    let address = address.unwrap_or_else(|| config.public_url(config.listen));
    shown.invite = Some(invite::link(&address, &secret));
    shown.invite_expires_at_ms = Some(expires_at_ms);
    Ok(shown)
}

/// Revokes the devices of an account, or this one of them. Answers how many; a device of somebody else is not found.
fn sign_out(writer: &dyn OrganisationWriter, account: AccountId, only: Option<DeviceId>) -> Result<usize, Refusal> {
    let now_ms = now_ms();
    let devices = writer.devices_of(account)?;
    let chosen: Vec<_> = devices.iter().filter(|row| only.is_none_or(|only| only == row.device)).collect();
    if let (Some(only), true) = (only, chosen.is_empty()) {
        return Err(Refusal::new(Exit::NotFound, format!("the account has no signed-in device {only}")));
    }
    for row in &chosen {
        writer.revoke_device(row.device, now_ms)?;
    }
    Ok(chosen.len())
}

fn set_disabled(config: &Config, who: &Who, at_ms: Option<u64>) -> Result<Shown, Refusal> {
    change(config, who, |writer, organisation, found| {
        let mut row = found.ok_or_else(|| nobody(who))?;
        // A second time keeps the first time.
        if row.disabled_at_ms.is_some() != at_ms.is_some() {
            writer.set_disabled(row.profile.account, at_ms)?;
            row.disabled_at_ms = at_ms;
        }
        Ok(plain(organisation, row))
    })
}

/// The hash of the password on standard input: its first line, without the line's end.
fn hash(config: &Config) -> Result<String, Refusal> {
    let mut text = String::new();
    let failed = |error: std::io::Error| Refusal::new(Exit::Usage, format!("cannot read the password: {error}"));
    std::io::stdin().take(PASSWORD_BYTES_MAX as u64 + 3).read_to_string(&mut text).map_err(failed)?;
    let secret = Secret::new(text.lines().next().unwrap_or_default());
    password::check(&secret)?;
    Ok(Passwords::new(&config.password).hash_now(&secret)?)
}

fn nobody(who: &Who) -> Refusal {
    Refusal::new(Exit::NotFound, format!("there is no account {:?}", who.handle()))
}

fn plain(organisation: &OrganisationRow, row: AccountRow) -> Shown {
    Shown {
        account: row.profile.account,
        organisation: organisation.slug.clone(),
        handle: row.profile.handle,
        name: row.profile.name,
        has_password: row.password_hash.is_some(),
        disabled: row.disabled_at_ms.is_some(),
        invite: None,
        invite_expires_at_ms: None,
    }
}

fn line(shown: &Shown) -> String {
    let state = match (shown.disabled, shown.has_password) {
        (true, _) => "disabled",
        (false, true) => "active",
        (false, false) => "invited",
    };
    format!("{}\t{}\t{state}", shown.handle, shown.name)
}
