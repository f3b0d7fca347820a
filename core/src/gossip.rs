//! Who is told what at once, unasked, and with whom a large conversation keeps links. A hint: [`crate::sync`] is the
//! truth behind it, and mends whatever is lost here.
//!
//! In a **small** conversation everyone is linked with everyone they can reach and everyone is *eager*: whoever writes
//! tells all linked members, and the frame says whom. A receiver passes it on only to those of its links who are not
//! named, so a full mesh carries one copy a member, and a line A–B–C still delivers at once.
//!
//! In a **large** one each peer keeps some links only, and for each chain they sort themselves into a tree (Plumtree: Leitão,
//! Pereira, Rodrigues, 2007):
//!
//! ```text
//!   eager ── pushed to                     a push that brings nothing new:  Prune ──►  the link becomes lazy
//!   lazy  ── told by Announce, in batches  announced and not pushed in time: Graft ──►  the link becomes eager,
//!                                                                                      and what is missing comes
//! ```
//!
//! A link over which a chain comes by fewer hops takes the place of the one over which it comes first: frames say how many
//! they took. The first change of a chain goes to a few links of each peer, which the lot of the pair decides. One tree for all chains
//! would do with less, but who writes far from its middle is heard late: `docs/decisions/0017`.
//!
//! Which links: each peer dials until it has enough, among members whom it knows of from others ([`Effect::Introduce`]), by
//! chance, those first who are in several such conversations. Who has too many asks some to do without ([`Effect::Enough`]),
//! and those close the link once they have enough others; so nobody is cut off who has no other way in.
//!
//! | file | what happens there |
//! |---|---|
//! | `crowd` | one conversation: whom to push to, whom to announce to, what is missing |
//! | `routes` | over which links each chain comes and goes |
//! | `lag` | how long what was announced may take |
//! | `neighbours` | which links are wanted, and which are not |

mod crowd;
mod lag;
mod neighbours;
mod routes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::crypto::Entropy;
use crate::envelope::{News, Told};
use crate::id::{ActorId, ConversationId, PeerId};
use crate::time::Timestamp;

use crowd::Crowd;
pub use neighbours::WANTED;

/// The most other devices in a small conversation.
pub const SMALL: usize = 12;

/// How long what is to be announced waits for more of its kind.
const BATCH_MS: u64 = 200;

/// No alarm is set further ahead; if one seems to be, the clock was set back.
const LONGEST_WAIT_MS: u64 = 10_000;

/// What the machine is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// So many devices besides ours are in a conversation now.
    Crowd(ConversationId, usize),
    /// A linked peer shares a conversation now.
    Up(ConversationId, PeerId),
    /// It does not any more.
    Down(ConversationId, PeerId),
    /// The link to a peer is gone.
    Gone(PeerId),
    /// We are not in a conversation any more.
    Left(ConversationId),
    /// These peers are a conversation's members', and it is known where they may be reached.
    Known(ConversationId, Vec<PeerId>),
    /// New changes are kept here: our own, or what `from` pushed, naming whom else it told. Of a large conversation this is
    /// about one chain.
    New {
        /// The conversation.
        conversation: ConversationId,
        /// The newest change of each chain.
        news: Vec<News>,
        /// Who pushed them, if anyone did.
        from: Option<PeerId>,
        /// Whom the frame named as told.
        told: Vec<Told>,
        /// Over how many links they came.
        hops: u8,
    },
    /// New changes are kept here that were asked for.
    Fetched(ConversationId, PeerId, Vec<News>),
    /// A peer pushed what we had of these chains, and over how many links it came.
    Stale(ConversationId, PeerId, Vec<(u32, ActorId)>, u8),
    /// A peer has this; told apart by whether we lack it.
    Announced {
        /// The conversation.
        conversation: ConversationId,
        /// Who says so.
        from: PeerId,
        /// What we lack of it.
        lacking: Vec<News>,
        /// What we have, too.
        held: Vec<News>,
    },
    /// A peer wants these chains pushed to it.
    Grafted(ConversationId, PeerId, Vec<(u32, ActorId)>),
    /// A peer wants announcements only of these chains.
    Pruned(ConversationId, PeerId, Vec<(u32, ActorId)>),
    /// A peer could do without the link to us.
    Enough(PeerId),
    /// Some time has passed, and these peers, not linked, might be dialled now. Comes about once a second.
    Ready(Vec<PeerId>),
    /// The time has come that [`Effect::Alarm`] named.
    Alarm,
}

/// What the machine wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Push what [`Input::New`] was about, naming as told, and over how many links it comes there.
    Push(Vec<PeerId>, Vec<Told>, u8),
    /// Tell a peer what is here.
    Announce(ConversationId, PeerId, Vec<News>),
    /// Ask a peer for what is missing of these chains, and to have them pushed.
    Graft(ConversationId, PeerId, Vec<(u32, ActorId)>),
    /// Tell a peer to announce these chains only.
    Prune(ConversationId, PeerId, Vec<(u32, ActorId)>),
    /// Tell a peer of others.
    Introduce(ConversationId, PeerId, Vec<PeerId>),
    /// Dial a peer.
    Dial(PeerId),
    /// Tell a peer that we could do without this link.
    Enough(PeerId),
    /// Close a link that neither end needs.
    Close(PeerId),
    /// Come back with [`Input::Alarm`] at this time, if not before.
    Alarm(Timestamp),
}

/// The machine, for all conversations of one peer.
#[derive(Debug)]
pub struct Gossip {
    me: PeerId,
    dice: Entropy,
    crowds: BTreeMap<ConversationId, Crowd>,
    /// Peers with whom a link was given up, and until when they are not dialled again for want of links.
    avoided: BTreeMap<PeerId, Timestamp>,
    alarm: Option<Timestamp>,
}

impl Gossip {
    /// Starts without conversations. `seed` decides all choices.
    pub fn new(me: PeerId, seed: [u8; 32]) -> Self {
        Gossip { me, dice: Entropy::from_seed(seed), crowds: BTreeMap::new(), avoided: BTreeMap::new(), alarm: None }
    }

    /// Handles one input and returns what is to be done about it, in order.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Crowd(conversation, others) => self.crowd(conversation).others = others,
            Input::Up(conversation, peer) => self.up(now, conversation, peer, &mut effects),
            Input::Down(conversation, peer) => self.crowd(conversation).down(now, conversation, &peer, &mut effects),
            Input::Gone(peer) => {
                self.crowds.iter_mut().for_each(|(id, crowd)| crowd.down(now, *id, &peer, &mut effects));
            }
            Input::Left(conversation) => drop(self.crowds.remove(&conversation)),
            Input::Known(conversation, peers) => self.known(conversation, peers),
            Input::New { conversation, news, from, told, hops } => {
                let me = self.me;
                let crowd = self.crowd(conversation);
                crowd.came(now, &news, from, hops);
                let announced = crowd.announcers(&news);
                let (to, told) = crowd.spread(now, me, &news, from, &told);
                for (from, news) in announced {
                    crowd.shorten(now, conversation, from, &[news], &mut effects);
                }
                if !to.is_empty() {
                    effects.push(Effect::Push(to, told, hops.saturating_add(1)));
                }
            }
            Input::Fetched(conversation, from, news) => self.crowd(conversation).fetched(now, from, &news),
            Input::Stale(conversation, from, chains, hops) => {
                self.crowd(conversation).stale(now, conversation, from, (&chains, hops), &mut effects);
            }
            Input::Announced { conversation, from, lacking, held } => {
                let crowd = self.crowd(conversation);
                crowd.announced(now, from, &lacking, &held);
                crowd.shorten(now, conversation, from, &held, &mut effects);
            }
            Input::Grafted(conversation, peer, chains) => {
                self.crowd(conversation).grafted(now, conversation, peer, &chains, &mut effects);
            }
            Input::Pruned(conversation, peer, chains) => self.crowd(conversation).set_eager(now, peer, &chains, false),
            Input::Enough(peer) => self.asked_to_part(now, peer, &mut effects),
            Input::Ready(peers) => self.look_after_links(now, &peers, &mut effects),
            Input::Alarm => {}
        }
        self.ring(now, &mut effects);
        effects
    }

    /// Tells whether a conversation is large, as far as its members' devices are known.
    pub fn is_large(&self, conversation: &ConversationId) -> bool {
        self.crowds.get(conversation).is_some_and(Crowd::is_large)
    }

    /// Returns over how many links the newest of a chain came, as far as it is known.
    pub fn hops(&self, conversation: &ConversationId, segment: u32, actor: ActorId) -> u8 {
        self.crowds.get(conversation).map_or(u8::MAX, |crowd| crowd.routes.hops(&(segment, actor)))
    }

    /// Tells whether it is a peer's turn, of all that share a large conversation, to be told heads in a round.
    pub fn has_turn(&self, conversation: &ConversationId, peer: &PeerId, round: u64) -> bool {
        let Some(crowd) = self.crowds.get(conversation) else { return true };
        let turn = round.checked_rem(crowd.near.len() as u64).and_then(|turn| usize::try_from(turn).ok());
        !crowd.is_large() || turn.and_then(|turn| crowd.near.keys().nth(turn)) == Some(peer)
    }

    fn crowd(&mut self, conversation: ConversationId) -> &mut Crowd {
        self.crowds.entry(conversation).or_default()
    }

    /// Does what is due, and sets the alarm for what is due next.
    fn ring(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.alarm.is_some_and(|at| is_due(now, at)) {
            self.alarm = None;
            for (conversation, crowd) in &mut self.crowds {
                crowd.announce(now, *conversation, effects);
                crowd.graft(now, *conversation, effects);
            }
        }
        let next = self.crowds.values().filter_map(Crowd::next_due).min();
        if let Some(next) = next.filter(|next| self.alarm.is_none_or(|at| *next < at)) {
            self.alarm = Some(next);
            effects.push(Effect::Alarm(next));
        }
    }

    /// Draws a number below `end`.
    fn draw(&mut self, end: usize) -> usize {
        let number = u64::from_be_bytes(self.dice.bytes());
        number.checked_rem(end as u64).and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
    }

    /// Draws some of many, in the order in which they were drawn.
    fn draw_some<T>(&mut self, mut from: Vec<T>, count: usize) -> Vec<T> {
        let mut drawn = Vec::new();
        while drawn.len() < count && !from.is_empty() {
            let at = self.draw(from.len());
            drawn.push(from.swap_remove(at));
        }
        drawn
    }
}

/// Tells whether a time has come; also if it is further ahead than any would be.
fn is_due(now: Timestamp, at: Timestamp) -> bool {
    now >= at || at.since(now) > LONGEST_WAIT_MS
}

/// Returns who is named as told.
fn named(told: &[Told], from: Option<PeerId>, me: PeerId) -> BTreeSet<Told> {
    told.iter().take(crowd::MAX_TOLD).copied().chain(from.map(Told::from)).chain([Told::from(me)]).collect()
}
