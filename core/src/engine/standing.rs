//! Why something has not arrived: who is reached how, who lacks what, where a message is.

use super::conversation::Conversation;
use super::durable::{Origin, Pending};
use super::io::View;
use super::{Engine, keys, rows};
use crate::conversation::EntryId;
use crate::id::{Address, ConversationId, DeviceId, PeerId, UserId};
use crate::rpc::{DeviceStanding, Holder, MemberStanding, Reply, RpcError, Standing, Whereabouts};
use crate::time::Timestamp;
use crate::timeline::{Row, Text};

/// Parts of time in milliseconds, and what they are called.
const SPANS: [(u64, &str); 4] = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second")];

/// What is said of a member of a large conversation who is not linked.
const UNHEARD: &str = "tells us nothing of what they have";

impl Engine {
    pub(super) fn conversation_status(&self, now: Timestamp, text: &str) -> Result<Reply, RpcError> {
        let id = self.find_conversation(text)?;
        let Some(known) = self.conversations.get(&id) else { return Err(super::queries::not_found("it is gone")) };
        let mut members: Vec<MemberStanding> =
            known.users().map(|user| self.member_standing(now, id, known, user)).collect();
        members.sort_by(|a, b| (&a.name, &a.user).cmp(&(&b.name, &b.user)));
        let own = |pending: &&Pending| matches!(pending, Pending::Run { id: of, origin: Origin::Own(..), .. } if of.conversation == id);
        let cures = self.watchdog.cures(&id);
        let standing = Standing {
            conversation: id.to_string(),
            title: self.title_of(known),
            members,
            mailboxes: self.mail.standing(id, known.mailboxes()),
            awaited: count(known.wants.len()),
            writing: count(self.pending.values().flatten().filter(own).count()),
            asked_again: cures.asked,
            redialled: cures.redialled,
            problem: self.problem.clone(),
        };
        Ok(Reply::Standing { standing: Box::new(standing) })
    }

    fn member_standing(
        &self,
        now: Timestamp,
        id: ConversationId,
        known: &Conversation,
        user: &UserId,
    ) -> MemberStanding {
        let devices: Vec<DeviceStanding> =
            self.others_devices(known, user).map(|device| self.device_standing(id, known, device)).collect();
        let you = *user == self.profile.user;
        let best = devices.iter().max_by_key(|device| (device.linked, !device.relayed, device.seen));
        let says = match best {
            Some(best) if known.is_large() && !best.linked => format!("{}, {UNHEARD}", path(now, best)),
            Some(best) => format!("{}, {}", path(now, best), having(&devices)),
            None if you => "this device".to_owned(),
            None => "no device of theirs is known".to_owned(),
        };
        MemberStanding { user: user.to_string(), name: self.name_of(known, user), you, says, devices }
    }

    /// Returns somebody's devices that are in, without this one.
    fn others_devices<'a>(&self, known: &'a Conversation, user: &UserId) -> impl Iterator<Item = &'a DeviceId> {
        let (me, user) = (self.key.device(), *user);
        known.devices.iter().filter(move |(device, of)| **of == user && **device != me).map(|(device, _)| device)
    }

    fn device_standing(&self, id: ConversationId, known: &Conversation, device: &DeviceId) -> DeviceStanding {
        let peer = self.peer_of(device);
        let link = peer.and_then(|peer| self.links.get(&peer));
        let noted = peer.and_then(|peer| self.book.get(&peer));
        let owed = peer.and_then(|peer| self.watchdog.owed(peer, id));
        let noted_addresses = noted.into_iter().flat_map(|noted| &noted.addresses);
        let mut addresses: Vec<&Address> = link.iter().map(|link| &link.address).collect();
        noted_addresses.for_each(|address| {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        });
        DeviceStanding {
            device: device.to_string(),
            peer: peer.map(|peer| peer.to_string()),
            linked: link.is_some(),
            relayed: link.is_some_and(|link| link.relayed),
            round_trip: link.and_then(|link| link.round_trip),
            addresses: addresses.into_iter().map(ToString::to_string).collect(),
            seen: noted.map(|noted| noted.seen.0).filter(|seen| *seen > 0),
            failure: peer.and_then(|peer| self.book.failure(&peer)).cloned(),
            lacks: known.lacks(device),
            ahead: owed.map_or(0, |owed| count(owed.segments.len())),
            rules_differ: owed.is_some_and(|owed| owed.controls.is_some()),
        }
    }

    /// Returns the peer at which a device was met: the one that is linked, else the one that was there last.
    fn peer_of(&self, device: &DeviceId) -> Option<PeerId> {
        let linked = self.links.iter().find(|(_, link)| link.device == Some(*device)).map(|(peer, _)| *peer);
        let met = self.book.iter().filter(|(_, noted)| noted.device == Some(*device));
        linked.or_else(|| met.max_by_key(|(_, noted)| noted.seen).map(|(peer, _)| *peer))
    }

    pub(super) fn message_status(&self, now: Timestamp, text: &str, view: &dyn View) -> Result<Reply, RpcError> {
        let (id, message, row) = match self.find_message(now, text, view) {
            Ok(found) => found,
            Err(error) => self.find_departed(text, view)?.ok_or(error)?,
        };
        let Some(known) = self.conversations.get(&id) else { return Err(super::queries::not_found("it is gone")) };
        let is_over = row.gone || row.is_over(now);
        let devices = self.holders(now, id, known, &message, &row);
        let fate = [
            (row.deleted, "deleted"),
            (row.removed, "erased"),
            (known.hides(row.segment, &message), "hidden"),
            (row.disputed, "disputed"),
            (is_over, "disappeared"),
        ];
        let whereabouts = Whereabouts {
            message: message.to_string(),
            conversation: id.to_string(),
            state: if is_over { "disappeared".to_owned() } else { self.state(known, &message, &row) },
            kept: matches!(row.text, Text::Held(_)) && !is_over,
            fate: fate.iter().filter(|(is, _)| *is).map(|(_, what)| (*what).to_owned()).collect(),
            says: self.says_where(known, &message, &row, is_over, &devices),
            devices,
        };
        Ok(Reply::Whereabouts { whereabouts: Box::new(whereabouts) })
    }

    /// Finds a message that is not in the timeline any more, or never was, by its whole id.
    fn find_departed(&self, text: &str, view: &dyn View) -> Result<Option<(ConversationId, EntryId, Row)>, RpcError> {
        let Ok(message) = text.parse::<EntryId>() else { return Ok(None) };
        for (id, known) in &self.conversations {
            for key in [keys::row, keys::gone, keys::disputed] {
                let row = view.get(&key(known.number, &message))?;
                if let Some(row) = row.and_then(|bytes| rows::decode(&bytes)) {
                    return Ok(Some((*id, message, row)));
                }
            }
        }
        Ok(None)
    }

    /// Lists the devices of the others that may have a message.
    fn holders(
        &self,
        now: Timestamp,
        id: ConversationId,
        known: &Conversation,
        message: &EntryId,
        row: &Row,
    ) -> Vec<Holder> {
        let acks = known.acks.get(&(row.segment, message.actor));
        let hears = row.device == self.key.device() && !row.disputed;
        let holder = |(device, user): (&DeviceId, &UserId)| {
            let standing = self.device_standing(id, known, device);
            let has = acks.and_then(|acks| acks.get(device)).is_some_and(|seq| *seq >= row.seq);
            Holder {
                user: user.to_string(),
                name: self.name_of(known, user),
                device: device.to_string(),
                has: (hears && (has || standing.linked || !known.is_large())).then_some(has),
                path: path(now, &standing),
            }
        };
        let me = self.key.device();
        let others = known.devices.iter().filter(|(device, _)| **device != me);
        others.filter(|(device, _)| known.reads_from(device) <= row.segment).map(holder).collect()
    }

    fn says_where(
        &self,
        known: &Conversation,
        message: &EntryId,
        row: &Row,
        is_over: bool,
        devices: &[Holder],
    ) -> String {
        let author = || self.name_of(known, &row.author);
        if is_over {
            return "its time came: it is gone here, and on each peer when that peer's clock says so".to_owned();
        }
        if row.disputed {
            return "its device wrote two histories: it counts for nothing, and nobody is given it".to_owned();
        }
        if row.device != self.key.device() {
            return match row.text {
                Text::Absent(_) => format!("{} announced it; its text is still on its way", author()),
                _ => format!("it came from {}; who else has it is told to the device that wrote it", author()),
            };
        }
        let having = devices.iter().filter(|device| device.has == Some(true)).count();
        match (having, devices.len()) {
            (_, 0) => "kept on this device; no other device may read it".to_owned(),
            (0, _) if self.is_mailed(known, message, row) => "kept here, and in a mailbox".to_owned(),
            (0, _) => "kept on this device only".to_owned(),
            (k, n) if k == n => format!("kept here, and on all {n} other devices"),
            (k, n) if known.is_large() => format!("kept here, and on at least {k} of {n} other devices"),
            (k, n) => format!("kept here, and on {k} of {n} other devices"),
        }
    }
}

impl Conversation {
    /// Returns how many of our changes a device was not heard to have.
    fn lacks(&self, device: &DeviceId) -> u64 {
        let from = self.reads_from(device);
        let chains = self.acks.iter().filter(|((segment, _), _)| *segment >= from);
        let lacks = chains.map(|((segment, actor), acks)| {
            let ours = self.heads.get(segment).and_then(|heads| heads.vector.get(actor)).copied().unwrap_or(0);
            u64::from(ours.saturating_sub(acks.get(device).copied().unwrap_or(0)))
        });
        lacks.sum()
    }
}

/// Says how a device is reached.
fn path(now: Timestamp, device: &DeviceStanding) -> String {
    let seen = match (device.linked, device.relayed, device.seen) {
        (true, false, _) => return "linked directly".to_owned(),
        (true, true, _) => return "linked over a relay".to_owned(),
        (false, _, Some(seen)) => format!("not seen for {}", span(now.since(Timestamp(seen)))),
        (false, _, None) => "never linked".to_owned(),
    };
    match &device.failure {
        Some(why) => format!("{seen} (last dial: {why})"),
        None if device.addresses.is_empty() => format!("{seen} (no address is known)"),
        None => seen,
    }
}

/// Says what a member has, whose devices these are: what one of them has, the member has.
fn having(devices: &[DeviceStanding]) -> String {
    let lacks = devices.iter().map(|device| device.lacks).min().unwrap_or(0);
    let has = if lacks == 0 { "has everything".to_owned() } else { format!("{lacks} behind") };
    if devices.iter().any(|device| device.ahead > 0 || device.rules_differ) {
        return format!("{has}, and has something that has not come here");
    }
    has
}

/// Says how long something takes, in its largest part.
fn span(ms: u64) -> String {
    let (part, name) = SPANS.into_iter().find(|(part, _)| ms >= *part).unwrap_or((1000, "second"));
    match ms / part {
        1 => format!("1 {name}"),
        many => format!("{many} {name}s"),
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(linked: bool, relayed: bool, seen: Option<u64>, failure: Option<&str>, lacks: u64) -> DeviceStanding {
        DeviceStanding {
            device: String::new(),
            peer: None,
            linked,
            relayed,
            round_trip: None,
            addresses: vec![],
            seen,
            failure: failure.map(ToOwned::to_owned),
            lacks,
            ahead: 0,
            rules_differ: false,
        }
    }

    #[test]
    fn a_device_is_described_in_words() {
        let now = Timestamp(3 * 86_400_000);
        let says = |device: DeviceStanding| format!("{}, {}", path(now, &device), having(&[device]));
        assert_eq!(says(device(true, false, Some(1), None, 0)), "linked directly, has everything");
        assert_eq!(says(device(true, true, Some(1), None, 12)), "linked over a relay, 12 behind");
        let away = device(false, false, Some(86_400_000), Some("timed out"), 1);
        assert_eq!(says(away), "not seen for 2 days (last dial: timed out), 1 behind");
        assert_eq!(says(device(false, false, None, None, 0)), "never linked (no address is known), has everything");
        let ahead = DeviceStanding { ahead: 1, ..device(true, false, Some(1), None, 0) };
        assert_eq!(says(ahead), "linked directly, has everything, and has something that has not come here");
        assert_eq!((span(0), span(59_999), span(60_000)), ("0 seconds".into(), "59 seconds".into(), "1 minute".into()));
    }
}
