//! Cuts: how far the chains of who was removed, or of a retired device, count here.
//!
//! Who removes someone says with a cut how far that one's chains had come, as far as they know. Whoever else may remove
//! them and has more of it, written before the removal, extends the cut before anything is dropped: so nothing is lost
//! that an admin had. A user's devices do the same for one of theirs that was retired. What reaches
//! further still is dropped here, on disk as in memory, and no longer shown. A cut beats a proof that a chain is forked: it
//! names the branch that counts.

use std::collections::{BTreeMap, BTreeSet};

use super::controls::Then;
use super::conversation::{Author, Conversation};
use super::durable::Pending;
use super::io::View;
use super::{Effect, Engine, stream};
use crate::authority::{Cut, DeviceStatus, Devices, Item, Mark, Reach, Role, Said, Standing, UserRecord, UserSaid};
use crate::conversation::{End, SegmentId, Tail};
use crate::id::{ActorId, ConversationId, DeviceId, RecordHash};
use crate::rpc::RpcError;
use crate::store::Record;
use crate::sync::SegmentHeads;
use crate::time::Timestamp;

/// How much later than a removal, by its author's clock, what is saved from it may have been written: clocks differ.
const CLOCKS_DIFFER_MS: u64 = 60_000;

/// How far the cuts of an ended grant or a retired device reach, and until when what it wrote is worth saving.
struct Ended {
    until: Timestamp,
    cuts: Vec<Cut>,
}

impl Engine {
    /// Adds to the cuts of ended grants what we have beyond them, written before they ended, if we are an admin; and to
    /// those of our user's own retired devices.
    pub(super) fn extend_cuts(&mut self, now: Timestamp, id: ConversationId, view: &dyn View) {
        let user = self.profile.user;
        let Some(conversation) = self.conversations.get(&id) else { return };
        let Some(role) = conversation.role(&user) else { return };
        let grants = if role >= Role::Admin { conversation.ended() } else { BTreeMap::new() };
        for (grant, ended) in grants {
            match self.beyond(id, |author| author.grant == grant, &ended, view) {
                Ok(marks) if marks.is_empty() => {}
                Ok(marks) => {
                    let cut = Cut::new(marks);
                    self.say_if_it_counts(now, id, Said::CutExtend { grant, cut: cut.hash() }, cut);
                }
                Err(error) => self.problem(error.message),
            }
        }
        for (device, ended) in self.retired_here(id) {
            match self.beyond(id, |author| author.device == device, &ended, view) {
                Ok(marks) if marks.is_empty() && !ended.cuts.is_empty() => {}
                Ok(marks) => {
                    let cut = Cut::new(marks);
                    self.say_if_it_counts(now, id, Said::DeviceCut { user, device, cut: cut.hash() }, cut);
                }
                Err(error) => self.problem(error.message),
            }
        }
    }

    /// Says how far chains count, unless it is for others to do: they rank above us, or our device is retired, too.
    fn say_if_it_counts(&mut self, now: Timestamp, id: ConversationId, said: Said, cut: Cut) {
        if let Ok(record) = self.control(now, id, said) {
            self.take_items(id, vec![Item::Cut(cut), Item::Record(record)], vec![], None, Then::Nothing);
        }
    }

    /// Returns our user's retired devices, as a conversation knows them.
    fn retired_here(&self, id: ConversationId) -> BTreeMap<DeviceId, Ended> {
        let user = self.profile.user;
        let Some(conversation) = self.conversations.get(&id) else { return BTreeMap::new() };
        let ruling = conversation.authority.last_ruling();
        let devices = ruling.devices(&user).into_iter().flat_map(Devices::all);
        let retired = devices.filter(|(_, status)| *status == DeviceStatus::Revoked).filter_map(|(device, _)| {
            let revocations = self
                .own_log()
                .filter(|record| matches!(record.said(), UserSaid::DeviceRevoke { device: of } if *of == device));
            let until = revocations.map(UserRecord::at).max()?.plus(CLOCKS_DIFFER_MS);
            let cuts = ruling.device_cuts(&user, &device).map(|cut| conversation.authority.cut(&cut).cloned());
            Some((device, Ended { until, cuts: cuts.flatten().collect() }))
        });
        retired.collect()
    }

    /// Returns the last changes that are worth saving, of the chains that we have beyond the cuts.
    fn beyond(
        &mut self,
        id: ConversationId,
        of: impl Fn(&Author) -> bool,
        ended: &Ended,
        view: &dyn View,
    ) -> Result<Vec<(ActorId, Mark)>, RpcError> {
        let Some(conversation) = self.conversations.get(&id) else { return Ok(Vec::new()) };
        let mut marks = Vec::new();
        for (number, actor, held) in conversation.held(of) {
            let last = ended.cuts.iter().filter_map(|cut| cut.of(&actor)).max();
            if last.is_some_and(|last| last.seq >= held) {
                continue;
            }
            let segment = self.shelf.settled(SegmentId { conversation: id, number }, view)?;
            if last.is_some_and(|last| segment.hash(&actor, last.seq) != Some(last.hash)) {
                continue;
            }
            let written = segment.entries().into_iter().filter(|entry| entry.id.actor == actor);
            let in_time = written.filter(|entry| Timestamp(entry.id.at.ms) <= ended.until);
            let Some(seq) = in_time.map(|entry| entry.seq).max() else { continue };
            if last.is_none_or(|last| last.seq < seq) {
                marks.extend(segment.hash(&actor, seq).map(|hash| (actor, Mark { seq, hash })));
            }
        }
        Ok(marks)
    }

    /// Says how far the chains under some grants have come, as far as is known here.
    pub(super) fn cut_of(
        &mut self,
        id: ConversationId,
        grants: &BTreeSet<RecordHash>,
        view: &dyn View,
    ) -> Result<Cut, RpcError> {
        self.cut_where(id, |author| grants.contains(&author.grant), view)
    }

    /// Says how far some chains have come, as far as is known here.
    pub(super) fn cut_where(
        &mut self,
        id: ConversationId,
        of: impl Fn(&Author) -> bool,
        view: &dyn View,
    ) -> Result<Cut, RpcError> {
        let Some(conversation) = self.conversations.get(&id) else { return Ok(Cut::default()) };
        let written = |(number, actor): &(u32, ActorId)| {
            let held = conversation.heads.get(number).and_then(|heads| heads.vector.get(actor));
            (*number, *actor, held.copied().unwrap_or(0), conversation.forked.contains(number))
        };
        let chains = conversation.authors.iter().filter(|(_, author)| of(author)).map(|(chain, _)| written(chain));
        let chains: Vec<(u32, ActorId, u32, bool)> = chains.collect();
        let mut marks = Vec::with_capacity(chains.len());
        for (number, actor, seq, _) in chains.into_iter().filter(|(_, _, seq, is_forked)| *seq > 0 || *is_forked) {
            let segment = self.shelf.get(SegmentId { conversation: id, number }, view)?;
            let here = segment.hash(&actor, seq).map(|hash| Mark { seq, hash });
            // Of a forked chain, all that was here before the fork was found.
            let aside = segment.aside_end(&actor).map(|end| Mark { seq: end.seq, hash: end.hash });
            marks.extend(aside.or(here).map(|mark| (actor, mark)));
        }
        Ok(Cut::new(marks))
    }

    /// Shortens all chains of a conversation that reach further than the authority lets them.
    pub(super) fn enforce_all(&mut self, now: Timestamp, id: ConversationId, view: &dyn View) {
        let may_matter = |c: &&Conversation| c.is_anyone_bounded() || !c.forked.is_empty();
        let Some(conversation) = self.conversations.get(&id).filter(may_matter) else { return };
        let chains: Vec<(u32, ActorId)> = conversation.authors.keys().copied().collect();
        self.enforce(now, id, &chains, view);
    }

    /// Shortens chains that reach further than the authority lets them.
    pub(super) fn enforce(&mut self, now: Timestamp, id: ConversationId, chains: &[(u32, ActorId)], view: &dyn View) {
        for (number, actor) in chains {
            let Some(conversation) = self.conversations.get_mut(&id) else { return };
            let Some(author) = conversation.authors.get(&(*number, *actor)).copied() else { continue };
            let place = SegmentId { conversation: id, number: *number };
            let (reach, is_forked) =
                (conversation.authority.reach(&author.of(*actor)), conversation.forked.contains(number));
            if is_forked && reach != Reach::Unknown {
                let end = match reach {
                    Reach::Until(last) => Some(End { seq: last.seq, hash: last.hash }),
                    _ => None,
                };
                self.name_end(now, place, *actor, end, view);
            }
            let Some(conversation) = self.conversations.get(&id) else { return };
            let held = conversation.heads.get(number).and_then(|heads| heads.vector.get(actor)).copied().unwrap_or(0);
            let end = match reach {
                Reach::Open | Reach::Unknown => continue,
                Reach::Until(last) if held < last.seq => continue,
                Reach::Until(last) => match self.shelf.get(place, view).map(|s| s.hash(actor, last.seq)) {
                    Ok(hash) if hash.is_none_or(|hash| hash == last.hash) => last.seq,
                    // Another branch of the chain counts: all of ours goes, and that one is fetched.
                    _ => 0,
                },
                Reach::Nowhere => 0,
            };
            if held > end {
                self.shorten(now, place, *actor, end, view);
            }
        }
    }

    fn shorten(&mut self, now: Timestamp, id: SegmentId, actor: ActorId, end: u32, view: &dyn View) {
        let shortened = match self.shelf.get(id, view).map(|segment| segment.shorten(actor, end)) {
            Ok(Ok(Some(shortened))) => shortened,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => {
                self.shelf.close(id);
                return self.problem(error.to_string());
            }
            Err(error) => return self.problem(error.to_string()),
        };
        let (end, gone) = shortened;
        let Ok(heads) = self.shelf.get(id, view).map(|segment| SegmentHeads::of(segment)) else { return };
        let bytes = postcard::to_stdvec(&Tail::Cut(actor, end)).expect("a record always encodes");
        self.shelf.hold(id, 1);
        self.persist(vec![Record { stream: stream(id), bytes }], vec![Pending::Shortened(id)]);
        let ops = self.note_heads(id, heads);
        self.effects.push(Effect::Index(ops, self.complete));
        self.unsay(now, id.conversation, &gone, view);
    }
}

impl Conversation {
    /// Returns the chains of some authors: segment, chain, how much of it is here.
    fn held(&self, of: impl Fn(&Author) -> bool) -> Vec<(u32, ActorId, u32)> {
        let chains = self.authors.iter().filter(|(_, author)| of(author));
        let held = |(place, actor)| Some((place, actor, *self.heads.get(&place)?.vector.get(&actor)?));
        chains.filter_map(|(chain, _)| held(*chain)).collect()
    }

    /// Returns the grants that were ended by removals, with the cuts that are here.
    fn ended(&self) -> BTreeMap<RecordHash, Ended> {
        let cut = |name| self.authority.cut(&name).cloned();
        let grants = self.authority.last_ruling().grants().iter();
        let ended = grants.filter_map(|(hash, grant)| match &grant.standing {
            Standing::Removed(by) if grant.role >= Role::Member => {
                let removals = by.iter().filter_map(|removal| self.authority.record(removal));
                let until = removals.map(|removal| removal.at()).max()?.plus(CLOCKS_DIFFER_MS);
                Some((*hash, Ended { until, cuts: grant.all_cuts().filter_map(cut).collect() }))
            }
            _ => None,
        });
        ended.collect()
    }

    /// Tells whether any chain may be bounded.
    pub(super) fn is_anyone_bounded(&self) -> bool {
        let ruling = self.authority.last_ruling();
        let ended = ruling.grants().values().any(|grant| grant.standing != Standing::Live);
        ended || ruling.is_any_device_retired()
    }
}
