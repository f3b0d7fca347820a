//! What of ours a mailbox lacks, packed into parcels, sealed, and put there.
//!
//! Control records and the logs that go with them first, then changes with their bodies, of the last 30 days; bodies that
//! were erased or are due are not there to be packed. First of all go the boxes of an epoch that was opened here, under
//! the one before it.

use super::super::conversation::Conversation;
use super::super::io::{Errand, View, Wanted};
use super::super::{Engine, keys};
use super::lookout::MAX_DAYS;
use super::outbox::{Load, Mark};
use super::{Kind, Post, name_of};
use crate::authority::{Item, ItemName, Said, abbreviate};
use crate::conversation::{EntryId, Payload, SegmentId, Sent};
use crate::crypto;
use crate::envelope::{MAX_CONTENT, Packing, Parcel, day};
use crate::id::{ActorId, Address, ConversationId, DeviceId, RecordHash, UserId};
use crate::store::IndexOp;
use crate::time::Timestamp;

use std::collections::BTreeSet;

/// How old what is mailed may be: after so long mailboxes forget it.
const MAX_AGE_MS: u64 = MAX_DAYS * 24 * 60 * 60 * 1000;

/// The most segments that are opened for one parcel.
const MAX_OPENED: usize = 4;

/// What a look at what is lacking came to.
enum Lacking {
    /// Nothing.
    Nothing,
    /// There was too much to look at; go on later.
    Unknown,
    /// This.
    Some(Parcel, Load),
}

impl Engine {
    /// Puts what of ours the mailboxes lack, unless those who lack it are linked and may yet acknowledge it.
    pub(in crate::engine) fn send_mail(&mut self, now: Timestamp, id: ConversationId, view: &dyn View) {
        let said_at = self.mail.said_at.get(&id).copied().unwrap_or_default();
        let is_large = self.conversations.get(&id).is_some_and(Conversation::is_large);
        let grace = if is_large { super::GRACE_OF_LARGE_MS } else { super::GRACE_MS };
        let waits = said_at <= now && now.since(said_at) < grace;
        let Some(current) = self.groups.get(&id).and_then(|group| group.current()) else { return };
        let posts = self.mail.posts.iter().filter(|((of, _), post)| *of == id && post.is_due(now, current));
        let due: Vec<Address> = posts.map(|((_, node), _)| node.clone()).collect();
        if due.is_empty() || (waits && !self.is_anyone_away(id)) {
            return;
        }
        for node in due {
            if self.mail.may_ask(&node, now) {
                self.send_to(now, id, node, current, view);
            }
        }
    }

    fn send_to(&mut self, now: Timestamp, id: ConversationId, node: Address, current: RecordHash, view: &dyn View) {
        let (under, parcel, load) = match self.lacking_boxes(now, id, &node) {
            Some(boxes) => boxes,
            None => match self.lacking_words(now, id, &node, current, view) {
                Lacking::Some(parcel, load) => (current, parcel, load),
                Lacking::Unknown => return,
                Lacking::Nothing => {
                    let post = self.mail.posts.get_mut(&(id, node));
                    return post.into_iter().for_each(|post| post.outbox.settle(current));
                }
            },
        };
        let Some(group) = self.groups.get(&id) else { return };
        let sealed = group.epochs().seal_under(under, &parcel.encode(), now, &mut self.rng);
        let key = group.epochs().write_key(under, day(now));
        let Some(post) = self.mail.posts.get_mut(&(id, node.clone())) else { return };
        let (Ok(sealed), Some(key)) = (sealed, key) else { return post.outbox.refused(now) };
        post.outbox.sends(load);
        // What is read there later was written here.
        self.mail.seen.note(sealed.id());
        let wanted = Wanted::Put(sealed.bytes().to_vec().into());
        self.run_errand(now, id, Errand { node, named: true, key, wanted });
    }

    /// Packs the boxes of an epoch that was opened here and that the mailbox lacks, with the record that opened it; also
    /// returns the epoch under which they go.
    fn lacking_boxes(&self, now: Timestamp, id: ConversationId, node: &Address) -> Option<(RecordHash, Parcel, Load)> {
        let (group, conversation) = (self.groups.get(&id)?, self.conversations.get(&id)?);
        let (post, epochs) = (self.mail.posts.get(&(id, node.clone()))?, group.epochs());
        let since = Timestamp(now.0.saturating_sub(MAX_AGE_MS));
        for epoch in epochs.opened_here(since) {
            let Some(under) = epochs.before(epoch) else { continue };
            let Some(record) = conversation.authority.record(&epoch) else { continue };
            let (mut packing, mut load) = (Packing::new(MAX_CONTENT), Load::default());
            packing.control(&Item::Record(record.clone()).to_bytes());
            for sealed in epochs.boxes().filter(|sealed| sealed.epoch == epoch) {
                let (name, bytes) = (name_of_box(&sealed.encode()), sealed.encode());
                if !post.outbox.has_item(&name, under) && packing.epoch_box(&bytes) {
                    load.items.push((name, under));
                }
            }
            if !load.items.is_empty() {
                return Some((under, packing.finish(), load));
            }
        }
        None
    }

    /// Packs what else of ours the mailbox lacks.
    fn lacking_words(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        node: &Address,
        current: RecordHash,
        view: &dyn View,
    ) -> Lacking {
        let (me, user) = (self.key.device(), self.profile.user);
        let since = Timestamp(now.0.saturating_sub(MAX_AGE_MS));
        let Some(conversation) = self.conversations.get(&id) else { return Lacking::Nothing };
        let Some(post) = self.mail.posts.get_mut(&(id, node.clone())) else { return Lacking::Nothing };
        let (mut packing, mut load) = (Packing::new(MAX_CONTENT), Load::default());
        let items = conversation.items_of(&me, &user, since);
        let needed: BTreeSet<ItemName> = items.iter().map(Item::name).chain(boxes_of(self.groups.get(&id))).collect();
        let forgotten = post.outbox.forget_items(|name| needed.contains(name));
        for item in items.iter().filter(|item| !post.outbox.has_item(&item.name(), current)) {
            // A cut that is larger than an envelope comes by sync alone.
            if packing.control(&item.to_bytes()) {
                load.items.push((item.name(), current));
            }
        }
        let lacking = conversation.lacking_chains(&me);
        let lacking = lacking.into_iter().filter_map(|(chain, acked, held)| {
            let from = acked.max(post.outbox.has(&chain, current)).max(post.outbox.too_old(&chain));
            (from < held).then_some((chain, from))
        });
        let lacking: Vec<_> = lacking.collect();
        let number = conversation.number;
        self.note_mail(
            forgotten.iter().map(|name| IndexOp::Remove(keys::mailed_item(number, &name_of(node), name))).collect(),
        );
        let is_all = lacking.len() <= MAX_OPENED;
        for ((segment, actor), from) in lacking.into_iter().take(MAX_OPENED) {
            let place = SegmentId { conversation: id, number: segment };
            let room = (since, packing.room(), packing.is_empty());
            let (run, end) = self.words_of(now, place, (&actor, from), room, view);
            let Some(post) = self.mail.posts.get_mut(&(id, node.clone())) else { return Lacking::Nothing };
            if run.is_empty() {
                // Behind what is too old there was no room for what is not, or there is nothing.
                post.outbox.pass_over((segment, actor), end);
            } else if packing.run(segment, &run) {
                load.chains.push(((segment, actor), Mark { seq: end, epoch: current }));
            }
        }
        match packing.is_empty() {
            false => Lacking::Some(packing.finish(), load),
            true if is_all => Lacking::Nothing,
            true => Lacking::Unknown,
        }
    }

    /// Returns what one of our chains says after a place, as much as there is room for, without the bodies that are due.
    fn words_of(
        &mut self,
        now: Timestamp,
        id: SegmentId,
        (actor, from): (&ActorId, u32),
        (since, room, is_first): (Timestamp, usize, bool),
        view: &dyn View,
    ) -> (Vec<Sent>, u32) {
        let (due, device) = (self.due_bodies(id, now, view), self.key.device());
        let Ok(segment) = self.shelf.settled(id, view) else { return (Vec::new(), from) };
        let (mut run, mut end) = segment.of_chain(actor, from, since, room);
        if run.is_empty() && is_first {
            // One that is too large with its body goes without: the body is asked for at the next link.
            run.extend(segment.change(actor, end + 1));
            run.iter_mut().for_each(|sent| sent.payloads.clear());
            end += u32::from(!run.is_empty());
        }
        let is_due = |payload: &Payload| due.contains(&payload.id(&device));
        run.iter_mut().for_each(|sent| sent.payloads.retain(|payload| !is_due(payload)));
        (run, end)
    }

    /// The mailbox keeps what was put there.
    pub(super) fn mail_kept(&mut self, id: ConversationId, node: &Address, now: Timestamp, view: &dyn View) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        let (number, name) = (conversation.number, name_of(node));
        let before: Vec<((u32, ActorId), u32)> =
            conversation.acks.keys().map(|chain| (*chain, self.mail.holds(id, chain))).collect();
        let Some(post) = self.mail.posts.get_mut(&(id, node.clone())) else { return };
        post.did(Kind::Put);
        let load = post.outbox.kept();
        let mut ops: Vec<IndexOp> = Vec::new();
        for ((segment, actor), mark) in &load.chains {
            let value = postcard::to_stdvec(mark).expect("a mark always encodes");
            ops.push(IndexOp::Put(keys::mailed(number, &name, *segment, actor), value));
        }
        for (item, epoch) in &load.items {
            let value = postcard::to_stdvec(epoch).expect("a hash always encodes");
            ops.push(IndexOp::Put(keys::mailed_item(number, &name, item), value));
        }
        let news = before.iter().flat_map(|(chain, had)| {
            let has = self.mail.holds(id, chain);
            conversation.recent_between(chain, *had, has)
        });
        let news: Vec<EntryId> = news.collect();
        self.note_mail(ops);
        self.tell_mailed(now, id, &news, view);
        self.send_mail(now, id, view);
    }
}

impl Post {
    /// Tells whether it is time to look for what the mailbox lacks.
    fn is_due(&self, now: Timestamp, current: RecordHash) -> bool {
        self.named && self.outbox.is_due(now, current)
    }
}

impl Conversation {
    /// Returns the items that we have to tell others of, as we said them: our records since a time with the cuts that they
    /// name, our user's log, and the logs of those whom we let in.
    fn items_of(&self, me: &DeviceId, user: &UserId, since: Timestamp) -> Vec<Item> {
        let ours = self.authority.records().filter(|record| record.device() == *me && record.at() >= since);
        let (mut items, mut logs) = (Vec::new(), BTreeSet::new());
        for record in ours {
            if let Said::Grant { to, .. } = record.said() {
                logs.insert(*to);
            }
            let cut = record.said().cut().and_then(|cut| self.authority.cut(&cut));
            items.extend(cut.cloned().map(Item::Cut));
            items.push(Item::Record(record.clone()));
        }
        let own = self.authority.user_records(user).filter(|record| record.at() >= since);
        let own = own.cloned().map(Item::User);
        let logs = logs.iter().filter(|of| *of != user).flat_map(|of| self.authority.user_records(of));
        items.extend(own.chain(logs.cloned().map(Item::User)));
        items
    }

    /// Returns our chains that some member's device was not heard to have all of: how much all have, how much there is. Of a
    /// large conversation it is enough if some others' devices have it.
    fn lacking_chains(&self, me: &DeviceId) -> Vec<((u32, ActorId), u32, u32)> {
        let lacking = self.acks.iter().filter_map(|((segment, actor), acks)| {
            let held = self.heads.get(segment)?.vector.get(actor).copied()?;
            let readers = self.devices.keys().filter(|device| *device != me && self.reads_from(device) <= *segment);
            let mut acked: Vec<u32> = readers.map(|device| acks.get(device).copied().unwrap_or(0)).collect();
            acked.sort_unstable_by(|a, b| b.cmp(a));
            let enough = if self.is_large() { super::ENOUGH.min(acked.len()) } else { acked.len() };
            let acked = enough.checked_sub(1).and_then(|last| acked.get(last)).copied().unwrap_or(held);
            (acked < held).then_some(((*segment, *actor), acked, held))
        });
        lacking.collect()
    }

    /// Returns our newest messages of a chain after one place and up to another.
    fn recent_between(&self, (segment, actor): &(u32, ActorId), after: u32, upto: u32) -> Vec<EntryId> {
        let between = |(of, seq, entry): &&(u32, u32, EntryId)| {
            of == segment && entry.actor == *actor && after < *seq && *seq <= upto
        };
        self.recent.iter().filter(between).map(|(_, _, entry)| *entry).collect()
    }
}

fn name_of_box(sealed: &[u8]) -> ItemName {
    abbreviate(&crypto::hash("bayou/1/mailed box", &[sealed]))
}

fn boxes_of(group: Option<&super::super::Group>) -> Vec<ItemName> {
    group.into_iter().flat_map(|group| group.epochs().boxes()).map(|sealed| name_of_box(&sealed.encode())).collect()
}
