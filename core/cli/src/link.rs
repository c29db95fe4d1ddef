//! The open profile as the commands see it: typed questions, and waiting for something to change.

use std::time::Duration;

use fil_client::bridge::types::{
    Connection, ConversationRow, Older, Person, Request, Response, SessionRow, Status, Timeline, TimelineItem,
    TimelineRange, Update,
};
use fil_client::bridge::{Bridge, Options, UpdateReceiver};
use tokio::time::{Instant, timeout_at};

use crate::arguments::Arguments;
use crate::exit::{Cause, Exit, Refusal};
use crate::moment;

/// How long a command gives the connection to come up before it works with what is here.
const SETTLE: Duration = Duration::from_secs(5);

/// Items that are fetched at once when many are wanted.
const PAGE: u32 = 50;

/// An open profile.
pub(crate) struct Link {
    bridge: Bridge,
    updates: UpdateReceiver,
}

/// What [`Link::changed`] waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// Something is to be read again.
    Update(Update),
    /// The deadline has passed.
    Late,
}

impl Link {
    /// Opens the profile that the arguments name.
    pub(crate) fn open(arguments: &Arguments) -> Result<Self, Refusal> {
        let data = match &arguments.data {
            Some(folder) => folder.clone(),
            None => directories::ProjectDirs::from("", "", "fil")
                .map(|folders| folders.data_dir().to_path_buf())
                .ok_or_else(|| Refusal::internal(&"this user has no home folder: give one with --data"))?,
        };
        let mut options = Options::new(data, arguments.profile.clone());
        options.device_name = "Fil, terminal".to_owned();
        let bridge = Bridge::open(options)?;
        let updates = bridge.updates();
        Ok(Self { bridge, updates })
    }

    /// Closes the profile, so that the next command finds it unlocked.
    pub(crate) async fn close(self) {
        self.bridge.close().await;
    }

    /// The bridge itself.
    pub(crate) fn bridge(&self) -> &Bridge {
        &self.bridge
    }

    /// Asks.
    pub(crate) async fn request(&self, request: Request) -> Result<Response, Refusal> {
        Ok(self.bridge.request(request).await?)
    }

    /// Asks for a change that is answered by `done`.
    pub(crate) async fn change(&self, request: Request) -> Result<(), Refusal> {
        match self.request(request).await? {
            Response::Done => Ok(()),
            _ => Err(Refusal::unexpected()),
        }
    }

    /// Waits until something changes.
    pub(crate) async fn changed(&mut self, deadline: Option<Instant>) -> Result<Changed, Refusal> {
        let update = match deadline {
            Some(deadline) => match timeout_at(deadline, self.updates.next()).await {
                Ok(update) => update,
                Err(_) => return Ok(Changed::Late),
            },
            None => self.updates.next().await,
        };
        update.map(Changed::Update).ok_or_else(|| Refusal::internal(&"the core has stopped"))
    }

    /// Who is signed in; refused if nobody is.
    pub(crate) async fn session(&self) -> Result<SessionRow, Refusal> {
        use fil_client::bridge::types::FailureKind::SignedOut;
        self.session_if_any().await?.ok_or_else(|| Refusal::new(Exit::SignedOut, Cause::Core(SignedOut), ""))
    }

    /// Who is signed in, if anybody is.
    pub(crate) async fn session_if_any(&self) -> Result<Option<SessionRow>, Refusal> {
        match self.request(Request::Session).await? {
            Response::Session { session } => Ok(session),
            _ => Err(Refusal::unexpected()),
        }
    }

    /// How the connection is.
    pub(crate) async fn status(&self) -> Result<Status, Refusal> {
        match self.request(Request::Status).await? {
            Response::Status { status } => Ok(status),
            _ => Err(Refusal::unexpected()),
        }
    }

    /// Waits until the connection is caught up or known to be impossible for now, at most a few seconds.
    pub(crate) async fn settle(&mut self) -> Result<Status, Refusal> {
        let deadline = Instant::now() + SETTLE;
        loop {
            let status = self.status().await?;
            if status.connection == Connection::Live || is_offline(&status) {
                return Ok(status);
            }
            if self.changed(Some(deadline)).await? == Changed::Late {
                return Ok(status);
            }
        }
    }

    /// All conversations.
    pub(crate) async fn conversations(&self) -> Result<Vec<ConversationRow>, Refusal> {
        match self.request(Request::Conversations).await? {
            Response::Conversations { conversations } => Ok(conversations),
            _ => Err(Refusal::unexpected()),
        }
    }

    /// People whose name or handle begins with the text.
    pub(crate) async fn people(&self, query: &str) -> Result<Vec<Person>, Refusal> {
        match self.request(Request::People { query: query.to_owned() }).await? {
            Response::People { people } => Ok(people),
            _ => Err(Refusal::unexpected()),
        }
    }

    /// A stretch of a timeline.
    pub(crate) async fn timeline(&self, conversation: &str, range: TimelineRange) -> Result<Timeline, Refusal> {
        match self.request(Request::Timeline { conversation: conversation.to_owned(), range }).await? {
            Response::Timeline { timeline } => Ok(timeline),
            _ => Err(Refusal::unexpected()),
        }
    }

    /// Items from a number on, however many, and what is not sent yet.
    pub(crate) async fn since(&self, conversation: &str, seq: u64) -> Result<Vec<TimelineItem>, Refusal> {
        let newest = self.timeline(conversation, TimelineRange::From { seq }).await?;
        self.complete(newest, |items, from| from <= seq || items.is_empty()).await.map(|timeline| {
            timeline.items.into_iter().filter(|item| item.seq.is_none_or(|number| number >= seq)).collect()
        })
    }

    /// Puts older pages before a stretch until `enough` says so, or there are none, or they cannot be had now.
    pub(crate) async fn complete(
        &self,
        mut timeline: Timeline,
        enough: impl Fn(&[TimelineItem], u64) -> bool,
    ) -> Result<Timeline, Refusal> {
        while timeline.older != Older::None && !enough(&timeline.items, timeline.from) {
            let range = TimelineRange::Before { seq: timeline.from, limit: PAGE };
            let older = match self.timeline(&timeline.conversation, range).await {
                Ok(older) => older,
                Err(refusal) if refusal.exit == Exit::Offline => break,
                Err(refusal) => return Err(refusal),
            };
            if older.from >= timeline.from {
                break;
            }
            timeline.from = older.from;
            timeline.older = older.older;
            timeline.items.splice(0..0, older.items.into_iter().filter(|item| item.seq.is_some()));
        }
        Ok(timeline)
    }
}

/// Whether there will be no connection soon: an attempt has failed and the next one lies in the future, or only a person
/// can go on. A profile that was just opened is offline too, but its first attempt is due already.
pub(crate) fn is_offline(status: &Status) -> bool {
    match status.connection {
        Connection::Offline => status.next_attempt_ms.is_some_and(|next_ms| next_ms > moment::now_ms()),
        Connection::Stopped => true,
        Connection::Connecting | Connection::Syncing | Connection::Live => false,
    }
}
