//! What the engine is told.

use fil_protocol::{Command, ConversationId, ProtocolError, Seq, ServerFrame};

use crate::outbox::{Row, RowId};

/// The time, as an argument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// A clock that never goes back and counts while the device is awake, in milliseconds. All timers run on it.
    pub monotonic_ms: u64,
    /// The wall clock in milliseconds since 1970. Only ever shown or stored, never an order and never a timer.
    pub wall_ms: u64,
}

/// What happened, by who says it.
#[derive(Clone, Debug)]
pub enum Input {
    /// From the person: put a command into the outbox. The row id is new and higher than every one before.
    Enqueue {
        /// The row.
        row: RowId,
        /// The command.
        command: Command,
    },
    /// From the person: queue a rejected command again, as a new row at the end.
    Retry {
        /// The rejected row, which goes.
        rejected: RowId,
        /// The new row.
        row: RowId,
        /// The command.
        command: Command,
    },
    /// From the person: give a rejected command up.
    Discard {
        /// The rejected row.
        row: RowId,
    },
    /// From the person: everything up to here has been seen.
    MarkRead {
        /// Where.
        conversation: ConversationId,
        /// How far.
        seq: Seq,
    },
    /// From the screen: this conversation is on it, or none.
    Show {
        /// Which.
        conversation: Option<ConversationId>,
    },
    /// From the person or the system: there may be a network now, do not wait for the back-off.
    ConnectNow,
    /// From the system: the device was asleep, or the clock jumped. The socket is probed whatever it says of itself.
    Woke,
    /// From the transport: the socket is open.
    Connected,
    /// From the transport: there is no socket, because the attempt failed or the connection ended.
    Disconnected {
        /// What the server said, if it said anything.
        error: Option<ProtocolError>,
    },
    /// From the server.
    Frame(ServerFrame),
    /// From the store: what [`crate::Action::LoadJournal`] asked for.
    Journal {
        /// The rows, by row.
        rows: Vec<Row>,
        /// Conversations that the journal has applied commands in, and that the cache does not know.
        unnamed: Vec<ConversationId>,
    },
    /// From the driver: a deadline was reached. Harmless at any time.
    Tick,
}
