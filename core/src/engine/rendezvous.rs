//! Where members who have lost each other meet again: under namespaces at the nodes that both know.
//!
//! ```text
//! of a conversation   H("bayou/1/namespace of a conversation", secret ‖ day)[..16]          members know the secret
//! of an invite        H("bayou/1/namespace of an invite", invite's public key ‖ day)[..16]  members and who has the link;
//!                                                                                        a contact link has such a key, too
//! of own devices      H("bayou/1/namespace of own devices", secret ‖ day)[..16]
//! ```
//!
//! A day is a UTC day's number in eight bytes, big-endian. Who does not know the secret cannot tell what a namespace stands
//! for, nor that yesterday's and today's are one conversation's. Around midnight both days' are in use: clocks differ, and
//! each peer comes to the new day's at a moment of its own in the hour before, so that a node is not run over at midnight.
//!
//! Each peer can be found under all of its namespaces, and looks at its start, and now and then while someone is missing,
//! who else is there. So whoever comes later finds who is there already. That it works does not depend on who invited
//! whom: any member who is online answers who comes with an invite.

use std::collections::{BTreeMap, BTreeSet};

use super::conversation::Conversation;
use super::{Effect, Engine};
use crate::crypto;
use crate::id::{Address, ConversationId, Namespace, PeerId};
use crate::identity::EXPIRY_GRACE_MS;
use crate::time::Timestamp;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How long after midnight yesterday's namespaces are kept, and how long before it tomorrow's may be taken.
const OVERLAP_MS: u64 = 60 * 60 * 1000;

/// Namespaces under which one peer can be found; more conversations than that do without.
const MAX_NAMESPACES: usize = 256;

/// Namespaces that are looked up in one tick.
const MAX_SOUGHT: usize = 16;

const FIRST_WAIT_MS: u64 = 30_000;
const LONGEST_WAIT_MS: u64 = 600_000;

/// How often the network is told again under which namespaces we can be found.
const TELL_EVERY_MS: u64 = 600_000;

/// What is known of our namespaces.
#[derive(Debug, Default)]
pub(super) struct Rendezvous {
    /// Where our nodes make us reachable; without nodes there are none.
    pub(super) relayed: Vec<Address>,
    registered: BTreeSet<Namespace>,
    told: Timestamp,
    sought: BTreeMap<Namespace, Sought>,
}

#[derive(Debug, Clone, Copy)]
struct Sought {
    at: Timestamp,
    wait: u64,
}

/// What a namespace stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Conversation([u8; 32]),
    Invite([u8; 32]),
    Devices([u8; 32]),
}

/// How often somebody is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Nobody is missing.
    Never,
    /// At the start: who comes later looks for us.
    Once,
    /// Until they are there.
    Again,
}

impl Look {
    fn while_missing(missing: bool) -> Look {
        if missing { Look::Again } else { Look::Never }
    }
}

impl Place {
    fn on(self, day: u64) -> Namespace {
        let (context, secret) = match self {
            Place::Conversation(secret) => ("bayou/1/namespace of a conversation", secret),
            Place::Invite(key) => ("bayou/1/namespace of an invite", key),
            Place::Devices(secret) => ("bayou/1/namespace of own devices", secret),
        };
        let [name @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            crypto::hash(context, &[&secret, &day.to_be_bytes()]);
        Namespace(name)
    }
}

impl Engine {
    /// These are the ways to us over the nodes that we use from now on.
    pub(super) fn relayed(&mut self, relayed: Vec<Address>) {
        self.rendezvous.relayed = relayed;
        self.rendezvous.told = Timestamp(0);
        self.rendezvous.sought.clear();
    }

    /// Lets others find us, and looks for who is missing.
    pub(super) fn look_for_others(&mut self, now: Timestamp) {
        if self.rendezvous.relayed.is_empty() && self.rendezvous.registered.is_empty() {
            return;
        }
        let places = if self.rendezvous.relayed.is_empty() { Vec::new() } else { self.places(now) };
        let days = days(now, self.peer);
        let mut namespaces: Vec<(Namespace, Look)> = Vec::new();
        for (place, look) in places.into_iter().take(MAX_NAMESPACES / 2) {
            namespaces.extend(days.iter().map(|day| (place.on(*day), look)));
        }
        let wanted: BTreeSet<Namespace> = namespaces.iter().map(|(namespace, _)| *namespace).collect();
        let rendezvous = &mut self.rendezvous;
        let late = now < rendezvous.told || now.since(rendezvous.told) >= TELL_EVERY_MS;
        if late || wanted != rendezvous.registered {
            rendezvous.sought.retain(|namespace, _| wanted.contains(namespace));
            rendezvous.told = now;
            self.effects.push(Effect::Register(wanted.iter().copied().collect()));
            rendezvous.registered = wanted;
        }
        let is_due = |(namespace, look): &&(Namespace, Look)| match (look, rendezvous.sought.get(namespace)) {
            (Look::Never, _) | (Look::Once, Some(_)) => false,
            (_, None) => true,
            (Look::Again, Some(sought)) => sought.is_due(now),
        };
        let missing: Vec<Namespace> =
            namespaces.iter().filter(is_due).map(|(namespace, _)| *namespace).take(MAX_SOUGHT).collect();
        for namespace in &missing {
            let wait = rendezvous.sought.get(namespace).map_or(FIRST_WAIT_MS, |sought| sought.wait * 2);
            rendezvous.sought.insert(*namespace, Sought { at: now, wait: wait.min(LONGEST_WAIT_MS) });
        }
        if !missing.is_empty() {
            self.effects.push(Effect::Seek(missing));
        }
    }

    /// Looks again soon for who shares this with us: somebody has just gone.
    pub(super) fn look_again(&mut self, now: Timestamp, ids: &BTreeSet<ConversationId>) {
        let days = days(now, self.peer);
        for conversation in ids.iter().filter_map(|id| self.conversations.get(id)) {
            for day in &days {
                self.rendezvous.sought.remove(&Place::Conversation(conversation.secret).on(*day));
            }
        }
    }

    /// A node knows where a peer is that looks for the same as we.
    pub(super) fn found(&mut self, peer: PeerId, addresses: Vec<Address>) {
        if peer == self.peer || self.links.contains_key(&peer) {
            return;
        }
        self.book.note(peer, addresses.iter().cloned());
        self.effects.push(Effect::Dial(Some(peer), addresses));
    }

    /// Returns where we meet others, and how often to look who is there.
    fn places(&self, now: Timestamp) -> Vec<(Place, Look)> {
        let mut places = Vec::new();
        let own = self.own.last_ruling().devices(&self.profile.user);
        let devices = own.map_or(0, |devices| devices.valid().count());
        let kin = self.links.values().filter(|link| link.kin.is_own).count();
        if devices > 1 && !self.is_retired() {
            places.push((
                Place::Devices(*self.profile.devices_secret().expose()),
                Look::while_missing(kin + 1 < devices),
            ));
        }
        // Whose contact link we hold, and who may hold ours.
        places.extend(self.sought_links().map(|keys| (Place::Invite(keys.id().0), Look::Again)));
        places.extend(self.link_id().map(|id| (Place::Invite(id.0), Look::Once)));
        for (id, conversation) in &self.conversations {
            if let Some(joining) = &conversation.joining
                && !joining.is_welcome
            {
                places.push((Place::Invite(joining.link.keys().id().0), Look::Again));
            } else if conversation.listens() {
                let linked = self.links.values().filter(|link| link.shared.contains(id)).count();
                let look = Look::while_missing(linked + 1 < conversation.devices.len());
                places.push((Place::Conversation(conversation.secret), look));
                places.extend(conversation.open_invites(now).map(|key| (Place::Invite(key), Look::Once)));
            }
        }
        places
    }
}

impl Sought {
    fn is_due(&self, now: Timestamp) -> bool {
        now < self.at || now.since(self.at) >= self.wait
    }
}

impl Conversation {
    /// Returns the public keys of the invites by which somebody may still come.
    fn open_invites(&self, now: Timestamp) -> impl Iterator<Item = [u8; 32]> {
        let ruling = self.authority.last_ruling();
        let open = ruling.offers().iter().filter(|(_, offer)| !offer.withdrawn && offer.left > 0);
        let invites = open.filter_map(|(hash, _)| self.invite(hash));
        invites.filter(move |invite| now < invite.expires.plus(EXPIRY_GRACE_MS)).map(|invite| invite.key.0)
    }
}

/// Returns the days whose namespaces are in use.
fn days(now: Timestamp, me: PeerId) -> Vec<u64> {
    let (day, since) = (now.0 / DAY_MS, now.0 % DAY_MS);
    let [a, b, ..] = me.0;
    // Between half of the overlap and all of it.
    let early = OVERLAP_MS / 2 + OVERLAP_MS / 2 * u64::from(u16::from_be_bytes([a, b])) / u64::from(u16::MAX);
    let mut days = vec![day];
    if since < OVERLAP_MS {
        days.push(day.saturating_sub(1));
    }
    if DAY_MS - since <= early {
        days.push(day + 1);
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_differ_from_day_to_day_and_from_kind_to_kind() {
        let secret = [7; 32];
        let all = [Place::Conversation(secret), Place::Invite(secret), Place::Devices(secret)];
        let names: BTreeSet<Namespace> = all.iter().flat_map(|place| [place.on(1), place.on(2)]).collect();
        assert_eq!(names.len(), 6);
        assert_eq!(Place::Conversation(secret).on(20_000).to_string(), "5ed8c0a75e5e987b5f81532bbd4d7472");
    }

    #[test]
    fn around_midnight_two_days_are_in_use_and_peers_come_to_the_new_one_one_by_one() {
        let (early, late) = (PeerId([0xff; 32]), PeerId([0; 32]));
        let at = |hours: f64| Timestamp(10 * DAY_MS + (hours * 3_600_000.0) as u64);
        assert_eq!(days(at(12.0), early), [10]);
        assert_eq!(days(at(0.5), early), [10, 9]);
        assert_eq!(days(at(23.1), early), [10, 11]);
        assert_eq!((days(at(23.1), late), days(at(23.6), late)), (vec![10], vec![10, 11]));
    }
}
