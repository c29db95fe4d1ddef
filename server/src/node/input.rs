//! Everything that can happen to a node, as one closed list, and everything that a node can ask of its surroundings.

use std::sync::Arc;

use fil_protocol::{ClientFrame, Command, ErrorCode, Head, ProtocolError};

use super::Job;
pub use crate::actor::{Actor, Revoked};
pub use crate::hub::{Backlog, ConnectionId};

/// One HTTP request that waits for its answer. Chosen by the edge, repeated in [`Output::Answered`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What the edge tells the node.
pub enum Input {
    /// A socket was opened with a valid access token. The client's first frame must be `hello`.
    Connected {
        /// A number never used before in this process.
        connection: ConnectionId,
        /// Who.
        actor: Actor,
        /// The bytes that wait for this socket: the hub adds, the socket's writer subtracts.
        backlog: Arc<Backlog>,
    },
    /// A frame that decoded. `renew` is the edge's: here it does nothing.
    Frame {
        /// From which connection.
        connection: ConnectionId,
        /// The frame.
        frame: ClientFrame,
    },
    /// The socket is gone. Also expected after [`Output::Close`], where it does nothing.
    Disconnected {
        /// Which.
        connection: ConnectionId,
    },
    /// A command that came over HTTP, outside the numbering of devices.
    Command {
        /// Which request waits.
        request: RequestId,
        /// Who.
        actor: Actor,
        /// How a repeated request is recognised.
        idempotency: Option<Idempotency>,
        /// What is asked for.
        command: Command,
    },
    /// Work of the edge that needs the writer (sign-in, devices, invites). It runs in the batch's transaction, and is
    /// told what became of it after the commit.
    Job(Box<dyn Job>),
    /// A device or account lost its right to be connected: its sockets are closed. Sent after the job that revoked it.
    Revoked(Revoked),
    /// Time has passed: due at [`super::Node::deadline`], harmless at any other moment.
    Tick,
    /// Say goodbye to every connection. Commands after it are refused as `unavailable`.
    ShutDown,
}

/// How a repeated HTTP request is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The route, a space, and the value of the header.
    pub key: String,
    /// A hash (SHA-256) of the body.
    pub body_hash: [u8; 32],
}

/// What the node asks of the edge, in order. Everything named here is durable already.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Write this text message to the socket. Its bytes are counted in the backlog already.
    Send {
        /// To which connection.
        connection: ConnectionId,
        /// The encoded frame, shared by all its receivers.
        frame: Arc<str>,
    },
    /// Close the socket, after the frames before this if it takes them, at once if it does not. The node has forgotten it.
    Close {
        /// Which.
        connection: ConnectionId,
        /// The WebSocket close code.
        code: u16,
        /// Why; its snake-case name is the close reason.
        reason: ErrorCode,
    },
    /// Answer an HTTP request.
    Answered {
        /// Which.
        request: RequestId,
        /// The conversation and the event that the command became, or why it was refused.
        result: Result<Head, ProtocolError>,
    },
}
