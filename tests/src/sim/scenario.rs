//! What is tried in the simulation of gossip, and what must come out.
//!
//! How rough it is, of 1,000 peers with about 5,000 links, and why so:
//!
//! * One peer crashes each second, so each stays for 17 minutes on average. Half of the visits to file-sharing networks were
//!   an hour long or shorter (Saroiu, Gummadi, Gribble, 2002), and a messenger runs as long as its machine; so this is rougher than
//!   people are. It is back after 5 to 35 s, as a program or a machine that starts again.
//! * That it is gone is noticed at once if its system still answers, and after 15 s if nothing answers any more: QUIC gives
//!   up after ten seconds of silence.
//! * Five links break each second, each link once in 17 minutes: a phone that changes its network, a router that forgets.
//! * One half cannot reach the other for 50 s, all at once: longer than links outlive it.

use bayou_core::gossip::SMALL;

use super::run::Run;
use super::tally::Outcome;

/// What is tried.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// Who takes part.
    pub peers: usize,
    /// How many of them write.
    pub authors: usize,
    /// What they write in all.
    pub messages: usize,
    /// How long between two messages.
    pub every_ms: u64,
    /// Within this time all come.
    pub join_ms: u64,
    /// From this time on it is counted.
    pub warm_ms: u64,
    /// Peers that crash each second, for 5 to 35 s.
    pub crashes: Option<u32>,
    /// How long until those who are linked with one that crashed notice it.
    pub unnoticed_ms: u64,
    /// Links that break each second, with what they carry.
    pub breaks: Option<u32>,
    /// From when until when one half is parted from the other.
    pub parted_ms: Option<(u64, u64)>,
}

/// How long everything is left in peace in the end: a few rounds of heads, on some link of each peer.
const PEACE_MS: u64 = 150_000;

/// The most copies for each delivery where everyone is linked with everyone: what gossip brings, it brings once, but who is told
/// of heads while a push is on its way asks for what it brings. Of thirty seeds the worst had less than one of a hundred twice.
const ONE: f64 = 1.01;

impl Scenario {
    /// A calm one: everyone comes within a minute, and two minutes later counting begins.
    pub fn calm(name: &'static str, peers: usize, messages: usize) -> Self {
        let authors = peers.min(30);
        Scenario {
            name,
            peers,
            authors,
            messages,
            every_ms: 500,
            join_ms: 60_000,
            warm_ms: 180_000,
            crashes: None,
            unnoticed_ms: 0,
            breaks: None,
            parted_ms: None,
        }
    }

    /// All that `cargo xtask sim gossip` tries.
    pub fn all() -> Vec<Scenario> {
        let thousand = |name| Scenario::calm(name, 1000, 500);
        vec![
            Scenario::calm("twelve", 12, 400),
            Scenario::calm("fifty", 50, 400),
            thousand("a thousand"),
            Scenario { crashes: Some(1), ..thousand("… who crash") },
            Scenario { crashes: Some(1), unnoticed_ms: 15_000, ..thousand("… who vanish") },
            Scenario { breaks: Some(5), ..thousand("… whose links break") },
            Scenario { parted_ms: Some((200_000, 250_000)), ..thousand("… parted in halves") },
        ]
    }

    /// Runs it.
    pub fn run(&self, seed: u64) -> Outcome {
        Run::of(self, seed)
    }

    /// When the last message is written, and nothing befalls anybody any more.
    pub fn calm_ms(&self) -> u64 {
        self.join_ms + (self.messages as u64 + 1) * self.every_ms
    }

    /// When it ends.
    pub fn end(&self) -> u64 {
        self.calm_ms() + PEACE_MS
    }

    /// Says in what an outcome falls short.
    pub fn complaint(&self, outcome: &Outcome) -> Option<String> {
        let most = if self.peers <= SMALL + 1 { ONE } else { 2.0 };
        let [_, hops, _] = outcome.hops;
        if outcome.delivered < 100.0 {
            Some(format!("{}: only {:.4} % of all was delivered", self.name, outcome.delivered))
        } else if outcome.copies > most {
            Some(format!("{}: {:.3} copies for each delivery, at most {most}", self.name, outcome.copies))
        } else if hops > 10 {
            Some(format!("{}: 95 of 100 messages took {hops} hops to the last, at most 10", self.name))
        } else {
            None
        }
    }
}
