//! One device of the soak, with its habits: it writes, edits, deletes, follows, goes and comes back.
//!
//! A device follows its conversation by the rules of `docs/PROTOCOL.md`: a push that follows the cursor moves it, anything
//! else is pulled. A session lasts about half a minute; then everything under way is waited for, the socket is closed
//! and a new one says hello with what the device has. A *slow* device reads nothing after its welcome, until the server closes it.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use fil_protocol::{
    ClientFrame, Command, ConversationId, Epoch, MessageId, Outcome, RawCommand, Seq, ServerFrame, Stream,
};
use fil_server::clock::now_ms;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::house::{House, message_id};
use crate::percentiles::Percentiles;
use crate::programs::Program;
use crate::wire::Wire;
use crate::{Failure, talk, text};

/// How long a session lasts at least; some last up to twice as long.
const SESSION: Duration = Duration::from_secs(20);
/// How long a slow device reads nothing, at most.
const SLOW_SESSION: Duration = Duration::from_secs(90);
/// The receive buffer of a slow device.
const NARROW_BYTES: u32 = 8 * 1024;
/// How long what is under way may take at the end of a session.
const PATIENCE: Duration = Duration::from_secs(30);

/// What all devices share.
#[derive(Debug)]
pub struct Shared {
    /// People and their tokens.
    pub house: House,
    /// The server.
    pub program: Program,
    /// When it began.
    pub origin: Instant,
    /// When writing ends.
    pub until: Instant,
    /// How long it lasts.
    pub time: Duration,
    /// What happened so far.
    pub counts: RefCell<Counts>,
    /// The newest number of each conversation that anybody has seen, and who is a member.
    heads: RefCell<HashMap<ConversationId, (usize, u64)>>,
}

/// What happened so far.
#[derive(Debug)]
pub struct Counts {
    /// Commands with a verdict.
    pub acknowledged: u64,
    /// Events that came as pushes.
    pub delivered: u64,
    /// Sessions.
    pub connections: u64,
    /// Pulls.
    pub pulls: u64,
    /// Slow devices that the server closed.
    pub closed_as_too_slow: u64,
    /// Times of acknowledgement, by quarter.
    pub acknowledgement: Vec<Percentiles>,
    /// Times of requests over HTTP.
    pub reading: Percentiles,
}

/// What a device does.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// Whose it is.
    pub person: usize,
    /// Where it writes.
    pub conversation: ConversationId,
    /// How often.
    pub every: Option<Duration>,
    /// Whether it reads nothing.
    pub slow: bool,
}

impl Shared {
    /// A soak that begins now.
    pub fn new(house: House, program: Program, time: Duration) -> Rc<Self> {
        let origin = Instant::now();
        let counts = Counts {
            acknowledged: 0,
            delivered: 0,
            connections: 0,
            pulls: 0,
            closed_as_too_slow: 0,
            acknowledgement: vec![Percentiles::default(); 4],
            reading: Percentiles::default(),
        };
        let (counts, heads) = (RefCell::new(counts), RefCell::default());
        Rc::new(Self { house, program, origin, until: origin + time, time, counts, heads })
    }

    /// A conversation and a member of it; another one for every number.
    pub fn somewhere(&self, number: u32) -> (usize, ConversationId) {
        let pairs = self.house.count() / 2;
        let heads = self.heads.borrow();
        let mut known: Vec<_> = heads.iter().map(|(conversation, (person, _))| (*person, *conversation)).collect();
        known.sort_unstable();
        match known.len() {
            0 => (0, self.house.direct_id(0, 1)),
            count => known[(number as usize * 31 + number as usize / pairs.max(1)) % count],
        }
    }

    /// The newest number of a conversation that anybody has seen.
    pub fn head(&self, conversation: ConversationId) -> u64 {
        self.heads.borrow().get(&conversation).map_or(0, |(_, head)| *head)
    }

    fn saw(&self, person: usize, conversation: ConversationId, seq: Seq) {
        let mut heads = self.heads.borrow_mut();
        let entry = heads.entry(conversation).or_insert((person, 0));
        entry.1 = entry.1.max(seq.0);
    }

    fn acknowledged(&self, due: Instant, now: Instant) {
        let mut counts = self.counts.borrow_mut();
        counts.acknowledged += 1;
        let share = due.saturating_duration_since(self.origin).as_secs_f64() / self.time.as_secs_f64();
        let quarter = ((share * 4.0) as usize).min(3);
        counts.acknowledgement[quarter].add(now.saturating_duration_since(due));
    }
}

/// A device with its habits and its cursors.
pub struct Device {
    shared: Rc<Shared>,
    number: u32,
    habits: Habits,
    epoch: Option<Epoch>,
    horizon: u64,
    account_rev: u64,
    cursor: u64,
    /// Whether an answer to a pull of the conversation is awaited.
    pulling: bool,
    written: u64,
    /// The newest own messages that still exist.
    own: VecDeque<MessageId>,
    next_due: Instant,
}

/// One connection of a device.
struct Session {
    wire: Wire,
    last_no: u64,
    /// When the commands without verdicts were due.
    under_way: VecDeque<Instant>,
}

impl Device {
    /// A device that knows nothing yet.
    pub fn new(shared: Rc<Shared>, number: u32, habits: Habits) -> Self {
        let next_due = shared.origin + habits.every.unwrap_or_default() * (number % 16) / 16;
        Self {
            shared,
            number,
            habits,
            epoch: None,
            horizon: 0,
            account_rev: 0,
            cursor: 0,
            pulling: false,
            written: 0,
            own: VecDeque::new(),
            next_due,
        }
    }

    /// Goes and comes back until the time is over.
    pub async fn live(mut self) -> Result<(), Failure> {
        let mut round = 0;
        while Instant::now() < self.shared.until {
            round += 1;
            self.shared.counts.borrow_mut().connections += 1;
            if self.habits.slow && round % 2 == 0 {
                self.read_nothing().await?;
            } else {
                let spread = f64::from((self.number * 7 + round * 13) % 16) / 16.0;
                let longest = self.shared.time / 6;
                let length = SESSION.mul_f64(1.0 + spread).min(longest.mul_f64(0.5 + spread));
                self.converse(Instant::now() + length).await?;
            }
        }
        Ok(())
    }

    /// Connects, and reads nothing until the server has enough of it or the time is over.
    async fn read_nothing(&mut self) -> Result<(), Failure> {
        let shared = Rc::clone(&self.shared);
        let token = shared.house.token(self.habits.person);
        let address = shared.program.address;
        let mut wire = Wire::open_narrow(address, "/api/v1/socket", &token, NARROW_BYTES).await?;
        wire.send(&talk::hello(self.epoch, self.horizon, self.account_rev)).await?;
        sleep_until((Instant::now() + SLOW_SESSION.min(shared.time / 3)).min(shared.until)).await;
        // What it finds then: the end, or all that waits for it. Either is as it should be.
        let deadline = Instant::now() + Duration::from_secs(2);
        loop {
            match timeout_at(deadline, wire.next()).await {
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None) | Err(_)) => {
                    shared.counts.borrow_mut().closed_as_too_slow += 1;
                    return Ok(());
                }
                Err(_) => return Ok(()),
            }
        }
    }

    /// One session until then, and a little longer for what is under way.
    async fn converse(&mut self, until: Instant) -> Result<(), Failure> {
        let token = self.shared.house.token(self.habits.person);
        let wire = Wire::open(self.shared.program.address, "/api/v1/socket", &token).await?;
        let mut session = Session { wire, last_no: 0, under_way: VecDeque::new() };
        session.wire.send(&talk::hello(self.epoch, self.horizon, self.account_rev)).await?;
        self.pulling = false;
        self.next_due = self.next_due.max(Instant::now());
        let until = until.min(self.shared.until);
        let deadline = until + PATIENCE;
        loop {
            let now = Instant::now();
            if now >= until && session.under_way.is_empty() && !self.pulling {
                return Ok(());
            }
            if now >= deadline {
                return Err(format!("{} commands were never acknowledged", session.under_way.len()).into());
            }
            let writes = self.habits.every.filter(|_| now < until && session.under_way.len() < 32);
            if let Some(every) = writes {
                while self.next_due <= now {
                    self.write(&mut session, self.next_due);
                    self.next_due += every;
                }
            }
            if session.wire.has_queued() {
                session.wire.flush().await?;
            }
            let wake = if now >= until { deadline } else { until };
            let wake = if writes.is_some() { self.next_due.min(wake) } else { wake };
            if let Ok(frame) = timeout_at(wake, session.wire.next()).await {
                let frame = frame?.ok_or("the server closed a connection")?;
                self.take(&mut session, &frame)?;
                while let Some(frame) = session.wire.ready()? {
                    self.take(&mut session, &frame)?;
                }
            }
        }
    }

    /// Mostly a message; one command in twenty edits an own one, one in a hundred deletes one.
    fn write(&mut self, session: &mut Session, due: Instant) {
        self.written += 1;
        let conversation = self.habits.conversation;
        let text = text::of(self.written * 1_000 + u64::from(self.number), text::BYTES);
        let command = match (self.written % 100, self.own.front().copied()) {
            (50, Some(message)) => {
                self.own.pop_front();
                Command::DeleteMessage { conversation, message }
            }
            (number, Some(message)) if number % 20 == 10 => Command::EditMessage { conversation, message, text },
            _ => {
                let message = message_id(self.number, self.written);
                self.own.push_back(message);
                if self.own.len() > 30 {
                    self.own.pop_front();
                }
                Command::SendMessage { conversation, message, text, composed_at_ms: now_ms() }
            }
        };
        session.last_no += 1;
        let frame = ClientFrame::Command { no: session.last_no, command: RawCommand::Known(command) };
        session.wire.queue(&frame.encode());
        session.under_way.push_back(due);
    }

    fn take(&mut self, session: &mut Session, frame: &crate::wire::Text) -> Result<(), Failure> {
        let now = Instant::now();
        match ServerFrame::decode(session.wire.text(frame))? {
            ServerFrame::Welcome(welcome) => {
                self.epoch = Some(welcome.epoch);
                self.horizon = welcome.horizon;
                if welcome.account_rev > self.account_rev {
                    let after = Some(Seq(self.account_rev));
                    session.wire.queue(
                        &ClientFrame::Pull { request: 0, stream: Stream::Account, after, items_max: None }.encode(),
                    );
                }
                self.look_at(session, &welcome.heads);
            }
            ServerFrame::Verdict(verdict) => {
                let due = session.under_way.pop_front().ok_or("a verdict for nothing")?;
                if let Outcome::Rejected { code } = verdict.outcome {
                    return Err(format!("a command was rejected: {code:?}").into());
                }
                self.shared.acknowledged(due, now);
                if verdict.no % 8 == 0 {
                    session.wire.queue(&ClientFrame::Acknowledge { no: verdict.no }.encode());
                }
            }
            ServerFrame::Event { conversation, event, .. } => {
                self.shared.counts.borrow_mut().delivered += 1;
                self.shared.saw(self.habits.person, conversation, event.seq);
                if event.seq.0 == self.cursor + 1 {
                    self.cursor = event.seq.0;
                    if self.cursor.is_multiple_of(20) {
                        session.wire.queue(&ClientFrame::Read { conversation, seq: event.seq }.encode());
                    }
                } else if event.seq.0 > self.cursor + 1 {
                    self.pull(session);
                }
            }
            ServerFrame::Events { events, .. } => {
                self.pulling = false;
                self.cursor = events.last().map_or(self.cursor, |event| event.seq.0.max(self.cursor));
            }
            ServerFrame::Window { window, .. } => {
                self.pulling = false;
                self.cursor = self.cursor.max(window.as_of.seq.0);
            }
            ServerFrame::Account(changes) => self.account_rev = self.account_rev.max(changes.rev),
            ServerFrame::Heartbeat { horizon, heads, .. } => {
                self.horizon = horizon;
                self.look_at(session, &heads);
            }
            ServerFrame::Pong => {}
            ServerFrame::GoingAway { .. } => return Err("the server went away".into()),
            ServerFrame::Error { request: Some(_), .. } => self.pulling = false,
            ServerFrame::Error { request: None, error } => return Err(format!("the server said {error:?}").into()),
        }
        Ok(())
    }

    fn look_at(&mut self, session: &mut Session, heads: &[fil_protocol::Head]) {
        let beyond =
            |head: &fil_protocol::Head| head.conversation == self.habits.conversation && head.seq.0 > self.cursor;
        if heads.iter().any(beyond) {
            self.pull(session);
        }
    }

    fn pull(&mut self, session: &mut Session) {
        if !self.pulling {
            self.pulling = true;
            self.shared.counts.borrow_mut().pulls += 1;
            let stream = Stream::Conversation(self.habits.conversation);
            session.wire.queue(
                &ClientFrame::Pull { request: 1, stream, after: Some(Seq(self.cursor)), items_max: None }.encode(),
            );
        }
    }
}
