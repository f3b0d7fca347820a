//! What is counted in a run of the simulation.

use std::collections::BTreeMap;
use std::fmt;

use super::event::Who;

/// What became of one message.
#[derive(Debug, Default, Clone)]
pub struct Message {
    /// When it was written.
    pub at: u64,
    /// Whether hops and times of it count.
    pub counts: bool,
    /// The most links over which it came to anybody.
    pub last_hop: u32,
}

/// What is counted.
#[derive(Debug, Default)]
pub struct Tally {
    /// Messages, by author and place.
    pub messages: BTreeMap<(Who, u32), Message>,
    /// How long each delivery took, in milliseconds.
    pub times: Vec<u64>,
    /// Changes that arrived, known or not, since counting began.
    pub copies: u64,
    /// Changes that arrived and were new, since counting began.
    pub deliveries: u64,
    /// Bytes of frames without changes, since counting began.
    pub control: u64,
    /// Whether counting has begun.
    pub counting: bool,
}

/// What came out of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What was tried.
    pub name: &'static str,
    /// Peers in the conversation.
    pub peers: usize,
    /// Messages that were written.
    pub messages: usize,
    /// Of what somebody online has, how much the others have who are online, in percent.
    pub delivered: f64,
    /// Copies that arrived for each that was new.
    pub copies: f64,
    /// Over how many links messages came to whom they reached over the most: half, 95 of 100, and all of them.
    pub hops: [u32; 3],
    /// Milliseconds until a message was there: half, and 95 of 100 deliveries.
    pub times: [u64; 2],
    /// Bytes of frames without changes for each delivery.
    pub control: f64,
    /// Links of each peer in the end: the fewest and the most.
    pub links: [usize; 2],
}

impl Tally {
    /// Sums up.
    pub fn outcome(mut self, name: &'static str, peers: usize, delivered: f64, links: [usize; 2]) -> Outcome {
        self.times.sort_unstable();
        let counted = self.messages.values().filter(|message| message.counts);
        let mut hops: Vec<u32> = counted.map(|message| message.last_hop).collect();
        hops.sort_unstable();
        let deliveries = self.deliveries.max(1) as f64;
        Outcome {
            name,
            peers,
            messages: self.messages.len(),
            delivered,
            copies: self.copies as f64 / deliveries,
            hops: [50, 95, 100].map(|part| percentile(&hops, part)),
            times: [50, 95].map(|part| percentile(&self.times, part)),
            control: self.control as f64 / deliveries,
            links,
        }
    }
}

/// Returns the value that `part` percent of the sorted ones do not exceed.
fn percentile<T: Copy + Default>(sorted: &[T], part: usize) -> T {
    let at = (sorted.len() * part).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

/// The columns of [`Outcome`]'s line.
pub const HEAD: &str =
    "scenario                 peers  msgs  delivered  copies   hops p50/p95/max   ms p50/p95  control B  links";

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { name, peers, messages, delivered, copies, hops, times, control, links } = self;
        write!(f, "{name:<24} {peers:>5} {messages:>5} {delivered:>9.3}% {copies:>7.2}")?;
        let hops = format!("{}/{}/{}", hops[0], hops[1], hops[2]);
        let times = format!("{}/{}", times[0], times[1]);
        write!(f, " {hops:>18} {times:>12} {control:>10.0}  {}–{}", links[0], links[1])
    }
}
