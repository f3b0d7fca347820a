//! One peer of the simulated world: a real engine, a store in memory, and around them what `node` is in a process.
//!
//! The disk is slow and forgetful on purpose: batches gather and are appended in groups, the answer comes a while after
//! the append, the disk may be full, and the peer may crash between any two effects. What was appended before stays.

use std::collections::{BTreeMap, VecDeque};

use bayou_core::conversation::EntryId;
use bayou_core::crypto::{self, DeviceKey, Entropy, Secret};
use bayou_core::engine::{CallId, Config, Effect, Engine, Input, Newborn, Report, Ticket};
use bayou_core::id::{DeviceId, PeerId, StreamId, UserId};
use bayou_core::identity::Phrase;
use bayou_core::rpc::{self, Event, Reply, Request, RpcError};
use bayou_core::store::memory::MemoryStore;
use bayou_core::store::{Batch, Lsn, Store};
use bayou_core::time::Timestamp;

use crate::dice::Dice;
use crate::truth;

/// When the world begins, by a clock that is right: some day in 2026.
const BEGINNING: u64 = 1_780_000_000_000;

/// A tick comes about this often.
pub const TICK_MS: u64 = 1000;

/// The longest that one step of a disk takes.
const DISK_MS: u64 = 8;

/// Something that was asked for and, once it was acknowledged, must never be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A message, with its text.
    Message(String),
    /// An edit of a message, with its text.
    Edit(EntryId, String),
    /// The deletion of a message.
    Delete(EntryId),
    /// A reaction to a message.
    React(EntryId, String),
}

impl Said {
    /// Reads off a request what it would say.
    fn by(request: &Request) -> Option<Said> {
        let about = |message: &String| message.parse().expect("stories name messages by their whole ids");
        match request {
            Request::Send { text, .. } => Some(Said::Message(text.clone())),
            Request::Edit { message, text } => Some(Said::Edit(about(message), text.clone())),
            Request::Delete { message } => Some(Said::Delete(about(message))),
            Request::React { message, emoji, .. } => Some(Said::React(about(message), emoji.clone())),
            _ => None,
        }
    }
}

/// A peer.
pub struct Peer {
    /// What the person is called.
    pub name: String,
    /// Its name on the network. A copy of a home has the same.
    pub id: PeerId,
    /// What it keeps.
    pub store: MemoryStore,
    /// All that was acknowledged here.
    pub kept: Vec<(EntryId, Said)>,
    /// What the engine complained about.
    pub problems: Vec<String>,
    /// Messages of which front ends were told that they disappeared.
    pub gone: Vec<String>,
    /// What happened besides messages, as followers were told.
    pub notices: Vec<rpc::Notice>,
    /// What else followers were told, but of rows.
    pub told: Vec<Event>,
    /// Milliseconds by which its clock is wrong.
    pub clock: i64,
    /// Effects after which it crashes.
    pub fuse: Option<u64>,
    /// Writes to disk that will fail.
    pub full: u32,
    /// Effects that were executed so far.
    pub executed: u64,
    /// A digest of all effects so far, for who asks for it.
    pub history: Option<[u8; 32]>,
    /// When it ticks next.
    pub tick_at: u64,
    /// The next of each other thing that happens to it by itself.
    pub(crate) alarm_at: Option<u64>,
    pub(crate) disk_at: Option<u64>,
    pub(crate) back_at: Option<u64>,
    /// Whether its machine is connected at all. Of two copies of a home, one is.
    pub(crate) online: bool,
    /// The words that bring its user back.
    words: [u8; 32],
    born: Newborn,
    instance: [u8; 32],
    dice: Dice,
    engine: Option<Engine>,
    batches: VecDeque<(Ticket, Batch)>,
    snapshots: VecDeque<(StreamId, Lsn, Vec<u8>, bool)>,
    answers: VecDeque<Input>,
    /// Batches of earlier generations build on one that was not kept.
    generation: u32,
    next_call: u64,
    asked: BTreeMap<CallId, Said>,
    replies: BTreeMap<CallId, Result<Reply, RpcError>>,
}

impl Peer {
    /// Makes a peer with a new home; it is down.
    pub fn new(name: &str, mut dice: Dice) -> Self {
        let words = dice.bytes();
        Peer::of_words(name, words, false, Timestamp(BEGINNING), dice)
    }

    /// Makes a peer for another device of this one's user, as the recovery phrase makes it; it is down.
    pub fn another_device(&self, now: u64, is_back: bool, dice: Dice) -> Self {
        Peer::of_words(&self.name, self.words, is_back, Timestamp(BEGINNING + now), dice)
    }

    fn of_words(name: &str, words: [u8; 32], is_back: bool, now: Timestamp, mut dice: Dice) -> Self {
        let phrase = Phrase::new(Secret::new(words));
        let mut entropy = Entropy::from_seed(dice.bytes());
        let born = Newborn::of_phrase(&phrase, name, is_back, now, &mut entropy);
        let id = DeviceKey::from_seed(born.profile.transport_seed().expose()).device();
        Peer { words, ..Peer::at_home(name, born, PeerId(id.0), MemoryStore::default(), dice) }
    }

    /// Makes a peer of a copy of this one's home, as on another machine; it is down.
    pub fn copy(&self, name: &str, dice: Dice) -> Self {
        Peer::at_home(name, self.born.clone(), self.id, self.store.copy(), dice)
    }

    /// Makes a peer as this one would be if its index had been thrown away; it is down.
    pub fn without_index(&self) -> Self {
        let store = truth::without_index(&self.store);
        let mut bare = Peer::at_home(&self.name, self.born.clone(), self.id, store, Dice::new(0, 0));
        bare.instance = self.instance;
        bare.clock = self.clock;
        bare
    }

    fn at_home(name: &str, born: Newborn, id: PeerId, store: MemoryStore, mut dice: Dice) -> Self {
        Peer {
            name: name.to_owned(),
            id,
            store,
            kept: Vec::new(),
            problems: Vec::new(),
            gone: Vec::new(),
            notices: Vec::new(),
            told: Vec::new(),
            clock: 0,
            fuse: None,
            full: 0,
            executed: 0,
            history: None,
            tick_at: 0,
            alarm_at: None,
            disk_at: None,
            back_at: None,
            online: true,
            words: [0; 32],
            born,
            instance: dice.bytes(),
            dice,
            engine: None,
            batches: VecDeque::new(),
            snapshots: VecDeque::new(),
            answers: VecDeque::new(),
            generation: 0,
            next_call: 0,
            asked: BTreeMap::new(),
            replies: BTreeMap::new(),
        }
    }

    /// Returns its device.
    pub fn device(&self) -> DeviceId {
        self.born.profile.device_key().device()
    }

    /// Returns whose it is.
    pub fn user(&self) -> UserId {
        self.born.profile.user
    }

    /// Returns its device key, for those who want to do evil with it.
    pub fn key(&self) -> DeviceKey {
        self.born.profile.device_key()
    }

    /// Tells whether it runs.
    pub fn is_up(&self) -> bool {
        self.engine.is_some()
    }

    /// Tells what its clock shows.
    pub fn time(&self, now: u64) -> Timestamp {
        Timestamp((BEGINNING + now).saturating_add_signed(self.clock))
    }

    /// Starts it; returns what it wants of the network.
    pub fn start(&mut self, now: u64) -> Vec<Effect> {
        self.tick_at = now + self.dice.below(TICK_MS);
        self.back_at = None;
        self.generation = 0;
        let config = Config {
            profile: self.born.profile.clone(),
            log: self.born.log.clone(),
            is_back: self.born.is_back,
            peer: self.id,
            instance: self.instance,
            seed: self.dice.bytes(),
        };
        let (engine, effects) = Engine::open(config, self.time(now), &self.store).expect("a store in memory opens");
        self.engine = Some(engine);
        let mut wanted = self.execute(now, effects);
        let time = self.time(now);
        while let Some(effects) = self.engine.as_mut().and_then(|engine| engine.rebuild(time, &self.store)) {
            wanted.extend(self.execute(now, effects));
        }
        wanted
    }

    /// Loses its power: what was appended stays, all else is gone, and of the index some first part remains.
    pub fn crash(&mut self) {
        self.engine = None;
        self.fuse = None;
        self.disk_at = None;
        self.alarm_at = None;
        self.batches.clear();
        self.snapshots.clear();
        self.answers.clear();
        self.asked.clear();
        self.store = self.store.crash(self.dice.number());
    }

    /// Puts a backup in the place of its home; it is down. What was acknowledged since may be lost.
    pub fn restore(&mut self, backup: &MemoryStore, kept: usize) {
        self.crash();
        self.store = backup.copy();
        self.kept.truncate(kept);
        self.instance = self.dice.bytes();
    }

    /// Hands in a request; returns its name and what the peer wants of the network.
    pub fn ask(&mut self, now: u64, request: Request) -> (CallId, Vec<Effect>) {
        let call = CallId(self.next_call);
        self.next_call += 1;
        let said = Said::by(&request);
        self.asked.extend(said.map(|said| (call, said)));
        (call, self.handle(now, Input::Call(call, request)))
    }

    /// Takes the answer to a request, if it came.
    pub fn answer(&mut self, call: CallId) -> Option<Result<Reply, RpcError>> {
        self.replies.remove(&call)
    }

    /// Gives the engine an input; returns what it wants of the network.
    pub fn handle(&mut self, now: u64, input: Input) -> Vec<Effect> {
        let time = self.time(now);
        let Some(engine) = &mut self.engine else { return Vec::new() };
        let effects = engine.handle(time, input, &self.store);
        self.execute(now, effects)
    }

    /// Executes effects in order, until the fuse burns down.
    fn execute(&mut self, now: u64, effects: Vec<Effect>) -> Vec<Effect> {
        self.history = self.history.map(|before| digest(&before, &effects));
        let mut outside = Vec::new();
        for effect in effects {
            if self.burns() {
                return outside;
            }
            match effect {
                // At any time later, as if other inputs had come in the same round.
                Effect::Gather(_) => self.answers.push_back(Input::Gathered),
                Effect::Continue => outside.extend(self.handle(now, Input::Continue)),
                Effect::Persist(ticket, batch) => self.batches.push_back((ticket, batch)),
                Effect::Snapshot(stream, covers, image, erased) => {
                    if erased {
                        self.store.renew(stream).expect("memory");
                    }
                    self.snapshots.push_back((stream, covers, image, erased));
                }
                Effect::Index(ops, complete) => self.store.index(ops, complete).expect("memory"),
                Effect::Reply(call, result) => self.replied(call, *result),
                Effect::Report(Report::Problem(problem)) => self.problems.push(problem),
                Effect::Emit(Event::Gone { id, .. }) => self.gone.push(id),
                Effect::Emit(Event::Notice { notice, .. }) => self.notices.push(notice),
                Effect::Emit(Event::Row { .. }) => {}
                Effect::Emit(event) => self.told.push(event),
                Effect::Report(_) => {}
                Effect::Alarm(at) => {
                    let at = now + at.since(self.time(now));
                    self.alarm_at = Some(self.alarm_at.map_or(at, |earlier| earlier.min(at)));
                }
                Effect::Send(..)
                | Effect::Close(_)
                | Effect::Dial(..)
                | Effect::Mail(..)
                | Effect::Register(_)
                | Effect::Seek(_) => outside.push(effect),
            }
        }
        if self.disk_at.is_none() && self.disk_has_work() {
            self.disk_at = Some(now + self.dice.below(DISK_MS));
        }
        outside
    }

    fn burns(&mut self) -> bool {
        match self.fuse.as_mut() {
            Some(0) => {
                self.crash();
                true
            }
            fuse => {
                fuse.into_iter().for_each(|left| *left -= 1);
                self.executed += 1;
                false
            }
        }
    }

    fn replied(&mut self, call: CallId, result: Result<Reply, RpcError>) {
        let said = self.asked.remove(&call);
        if let (Some(said), Ok(Reply::Sent { id })) = (said, &result) {
            self.kept.push((id.parse().expect("an engine answers with whole ids"), said));
        }
        self.replies.insert(call, result);
    }

    fn disk_has_work(&self) -> bool {
        !(self.batches.is_empty() && self.snapshots.is_empty() && self.answers.is_empty())
    }

    /// Lets the disk do one thing: append a group, write a snapshot, or answer. Returns what follows for the network.
    pub(crate) fn disk(&mut self, now: u64) -> Vec<Effect> {
        self.disk_at = None;
        let outside = match self.dice.below(3) {
            _ if self.engine.is_none() => return Vec::new(),
            0 if !self.snapshots.is_empty() => self.compact(),
            1 if !self.batches.is_empty() => self.append(),
            _ => match self.answers.pop_front() {
                Some(answer) => self.handle(now, answer),
                None if self.batches.is_empty() => self.compact(),
                None => self.append(),
            },
        };
        if self.disk_has_work() {
            self.disk_at = Some(now + self.dice.below(DISK_MS));
        }
        outside
    }

    fn append(&mut self) -> Vec<Effect> {
        let some = 1 + self.dice.below(self.batches.len() as u64);
        let taken = self.batches.drain(..usize::try_from(some).expect("small"));
        let (group, stale): (Vec<_>, Vec<_>) = taken.partition(|(ticket, _)| ticket.generation >= self.generation);
        let refused = |why: &str, ticket| Input::NotPersisted(ticket, why.to_owned());
        self.answers.extend(stale.into_iter().map(|(ticket, _)| refused("something before it was not kept", ticket)));
        let (tickets, batches): (Vec<Ticket>, Vec<Batch>) = group.into_iter().unzip();
        let Some(newest) = tickets.last().copied() else { return Vec::new() };
        self.full_disk();
        match self.store.append(&batches) {
            Ok(last) => {
                let first = last.0 + 1 - tickets.len() as u64;
                self.answers.push_back(Input::Persisted(tickets.into_iter().zip((first..).map(Lsn)).collect()));
            }
            Err(error) => {
                self.generation = newest.generation + 1;
                self.answers.extend(tickets.into_iter().map(|ticket| refused(&error.to_string(), ticket)));
            }
        }
        // To be durable is a moment of its own: the answer may never come.
        self.burns();
        Vec::new()
    }

    fn compact(&mut self) -> Vec<Effect> {
        let Some((stream, covers, image, erased)) = self.snapshots.pop_front() else { return Vec::new() };
        let result = match self.full.checked_sub(1) {
            Some(left) => {
                self.full = left;
                Err("the disk is full".to_owned())
            }
            None => {
                let written = self.store.snapshot(stream, covers, &image);
                let forgotten = written.and_then(|()| if erased { self.store.forget(stream) } else { Ok(()) });
                forgotten.map_err(|error| error.to_string())
            }
        };
        self.answers.push_back(Input::Snapshotted(stream, result));
        self.burns();
        Vec::new()
    }

    fn full_disk(&mut self) {
        if let Some(left) = self.full.checked_sub(1) {
            self.full = left;
            self.store.fill_disk_once();
        }
    }
}

/// Returns a digest of effects and of what was before them, to tell whether two runs did the same.
fn digest(before: &[u8; 32], effects: &[Effect]) -> [u8; 32] {
    crypto::hash("bayou/1/test effects", &[before, format!("{effects:?}").as_bytes()])
}
