//! The network of the simulated world: links that keep order, as streams do, and lose what was on its way when they
//! break.
//!
//! Frames take a while. A link that carries more than it can is congested: it drops frames and says so to the sender,
//! and says so again when it has drained. A broken link may still deliver what was in flight, or not; and the next link
//! between the two may bring old frames once more, which is how frames are doubled and reordered here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bayou_core::envelope::Frame;
use bytes::Bytes;

use crate::dice::Dice;

/// Old frames of each direction that may come once more over the next link.
const ECHOES: usize = 4;

/// Two peers by their number in the world, the smaller first.
pub type Pair = (usize, usize);

/// How bad the network is.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// The longest that a frame takes, in milliseconds.
    pub delay: u64,
    /// Frames that may be on their way in one direction; more are dropped.
    pub room: usize,
    /// Whether links that break lose frames, and new ones bring old frames again.
    pub rough: bool,
}

impl Weather {
    /// Nothing is lost.
    pub const CALM: Weather = Weather { delay: 20, room: usize::MAX, rough: false };
}

/// One direction of a link.
#[derive(Debug, Default)]
struct Wire {
    frames: VecDeque<(u64, Bytes)>,
    congested: bool,
    echoes: VecDeque<Bytes>,
}

/// What becomes of a frame that is handed in.
#[derive(Debug, PartialEq, Eq)]
pub enum Posted {
    /// It is on its way, or there is no link.
    Taken,
    /// It was dropped, and it is the first one: the sender is to be told.
    Congested,
}

/// Tells whether a frame is one with which a link begins. Only the two ends of that very link can have sent it.
fn greets(frame: &Bytes) -> bool {
    matches!(Frame::decode(frame), Ok(Frame::Prove { .. } | Frame::Share { .. }))
}

/// The network.
#[derive(Debug)]
pub struct Network {
    /// How bad it is now.
    pub weather: Weather,
    dice: Dice,
    wires: BTreeMap<(usize, usize), Wire>,
    up: BTreeSet<Pair>,
}

/// Returns two peers in order.
pub fn pair(a: usize, b: usize) -> Pair {
    (a.min(b), a.max(b))
}

impl Network {
    /// Makes a calm network without links.
    pub fn new(dice: Dice) -> Self {
        Network { weather: Weather::CALM, dice, wires: BTreeMap::new(), up: BTreeSet::new() }
    }

    /// Tells whether two peers are linked.
    pub fn is_up(&self, link: Pair) -> bool {
        self.up.contains(&link)
    }

    /// Returns all links.
    pub fn links(&self) -> Vec<Pair> {
        self.up.iter().copied().collect()
    }

    /// Brings a link up; returns its binding.
    pub fn link(&mut self, link: Pair) -> [u8; 32] {
        self.up.insert(link);
        self.dice.bytes()
    }

    /// Hands in what an earlier link between the two carried, once both ends have greeted.
    pub fn echo(&mut self, now: u64, (a, b): Pair) {
        for direction in [(a, b), (b, a)] {
            let echoes: Vec<Bytes> = self.wires.entry(direction).or_default().echoes.drain(..).collect();
            for frame in echoes {
                let on_their_way = self.wires.entry(direction).or_default().frames.len();
                if self.weather.rough && on_their_way < self.weather.room {
                    self.post(now, direction, frame);
                }
            }
        }
    }

    /// Breaks a link; returns what is delivered nevertheless, in order, to whom from whom.
    pub fn cut(&mut self, link: Pair) -> Vec<(usize, usize, Bytes)> {
        if !self.up.remove(&link) {
            return Vec::new();
        }
        let mut delivered = Vec::new();
        for (from, to) in [link, (link.1, link.0)] {
            let wire = self.wires.entry((from, to)).or_default();
            let frames: Vec<Bytes> = wire.frames.drain(..).map(|(_, frame)| frame).collect();
            wire.congested = false;
            let some = if self.weather.rough { self.dice.below(frames.len() as u64 + 1) } else { u64::MAX };
            let some = usize::try_from(some).unwrap_or(usize::MAX);
            delivered.extend(frames.into_iter().take(some).map(|frame| (to, from, frame)));
        }
        delivered
    }

    /// Takes a frame.
    pub fn post(&mut self, now: u64, (from, to): (usize, usize), frame: Bytes) -> Posted {
        if !self.is_up(pair(from, to)) {
            return Posted::Taken;
        }
        let wire = self.wires.entry((from, to)).or_default();
        if wire.frames.len() >= self.weather.room {
            return if std::mem::replace(&mut wire.congested, true) { Posted::Taken } else { Posted::Congested };
        }
        let earliest = wire.frames.back().map_or(0, |(at, _)| *at);
        let at = earliest.max(now + self.dice.below(self.weather.delay + 1));
        if self.dice.one_in(8) && !greets(&frame) {
            wire.echoes.push_back(frame.clone());
            wire.echoes.drain(..wire.echoes.len().saturating_sub(ECHOES));
        }
        wire.frames.push_back((at, frame));
        Posted::Taken
    }

    /// Returns when the next frame arrives.
    pub fn next(&self) -> Option<u64> {
        self.wires.values().filter_map(|wire| wire.frames.front()).map(|(at, _)| *at).min()
    }

    /// Takes the next frame that has arrived: to whom, from whom, and whether the sender is to be told that it may go on.
    pub fn arrived(&mut self, now: u64) -> Option<(usize, usize, Bytes, bool)> {
        let room = self.weather.room;
        let due = |wire: &Wire| wire.frames.front().is_some_and(|(at, _)| *at <= now);
        let ((from, to), wire) = self.wires.iter_mut().find(|(_, wire)| due(wire))?;
        let (_, frame) = wire.frames.pop_front()?;
        let drained = wire.congested && wire.frames.len() <= room / 2;
        if drained {
            wire.congested = false;
        }
        Some((*to, *from, frame, drained))
    }

    /// Tells whether nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.wires.values().all(|wire| wire.frames.is_empty())
    }
}
