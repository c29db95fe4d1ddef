//! The words that client and server share: ids, commands, events, frames, errors, limits.
//!
//! Everything here is plain data with serde, plus the few rules that both sides must compute alike (unread
//! arithmetic, permissions, text limits). Nothing here does I/O, reads a clock or draws a random number, and nothing
//! here depends on another crate of the house. `docs/PROTOCOL.md` says the same in prose.
//!
//! Compatibility, in three rules:
//! - an unknown *field* is ignored;
//! - an unknown *event*, *account entry* or *command* is kept as raw JSON ([`Event`], [`AccountEntry`],
//!   [`RawCommand`]): a client stores and skips it, a server answers it with a verdict;
//! - an unknown *frame* is ignored by the client and answered with an error by the server.
#![warn(missing_docs)]

pub mod account;
pub mod command;
pub mod conversation;
pub mod error;
pub mod event;
pub mod frame;
pub mod http;
pub mod id;
pub mod item;
pub mod limits;
pub mod number;
pub mod permission;
pub mod position;
pub mod stamp;
pub mod text;
pub mod unread;
pub mod verdict;
pub mod version;

pub use account::{AccountEntry, ConversationEntry, KnownAccountEntry, Profile};
pub use command::{Command, RawCommand};
pub use conversation::{ConversationKind, ConversationRecord, Member, MembershipChange, Role};
pub use error::{Class, ErrorCode, ProtocolError};
pub use event::{Event, EventBody, KnownEvent};
pub use frame::{AccountChanges, ClientFrame, Hello, ServerFrame, Welcome};
pub use id::{AccountId, ConversationId, DeviceId, Epoch, Generation, MessageId, OrganisationId};
pub use item::{Item, ItemBody, Window};
pub use permission::{Action, Denied, can};
pub use position::{Head, Position, Seq, Stream};
pub use stamp::Stamp;
pub use unread::unread;
pub use verdict::{Outcome, Verdict};
pub use version::VersionRange;
