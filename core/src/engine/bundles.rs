//! Bundles: what others lack of a conversation, carried by hand.
//!
//! A front end asks for one block after the other and writes them into a file; elsewhere another reads them back and hands
//! them in, one by one. What is in them goes the way of mail: nobody is linked, and nobody is to blame. Everything may come
//! in any number of bundles, and any number of times.
//!
//! A bundle holds the control records, the epoch in use for each device that it is for, then the changes of each segment
//! with their bodies, oldest first, because each builds on those before. Of our own chains it leaves out what all those
//! devices were heard to have; of others' chains we do not know, and all goes in.

use std::collections::VecDeque;

use super::Engine;
use super::durable::Pending;
use super::io::{CallId, View};
use super::outbound::invalid;
use super::roles::not_allowed;
use crate::authority::Item;
use crate::conversation::{Payload, SegmentId, Sent, Vector};
use crate::envelope::{BundleKey, Head, MAX_PIECE, Packing, Parcel, Recipient};
use crate::id::{ActorId, ConversationId, DeviceId};
use crate::rpc::{Base64, BundleBlock, ErrorCode, Reply, RpcError};
use crate::time::Timestamp;

/// Bundles that may be being made at a time; the oldest is given up.
const MAX_EXPORTS: usize = 4;

/// About how many bytes of changes go into one piece.
const PIECE_BUDGET: usize = 256 * 1024;

/// Bundles that are being made, and the number of the next.
#[derive(Debug, Default)]
pub(super) struct Exports {
    made: VecDeque<Export>,
    next: u64,
}

/// A bundle that is being made.
#[derive(Debug)]
struct Export {
    number: u64,
    conversation: ConversationId,
    key: BundleKey,
    /// The number of the next piece.
    piece: u64,
    /// Records and boxes that are still to go in.
    records: VecDeque<Vec<u8>>,
    boxes: VecDeque<Vec<u8>>,
    /// The segment that is being read, and what of it is in already or need not go in.
    segment: u32,
    have: Option<Vector>,
    /// Whom it is for.
    to: Vec<DeviceId>,
    /// Whether what they have goes in, too.
    is_all: bool,
    is_done: bool,
}

impl Engine {
    /// Begins a bundle, for one member's devices or for all members'; answers with its first block.
    pub(super) fn export(
        &mut self,
        now: Timestamp,
        call: CallId,
        conversation: &str,
        member: Option<&str>,
        is_all: bool,
    ) -> Result<(), RpcError> {
        let id = self.find_conversation(conversation)?;
        let user = member.map(|member| self.find_member(id, member)).transpose()?;
        let (me, mine) = (self.key.device(), self.profile.user);
        let (Some(known), Some(group)) = (self.conversations.get(&id), self.groups.get_mut(&id)) else {
            return Err(not_allowed("you are not in this conversation".to_owned()));
        };
        if known.member(&mine).is_none() {
            return Err(not_allowed("you are not in this conversation any more".to_owned()));
        }
        let is_meant =
            |device: &DeviceId| *device != me && user.is_none_or(|user| known.devices.get(device) == Some(&user));
        let to: Vec<Recipient> = group.recipients().filter(|to| is_meant(&to.device)).copied().collect();
        if to.is_empty() {
            return Err(invalid("there is no device to seal the bundle to: has whom it is for ever been here?".into()));
        }
        let boxes = group.boxes_for(to.iter().map(|to| to.device), &mut self.rng);
        let records = known.authority.items_beyond(&Default::default()).iter().map(Item::to_bytes).collect();
        let (head, key) = Head::seal(id, to.iter().copied(), now, &self.key, &mut self.rng);
        let to: Vec<DeviceId> = to.iter().map(|to| to.device).collect();
        // What one of them may not read is left out for all.
        let segment = to.iter().map(|device| known.reads_from(device)).max().unwrap_or(u32::MAX);
        let number = self.exports.next;
        self.exports.next += 1;
        if self.exports.made.len() >= MAX_EXPORTS {
            self.exports.made.pop_front();
        }
        self.exports.made.push_back(Export {
            number,
            conversation: id,
            key,
            piece: 0,
            records,
            boxes,
            segment,
            have: None,
            to,
            is_all,
            is_done: false,
        });
        let block = BundleBlock { bundle: number, block: Base64(head), more: true };
        self.reply(call, Ok(Reply::Bundle(block)));
        Ok(())
    }

    /// Gives the next block of a bundle.
    pub(super) fn export_on(
        &mut self,
        now: Timestamp,
        call: CallId,
        number: u64,
        view: &dyn View,
    ) -> Result<(), RpcError> {
        let at = self.exports.made.iter().position(|export| export.number == number);
        let Some(mut export) = at.and_then(|at| self.exports.made.remove(at)) else {
            return Err(RpcError::new(ErrorCode::NotFound, "this bundle is not being made any more: begin again"));
        };
        let parcel = self.next_parcel(now, &mut export, view)?;
        let is_last = parcel.parts.is_empty();
        let piece = export.key.seal(export.piece, is_last, &parcel, &mut self.rng);
        export.piece += 1;
        if !is_last {
            self.exports.made.push_back(export);
        }
        let block = BundleBlock { bundle: number, block: Base64(piece), more: !is_last };
        self.reply(call, Ok(Reply::Bundle(block)));
        Ok(())
    }

    /// Packs the next piece; an empty one when all is in.
    fn next_parcel(&mut self, now: Timestamp, export: &mut Export, view: &dyn View) -> Result<Parcel, RpcError> {
        let mut packing = Packing::new(MAX_PIECE);
        // What is too large for a piece, a cut of many thousand chains, comes over a link alone.
        while packing.room() > MAX_PIECE / 2
            && let Some(item) = export.records.pop_front()
        {
            packing.control(&item);
        }
        if export.records.is_empty() {
            for sealed in export.boxes.drain(..) {
                packing.epoch_box(&sealed);
            }
        }
        while packing.is_empty() && !export.is_done {
            let (segment, runs) = self.next_runs(now, export, view)?;
            for run in runs {
                if !packing.run(segment, &run) {
                    let mut bare = run;
                    bare.iter_mut().for_each(|sent| sent.payloads.clear());
                    packing.run(segment, &bare);
                }
            }
        }
        Ok(packing.finish())
    }

    /// Reads the next runs that are to go in.
    fn next_runs(
        &mut self,
        now: Timestamp,
        export: &mut Export,
        view: &dyn View,
    ) -> Result<(u32, Vec<Vec<Sent>>), RpcError> {
        let number = export.segment;
        let id = SegmentId { conversation: export.conversation, number };
        let known = self.conversations.get(&export.conversation);
        let Some(next) = known.and_then(|known| known.heads.range(number..).next().map(|(next, _)| *next)) else {
            export.is_done = true;
            return Ok((number, Vec::new()));
        };
        if next != number {
            (export.segment, export.have) = (next, None);
            return Ok((next, Vec::new()));
        }
        let (due, device) = (self.due_bodies(id, now, view), self.key.device());
        let mut have = match export.have.take() {
            Some(have) => have,
            None if export.is_all => Vector::new(),
            None => self.acked_by(export.conversation, number, &export.to),
        };
        let authors = self.conversations.get(&export.conversation).map(|known| &known.authors);
        let author = |actor: &ActorId| authors.and_then(|of| of.get(&(number, *actor))).map_or(device, |of| of.device);
        let (runs, complete) = self.shelf.settled(id, view)?.missing(&have, PIECE_BUDGET, PIECE_BUDGET);
        for (actor, run) in &runs {
            *have.entry(*actor).or_default() += u32::try_from(run.len()).unwrap_or(u32::MAX);
        }
        let is_due = |actor: &ActorId, payload: &Payload| due.contains(&payload.id(&author(actor)));
        let runs: Vec<Vec<Sent>> = runs
            .into_iter()
            .map(|(actor, mut run)| {
                run.iter_mut().for_each(|sent| sent.payloads.retain(|payload| !is_due(&actor, payload)));
                run
            })
            .collect();
        if complete || runs.is_empty() {
            export.segment = number.saturating_add(1);
            export.is_done = number == u32::MAX;
        } else {
            export.have = Some(have);
        }
        Ok((number, runs))
    }

    /// Returns how much of our own chains of a segment some devices were all heard to have.
    fn acked_by(&self, id: ConversationId, segment: u32, devices: &[DeviceId]) -> Vector {
        let Some(known) = self.conversations.get(&id) else { return Vector::new() };
        let chains = known.acks.range((segment, ActorId([0; 16]))..=(segment, ActorId([255; 16])));
        let acked = chains.filter_map(|((_, actor), acks)| {
            let least = devices.iter().map(|device| acks.get(device).copied().unwrap_or(0)).min()?;
            (least > 0).then_some((*actor, least))
        });
        acked.collect()
    }

    /// Takes one piece of a bundle in; answers when it is durable, with how much of it was new.
    pub(super) fn import(
        &mut self,
        now: Timestamp,
        call: CallId,
        head: &[u8],
        (number, is_last, piece): (u64, bool, &[u8]),
        view: &dyn View,
    ) -> Result<(), RpcError> {
        let head = Head::open(head).map_err(|error| invalid(error.to_string()))?;
        let id = head.conversation();
        if self.conversations.get(&id).and_then(|known| known.member(&self.profile.user)).is_none() {
            return Err(not_allowed("you are not in the conversation that this bundle is of".to_owned()));
        }
        let prekeys = &self.profile.prekeys;
        let key = head.key(&self.key.device(), |number| prekeys.key(number));
        let key = key.map_err(|error| not_allowed(error.to_string()))?;
        let parcel = key.open(number, is_last, piece).map_err(|error| invalid(error.to_string()))?;
        let (before, kept) = (self.extent(id, &parcel, view), self.next.number);
        let taken = self.take_parcel(now, id, parcel.clone(), view);
        let after = self.extent(id, &parcel, view);
        let reply = Reply::Imported {
            conversation: id.to_string(),
            changes: after.0.saturating_sub(before.0),
            records: after.1.saturating_sub(before.1),
            early: taken.early,
        };
        if self.next.number == kept {
            self.reply(call, Ok(reply));
        } else {
            self.persist(Vec::new(), vec![Pending::Reply(call, Box::new(reply))]);
        }
        Ok(())
    }

    /// Returns how many changes there are in the segments that a parcel is about, and how many records.
    fn extent(&mut self, id: ConversationId, parcel: &Parcel, view: &dyn View) -> (u64, u64) {
        let mut changes = 0;
        for number in parcel.segments() {
            let open = self.shelf.get(SegmentId { conversation: id, number }, view);
            changes += open.map_or(0, |segment| segment.admitted().values().map(|seq| u64::from(*seq)).sum());
        }
        (changes, self.conversations.get(&id).map_or(0, |known| known.kept.len() as u64))
    }
}
