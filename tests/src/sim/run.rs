//! A run of the simulation: the queue of what is to happen, the links, and what befalls them.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use bayou_core::envelope::{News, Told};
use bayou_core::gossip::{Effect, Input, SMALL, WANTED};
use bayou_core::time::Timestamp;

use super::event::{CONVERSATION, Due, Event, Piece, Who, Wire, actor, author, peer_id, who};
use super::peer::Peer;
use super::scenario::Scenario;
use super::tally::{Message, Outcome, Tally};
use crate::dice::Dice;

/// How often heads are told on a link, as the engine does.
const HEADS_EVERY_MS: u64 = 30_000;

/// How long after a partition hops and times are not counted.
const FORM_MS: u64 = 30_000;

/// The longest that a disk takes.
const DISK_MS: u64 = 8;

/// A run.
pub struct Run<'a> {
    scenario: &'a Scenario,
    now: u64,
    peers: Vec<Peer>,
    queue: BinaryHeap<Due>,
    events: u64,
    /// How long frames take between two peers, in milliseconds. Drawn once for each pair.
    latencies: BTreeMap<(Who, Who), u64>,
    links: u64,
    parted: bool,
    dice: Dice,
    tally: Tally,
}

impl<'a> Run<'a> {
    /// Runs a scenario to its end.
    pub fn of(scenario: &'a Scenario, seed: u64) -> Outcome {
        let mut dice = Dice::new(seed, 77);
        let peers = (0..scenario.peers).map(|who| Peer::new(who, dice.bytes())).collect();
        let mut run = Run {
            scenario,
            now: 0,
            peers,
            queue: BinaryHeap::new(),
            events: 0,
            latencies: BTreeMap::new(),
            links: 0,
            parted: false,
            dice,
            tally: Tally::default(),
        };
        run.plan();
        while let Some(Due { at, event, .. }) = run.queue.pop() {
            if at > scenario.end() {
                break;
            }
            run.now = at;
            run.tally.counting = at >= scenario.warm_ms;
            run.happen(event);
        }
        run.sum_up()
    }

    /// Everyone comes within the time of joining, and knows the first, who invited them; then they write.
    fn plan(&mut self) {
        let scenario = self.scenario;
        for who in 0..scenario.peers {
            if who > 0 {
                self.peers[who].learn(0, 0);
            }
            let at = if who == 0 { 0 } else { self.dice.below(scenario.join_ms) };
            self.after(at, Event::Start(who));
        }
        let authors: Vec<Who> = (0..scenario.authors).map(|n| n * scenario.peers / scenario.authors).collect();
        for n in 0..scenario.messages {
            let at = scenario.join_ms + (n as u64 + 1) * scenario.every_ms;
            let who = *self.dice.pick(&authors).expect("there are authors");
            self.after(at, Event::Write(who));
        }
        self.after(1000, Event::Harm);
    }

    fn after(&mut self, ms: u64, event: Event) {
        self.events += 1;
        self.queue.push(Due { at: self.now + ms, number: self.events, event });
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Start(who) => self.start(who),
            Event::Tick(who) => self.tick(who),
            Event::Alarm(who) if self.peers[who].alarm.is_some_and(|at| at <= self.now) => {
                self.peers[who].alarm = None;
                self.tell(who, Input::Alarm);
            }
            Event::Alarm(_) => {}
            Event::Write(who) => self.write(who),
            Event::Dialled(from, to) => self.link(from, to),
            Event::Kept(who, from, pieces, told) if self.peers[who].up.is_some() => self.kept(who, from, &pieces, told),
            Event::Kept(..) => {}
            Event::Arrive { to, from, link, what } => {
                if self.peers[to].links.get(&from).is_some_and(|(number, _)| *number == link) {
                    self.arrive(to, from, what);
                }
            }
            Event::Notice(who, gone, link) => {
                if self.peers[who].links.get(&gone).is_some_and(|(number, _)| *number == link) {
                    self.drop_link(who, gone);
                }
            }
            Event::Harm => self.harm(),
        }
    }

    fn start(&mut self, who: Who) {
        let seed = self.dice.bytes();
        self.peers[who].start(who, self.now, self.scenario.peers, seed);
        let phase = self.dice.below(1000);
        self.after(phase, Event::Tick(who));
    }

    fn tick(&mut self, who: Who) {
        if self.peers[who].up.is_none() {
            return;
        }
        let round = self.now / HEADS_EVERY_MS;
        let late = |told: u64| self.now - told >= HEADS_EVERY_MS;
        let links = self.peers[who].links.iter();
        let due: Vec<Who> = links.filter(|(_, (_, told))| late(*told)).map(|(other, _)| *other).collect();
        for other in due {
            if self.peers[who].gossip.has_turn(&CONVERSATION, &peer_id(other), round) {
                self.tell_heads(who, other);
            }
        }
        // Who has links enough would dial none of them.
        let few = self.scenario.peers <= SMALL || self.peers[who].links.len() < WANTED;
        let ready = if few { self.peers[who].ready(self.now) } else { Vec::new() };
        let ready = ready.into_iter().map(peer_id).collect();
        self.tell(who, Input::Ready(ready));
        self.after(1000, Event::Tick(who));
    }

    fn write(&mut self, who: Who) {
        if self.peers[who].up.is_none() {
            return;
        }
        let seq = self.peers[who].admitted.get(&who).copied().unwrap_or(0) + 1;
        // After a partition the trees form anew.
        let apart = self.scenario.parted_ms.is_some_and(|(from, to)| (from..to + FORM_MS).contains(&self.now));
        let counts = self.tally.counting && !apart;
        self.tally.messages.insert((who, seq), Message { at: self.now, counts, last_hop: 0 });
        self.peers[who].admitted.insert(who, seq);
        self.kept(who, who, &[Piece { author: who, seq, hops: 0 }], Some((Vec::new(), 0)));
    }

    /// Passes on what is kept now: `told` is there if it was pushed.
    fn kept(&mut self, who: Who, from: Who, pieces: &[Piece], told: Option<(Vec<Told>, u8)>) {
        let peer = &mut self.peers[who];
        let mut chains: BTreeMap<Who, Vec<Piece>> = BTreeMap::new();
        for piece in pieces {
            peer.held.insert(piece.author, piece.seq);
            peer.hops.insert((piece.author, piece.seq), piece.hops);
            chains.entry(piece.author).or_default().push(Piece { hops: piece.hops + 1, ..*piece });
        }
        for (author, onward) in chains {
            let news =
                onward.iter().map(|piece| News { segment: 0, actor: actor(author), seq: piece.seq, hops: 0 }).collect();
            let source = (from != who).then(|| peer_id(from));
            let input = match told.clone() {
                Some((told, hops)) => Input::New { conversation: CONVERSATION, news, from: source, told, hops },
                None => Input::Fetched(CONVERSATION, peer_id(from), news),
            };
            let effects = self.peers[who].gossip.handle(Timestamp(self.now), input);
            self.carry_out(who, effects, &onward);
        }
    }

    fn arrive(&mut self, to: Who, from: Who, what: Wire) {
        match what {
            Wire::Push(pieces, told, hops) => self.changes(to, from, &pieces, Some((told, hops))),
            Wire::Changes(pieces) => self.changes(to, from, &pieces, None),
            Wire::Heads(held) => {
                if held != self.peers[to].held {
                    let ours = self.peers[to].admitted.clone();
                    self.send(to, from, Wire::Have(ours));
                }
            }
            Wire::Have(held) => {
                let pieces = self.peers[to].beyond(|author| Some(held.get(&author).copied().unwrap_or(0)));
                if !pieces.is_empty() {
                    self.send(to, from, Wire::Changes(pieces));
                }
            }
            Wire::Announce(news) => {
                let held = |news: &News| self.peers[to].held.get(&author(&news.actor)).copied().unwrap_or(0);
                let (held, lacking) = news.into_iter().partition(|news| held(news) >= news.seq);
                self.tell(to, Input::Announced { conversation: CONVERSATION, from: peer_id(from), lacking, held });
            }
            Wire::Graft(chains) => {
                let wanted = chains.iter().map(|(author, _)| (0, actor(*author))).collect();
                self.tell(to, Input::Grafted(CONVERSATION, peer_id(from), wanted));
                let chains: BTreeMap<Who, u32> = chains.into_iter().collect();
                let pieces = self.peers[to].beyond(|author| chains.get(&author).copied());
                if !pieces.is_empty() {
                    let hops = pieces.iter().map(|piece| piece.hops).max().unwrap_or(0);
                    self.send(to, from, Wire::Push(pieces, Vec::new(), u8::try_from(hops).unwrap_or(u8::MAX)));
                }
            }
            Wire::Prune(chains) => self.tell(to, Input::Pruned(CONVERSATION, peer_id(from), chains)),
            Wire::Enough => self.tell(to, Input::Enough(peer_id(from))),
            Wire::Nearby(others) => {
                let now = self.now;
                others.iter().filter(|other| **other != to).for_each(|other| self.peers[to].learn(*other, now));
                self.tell(to, Input::Known(CONVERSATION, others.into_iter().map(peer_id).collect()));
            }
        }
    }

    fn changes(&mut self, to: Who, from: Who, pieces: &[Piece], told: Option<(Vec<Told>, u8)>) {
        let (fresh, gap) = self.peers[to].admit(pieces);
        if self.tally.counting {
            self.tally.copies += pieces.len() as u64;
            self.tally.deliveries += fresh.len() as u64;
        }
        let up = self.peers[to].up.unwrap_or(self.now);
        for piece in &fresh {
            let message = self.tally.messages.get_mut(&(piece.author, piece.seq));
            if let Some(message) = message.filter(|message| message.counts && up + 5_000 <= message.at) {
                message.last_hop = message.last_hop.max(piece.hops);
                self.tally.times.push(self.now - message.at);
            }
        }
        if gap {
            let ours = self.peers[to].admitted.clone();
            self.send(to, from, Wire::Have(ours));
        }
        if !fresh.is_empty() {
            let disk = 1 + self.dice.below(DISK_MS);
            self.after(disk, Event::Kept(to, from, fresh, told));
        } else if let Some((_, hops)) = told.filter(|_| !gap) {
            let chains: BTreeSet<Who> = pieces.iter().map(|piece| piece.author).collect();
            let chains = chains.into_iter().map(|author| (0, actor(author))).collect();
            self.tell(to, Input::Stale(CONVERSATION, peer_id(from), chains, hops));
        }
    }

    fn tell(&mut self, who: Who, input: Input) {
        let effects = self.peers[who].gossip.handle(Timestamp(self.now), input);
        self.carry_out(who, effects, &[]);
    }

    fn carry_out(&mut self, me: Who, effects: Vec<Effect>, pieces: &[Piece]) {
        for effect in effects {
            match effect {
                Effect::Push(to, told, hops) => {
                    to.iter().for_each(|to| self.send(me, who(to), Wire::Push(pieces.to_vec(), told.clone(), hops)));
                }
                Effect::Announce(_, to, news) => self.send(me, who(&to), Wire::Announce(news)),
                Effect::Graft(_, to, chains) => {
                    let held = |actor| self.peers[me].held.get(&author(actor)).copied().unwrap_or(0);
                    let chains = chains.iter().map(|(_, actor)| (author(actor), held(actor))).collect();
                    self.send(me, who(&to), Wire::Graft(chains));
                }
                Effect::Prune(_, to, chains) => self.send(me, who(&to), Wire::Prune(chains)),
                Effect::Introduce(_, to, peers) => {
                    self.send(me, who(&to), Wire::Nearby(peers.iter().map(who).collect()));
                }
                Effect::Dial(to) => {
                    let to = who(&to);
                    self.peers[me].dials(to, self.now);
                    let latency = self.latency(me, to);
                    self.after(3 * latency, Event::Dialled(me, to));
                }
                Effect::Enough(to) => self.send(me, who(&to), Wire::Enough),
                Effect::Close(to) => self.cut(me, who(&to)),
                Effect::Alarm(at) => {
                    self.peers[me].alarm = Some(at.0);
                    self.after(at.0.saturating_sub(self.now), Event::Alarm(me));
                }
            }
        }
    }

    fn send(&mut self, from: Who, to: Who, what: Wire) {
        let Some((link, _)) = self.peers[from].links.get(&to).copied() else { return };
        if self.tally.counting {
            self.tally.control += what.control_bytes();
        }
        let latency = self.latency(from, to);
        self.after(latency, Event::Arrive { to, from, link, what });
    }

    fn tell_heads(&mut self, from: Who, to: Who) {
        let (now, held) = (self.now, self.peers[from].held.clone());
        self.peers[from].links.entry(to).and_modify(|(_, told)| *told = now);
        self.send(from, to, Wire::Heads(held));
    }

    // ---- links -----------------------------------------------------------------------------------------------------

    /// Draws how long frames take between two: between 10 and 100 ms for nearly all, lognormal around 32.
    fn latency(&mut self, a: Who, b: Who) -> u64 {
        let pair = (a.min(b), a.max(b));
        if let Some(latency) = self.latencies.get(&pair) {
            return *latency;
        }
        // A sum of twelve uniform throws is nearly normal, with deviation 1.
        let throws: f64 = (0..12).map(|_| self.dice.below(1 << 20) as f64 / f64::from(1 << 20)).sum();
        let latency = (32.0 * (0.6 * (throws - 6.0)).exp()).clamp(10.0, 100.0) as u64;
        self.latencies.insert(pair, latency);
        latency
    }

    fn are_apart(&self, a: Who, b: Who) -> bool {
        self.parted && (a % 2 != b % 2)
    }

    fn link(&mut self, a: Who, b: Who) {
        let both = self.peers[a].up.is_some() && self.peers[b].up.is_some();
        let linked = |a: Who, b: Who| self.peers[a].links.get(&b).map(|(link, _)| *link);
        let stale = linked(a, b) != linked(b, a);
        if a == b || !both || self.are_apart(a, b) || (linked(a, b).is_some() && !stale) {
            return;
        }
        // One of both has started again, and the other has not noticed that the link of before is none.
        self.cut(a, b);
        self.links += 1;
        for (me, other) in [(a, b), (b, a)] {
            self.peers[me].links.insert(other, (self.links, self.now));
            self.peers[me].hurry(other, self.now);
        }
        for (me, other) in [(a, b), (b, a)] {
            self.tell_heads(me, other);
            self.tell(me, Input::Up(CONVERSATION, peer_id(other)));
        }
    }

    /// Breaks a link: what is on its way over it is lost.
    fn cut(&mut self, a: Who, b: Who) {
        self.drop_link(a, b);
        self.drop_link(b, a);
    }

    fn drop_link(&mut self, me: Who, other: Who) {
        if self.peers[me].links.remove(&other).is_some() && self.peers[me].up.is_some() {
            self.peers[me].hurry(other, self.now);
            self.tell(me, Input::Gone(peer_id(other)));
        }
    }

    // ---- what befalls them -----------------------------------------------------------------------------------------

    fn harm(&mut self) {
        let scenario = self.scenario;
        let rough = (scenario.warm_ms..scenario.calm_ms()).contains(&self.now);
        let apart = scenario.parted_ms.is_some_and(|(from, to)| (from..to).contains(&self.now));
        if apart && !self.parted {
            self.parted = true;
            self.cut_all(|a, b| a % 2 != b % 2);
        }
        self.parted = apart;
        for _ in 0..scenario.crashes.filter(|_| rough).unwrap_or(0) {
            self.crash_one();
        }
        for _ in 0..scenario.breaks.filter(|_| rough).unwrap_or(0) {
            let who = self.dice.below(scenario.peers as u64) as usize;
            let others: Vec<Who> = self.peers[who].links.keys().copied().collect();
            if let Some(other) = self.dice.pick(&others).copied() {
                self.cut(who, other);
            }
        }
        self.after(1000, Event::Harm);
    }

    /// Somebody falls, and comes back. Who was linked notices when the scenario says so.
    fn crash_one(&mut self) {
        // The first stays: newcomers know nobody else.
        let who = 1 + self.dice.below(self.scenario.peers as u64 - 1) as usize;
        if self.peers[who].up.take().is_some() {
            for (other, (link, _)) in std::mem::take(&mut self.peers[who].links) {
                self.after(self.scenario.unnoticed_ms, Event::Notice(other, who, link));
            }
            let away = 5_000 + self.dice.below(30_000);
            self.after(away, Event::Start(who));
        }
    }

    fn cut_all(&mut self, which: impl Fn(Who, Who) -> bool) {
        for a in 0..self.peers.len() {
            let others: Vec<Who> = self.peers[a].links.keys().copied().filter(|b| which(a, *b)).collect();
            others.into_iter().for_each(|b| self.cut(a, b));
        }
    }

    fn sum_up(self) -> Outcome {
        let online: Vec<&Peer> = self.peers.iter().filter(|peer| peer.up.is_some()).collect();
        let mut all: BTreeMap<Who, u32> = BTreeMap::new();
        for (author, seq) in online.iter().flat_map(|peer| &peer.held) {
            let most = all.entry(*author).or_insert(0);
            *most = (*most).max(*seq);
        }
        let total: u64 = all.values().map(|seq| u64::from(*seq)).sum::<u64>() * online.len() as u64;
        let held: u64 = online.iter().flat_map(|peer| peer.held.values()).map(|seq| u64::from(*seq)).sum();
        let delivered = 100.0 * held as f64 / total.max(1) as f64;
        let links = online.iter().map(|peer| peer.links.len());
        let links = [links.clone().min().unwrap_or(0), links.max().unwrap_or(0)];
        self.tally.outcome(self.scenario.name, self.scenario.peers, delivered, links)
    }
}
