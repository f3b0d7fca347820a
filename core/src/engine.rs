//! The heart: everything a messenger decides, without doing any of it.
//!
//! `Engine::handle(now, input, view) -> effects`. No clock, no sockets, no disk, no randomness of its own: the same
//! inputs, seed and view give the same effects, byte for byte. It reads what is kept through a [`View`] and writes by
//! the effect [`Effect::Persist`]; whatever would tell anyone of something new waits until the shell reports it durable
//! (*keep before you speak*), so that many inputs share one fdatasync.
//!
//! Only `outbound` and `inbound` know the order of the steps of a message's way out and in; `durable` is where both meet
//! again, after the disk.
//!
//! | file | what happens there |
//! |---|---|
//! | `birth` | a device as it starts: from the recovery phrase, or let in by another |
//! | `own` | our user's other devices, and what they agree on |
//! | `contacts` | names of our own for others, and whether we compared keys |
//! | `profile` | how our user shows themselves, and others do |
//! | `asking`, `requests`, `direct` | from a contact link to a conversation of two |
//! | `blocks` | of whom our user wants to hear nothing |
//! | `drafts` | what our user began to write, and how they like their front ends |
//! | `devices` | commands about them: list, let in, retire |
//! | `recover` | from what is kept to a running engine; rebuilds what the index lacks |
//! | `outbound` | commands that write: send, edit, delete, react |
//! | `repeats` | what a front end sends again |
//! | `roles` | commands that change who may do what: begin, grant, remove, leave |
//! | `invites` | links that invite, and who asks to be let in |
//! | `inbound` | frames with changes: gate, verify, keep |
//! | `entrance` | from an invite to being in, on both sides of the door |
//! | `controls` | the conversation's authority: exchanged, kept, and carried out |
//! | `cuts` | how far the chains of who was removed count |
//! | `conversation` | what is known of one conversation |
//! | `durable` | what is kept now: apply, fold into rows, reply, pass on |
//! | `epochs` | group keys: opened, handed on, forgotten |
//! | `mail` | what waits in mailboxes for who is away |
//! | `bundles` | the same, carried by hand |
//! | `links` | links: proof of device, shared conversations |
//! | `rendezvous` | under which namespaces members find each other at nodes |
//! | `crowds` | carries out what gossip decides; where other members' peers may be reached |
//! | `exchange` | heads, what is missing, bodies that are missing |
//! | `forks` | chains that their device wrote twice |
//! | `expiry` | messages that disappear |
//! | `queries`, `pages`, `people`, `notices`, `standing` | what front ends read |
//! | `watchdog` | linked peers who do not get on |
//! | `upkeep` | the tick: dial again, ask again, compact |

mod address_book;
mod alarms;
mod asking;
mod birth;
mod blocks;
mod bundles;
mod contacts;
mod controls;
mod conversation;
mod crowds;
mod cuts;
mod devices;
mod direct;
mod drafts;
mod durable;
mod entrance;
mod epochs;
mod exchange;
mod expiry;
mod facts;
mod forks;
mod inbound;
mod invites;
mod io;
mod keys;
mod links;
mod mail;
mod notices;
mod outbound;
mod own;
mod pages;
mod people;
mod profile;
mod queries;
mod recover;
mod rendezvous;
mod repeats;
mod requests;
mod roles;
mod rows;
mod shelf;
mod standing;
mod upkeep;
mod watchdog;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

pub use birth::{BadHandover, Newborn};
pub use io::{CallId, Effect, Errand, Input, MailAnswer, MailTicket, Report, Ticket, View, Wanted};
pub use queries::usefulness;
pub use recover::{Config, OpenError};

use crate::authority::Authority;
use crate::conversation::SegmentId;
use crate::crypto::{DeviceKey, Entropy};
use crate::envelope::Frame;
use crate::gossip::{self, Gossip};
use crate::id::{Address, ConversationId, DeviceId, PeerId, StreamId, UserId};
use crate::identity::{Profile, RegisterKey, Registers};
use crate::rpc::{ErrorCode, Reply, RpcError};
use crate::store::{Batch, Lsn, StoreError};
use crate::sync::Waiting;
use crate::time::{Clock, Timestamp};

use address_book::AddressBook;
use bundles::Exports;
use conversation::Conversation;
use devices::Guiding;
use durable::{DurableForks, DurableRuns, Pending};
use epochs::Group;
use facts::Fact;
use links::Link;
use mail::Mail;
use rendezvous::Rendezvous;
use repeats::Repeats;
use shelf::Shelf;
use upkeep::Tails;
use watchdog::Watchdog;

/// A messenger's state in memory. All of it but `rng` can be rebuilt from the store.
pub struct Engine {
    profile: Profile,
    key: DeviceKey,
    /// Our own user's log: an authority that no conversation belongs to.
    own: Authority,
    /// What our user's devices agreed on.
    registers: Registers,
    /// What the other devices may not know yet.
    unsaid: BTreeSet<RegisterKey>,
    /// Our user came back by the phrase: others tell where the user was.
    is_back: bool,
    /// A device of our user's that is being let in.
    guiding: Option<Guiding>,
    /// When we looked last for those whom our user asked to be a contact.
    sought: Timestamp,
    /// The group keys of each conversation.
    groups: BTreeMap<ConversationId, Group>,
    peer: PeerId,
    /// Goes into the names of our chains; another for each instance of a home.
    nonce: [u8; 16],
    rng: Entropy,
    clock: Clock,
    facts: Vec<Fact>,
    conversations: BTreeMap<ConversationId, Conversation>,
    shelf: Shelf,
    repeats: Repeats,
    waiting: Waiting,
    mail: Mail,
    /// Bundles that are being made.
    exports: Exports,
    links: BTreeMap<PeerId, Link>,
    watchdog: Watchdog,
    gossip: Gossip,
    book: AddressBook,
    rendezvous: Rendezvous,
    /// Where we listen: for invites, and for people.
    listening: Vec<(Address, Address)>,
    pending: BTreeMap<Ticket, Vec<Pending>>,
    next: Ticket,
    /// The position up to which everything kept is applied.
    complete: Lsn,
    /// What became durable and is to be applied next, with the position up to which everything is then applied.
    durable: Option<(DurableRuns, DurableForks, Lsn)>,
    tails: Tails,
    problem: Option<String>,
    effects: Vec<Effect>,
    /// What the effects of this input write into the rows of the index: the view does not show it yet.
    written: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Segments that the index does not include yet.
    stale: Vec<SegmentId>,
}

impl Engine {
    /// Handles one input and returns what is to be done about it, in order.
    pub fn handle(&mut self, now: Timestamp, input: Input, view: &dyn View) -> Vec<Effect> {
        match input {
            Input::Call(call, request) => self.call(now, call, request, view),
            Input::Persisted(tickets) => self.persisted(now, tickets, view),
            Input::NotPersisted(ticket, why) => self.not_persisted(ticket, &why, view),
            Input::Snapshotted(stream, result) => self.snapshotted(now, stream, result),
            Input::Listening { address, dialable } => self.listening(address, dialable),
            Input::Silent(address) => self.silent(&address),
            Input::Relayed(relayed) => self.relayed(relayed),
            Input::Mailboxes(nodes) => self.mail.ours = nodes,
            Input::LinkUp { peer, binding, address, listens, relayed } => {
                self.link_up(now, peer, binding, (address, relayed), listens);
            }
            Input::Moved { peer, address, relayed } => self.moved(peer, address, relayed),
            Input::LinkDown(peer) => self.link_down(now, peer),
            Input::Frame(peer, bytes) => self.frame(now, peer, &bytes, view),
            Input::Congested(peer) => self.congested(peer),
            Input::Drained(peer) => self.drained(now, peer),
            Input::Mailed(ticket, answer) => self.mailed(now, ticket, answer, view),
            Input::Known(peer, address) => self.known(peer, address),
            Input::RoundTrip(peer, ms) => self.round_trip(peer, ms),
            Input::DialFailed(peer, why) => self.book.failed(peer, why),
            Input::Discovered(peer, addresses) => self.discovered(peer, addresses),
            Input::Found(peer, addresses) => self.found(peer, addresses),
            Input::Continue => self.go_on(now, view),
            Input::Gathered => self.judge_gathered(),
            Input::Tick => self.tick(now, view),
            Input::Alarm => self.gossip(now, gossip::Input::Alarm),
        }
        self.written.clear();
        std::mem::take(&mut self.effects)
    }

    /// Returns our device.
    pub fn device(&self) -> DeviceId {
        self.key.device()
    }

    /// Returns whose device it is.
    pub fn user(&self) -> UserId {
        self.profile.user
    }

    fn persist(&mut self, batch: Batch, pending: Vec<Pending>) {
        let ticket = self.next;
        self.next.number += 1;
        self.pending.insert(ticket, pending);
        self.effects.push(Effect::Persist(ticket, batch));
    }

    fn reply(&mut self, call: CallId, result: Result<Reply, RpcError>) {
        self.effects.push(Effect::Reply(call, Box::new(result)));
    }

    fn send(&mut self, peer: PeerId, frame: &Frame) {
        self.effects.push(Effect::Send(peer, Bytes::from(frame.encode())));
    }

    /// Takes note of what this machine could not do, for `status` and the log.
    fn problem(&mut self, what: impl Into<String>) {
        let what = what.into();
        if self.problem.as_ref() != Some(&what) {
            self.problem = Some(what.clone());
            self.effects.push(Effect::Report(Report::Problem(what)));
        }
    }
}

fn stream(id: SegmentId) -> StreamId {
    StreamId::Segment(id.conversation, id.number)
}

/// Says of a failed store what a front end is told.
fn machine(error: impl ToString) -> RpcError {
    RpcError::new(ErrorCode::Machine, error.to_string())
}

impl From<StoreError> for RpcError {
    fn from(error: StoreError) -> Self {
        machine(error)
    }
}

impl From<shelf::OpenError> for RpcError {
    fn from(error: shelf::OpenError) -> Self {
        machine(error)
    }
}
