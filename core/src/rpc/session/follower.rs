//! Who follows conversations, or watches the list of them.
//!
//! Events are followed before the first rows are read and rest while a call is being answered, so that between the rows of
//! the answer and the first event nothing is missed.
//!
//! For who watches, each event also marks its conversation as changed; from time to time the changed ones are looked up
//! and told, so that a flood of messages makes a few lines a second.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{Answer, MAX_IN_FLIGHT};
use crate::rpc::wire::{self, CallId};
use crate::rpc::{Event, HomeState, Reply, Request, Status};

/// Events that wait between a follower and its session.
const MAX_WAITING_EVENTS: usize = 64;

/// How long who watches may not hear of a change.
const LOOK: Duration = Duration::from_millis(250);

/// At every so many looks the peer is asked how it is.
const LOOKS_A_STATUS: u64 = 4;

/// Conversations that are told at one look; the rest follow at the next.
const MAX_TOLD: usize = 32;

/// A session's end of a follower's task; the task ends when this goes.
pub(super) struct Follower {
    pub(super) calls: mpsc::Sender<(CallId, Request)>,
    pub(super) lines: mpsc::Receiver<BytesMut>,
}

impl Follower {
    /// Starts the task that answers `follow` and `watch`, and passes on what happens.
    pub(super) fn start(answer: impl Answer) -> Follower {
        let (calls, asked) = mpsc::channel(MAX_IN_FLIGHT);
        let (out, lines) = mpsc::channel(MAX_WAITING_EVENTS);
        let followed = HashSet::new();
        tokio::spawn(Task { answer, events: None, followed, watch: None, out }.run(asked));
        Follower { calls, lines }
    }
}

/// The session is gone.
struct Ended;

struct Task<A> {
    answer: A,
    /// None as long as no peer runs whose events these are.
    events: Option<broadcast::Receiver<Event>>,
    followed: HashSet<String>,
    watch: Option<Watch>,
    out: mpsc::Sender<BytesMut>,
}

/// What is to be looked up for who watches.
struct Watch {
    looks: Interval,
    count: u64,
    changed: BTreeSet<String>,
    /// Whether any may have changed.
    all: bool,
    status: Option<Status>,
}

impl<A: Answer> Task<A> {
    async fn run(mut self, mut asked: mpsc::Receiver<(CallId, Request)>) {
        loop {
            let done = tokio::select! {
                call = asked.recv() => match call {
                    Some((id, request)) => self.answer(id, request).await,
                    None => Err(Ended),
                },
                event = next_event(&mut self.events) => match event {
                    Ok(event) => self.pass_on(event).await,
                    Err(broadcast::error::RecvError::Lagged(_)) => self.pass_on(Event::Lagged).await,
                    Err(broadcast::error::RecvError::Closed) => {
                        self.events = None;
                        Ok(())
                    }
                },
                () = next_look(&mut self.watch) => self.look().await,
            };
            if done.is_err() {
                return;
            }
        }
    }

    async fn answer(&mut self, id: CallId, request: Request) -> Result<(), Ended> {
        let watches = request == Request::Watch;
        if self.events.is_none() {
            let home = self.answer.answer(Request::Home).await;
            let is_open = matches!(home, Ok(Reply::Home { state: HomeState::Open, .. }));
            self.events = is_open.then(|| self.answer.follow());
        }
        let outcome = if watches {
            // Whose conversations could be watched must answer.
            self.answer.answer(Request::Status).await.map(|_| Reply::Done { done: true })
        } else {
            self.answer.answer(request).await
        };
        match &outcome {
            Ok(Reply::Log { conversation, .. }) => drop(self.followed.insert(conversation.clone())),
            Ok(_) if watches => drop(self.watch.get_or_insert_with(Watch::new)),
            _ => {}
        }
        let mut line = BytesMut::new();
        wire::write_answer(&id, outcome, &mut line);
        self.out.send(line).await.map_err(|_| Ended)
    }

    async fn pass_on(&mut self, event: Event) -> Result<(), Ended> {
        if let Some(watch) = &mut self.watch {
            watch.note(&event);
        }
        let of_one = match &event {
            Event::Row { conversation, .. } | Event::Gone { conversation, .. } | Event::Notice { conversation, .. } => {
                Some(conversation)
            }
            _ => None,
        };
        if of_one.is_some_and(|conversation| !self.followed.contains(conversation)) {
            return Ok(());
        }
        self.tell(event.with_body()).await
    }

    async fn tell(&mut self, event: Event) -> Result<(), Ended> {
        let mut line = BytesMut::new();
        wire::write_event(&event, &mut line);
        self.out.send(line).await.map_err(|_| Ended)
    }

    /// Looks up what changed, and tells it.
    async fn look(&mut self) -> Result<(), Ended> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        watch.count += 1;
        let asks = watch.count % LOOKS_A_STATUS == 1;
        if std::mem::take(&mut watch.all)
            && let Ok(Reply::Conversations { conversations }) = self.answer.answer(Request::Conversations).await
        {
            watch.changed.extend(conversations.into_iter().map(|known| known.conversation));
        }
        let mut told = Vec::new();
        while told.len() < MAX_TOLD
            && let Some(conversation) = watch.changed.pop_first()
        {
            if let Ok(Reply::Listed { listed }) = self.answer.answer(Request::Conversation { conversation }).await {
                told.push(Event::Conversation(listed));
            }
        }
        if asks
            && let Ok(Reply::Status(status)) = self.answer.answer(Request::Status).await
            && watch.status.as_ref() != Some(&*status)
        {
            watch.status = Some((*status).clone());
            told.push(Event::Status(status));
        }
        for event in told {
            self.tell(event).await?;
        }
        Ok(())
    }
}

impl Watch {
    fn new() -> Self {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Watch { looks, count: 0, changed: BTreeSet::new(), all: false, status: None }
    }

    /// Notes what an event may change in the list.
    fn note(&mut self, event: &Event) {
        match event {
            Event::Row { conversation, .. }
            | Event::Gone { conversation, .. }
            | Event::Notice { conversation, .. }
            | Event::Read { conversation, .. }
            | Event::Joining { conversation, .. } => drop(self.changed.insert(conversation.clone())),
            Event::Profile { .. } | Event::Lagged => self.all = true,
            _ => {}
        }
    }
}

async fn next_event(events: &mut Option<broadcast::Receiver<Event>>) -> Result<Event, broadcast::error::RecvError> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

async fn next_look(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => drop(watch.looks.tick().await),
        None => std::future::pending().await,
    }
}
