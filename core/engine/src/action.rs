//! What the engine wants done.

use fil_protocol::{
    AccountChanges, ClientFrame, Command, ConversationId, Epoch, ErrorCode, Event, Generation, Seq, Stamp, Window,
};

use crate::outbox::RowId;

/// One thing to do. The driver does the store actions of a step in one transaction before anything else.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Change the databases.
    Store(StoreAction),
    /// Read the journal and give it back as [`crate::Input::Journal`]: the rows with a higher number than this, and
    /// those of earlier generations, which have none.
    LoadJournal {
        /// The number.
        after: u64,
    },
    /// Open a socket: get a valid token first. Answered by `Connected` or `Disconnected`.
    Connect,
    /// Close the socket. Not answered: the engine already regards it as closed.
    Close,
    /// Send a frame on the open socket.
    Send(ClientFrame),
    /// Tell the screen.
    Tell(Change),
}

/// What changed for the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// The connection, the outbox or a problem.
    Status,
    /// The list of conversations.
    Conversations,
    /// What a timeline shows.
    Timeline(ConversationId),
    /// A command other than a message was refused; its overlay is gone.
    Reverted(ConversationId, ErrorCode),
}

/// One change of the databases. Those of `local.db` come first, those of `cache.db` after them.
#[derive(Clone, Debug, PartialEq)]
pub enum StoreAction {
    /// Outbox: a new row.
    InsertCommand {
        /// Its id.
        row: RowId,
        /// What it asks for.
        command: Command,
        /// When it was written, by the wall clock.
        wall_ms: u64,
    },
    /// Outbox: a row that was never transmitted gets another command.
    RewriteCommand {
        /// Which.
        row: RowId,
        /// What it asks for now.
        command: Command,
    },
    /// Outbox: a row goes without a trace, because it was never transmitted or a person gave it up.
    RemoveCommand {
        /// Which.
        row: RowId,
    },
    /// Outbox: a row got its number, and is about to be transmitted.
    NumberCommand {
        /// Which.
        row: RowId,
        /// Its number.
        no: u64,
    },
    /// Outbox to journal: applied by the server.
    SettleCommand {
        /// Which.
        row: RowId,
        /// The event that it became; 0 if the server no longer says.
        seq: Seq,
        /// When the verdict came, by the wall clock: the journal is pruned by it.
        wall_ms: u64,
    },
    /// Outbox: refused by the server. The row stays for the person to decide.
    RejectCommand {
        /// Which.
        row: RowId,
        /// Why.
        code: ErrorCode,
    },
    /// Journal to outbox: these rows are to be sent again.
    ReopenJournal {
        /// Which.
        rows: Vec<RowId>,
    },
    /// Outbox: numbers start again at 1 in another generation; every waiting row loses its number.
    StartGeneration {
        /// The generation.
        generation: Generation,
    },
    /// Outbox: the server's history that the numbers have been compared with.
    SetEpoch {
        /// The history.
        epoch: Epoch,
    },
    /// Outbox: verdicts up to this number are stored.
    SetAcknowledged {
        /// The number.
        no: u64,
    },
    /// Journal: rows settled before this time go.
    PruneJournal {
        /// Wall clock, in milliseconds since 1970.
        before_ms: u64,
    },
    /// Read marks: the person has read this far, the server does not know yet.
    SetReadMark {
        /// Where.
        conversation: ConversationId,
        /// How far.
        seq: Seq,
    },
    /// Read marks: the server knows.
    ClearReadMark {
        /// Where.
        conversation: ConversationId,
    },
    /// Cache: events that follow the cursor, which moves to the last of them.
    ApplyEvents {
        /// Where.
        conversation: ConversationId,
        /// The events, without a gap.
        events: Vec<Event>,
    },
    /// Cache: a conversation as of some event, which becomes the cursor.
    ApplyWindow(Window),
    /// Cache: changes of the account stream, whose cursor moves.
    ApplyAccount(AccountChanges),
    /// Cache: the account is no longer a member; every trace goes.
    ForgetConversation {
        /// Which.
        conversation: ConversationId,
    },
    /// Cache: another history begins; everything goes.
    ResetCache {
        /// The new history.
        epoch: Epoch,
    },
    /// Cache: everything that the server committed up to here is in it.
    SetHorizon {
        /// The number.
        horizon: u64,
    },
    /// Cache: nothing in it is newer than this place in the server's history.
    SetStamp {
        /// The place; none if the server names none.
        stamp: Option<Stamp>,
    },
}
