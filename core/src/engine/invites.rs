//! Invites: links that lead into a conversation, and who came with one and waits for a yes.

use super::controls::Then;
use super::conversation::Conversation;
use super::durable::Pending;
use super::entrance::Joining;
use super::facts::{self, Fact};
use super::io::CallId;
use super::outbound::invalid;
use super::roles::done;
use super::{Engine, people, queries};
use crate::authority::{Item, MAX_USES, Said};
use crate::crypto::Secret;
use crate::id::{Address, ConversationId, DeviceId, RecordHash, StreamId, UserId};
use crate::identity::{Admission, EXPIRY_GRACE_MS, InviteKeys, InvitedTo, JoinLink, fingerprint};
use crate::rpc::{self, ErrorCode, InviteOptions, Reply, RpcError};
use crate::store::Record;
use crate::time::Timestamp;

/// The longest that a link may be good, in hours: a year.
const MAX_HOURS: u32 = 24 * 366;

const HOUR_MS: u64 = 60 * 60 * 1000;

/// The fewest characters of an abbreviated invite.
const MIN_ABBREVIATION: usize = 4;

impl Engine {
    /// Makes a link by which others can come in.
    pub(super) fn invite(
        &mut self,
        now: Timestamp,
        call: CallId,
        conversation: &str,
        options: &InviteOptions,
    ) -> Result<(), RpcError> {
        let id = self.find_conversation(conversation)?;
        let InviteOptions { uses, hours, approve, role, host } = options;
        if !(1..=MAX_USES).contains(uses) {
            return Err(invalid(format!("an invite is good for 1 to {MAX_USES} people")));
        }
        if !(1..=MAX_HOURS).contains(hours) {
            return Err(invalid(format!("an invite is good for 1 to {MAX_HOURS} hours")));
        }
        let role = people::role(role.as_deref().unwrap_or("member"))?;
        let seed = Secret::new(self.rng.bytes());
        let keys = InviteKeys::derive(&seed, InvitedTo::Conversation(id));
        let expires = now.plus(u64::from(*hours) * HOUR_MS);
        let said = Said::Invite { key: DeviceId(keys.id().0), role, uses: *uses, expires, auto: !approve };
        let record = self.control(now, id, said)?;
        let link = JoinLink {
            conversation: id,
            inviter: fingerprint(&self.profile.user),
            seed,
            expires,
            admission: if *approve { Admission::Approve } else { Admission::Auto },
            peers: vec![(self.peer, self.addresses())],
        };
        let link = match host {
            Some(host) => link.to_web_link(host).map_err(|error| invalid(error.to_string()))?,
            None => link.to_link(),
        };
        let addresses = u32::try_from(self.addresses().len()).unwrap_or(u32::MAX);
        let reply = Reply::Invite { link, invite: record.hash().to_string(), expires: expires.0, addresses };
        self.take_items(id, vec![Item::Record(record)], vec![], None, Then::Reply(call, Box::new(reply)));
        Ok(())
    }

    /// Returns where we can be reached, the most useful address first. A way over a node counts even while we do not run:
    /// it will lead to us when we do.
    pub(super) fn addresses(&self) -> Vec<Address> {
        let mut addresses: Vec<Address> = self.listening.iter().map(|(address, _)| address.clone()).collect();
        addresses.extend(self.rendezvous.relayed.iter().filter(|way| !self.listens_at(way)).cloned());
        addresses.sort_by_key(queries::usefulness);
        // Two ways over nodes are enough for a link, which holds three: whoever is near comes faster without one.
        let (over_nodes, direct): (Vec<_>, Vec<_>) = addresses.into_iter().partition(queries::is_relayed);
        let (first, rest) = over_nodes.split_at(over_nodes.len().min(2));
        let mut addresses = [first, &direct, rest].concat();
        addresses.sort_by_key(|address| queries::usefulness(address).0 != queries::Place::Public);
        addresses
    }

    fn listens_at(&self, way: &Address) -> bool {
        self.listening.iter().any(|(address, _)| address == way)
    }

    /// Asks to be let in by a link.
    pub(super) fn join(&mut self, call: CallId, link: &str) -> Result<(), RpcError> {
        let joining = JoinLink::from_link(link).map_err(|error| invalid(error.to_string()))?;
        self.check_inviter(&joining)?;
        let id = joining.conversation;
        for (peer, addresses) in &joining.peers {
            self.known_at(*peer, addresses.clone());
        }
        let number = match self.conversations.get(&id) {
            // A second link to the same door: the newer one counts.
            Some(known) if known.joining.is_some() => known.number,
            Some(known) if known.member(&self.profile.user).is_some() => {
                self.reply(call, Ok(Reply::Joined { conversation: id.to_string(), state: "in".to_owned() }));
                return Ok(());
            }
            Some(known) => known.number,
            None => self.next_number()?,
        };
        let known = self.conversations.entry(id).or_insert_with(|| Conversation::new(id, number, [0; 32]));
        known.joining = Some(Joining::new(joining));
        let fact = Fact::Joining { conversation: id, link: link.to_owned() };
        let batch = vec![Record { stream: StreamId::Local, bytes: facts::encode(&fact) }];
        self.facts.push(fact);
        self.persist(batch, vec![Pending::Joined { call, id }]);
        Ok(())
    }

    /// Lists the invites of a conversation that are still good.
    pub(super) fn invites(&self, now: Timestamp, conversation: &str) -> Result<Reply, RpcError> {
        let id = self.find_conversation(conversation)?;
        let Some(conversation) = self.conversations.get(&id) else { return Ok(Reply::Invites { invites: vec![] }) };
        let offers = conversation.authority.last_ruling().offers();
        let good = offers.iter().filter(|(_, offer)| !offer.withdrawn && offer.left > 0);
        let invites = good.filter_map(|(hash, offer)| {
            let invite = conversation.invite(hash).filter(|invite| now < invite.expires.plus(EXPIRY_GRACE_MS))?;
            let by = conversation.authority.record(hash).map(|record| conversation.name(&record.user()));
            Some(rpc::Invite {
                invite: hash.to_string(),
                by: by.unwrap_or_default(),
                role: people::role_name(invite.role).to_owned(),
                left: offer.left,
                expires: invite.expires.0,
                approve: !invite.auto,
            })
        });
        Ok(Reply::Invites { invites: invites.collect() })
    }

    /// Withdraws an invite.
    pub(super) fn revoke_invite(
        &mut self,
        now: Timestamp,
        call: CallId,
        conversation: &str,
        invite: &str,
    ) -> Result<(), RpcError> {
        let id = self.find_conversation(conversation)?;
        let offers = self.conversations.get(&id).map(|c| c.authority.last_ruling().offers());
        let fits = |hash: &RecordHash| invite.len() >= MIN_ABBREVIATION && hash.to_string().starts_with(invite);
        let mut found = offers.into_iter().flatten().map(|(hash, _)| *hash).filter(fits);
        let invite: RecordHash = match (found.next(), found.next()) {
            (Some(hash), None) => hash,
            (Some(_), Some(_)) => {
                return Err(RpcError::new(ErrorCode::NotFound, "several invites fit: use more of the id"));
            }
            (None, _) => {
                return Err(RpcError::new(ErrorCode::NotFound, "no such invite: `bayou invite list CONV` lists them"));
            }
        };
        let record = self.control(now, id, Said::InviteRevoke { invite })?;
        self.take_items(id, vec![Item::Record(record)], vec![], None, done(call));
        Ok(())
    }

    /// Says yes or no to someone who waits to be let in.
    pub(super) fn answer_guest(
        &mut self,
        now: Timestamp,
        call: CallId,
        (conversation, user): (&str, &str),
        yes: bool,
    ) -> Result<(), RpcError> {
        let id = self.find_conversation(conversation)?;
        let user = self.find_guest(id, user)?;
        self.decide(now, call, id, user, yes)
    }

    fn find_guest(&self, id: ConversationId, text: &str) -> Result<UserId, RpcError> {
        let guests = self.conversations.get(&id).map(|c| &c.guests).into_iter().flatten();
        let mut found = guests.filter(|(user, guest)| guest.name == text || user.to_string().starts_with(text));
        match (found.next(), found.next()) {
            (Some((user, _)), None) => Ok(*user),
            (Some(_), Some(_)) => Err(RpcError::new(ErrorCode::NotFound, "several fit: use more of the id")),
            (None, _) => Err(RpcError::new(ErrorCode::NotFound, "nobody like that waits: see `bayou members`")),
        }
    }
}
