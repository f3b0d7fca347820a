//! The gate: nothing that anyone sent reaches Automerge's documents unless it passed here. Our own changes pass too.
//!
//! It takes a **run**, consecutive changes of one chain, and checks in this order: the raw structure (`prescan`), that
//! the change continues its chain exactly (sequence number, dependency, operation counter), that it only adds entries
//! under keys of its own actor with rising stamps, the limits, and that the bytes are the ones that we would write for
//! the same content.
//!
//! **Every refusal rests on one chain alone**: on the change, its header and what the same chain said before. Nothing
//! depends on a clock, on the order of arrival between chains or on counts across chains; those may delay, never refuse,
//! or peers would differ for ever.

use std::collections::BTreeSet;

use automerge::legacy::{Key, OpType};
use automerge::{Change, ExpandedChange, ScalarValue};
use serde::{Deserialize, Serialize};

use super::chain::{ChainHeader, Chains, Tip};
use super::fork::{End, Forks};
use super::key::{EntryId, TEXT_LEN};
use super::payload::Payload;
use super::prescan::prescan;
use super::record::{Entry, MAX_RECORD, Record};
use super::schema::{Genesis, MAX_CHAIN_BYTES, MAX_CHAIN_CHANGES, SegmentId, actor_id};
use crate::crypto::Signature;
use crate::id::{ActorId, ChangeHash, DeviceId, PayloadId, RecordHash};
use crate::time::Hlc;

/// A change as it travels and as it is kept: with its proof, and with the bodies that its sender has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Automerge's uncompressed change chunk.
    #[serde(with = "serde_bytes")]
    pub change: Vec<u8>,
    /// Who writes the chain; with the first change of a chain, and only there.
    pub header: Option<ChainHeader>,
    /// The device's signature.
    pub signature: Signature,
    /// Bodies that the change refers to. May be missing; they are asked for later.
    pub payloads: Vec<Payload>,
}

impl Sent {
    /// Returns about how many bytes it takes in a frame.
    pub fn weight(&self) -> usize {
        self.change.len() + 100 + self.payloads.iter().map(|payload| payload.body.len() + 20).sum::<usize>()
    }
}

/// What the gate says of a run.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "short-lived, one for each run")]
pub enum Outcome {
    /// It continues its chain; these changes are new.
    Next(Gated),
    /// All of it is known.
    Known(ActorId),
    /// Something before it is missing, or the chain's first change with its header.
    Early(ActorId),
}

/// Why the gate refuses. Whoever sent this is faulty or hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The bytes do not have the form of one of our changes.
    #[error("malformed change: {0}")]
    Structure(&'static str),
    /// The run is empty, or mixes chains.
    #[error("not a run of one chain")]
    Run,
    /// The first change's header is missing or does not belong to it, or a later change has one.
    #[error("chain header does not fit")]
    Header,
    /// The chain already has another change in this place.
    #[error("fork: the chain has another change in this place")]
    Fork,
    /// Operation counters do not continue those of the chain.
    #[error("operation counters do not continue the chain")]
    Counter,
    /// An operation is something else than adding an own entry.
    #[error("operation not allowed: {0}")]
    Operation(&'static str),
    /// A stamp is not later than the chain's last.
    #[error("time stamps do not rise")]
    Stamp,
    /// A limit of the chain is exceeded.
    #[error("limit of the chain exceeded")]
    Limit,
    /// The bytes are not the ones that we would write for the same content.
    #[error("not in canonical form")]
    Canonical,
}

/// A run that passed the gate. Its signatures were not checked yet.
#[derive(Debug)]
pub struct Gated {
    pub(super) segment: SegmentId,
    pub(super) actor: ActorId,
    pub(super) header: Option<ChainHeader>,
    pub(super) device: DeviceId,
    pub(super) grant: RecordHash,
    pub(super) changes: Vec<GatedChange>,
    pub(super) tip: Tip,
}

/// One change of a gated run.
#[derive(Debug)]
pub(super) struct GatedChange {
    pub(super) change: Change,
    pub(super) signature: Signature,
    pub(super) proved: bool,
    pub(super) payloads: Vec<Payload>,
    pub(super) entries: Vec<Entry>,
}

impl Gated {
    /// Returns the segment.
    pub fn segment(&self) -> SegmentId {
        self.segment
    }

    /// Returns the chain.
    pub fn actor(&self) -> ActorId {
        self.actor
    }

    /// Returns the device that the chain belongs to.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// Returns the grant under which the chain is written.
    pub fn grant(&self) -> RecordHash {
        self.grant
    }

    /// Returns the place and hash of each change, in order.
    pub fn places(&self) -> impl Iterator<Item = (u32, ChangeHash)> {
        let first = self.tip.seq - u32::try_from(self.changes.len()).unwrap_or(self.tip.seq);
        (first + 1..).zip(&self.changes).map(|(seq, change)| (seq, ChangeHash(change.change.hash().0)))
    }

    /// Returns the header, if the run begins its chain.
    pub fn header(&self) -> Option<&ChainHeader> {
        self.header.as_ref()
    }

    /// Returns the sequence number of the newest change.
    pub fn seq(&self) -> u32 {
        self.tip.seq
    }

    /// Returns the stamp of the newest entry.
    pub fn last(&self) -> Hlc {
        self.tip.last
    }

    /// Returns the entries that the run adds, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.changes.iter().flat_map(|change| &change.entries)
    }

    /// Returns the run in the form in which it is kept and passed on.
    pub fn to_sent(&self) -> Vec<Sent> {
        let one = |(at, change): (usize, &GatedChange)| Sent {
            change: change.change.raw_bytes().to_vec(),
            header: self.header.clone().filter(|_| at == 0),
            signature: change.signature,
            payloads: change.payloads.clone(),
        };
        self.changes.iter().enumerate().map(one).collect()
    }
}

/// Checks a run against what is known of its chain.
///
/// # Errors
/// A [`Refusal`] when any change of the run breaks a rule; then nothing of the run counts.
pub(super) fn gate(
    genesis: &Genesis,
    id: SegmentId,
    (chains, forks): (&Chains, &Forks),
    run: Vec<Sent>,
) -> Result<Outcome, Refusal> {
    let mut walk: Option<Gated> = None;
    let mut of = None;
    // Of a forked chain: how many changes of the run come before the fork, and the chain's tip after them.
    let (mut counting, mut before) = (0_usize, None);
    for sent in run {
        let change = parse(&sent.change)?;
        let actor = actor_id(change.actor_id()).ok_or(Refusal::Run)?;
        if *of.get_or_insert(actor) != actor {
            return Err(Refusal::Run);
        }
        let limit = forks.limit(&actor);
        let first_out = limit.map(|(fork, end)| end.map_or(fork, |end| end.seq.saturating_add(1)));
        if first_out.is_some_and(|first| change.seq() >= u64::from(first)) {
            break; // Nothing counts from there on, and whoever sent it need not have known.
        }
        let gated = match &mut walk {
            Some(gated) => gated,
            None => match place(genesis, id, chains, actor, &change, &sent)? {
                Place::Known => continue,
                Place::Early => return Ok(Outcome::Early(actor)),
                Place::Next(gated) => walk.insert(gated),
            },
        };
        if limit.is_none_or(|(fork, _)| change.seq() < u64::from(fork)) {
            counting = counting.saturating_add(1);
            gated.step(genesis, change, sent)?;
            before = Some(gated.tip);
        } else {
            before = before.or(Some(gated.tip));
            gated.step(genesis, change, sent)?;
        }
    }
    let reached = |gated: &Gated| match forks.limit(&gated.actor) {
        Some((fork, end)) if gated.tip.seq >= fork => end == Some(End { seq: gated.tip.seq, hash: gated.tip.head }),
        _ => true,
    };
    if let (Some(gated), Some(before)) = (walk.as_mut().filter(|gated| !reached(gated)), before) {
        gated.changes.truncate(counting);
        gated.tip = before;
    }
    match (walk.filter(|gated| !gated.changes.is_empty()), of) {
        (Some(gated), _) => Ok(Outcome::Next(gated)),
        (None, Some(actor)) => Ok(Outcome::Known(actor)),
        (None, None) => Err(Refusal::Run),
    }
}

pub(super) fn parse(bytes: &[u8]) -> Result<Change, Refusal> {
    prescan(bytes).map_err(Refusal::Structure)?;
    Change::try_from(bytes).map_err(|_| Refusal::Structure("automerge cannot read it"))
}

/// Where the first new change of a run stands.
#[expect(clippy::large_enum_variant, reason = "short-lived, one for each run")]
enum Place {
    Known,
    Early,
    Next(Gated),
}

fn place(
    genesis: &Genesis,
    id: SegmentId,
    chains: &Chains,
    actor: ActorId,
    change: &Change,
    sent: &Sent,
) -> Result<Place, Refusal> {
    let gated = |header: Option<ChainHeader>, of: &ChainHeader, tip| {
        let (device, grant) = (of.device, of.grant);
        Place::Next(Gated { segment: id, actor, header, device, grant, changes: Vec::new(), tip })
    };
    let Some(chain) = chains.get(&actor) else {
        if change.seq() > 1 {
            return Ok(Place::Early);
        }
        let header = sent.header.clone().ok_or(Refusal::Header)?;
        if header.actor(genesis.hash()) != actor || !header.may_open(id.number) {
            return Err(Refusal::Header);
        }
        return Ok(gated(Some(header.clone()), &header, Tip::before(genesis)));
    };
    let seq = usize::try_from(change.seq()).map_err(|_| Refusal::Limit)?;
    match seq.checked_sub(1).and_then(|at| chain.links.get(at)) {
        Some(link) if link.hash.0 == change.hash().0 => Ok(Place::Known),
        Some(_) => Err(Refusal::Fork),
        None if seq > chain.links.len() + 1 => Ok(Place::Early),
        None => Ok(gated(None, &chain.header, chain.tip)),
    }
}

impl Tip {
    /// Returns what the first change of a chain is checked against.
    fn before(genesis: &Genesis) -> Self {
        Tip { seq: 0, head: genesis.hash(), max_op: genesis.max_op(), last: Hlc::default(), bytes: 0 }
    }
}

impl Gated {
    /// Checks the next change of the run and adds it.
    fn step(&mut self, genesis: &Genesis, change: Change, sent: Sent) -> Result<(), Refusal> {
        let first = self.tip.seq == 0;
        if sent.header.is_some() && !first {
            return Err(Refusal::Header);
        }
        if change.seq() != u64::from(self.tip.seq) + 1 {
            return Err(Refusal::Run);
        }
        if change.deps().iter().map(|hash| hash.0).ne([self.tip.head.0]) {
            return Err(Refusal::Fork);
        }
        if change.start_op().get() != self.tip.max_op + 1 || change.is_empty() {
            return Err(Refusal::Counter);
        }
        let bytes = self.tip.bytes + sent.change.len() as u64;
        if self.tip.seq >= MAX_CHAIN_CHANGES || bytes > MAX_CHAIN_BYTES {
            return Err(Refusal::Limit);
        }
        let expanded = change.decode();
        let seq = self.tip.seq + 1;
        let entries = entries(genesis, self.segment.number, (self.device, self.grant), seq, &expanded)?;
        let at = entries.first().map(|entry| entry.id.at).ok_or(Refusal::Counter)?;
        if at <= self.tip.last || entries.iter().any(|entry| entry.id.at != at) {
            return Err(Refusal::Stamp);
        }
        if Change::from(expanded).raw_bytes() != sent.change {
            return Err(Refusal::Canonical);
        }
        self.tip = Tip { seq, head: ChangeHash(change.hash().0), max_op: change.max_op(), last: at, bytes };
        let payloads = wanted(&self.device, sent.payloads, &entries);
        self.changes.push(GatedChange { change, signature: sent.signature, proved: false, payloads, entries });
        Ok(())
    }
}

/// Reads the entries that a change adds, and refuses everything else that an operation could do.
pub(super) fn entries(
    genesis: &Genesis,
    segment: u32,
    (device, grant): (DeviceId, RecordHash),
    seq: u32,
    change: &ExpandedChange,
) -> Result<Vec<Entry>, Refusal> {
    let actor = actor_id(&change.actor_id).ok_or(Refusal::Run)?;
    let mut entries = Vec::with_capacity(change.operations.len());
    for (number, operation) in change.operations.iter().enumerate() {
        let place = genesis.place(&operation.obj).ok_or(Refusal::Operation("outside the two maps"))?;
        if operation.insert || !operation.pred.is_empty() {
            return Err(Refusal::Operation("overwrites"));
        }
        let Key::Map(key) = &operation.key else { return Err(Refusal::Operation("not a map key")) };
        let id = Some(key).filter(|key| key.len() == TEXT_LEN).and_then(|key| EntryId::from_key(key));
        let id = id.ok_or(Refusal::Operation("key"))?;
        if id.actor != actor || usize::from(id.number) != number {
            return Err(Refusal::Operation("another's key"));
        }
        let OpType::Put(ScalarValue::Bytes(value)) = &operation.action else {
            return Err(Refusal::Operation("not an entry"));
        };
        if value.len() > MAX_RECORD {
            return Err(Refusal::Operation("record too large"));
        }
        let record = Record::decode(place, &device, value).map_err(|_| Refusal::Operation("record breaks a limit"))?;
        entries.push(Entry { id, segment, seq, device, grant, place, record });
    }
    Ok(entries)
}

/// Keeps the payloads that the entries refer to, each once; anything else that came along is dropped.
fn wanted(author: &DeviceId, mut payloads: Vec<Payload>, entries: &[Entry]) -> Vec<Payload> {
    let mut named: BTreeSet<PayloadId> = entries.iter().filter_map(|entry| entry.record.payload()).collect();
    payloads.retain(|payload| payload.fits() && named.remove(&payload.id(author)));
    payloads
}
