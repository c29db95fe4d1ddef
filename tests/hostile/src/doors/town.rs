//! The people behind the doors of the server: who is there, and what the attacker must never see.
//!
//! Ada attacks. Ben, of her organisation, is the neighbour. Ben and Cleo have a group without Ada, and Eve one in another
//! organisation: [`SECRET`] stands in both, so that a leak is seen in any answer, whatever its shape. All ids are fixed,
//! because a corpus names them.

use fil_protocol::{
    AccountId, Command, ConversationId, ConversationKind, DeviceId, MessageId, OrganisationId, Profile,
};
use fil_server::node::Actor;
use fil_server::relay::{self, Decision};
use fil_server::store::{AccountRow, NewDevice, OrganisationRow, OrganisationWriter, StoreError, Transaction};

/// What is said where Ada is not.
pub(super) const SECRET: &str = "the vault opens at noon";
/// When everybody moved in.
pub(super) const NOW_MS: u64 = 1_700_000_000_000;

pub(super) fn ada() -> Actor {
    actor(0x0d, 0x0a)
}

pub(super) fn ben() -> Actor {
    actor(0x0d, 0x0b)
}

/// The conversation of Ada and Ben, by the name that the corpora use.
pub(super) fn group() -> ConversationId {
    conversation(0x0c)
}

/// Somebody's device has the bytes of its account.
fn actor(organisation: u8, account: u8) -> Actor {
    Actor {
        organisation: OrganisationId::from([organisation; 16]),
        account: AccountId::from([account; 16]),
        device: DeviceId::from([account; 16]),
    }
}

fn conversation(byte: u8) -> ConversationId {
    let mut id = *b"\x01\x8b\xcf\xe5\x68\x00\x70\x00\x80\x00\0\0\0\0\0\0";
    id[10..].fill(byte);
    ConversationId::from(id)
}

/// The organisations, their people with a device each, and the two groups that are none of Ada's business. `password`
/// is the hash that everybody's account gets.
pub(super) fn settle(transaction: &dyn Transaction, password: Option<&str>) -> Result<(), StoreError> {
    for (organisation, slug, people) in [(0x0d, "demo", &[0x0a, 0x0b, 0x0c][..]), (0x1d, "other", &[0x1a, 0x1b])] {
        let id = OrganisationId::from([organisation; 16]);
        transaction.create_organisation(&OrganisationRow { id, slug: slug.into(), name: slug.into() })?;
        let writer = transaction.organisation(id)?;
        for account in people {
            let Actor { account, device, .. } = actor(organisation, *account);
            let handle = match account.as_bytes()[0] {
                0x0a => "ada",
                0x0b => "ben",
                0x0c => "cleo",
                0x1a => "eve",
                _ => "dan",
            };
            let profile = Profile { account, name: handle.to_owned(), handle: handle.to_owned() };
            let password_hash = password.map(str::to_owned);
            writer.create_account(&AccountRow {
                profile,
                password_hash,
                created_at_ms: NOW_MS,
                disabled_at_ms: None,
            })?;
            writer.create_device(&NewDevice { device, account, name: "x".into(), created_at_ms: NOW_MS })?;
        }
        let (owner, other, id) = if organisation == 0x0d {
            (ben(), AccountId::from([0x0c; 16]), 0x0e)
        } else {
            (actor(0x1d, 0x1a), AccountId::from([0x1b; 16]), 0x1e)
        };
        begin(&*writer, &owner, conversation(id), SECRET, other)?;
        // An id that no corpus uses: one that is taken elsewhere would be refused.
        say(&*writer, &owner, conversation(id), 0xe0 | id, SECRET)?;
    }
    Ok(())
}

/// A group of two.
pub(super) fn begin(
    writer: &dyn OrganisationWriter,
    owner: &Actor,
    conversation: ConversationId,
    title: &str,
    other: AccountId,
) -> Result<(), StoreError> {
    let (kind, title, members) = (ConversationKind::Group, Some(title.to_owned()), vec![other]);
    apply(writer, owner, &Command::CreateConversation { conversation, kind, title, members })
}

/// A message, whose id has this byte.
pub(super) fn say(
    writer: &dyn OrganisationWriter,
    author: &Actor,
    conversation: ConversationId,
    message: u8,
    text: &str,
) -> Result<(), StoreError> {
    let (message, text) = (MessageId::from([message; 16]), text.to_owned());
    apply(writer, author, &Command::SendMessage { conversation, message, text, composed_at_ms: NOW_MS })
}

fn apply(writer: &dyn OrganisationWriter, actor: &Actor, command: &Command) -> Result<(), StoreError> {
    let decision = relay::apply(writer, actor, command, NOW_MS)?;
    assert!(matches!(decision, Decision::Applied { .. }), "{command:?} was refused: {decision:?}");
    Ok(())
}
