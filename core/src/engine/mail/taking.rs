//! Mail of others: topics read, envelopes opened, and what is in them taken in as if a linked member had sent it.

use bytes::Bytes;

use super::super::inbound::{Reception, Source};
use super::super::io::{Errand, View, Wanted};
use super::super::{Engine, keys};
use super::{Kind, name_of};
use crate::conversation::SegmentId;
use crate::envelope::{Parcel, Part, Sealed};
use crate::id::{Address, ConversationId};
use crate::store::IndexOp;
use crate::time::Timestamp;

/// What a parcel came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::engine) struct Taken {
    /// Something in it waits for what is not here yet.
    pub(in crate::engine) early: bool,
    /// Something in it is good for nothing.
    pub(in crate::engine) bad: bool,
}

impl Engine {
    /// Looks into the mailboxes of a conversation, if it is time to.
    pub(super) fn look_for_mail(&mut self, now: Timestamp, id: ConversationId) {
        let is_anyone_away = self.is_anyone_away(id);
        let Some(group) = self.groups.get(&id) else { return };
        let posts = self.mail.posts.iter_mut().filter(|((of, _), _)| *of == id);
        let mut nodes = Vec::new();
        for ((_, node), post) in posts.filter(|(_, post)| post.named || is_anyone_away) {
            post.lookout.begin(now, group.epochs().held_ids(), group.current(), is_anyone_away);
            nodes.push(node.clone());
        }
        nodes.into_iter().for_each(|node| self.read_on(now, id, &node));
    }

    /// Reads the next topic, if there is one to read.
    fn read_on(&mut self, now: Timestamp, id: ConversationId, node: &Address) {
        if !self.mail.may_ask(node, now) {
            return;
        }
        let (Some(group), Some(post)) = (self.groups.get(&id), self.mail.posts.get_mut(&(id, node.clone()))) else {
            return;
        };
        while let Some(((day, epoch), after)) = post.lookout.next() {
            if let Some(key) = group.epochs().write_key(epoch, day) {
                let errand = Errand { node: node.clone(), named: post.named, key, wanted: Wanted::Read { after } };
                return self.run_errand(now, id, errand);
            }
            // The epoch was let go meanwhile.
            post.lookout.answered(now, (after, false), false, false);
        }
    }

    /// Takes in what a mailbox gave.
    pub(super) fn take_mail(
        &mut self,
        now: Timestamp,
        (id, node): (ConversationId, &Address),
        envelopes: Vec<Bytes>,
        (next, more): (u64, bool),
        view: &dyn View,
    ) {
        let (kept_before, mut early, mut useless) = (self.next.number, false, Vec::new());
        for envelope in envelopes {
            let (is_early, why) = self.open_mail(now, id, &envelope, view).unwrap_or_else(|why| (false, Some(why)));
            early |= is_early;
            useless.extend(why);
        }
        let is_new = self.next.number != kept_before;
        let (Some(conversation), Some(post)) =
            (self.conversations.get(&id), self.mail.posts.get_mut(&(id, node.clone())))
        else {
            return;
        };
        let (number, name) = (conversation.number, name_of(node));
        post.did(Kind::Read);
        for why in useless {
            post.useless = (post.useless.0.saturating_add(1), why);
        }
        let noted = post.lookout.answered(now, (next, more), early, is_new);
        let ops = noted.into_iter().map(|((day, epoch), read)| {
            let key = keys::looked(number, &name, day, &epoch);
            match read.and_then(|read| postcard::to_stdvec(&read).ok()) {
                Some(value) => IndexOp::Put(key, value),
                None => IndexOp::Remove(key),
            }
        });
        let ops = ops.collect();
        self.note_mail(ops);
        self.read_on(now, id, node);
    }

    /// Opens an envelope and takes in what is in it; tells whether something came too early, and in words why part of it, or
    /// (as an error) all of it, is good for nothing.
    fn open_mail(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        bytes: &Bytes,
        view: &dyn View,
    ) -> Result<(bool, Option<&'static str>), &'static str> {
        let sealed = Sealed::parse(bytes.to_vec()).map_err(|_| "it is no envelope")?;
        let name = sealed.id();
        if self.mail.seen.ids.contains(&name) {
            return Ok((false, None));
        }
        let opened = self.groups.get(&id).and_then(|group| group.epochs().open(&sealed).ok());
        let (_, opened) = opened.ok_or("it was changed, or sealed under a key that this device does not hold")?;
        let parcel = Parcel::decode(opened.content()).map_err(|_| "what is in it is not understood")?;
        let taken = self.take_parcel(now, id, parcel, view);
        if !taken.early {
            self.mail.seen.note(name);
        }
        Ok((taken.early, taken.bad.then_some("part of what is in it does not count here")))
    }

    /// Takes in what is in a parcel, part by part. What is wrong in it is nobody's fault that could be named: it is left
    /// out, and the rest is taken.
    pub(in crate::engine) fn take_parcel(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        parcel: Parcel,
        view: &dyn View,
    ) -> Taken {
        let mut taken = Taken::default();
        for part in parcel.parts {
            match part {
                Part::Controls(items) => match self.take_controls(now, id, &items) {
                    Ok(is_early) => {
                        taken.early |= is_early;
                        // Boxes of an epoch that one of them opened come right behind.
                        self.announce_epochs(now, id);
                    }
                    Err(_) => taken.bad = true,
                },
                Part::Boxes(boxes) => match self.take_boxes(now, id, &boxes) {
                    Ok(is_early) => taken.early |= is_early,
                    Err(_) => taken.bad = true,
                },
                Part::Changes { segment, runs } => {
                    let place = SegmentId { conversation: id, number: segment };
                    match self.runs(now, place, runs, &Source { from: None, told: None, hops: 0 }, view) {
                        Reception::Early => taken.early = true,
                        Reception::Futile => taken.bad = true,
                        Reception::Taken => {}
                    }
                }
            }
        }
        taken
    }
}
