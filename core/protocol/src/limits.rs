//! Limits that both sides know, with their units in the name. A server refuses what is beyond them; a client refuses
//! it before sending.

/// A message's text, in bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// A group's title, in bytes of UTF-8.
pub const TITLE_BYTES_MAX: usize = 256;
/// An account's name, in bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 128;
/// A handle or an organisation's short name, in characters.
pub const HANDLE_CHARS_MAX: usize = 64;
/// A device's name or the name of an app, in bytes of UTF-8.
pub const DEVICE_NAME_BYTES_MAX: usize = 128;
/// A password, in bytes of UTF-8: enough for a sentence, little enough for the hash.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// A password, in characters.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Members of one conversation.
pub const MEMBERS_MAX: usize = 1_000;
/// Conversations that one account is a member of. It keeps the whole account stream within one frame.
pub const CONVERSATIONS_MAX: usize = 5_000;
/// A search query, in bytes of UTF-8.
pub const QUERY_BYTES_MAX: usize = 256;
/// Items or rows in one page over HTTP.
pub const PAGE_ITEMS_MAX: usize = 50;

/// One WebSocket message from a client, in bytes.
pub const FRAME_BYTES_MAX: usize = 256 * 1024;
/// One HTTP request body, in bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Commands that a device may have sent without having their verdicts. A client keeps to it; a server does not count
/// them, it bounds the verdicts that it stores.
pub const COMMANDS_IN_FLIGHT_MAX: usize = 32;

/// Events in the answer to a pull; beyond it the answer is a window.
pub const PULL_EVENTS_MAX: usize = 1_000;
/// Bytes of events in the answer to a pull; beyond it the answer is a window.
pub const PULL_BYTES_MAX: usize = 512 * 1024;
/// Entries after a cursor in the answer to a pull of the account stream; beyond it the answer is the whole stream.
pub const PULL_ENTRIES_MAX: usize = 1_000;
/// Events in the answer to a pull that says how many items its window should have; beyond it a window is cheaper for
/// both sides, in bytes and in time, unless there are hundreds of members to name.
pub const PULL_EVENTS_CHEAP_MAX: usize = 100;
/// Items in a window.
pub const WINDOW_ITEMS: usize = 50;
/// Older items that a window repeats because they changed; beyond it the client drops what it has.
pub const WINDOW_CHANGED_MAX: usize = 500;
/// Numbers of deleted messages in a window, the newest ones; beyond it an unread count is too high by the others.
pub const WINDOW_DELETED_MAX: usize = 50_000;

/// Time between two heartbeats, in milliseconds.
pub const HEARTBEAT_MS: u64 = 25_000;
/// Life of an access token, in milliseconds.
pub const ACCESS_TOKEN_MS: u64 = 10 * 60 * 1000;
/// Time in which a replaced refresh token still yields its successor, counted from the first use of anything that came
/// with the successor, in milliseconds.
pub const REFRESH_GRACE_MS: u64 = 60_000;
/// How long a client keeps acknowledged commands, to offer them again to a restored server, in milliseconds.
pub const JOURNAL_MS: u64 = 7 * 24 * 60 * 60 * 1000;
