//! All that can happen to a messenger, and all that it does, on one page.

use bytes::Bytes;

use crate::envelope::WriteKey;
use crate::id::{Address, Namespace, PeerId, StreamId};
use crate::rpc::{Event, Reply, Request, RpcError};
use crate::store::{Batch, Entry, IndexOp, Lsn, Store, StoreError, Stream};
use crate::time::Timestamp;

/// Names a call until it is answered. The caller chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// Names a batch until the store has answered.
///
/// When a batch cannot be kept, all later ones of its generation build on something that is not there: they must not be
/// kept either, and are to be answered with [`Input::NotPersisted`] too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// Rises by one with each failure.
    pub generation: u32,
    /// Rises by one with each batch.
    pub number: u64,
}

/// Names an errand to a mailbox until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailTicket(pub u64);

/// Something wanted of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// The node, with its `/p2p/…`.
    pub node: Address,
    /// Whether the conversation names it; else something may lie there or not.
    pub named: bool,
    /// The key of the topic. Each request is signed with it.
    pub key: WriteKey,
    /// What is wanted.
    pub wanted: Wanted,
}

/// What is wanted of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Keep this envelope under the topic.
    Put(Bytes),
    /// Give what came under the topic after a place.
    Read {
        /// The place, as the mailbox itself said; 0 for the beginning.
        after: u64,
    },
}

/// What a mailbox answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailAnswer {
    /// The envelope is kept there, durably.
    Kept,
    /// Envelopes of the topic.
    Envelopes {
        /// In the order in which they came there.
        envelopes: Vec<Bytes>,
        /// The place after the last of them.
        next: u64,
        /// Whether there are more behind that.
        more: bool,
        /// When the mailbox was begun, by its own clock: another time says that what lay there before is gone.
        begun: u64,
    },
    /// It does not want to, now; why, in plain words.
    Refused(String),
    /// It was not reached; why, in plain words.
    Unreachable(String),
}

/// What can happen.
#[derive(Debug, Clone)]
pub enum Input {
    /// A front end asks for something.
    Call(CallId, Request),
    /// These batches are durable now, in the order in which they were asked for.
    Persisted(Vec<(Ticket, Lsn)>),
    /// This batch was not kept, and neither is any later one of its generation.
    NotPersisted(Ticket, String),
    /// The snapshot of a stream is durable, or could not be written.
    Snapshotted(StreamId, Result<(), String>),
    /// We listen at an address.
    Listening {
        /// The address, for invites.
        address: Address,
        /// The same with our peer id, for people.
        dialable: Address,
    },
    /// We cannot be reached at an address any more.
    Silent(Address),
    /// From now on these are the ways to us over the nodes that we use.
    Relayed(Vec<Address>),
    /// From now on these nodes of ours keep mail, each with its `/p2p/…`.
    Mailboxes(Vec<Address>),
    /// A link is up.
    LinkUp {
        /// The peer.
        peer: PeerId,
        /// What a device signs to prove itself on this link, and on no other.
        binding: [u8; 32],
        /// Where the peer was reached.
        address: Address,
        /// Where it says it listens.
        listens: Vec<Address>,
        /// Whether the link goes over a relay.
        relayed: bool,
    },
    /// A link goes on over another connection; nothing was lost.
    Moved {
        /// The peer.
        peer: PeerId,
        /// Where it is now.
        address: Address,
        /// Whether the link goes over a relay.
        relayed: bool,
    },
    /// A link is down.
    LinkDown(PeerId),
    /// A frame came over a link.
    Frame(PeerId, Bytes),
    /// A peer does not keep up: frames to it were dropped.
    Congested(PeerId),
    /// A peer that did not keep up does so again.
    Drained(PeerId),
    /// A ping over the link to a peer took so many milliseconds there and back.
    RoundTrip(PeerId, u32),
    /// A dial of a peer came to nothing; why, in plain words.
    DialFailed(PeerId, String),
    /// A mailbox answered, or was not reached.
    Mailed(MailTicket, MailAnswer),
    /// A person named an address to dial.
    Known(Option<PeerId>, Address),
    /// A peer announced itself nearby.
    Discovered(PeerId, Vec<Address>),
    /// A node told where a peer is that looks for the same as we.
    Found(PeerId, Vec<Address>),
    /// The effects up to [`Effect::Continue`] are executed.
    Continue,
    /// What came since [`Effect::Gather`] is to be judged, all at once.
    Gathered,
    /// Some time has passed. Comes about once a second.
    Tick,
    /// The time has come that [`Effect::Alarm`] named.
    Alarm,
}

/// What the engine wants done. Effects are executed in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Keep this, durably, and say so.
    Persist(Ticket, Batch),
    /// Change the index; everything derived from batches up to the position is then in it.
    Index(Vec<IndexOp>, Lsn),
    /// Compact a stream up to a position. If something in it was erased (true): give the stream a new key before anything
    /// else is kept ([`Store::renew`]), and have the old one forgotten when the snapshot is durable ([`Store::forget`]).
    Snapshot(StreamId, Lsn, Vec<u8>, bool),
    /// Send a frame. Comes only after what it tells of is durable.
    Send(PeerId, Bytes),
    /// Drop the link to a peer that misbehaved.
    Close(PeerId),
    /// Dial.
    Dial(Option<PeerId>, Vec<Address>),
    /// Let others find us at our nodes under these namespaces, and under no others.
    Register(Vec<Namespace>),
    /// Ask our nodes who else is there under these; answers come as [`Input::Found`].
    Seek(Vec<Namespace>),
    /// Run an errand to a mailbox. Comes only after what it tells of is durable.
    Mail(MailTicket, Errand),
    /// Come back at once with [`Input::Continue`], before any other input.
    Continue,
    /// A peer sent what is dear to judge: come back with [`Input::Gathered`] when whatever else has come meanwhile was
    /// handled, and count the time for this peer.
    Gather(PeerId),
    /// Come back with [`Input::Alarm`] at this time. Of several the earliest counts; who comes too early does no harm.
    Alarm(Timestamp),
    /// Answer a call.
    Reply(CallId, Box<Result<Reply, RpcError>>),
    /// Tell whoever follows.
    Emit(Event),
    /// Tell whoever runs this peer.
    Report(Report),
}

/// What the person who runs a peer may want to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// We listen here (with `/p2p/…`, ready for another's `--peer`).
    Listening(Address),
    /// A peer is linked.
    Linked {
        /// The peer.
        peer: PeerId,
        /// Whether the link goes over a relay.
        relayed: bool,
    },
    /// The link to a peer goes on over another connection.
    Moved {
        /// The peer.
        peer: PeerId,
        /// Whether the link goes over a relay.
        relayed: bool,
    },
    /// A peer is no longer linked.
    Unlinked(PeerId),
    /// Something went wrong; in words, without names or texts.
    Problem(String),
}

/// How the engine reads what is kept. Every [`Store`] is one.
pub trait View {
    /// As [`Store::streams`].
    fn streams(&self) -> Vec<StreamId>;
    /// As [`Store::read`].
    fn read(&self, stream: StreamId) -> Result<Stream, StoreError>;
    /// As [`Store::get`].
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// As [`Store::scan`].
    fn scan(&self, from: &[u8], to: &[u8], limit: usize, backwards: bool) -> Result<Vec<Entry>, StoreError>;
    /// As [`Store::unindexed`].
    fn unindexed(&self) -> Vec<StreamId>;
    /// As [`Store::last`].
    fn last(&self) -> Lsn;
    /// As [`Store::backlog`].
    fn backlog(&self, stream: StreamId) -> usize;
}

impl<S: Store> View for S {
    fn streams(&self) -> Vec<StreamId> {
        Store::streams(self)
    }
    fn read(&self, stream: StreamId) -> Result<Stream, StoreError> {
        Store::read(self, stream)
    }
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Store::get(self, key)
    }
    fn scan(&self, from: &[u8], to: &[u8], limit: usize, backwards: bool) -> Result<Vec<Entry>, StoreError> {
        Store::scan(self, from, to, limit, backwards)
    }
    fn unindexed(&self) -> Vec<StreamId> {
        Store::unindexed(self)
    }
    fn last(&self) -> Lsn {
        Store::last(self)
    }
    fn backlog(&self, stream: StreamId) -> usize {
        Store::backlog(self, stream)
    }
}
