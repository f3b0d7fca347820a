//! Mail: what reaches who is away, through mailboxes that can read nothing.
//!
//! A conversation may name up to three mailboxes, nodes that keep sealed envelopes under topics. Whatever of ours not
//! every member's device was heard to have is sealed under the epoch in use and put there; and what others put there is
//! read. An envelope holds a parcel: the same that linked members send each other, and it goes in by the same steps
//! (gate, signature, authority, disk). A mailbox that drops, doubles, reorders, replays or invents harms nothing: what
//! does not fit is dropped and counted, what is lost comes by another way, and nobody is to blame.
//!
//! Of a **large** conversation an author hears from few who has what, so nothing would ever be with all. What [`ENOUGH`] other
//! devices have is left to them: they hand it on, and no mailbox carries what a thousand read. Who is linked with as many
//! looks into it as rarely as where all are linked.
//!
//! Who was away when a mailbox was named does not know of it. So everyone looks, at the start and a few times a day, into
//! mailboxes that are likely to be it: of their own nodes, and of those over which the others could be reached last. Nothing
//! is put there.
//!
//! A mailbox that lost what it kept says so by another time at which it was begun. What was put there is put again.
//!
//! ```text
//! outbox    what of ours is in each mailbox       sending   parcels packed, sealed and put
//! lookout   which topics were read, and how far   taking    envelopes opened and taken in
//! ```
//!
//! Who was away while the epoch changed finds the new one by mail as well: its maker puts its record and the boxes under
//! the topic of the epoch before. What a removed member sees of that is what everybody is shown, and boxes for others.

mod lookout;
mod outbox;
mod sending;
mod taking;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::conversation::Conversation;
use super::io::{Errand, MailAnswer, MailTicket, View, Wanted};
use super::{Effect, Engine, keys};
use crate::conversation::EntryId;
use crate::crypto;
use crate::id::{Address, ConversationId, DeviceId, EnvelopeId, PeerId};
use crate::rpc::MailboxStanding;
use crate::store::{IndexOp, StoreError};
use crate::time::Timestamp;

use lookout::Lookout;
use outbox::Outbox;

/// How long who is linked may take to acknowledge what we said before it is mailed.
const GRACE_MS: u64 = 500;

/// The same for large conversations, of which is acknowledged once a second.
const GRACE_OF_LARGE_MS: u64 = 5_000;

/// In a large conversation: how many devices are enough to bring something to all others.
const ENOUGH: usize = 6;

/// Errands to one node that may be on their way at a time.
const MAX_ERRANDS: usize = 8;

/// How long a node that was not reached is left alone; each time twice as long. One that the conversation does not name may
/// keep no mail at all.
const FIRST_WAIT_MS: u64 = 1_000;
const LONGEST_WAIT_MS: u64 = 60_000;
const LONGEST_WAIT_UNNAMED_MS: u64 = 60 * 60_000;

/// How often a mailbox may say that it was begun anew: each time all is put again.
const BEGUN_EVERY_MS: u64 = 60 * 60_000;

/// Nodes into which we look though the conversation does not name them.
const MAX_UNNAMED: usize = 4;

/// How long an errand may take; then it is taken for one that came to nothing.
const PATIENCE_MS: u64 = 2 * 60_000;

/// Envelopes that are remembered, to be opened once only.
const MAX_SEEN: usize = 8192;

/// By device, the nodes over which it could be reached last.
type Ways = BTreeMap<DeviceId, Vec<Address>>;

/// What is known of mailboxes.
#[derive(Debug, Default)]
pub(super) struct Mail {
    posts: BTreeMap<(ConversationId, Address), Post>,
    nodes: BTreeMap<Address, Node>,
    errands: BTreeMap<MailTicket, Sent>,
    next: u64,
    seen: Seen,
    /// When something of ours was said last that may have to be mailed.
    said_at: BTreeMap<ConversationId, Timestamp>,
    /// Our own nodes that keep mail.
    pub(super) ours: Vec<Address>,
}

/// One conversation in one mailbox.
#[derive(Debug)]
struct Post {
    /// Whether the conversation names it; into others we only look.
    named: bool,
    outbox: Outbox,
    lookout: Lookout,
    /// When it was begun, as it said last; and when it last said that this was anew.
    begun: Option<u64>,
    anew_at: Option<Timestamp>,
    /// What it refused last, and why, until it does it.
    refusals: BTreeMap<Kind, String>,
    /// Envelopes there that were good for nothing, and why the last of them was.
    useless: (u32, &'static str),
}

/// A node, as far as it could be reached.
#[derive(Debug, Default)]
struct Node {
    errands: usize,
    again_at: Timestamp,
    wait: u64,
    /// Why it was not reached when it was asked last.
    failure: Option<String>,
}

/// What is asked of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Put,
    Read,
}

/// An errand that is on its way.
#[derive(Debug)]
struct Sent {
    id: ConversationId,
    node: Address,
    kind: Kind,
    at: Timestamp,
}

/// The envelopes that were opened last, or sealed here.
#[derive(Debug, Default)]
struct Seen {
    ids: BTreeSet<EnvelopeId>,
    order: VecDeque<EnvelopeId>,
}

impl Seen {
    fn note(&mut self, id: EnvelopeId) {
        if self.ids.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > MAX_SEEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

impl Mail {
    /// Tells whether a full look into a mailbox of the conversation came to its end since the start.
    pub(super) fn has_looked(&self, id: ConversationId) -> bool {
        self.posts.iter().any(|((of, _), post)| *of == id && post.named && post.lookout.has_looked())
    }

    /// Tells of each mailbox of a conversation, those first that it names.
    pub(super) fn standing(&self, id: ConversationId, named: &[Address]) -> Vec<MailboxStanding> {
        let posts = self.posts.iter().filter(|((of, node), _)| *of == id && !named.contains(node));
        let named = named.iter().map(|node| self.standing_of(node, self.posts.get(&(id, node.clone())), true));
        named.chain(posts.map(|((_, node), post)| self.standing_of(node, Some(post), false))).collect()
    }

    fn standing_of(&self, address: &Address, post: Option<&Post>, named: bool) -> MailboxStanding {
        let node = self.nodes.get(address);
        let refusal = post.and_then(|post| post.refusals.first_key_value()).map(|(kind, why)| match kind {
            Kind::Put => format!("it did not take an envelope: {why}"),
            Kind::Read => format!("it did not say what it has: {why}"),
        });
        let (useless, why) = post.map_or((0, ""), |post| post.useless);
        MailboxStanding {
            address: address.to_string(),
            named,
            reached: node.is_none_or(|node| node.wait == 0),
            errands: node.map_or(0, |node| u32::try_from(node.errands).unwrap_or(u32::MAX)),
            problem: node.and_then(|node| node.failure.clone()).or(refusal),
            useless,
            useless_because: Some(why.to_owned()).filter(|_| useless > 0),
        }
    }

    /// Returns how far one of our chains is in any of the mailboxes.
    pub(super) fn holds(&self, id: ConversationId, chain: &(u32, crate::id::ActorId)) -> u32 {
        let posts = self.posts.iter().filter(|((of, _), post)| *of == id && post.named);
        posts.map(|(_, post)| post.outbox.holds(chain)).max().unwrap_or(0)
    }

    /// Tries again soon whatever waits: the network may be another.
    pub(super) fn hurry(&mut self) {
        self.nodes.values_mut().for_each(|node| (node.again_at, node.wait) = (Timestamp(0), 0));
        for post in self.posts.values_mut() {
            post.outbox.hurry();
            post.lookout.hurry();
        }
    }

    fn may_ask(&self, node: &Address, now: Timestamp) -> bool {
        self.nodes.get(node).is_none_or(|node| {
            // Further ahead than any wait: the clock was set back.
            let waits = now < node.again_at && node.again_at.since(now) <= node.wait;
            !waits && node.errands < MAX_ERRANDS
        })
    }
}

impl Engine {
    /// Sends and fetches mail; comes with each tick.
    pub(super) fn mail(&mut self, now: Timestamp, view: &dyn View) {
        if self.is_retired() {
            return;
        }
        let is_late = |sent: &Sent| now < sent.at || now.since(sent.at) >= PATIENCE_MS;
        let late = self.mail.errands.iter().filter(|(_, sent)| is_late(sent)).map(|(ticket, _)| *ticket);
        for ticket in Vec::from_iter(late) {
            self.mailed(now, ticket, MailAnswer::Unreachable("the node did not answer in time".to_owned()), view);
        }
        let over = self.nodes_of_others();
        let ids: Vec<ConversationId> = self.conversations.keys().copied().collect();
        for id in ids {
            if let Err(error) = self.open_posts(id, &over, view) {
                self.problem(error.to_string());
            }
            self.send_mail(now, id, view);
            self.look_for_mail(now, id);
        }
    }

    /// Notes that something of ours was said that others may lack.
    pub(super) fn stir_mail(&mut self, now: Timestamp, id: ConversationId) {
        if self.conversations.get(&id).is_some_and(|conversation| !conversation.mailboxes().is_empty()) {
            self.mail.said_at.insert(id, now);
            let posts = self.mail.posts.iter_mut().filter(|((of, _), _)| *of == id);
            posts.for_each(|(_, post)| post.outbox.stir());
        }
    }

    /// Recalls what is known of the conversation's mailboxes, and forgets those that are none any more.
    fn open_posts(&mut self, id: ConversationId, over: &Ways, view: &dyn View) -> Result<(), StoreError> {
        let user = self.profile.user;
        let Some(conversation) = self.conversations.get(&id) else { return Ok(()) };
        let is_in = conversation.member(&user).is_some() && !conversation.left;
        let named = if is_in { conversation.mailboxes() } else { &[] };
        let unnamed = if is_in { conversation.likely_mailboxes(&self.mail.ours, over) } else { Vec::new() };
        let wanted = |node: &Address, post: &Post| match post.named {
            true => named.contains(node),
            false => unnamed.contains(&node),
        };
        self.mail.posts.retain(|(of, node), post| *of != id || wanted(node, post));
        let named = named.iter().map(|node| (node, true));
        for (node, named) in named.chain(unnamed.iter().map(|node| (*node, false))) {
            if let Entry::Vacant(place) = self.mail.posts.entry((id, node.clone())) {
                place.insert(conversation.post(node, named, view)?);
            }
        }
        Ok(())
    }

    /// Returns over which nodes the devices of others could be reached last.
    fn nodes_of_others(&self) -> Ways {
        let mut over = Ways::new();
        for (device, known) in self.book.iter().filter_map(|(_, known)| Some((known.device?, known))) {
            let nodes = known.addresses.iter().filter_map(|address| address.0.strip_suffix("/p2p-circuit"));
            over.entry(device).or_default().extend(nodes.map(|node| Address(node.to_owned())));
        }
        over
    }

    /// Tells whether a member's device is not linked: it may send what we do not hear, and does not hear us. Of a large
    /// conversation: whether too few are linked who could bring it.
    fn is_anyone_away(&self, id: ConversationId) -> bool {
        let me = self.key.device();
        let Some(conversation) = self.conversations.get(&id) else { return false };
        let linked = self.links.values().filter(|link| link.shared.contains(&id)).filter_map(|link| link.device);
        let linked: BTreeSet<DeviceId> = linked.filter(|device| *device != me).collect();
        if conversation.is_large() {
            return linked.len() < ENOUGH;
        }
        conversation.devices.keys().any(|device| *device != me && !linked.contains(device))
    }

    /// Sends an errand on its way.
    fn run_errand(&mut self, at: Timestamp, id: ConversationId, errand: Errand) {
        let ticket = MailTicket(self.mail.next);
        self.mail.next += 1;
        self.mail.nodes.entry(errand.node.clone()).or_default().errands += 1;
        let kind = if matches!(errand.wanted, Wanted::Put(_)) { Kind::Put } else { Kind::Read };
        self.mail.errands.insert(ticket, Sent { id, node: errand.node.clone(), kind, at });
        self.effects.push(Effect::Mail(ticket, errand));
    }

    /// A mailbox answered, or was not reached.
    pub(super) fn mailed(&mut self, now: Timestamp, ticket: MailTicket, answer: MailAnswer, view: &dyn View) {
        let Some(Sent { id, node, kind, .. }) = self.mail.errands.remove(&ticket) else { return };
        let post = self.mail.posts.get_mut(&(id, node.clone()));
        let known = self.mail.nodes.entry(node.clone()).or_default();
        known.errands = known.errands.saturating_sub(1);
        if let MailAnswer::Unreachable(why) = &answer {
            let named = post.as_ref().is_none_or(|post| post.named);
            let longest = if named { LONGEST_WAIT_MS } else { LONGEST_WAIT_UNNAMED_MS };
            known.wait = (known.wait * 2).clamp(FIRST_WAIT_MS, longest);
            known.again_at = now.plus(known.wait);
            known.failure = Some(why.clone());
        } else {
            (known.wait, known.failure) = (0, None);
        }
        match (answer, kind) {
            (MailAnswer::Kept, Kind::Put) => self.mail_kept(id, &node, now, view),
            (MailAnswer::Envelopes { envelopes, next, more, begun }, Kind::Read) => {
                self.mailbox_begun(now, (id, &node), begun, view);
                self.take_mail(now, (id, &node), envelopes, (next, more), view);
            }
            (answer, _) => {
                if let Some(post) = post {
                    post.failed(now, kind, answer);
                }
            }
        }
    }

    /// Notes when a mailbox was begun. If that is another time than before, it lost what it had.
    fn mailbox_begun(&mut self, now: Timestamp, (id, node): (ConversationId, &Address), begun: u64, view: &dyn View) {
        let Some(number) = self.conversations.get(&id).map(|known| known.number) else { return };
        let Some(post) = self.mail.posts.get_mut(&(id, node.clone())).filter(|post| post.begun != Some(begun)) else {
            return;
        };
        let name = name_of(node);
        let mut ops = vec![IndexOp::Put(keys::begun(number, &name), begun.to_be_bytes().to_vec())];
        if post.begun.is_some() {
            if post.anew_at.is_some_and(|at| now >= at && now.since(at) < BEGUN_EVERY_MS) {
                return;
            }
            post.anew_at = Some(now);
            post.outbox.forget();
            for part in [keys::Part::Mailed, keys::Part::MailedItems] {
                let (from, to) = keys::of_node(part, number, &name);
                let gone = view.scan(&from, &to, usize::MAX, false).unwrap_or_default();
                ops.extend(gone.into_iter().map(|(key, _)| IndexOp::Remove(key)));
            }
        }
        post.begun = Some(begun);
        self.note_mail(ops);
    }

    /// Tells whoever follows of our newest messages that are in a mailbox now.
    fn tell_mailed(&mut self, now: Timestamp, id: ConversationId, messages: &[EntryId], view: &dyn View) {
        let Some(number) = self.conversations.get(&id).map(|conversation| conversation.number) else { return };
        for message in messages {
            let row = view.get(&keys::row(number, message)).ok().flatten();
            if let Some(row) = row.and_then(|bytes| super::rows::decode(&bytes)).filter(|row| !row.is_over(now)) {
                self.tell_row(now, id, message, &row, view);
            }
        }
    }

    fn note_mail(&mut self, ops: Vec<IndexOp>) {
        if !ops.is_empty() {
            self.effects.push(Effect::Index(ops, self.complete));
        }
    }

    /// Returns the members' devices that are linked now.
    pub(super) fn linked_devices(&self, id: ConversationId) -> BTreeMap<DeviceId, PeerId> {
        self.sharing(id).into_iter().filter_map(|peer| Some((self.links.get(&peer)?.device?, peer))).collect()
    }
}

impl Post {
    /// An errand came to nothing.
    fn failed(&mut self, now: Timestamp, kind: Kind, answer: MailAnswer) {
        match answer {
            MailAnswer::Refused(why) => drop(self.refusals.insert(kind, why)),
            MailAnswer::Unreachable(_) => {}
            _ => drop(self.refusals.insert(kind, "its answer was to something else".to_owned())),
        }
        match kind {
            Kind::Put => self.outbox.refused(now),
            Kind::Read => self.lookout.unanswered(),
        }
    }

    /// It did what it was asked.
    fn did(&mut self, kind: Kind) {
        self.refusals.remove(&kind);
    }
}

impl Conversation {
    /// Returns the nodes where its mail waits.
    pub(super) fn mailboxes(&self) -> &[Address] {
        &self.authority.last_ruling().settings().mailboxes
    }

    /// Returns nodes where its mail may wait without our knowing of it: ours, and those over which members were reached.
    fn likely_mailboxes<'a>(&self, ours: &'a [Address], over: &'a Ways) -> Vec<&'a Address> {
        let of_members =
            over.iter().filter(|(device, _)| self.devices.contains_key(device)).flat_map(|(_, nodes)| nodes);
        let mut known: BTreeSet<&str> = self.mailboxes().iter().filter_map(peer_in).collect();
        ours.iter()
            .chain(of_members)
            .filter(|node| peer_in(node).is_some_and(|peer| known.insert(peer)))
            .take(MAX_UNNAMED)
            .collect()
    }

    /// Recalls what the index has of one of the mailboxes.
    fn post(&self, node: &Address, named: bool, view: &dyn View) -> Result<Post, StoreError> {
        let node = name_of(node);
        let all = |part| {
            let (from, to) = keys::of_node(part, self.number, &node);
            view.scan(&from, &to, usize::MAX, false)
        };
        let chains = all(keys::Part::Mailed)?;
        let chains =
            chains.iter().filter_map(|(key, v)| Some((keys::mailed_chain(key)?, postcard::from_bytes(v).ok()?)));
        let items = all(keys::Part::MailedItems)?;
        let items = items.iter().filter_map(|(key, v)| Some((keys::mailed_name(key)?, postcard::from_bytes(v).ok()?)));
        let topics = all(keys::Part::Looked)?;
        let topics =
            topics.iter().filter_map(|(key, v)| Some((keys::looked_topic(key)?, postcard::from_bytes(v).ok()?)));
        let outbox = Outbox::remembering(chains.collect(), items.collect());
        let lookout = Lookout::remembering(topics, named);
        let begun = view.get(&keys::begun(self.number, &node))?.and_then(|bytes| bytes.try_into().ok());
        let begun = begun.map(u64::from_be_bytes);
        Ok(Post { named, outbox, lookout, begun, anew_at: None, refusals: BTreeMap::new(), useless: (0, "") })
    }
}

/// Returns the peer that an address names.
fn peer_in(node: &Address) -> Option<&str> {
    node.0.rsplit_once("/p2p/").map(|(_, peer)| peer)
}

/// Returns the name of a mailbox in the index.
fn name_of(node: &Address) -> [u8; 8] {
    crate::authority::abbreviate(&crypto::hash("bayou/1/mailbox", &[node.0.as_bytes()]))
}
