//! Who answers what: reads from the databases, changes by the driver, and the few requests that need the server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fil_protocol::limits::PAGE_ITEMS_MAX;
use fil_protocol::{ConversationId, Seq};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;

use super::ask::Asked;
use super::turns::{Turn, Turns};
use super::types::{Connection, Failure, FailureKind, Older, Response};
use super::{Options, TokenChoice};
use crate::account::{Account, Shared};
use crate::driver::{Answer, Event};
use crate::failure::{failure, internal};
use crate::http::Http;
use crate::profile::ProfileFolder;
use crate::store::StoreError;
use crate::views::{Stretch, View, person};

/// Hits in one answer.
const HITS_MAX: usize = 50;
/// How long the server may take to name people before those known here are answered.
const PEOPLE_MAX: Duration = Duration::from_secs(3);
/// How long opening a timeline may wait for the server, if its first unread message is not here. After that it opens at
/// what is here, as it does offline.
const UNREAD_MAX: Duration = Duration::from_millis(300);
/// How often a page of history is asked for again because the server that answered was behind.
const HISTORY_ATTEMPTS: usize = 3;

/// What requests are answered with.
pub(crate) struct Core {
    pub(crate) shared: Arc<Shared>,
    pub(super) http: Http,
    pub(super) device_name: String,
    pub(super) tokens: TokenChoice,
    pub(super) token_file: PathBuf,
    /// Signing in happens once at a time.
    pub(super) signing: Mutex<()>,
    /// Changes come in the order in which they were asked for.
    pub(super) turns: Turns,
    events: mpsc::Sender<Event>,
}

impl Core {
    pub(super) fn new(
        folder: &ProfileFolder,
        options: &Options,
        shared: Arc<Shared>,
        events: mpsc::Sender<Event>,
        http: Http,
    ) -> Self {
        Self {
            shared,
            http,
            device_name: options.device_name.clone(),
            tokens: options.tokens,
            token_file: folder.token_file(),
            signing: Mutex::default(),
            turns: Turns::default(),
            events,
        }
    }

    /// Answers a request.
    pub(super) async fn answer(&self, asked: Asked, turn: Option<Turn>) -> Result<Response, Failure> {
        match asked {
            Asked::Session => {
                let session = self.shared.account().ok().map(|account| account.row());
                Ok(Response::Session { session })
            }
            Asked::SignIn { server, organisation, handle, password } => {
                self.sign_in(&server, organisation, handle, password).await
            }
            Asked::AcceptInvite { link, password } => self.accept_invite(&link, password).await,
            Asked::SignOut { discard_unsent } => {
                let _one_at_a_time = self.signing.lock().await;
                self.tell(|answer| Event::SignOut { discard_unsent, answer }).await
            }
            Asked::Status => self.status().await,
            Asked::Conversations => {
                let conversations = self.view(|view| view.conversations()).await?;
                Ok(Response::Conversations { conversations })
            }
            Asked::Conversation(id) => {
                let conversation = self.view(move |view| view.conversation(id)).await?;
                Ok(Response::Conversation { conversation })
            }
            Asked::Timeline(id, stretch) => self.timeline(id, stretch).await,
            Asked::People(query) => self.people(query).await,
            Asked::Search { query, conversation } => {
                let hits = self.view(move |view| view.search(&query, conversation, HITS_MAX)).await?;
                Ok(Response::Found { hits })
            }
            Asked::Change(change) => {
                let mut turn = turn;
                if let Some(turn) = &mut turn {
                    turn.come().await;
                }
                self.shared.account()?;
                let answered = self.hand_over(|answer| Event::Change { change, answer }).await?;
                // The driver has it: the next one may follow.
                drop(turn);
                answered.await.map_err(|_| internal("the profile is closed"))?
            }
        }
    }

    /// Gives the driver something to do and waits for it to be done.
    pub(super) async fn tell<T>(&self, event: impl FnOnce(Answer<T>) -> Event) -> Result<T, Failure> {
        self.hand_over(event).await?.await.map_err(|_| internal("the profile is closed"))?
    }

    /// Gives the driver something to do. What comes of it is in the receiver.
    async fn hand_over<T>(
        &self,
        event: impl FnOnce(Answer<T>) -> Event,
    ) -> Result<oneshot::Receiver<Result<T, Failure>>, Failure> {
        let (answer, answered) = oneshot::channel();
        self.events.send(event(answer)).await.map_err(|_| internal("the profile is closed"))?;
        Ok(answered)
    }

    /// Looks at one moment of the databases.
    async fn view<T: Send + 'static>(
        &self,
        look: impl FnOnce(&View<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let account = self.shared.account()?;
        let readers = Arc::clone(&account.readers);
        let looking = readers.ask(move |reader| reader.snapshot(|db| look(&View::new(db, &account))));
        let (looked, round) = looking.await?;
        if looked.as_ref().is_err_and(StoreError::suggests_damage) {
            // If nothing can be sent the profile is closed, or something else is about to find the damage.
            let _ = self.events.try_send(Event::CacheDamaged { round });
        }
        Ok(looked?)
    }

    async fn status(&self) -> Result<Response, Failure> {
        let mut status = self.shared.account()?.status();
        status.rejected = self.view(|view| view.rejected_count()).await?;
        Ok(Response::Status { status })
    }

    async fn timeline(&self, id: ConversationId, stretch: Stretch) -> Result<Response, Failure> {
        let look = async || {
            let timeline = self.view(move |view| view.timeline(id, stretch)).await?;
            timeline.ok_or_else(|| failure(FailureKind::NotFound, "there is no such conversation here"))
        };
        let mut timeline = look().await?;
        if let Stretch::Before { seq, .. } = stretch
            && timeline.items.is_empty()
            && timeline.older == Older::Server
        {
            let account = self.shared.account()?;
            self.fetch_history(&account, id, seq).await?;
            timeline = look().await?;
        }
        if matches!(stretch, Stretch::Opening { .. })
            && timeline.first_unread.is_some_and(|first| first < timeline.from)
            && self.reach_unread(id).await?
        {
            timeline = look().await?;
        }
        Ok(Response::Timeline { timeline })
    }

    /// Fetches what is missing between the newest messages and the first unread one, so that a timeline opens where the
    /// person left off. It is the only time that a screen waits for the network, so not for long, and not without a
    /// connection. Answers whether anything came.
    async fn reach_unread(&self, id: ConversationId) -> Result<bool, Failure> {
        let account = self.shared.account()?;
        if !matches!(account.status().connection, Connection::Syncing | Connection::Live) {
            return Ok(false);
        }
        let below = async || self.view(move |view| view.unread_below(id)).await;
        let Some(begins) = below().await? else { return Ok(false) };
        let fetch = async {
            let mut before = begins;
            loop {
                self.fetch_history(&account, id, before).await?;
                match below().await? {
                    Some(begins) if begins < before => before = begins,
                    _ => return Ok::<(), Failure>(()),
                }
            }
        };
        // What came until it failed or took too long stays.
        let _ = timeout(UNREAD_MAX, fetch).await;
        Ok(true)
    }

    /// Fetches the items before a number. A page that is older than what is kept here is asked for again, since its
    /// messages might lack an edit or deletion that this device has passed.
    async fn fetch_history(&self, account: &Account, conversation: ConversationId, before: Seq) -> Result<(), Failure> {
        let auth = &account.auth;
        for _ in 0..HISTORY_ATTEMPTS {
            let fetch = async |access: String| {
                auth.http().history(auth.server(), &access, conversation, before, PAGE_ITEMS_MAX).await
            };
            let page = auth.with_access(fetch).await?;
            if self.tell(|answer| Event::History { conversation, before, page, answer }).await? {
                return Ok(());
            }
        }
        Err(failure(FailureKind::Offline, "the server is behind what was received already"))
    }

    /// People of the whole organisation if the server answers, else those known here.
    async fn people(&self, query: String) -> Result<Response, Failure> {
        let account = self.shared.account()?;
        let auth = &account.auth;
        let ask = async |access: String| auth.http().accounts(auth.server(), &access, &query).await;
        if let Ok(Ok(page)) = timeout(PEOPLE_MAX, auth.with_access(ask)).await {
            account.remember(&page.accounts);
            let me = account.record.account;
            let people = page.accounts.iter().filter(|profile| profile.account != me).map(person).collect();
            return Ok(Response::People { people });
        }
        let people = self.view(move |view| view.people(&query, PAGE_ITEMS_MAX)).await?;
        Ok(Response::People { people })
    }
}
