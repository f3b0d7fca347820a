//! The way out, as one sentence: draft on our own chain, gate, sign, keep. What follows is in `durable`.

use std::cmp::Reverse;

use super::durable::{Origin, Pending};
use super::facts::{self, Fact};
use super::io::CallId;
use super::{Conversation, Engine, View, stream};
use crate::authority::{Control, ControlRecord, MAX_TITLE};
use crate::conversation::{
    ChainHeader, EntryId, MAX_BODY, MAX_EMOJI, Outcome, Payload, Place, Record, SEGMENT_CHANGES, SegmentId, Sent, Tail,
    Target, Vector, Verified, draft,
};
use crate::crypto::{self, Signature};
use crate::id::{ActorId, ConversationId, StreamId};
use crate::identity::Invite;
use crate::rpc::{ErrorCode, Reply, Request, RpcError};
use crate::store;
use crate::time::Timestamp;
use crate::timeline::Row;

/// The most conversations of one home.
const MAX_CONVERSATIONS: usize = 10_000;

impl Engine {
    /// Carries a request out. Queries are answered at once, commands when they are durable.
    pub(super) fn call(&mut self, now: Timestamp, call: CallId, request: Request, view: &dyn View) {
        let result = match request {
            Request::New { title } => self.begin(now, call, &title),
            Request::Join { link } => self.join(now, call, &link),
            Request::Send { conversation, text } => self.say(now, call, &conversation, text, view),
            Request::Edit { message, text } => self.edit(now, call, &message, text, view),
            Request::Delete { message } => self.delete(now, call, &message, view),
            Request::React { message, emoji, off } => self.react(now, call, &message, emoji, !off, view),
            query => {
                let reply = self.query(query, view);
                return self.reply(call, reply);
            }
        };
        if let Err(error) = result {
            self.reply(call, Err(error));
        }
    }

    fn begin(&mut self, now: Timestamp, call: CallId, title: &str) -> Result<(), RpcError> {
        let title = title.trim();
        if title.is_empty() || title.len() > MAX_TITLE {
            return Err(invalid(format!("a title has 1 to {MAX_TITLE} bytes, this one has {}", title.len())));
        }
        let said = Control::Genesis { title: title.into(), name: self.name.clone(), salt: self.rng.bytes(), at: now };
        let genesis = ControlRecord::genesis(said, &self.key);
        let secret = self.rng.bytes();
        self.take_part(call, genesis.conversation(), secret, vec![], genesis)
    }

    fn join(&mut self, now: Timestamp, call: CallId, link: &str) -> Result<(), RpcError> {
        let invite = Invite::from_link(link).map_err(|error| invalid(error.to_string()))?;
        let id = invite.conversation;
        for (peer, addresses) in &invite.peers {
            for address in addresses {
                self.known(Some(*peer), address.clone());
            }
        }
        if self.conversations.contains_key(&id) {
            self.reply(call, Ok(Reply::New { conversation: id.to_string() }));
            return Ok(());
        }
        let join = ControlRecord::sign(Control::Join { name: self.name.clone(), at: now }, id, &self.key);
        self.take_part(call, id, invite.secret, invite.peers, join)
    }

    fn take_part(
        &mut self,
        call: CallId,
        id: ConversationId,
        secret: [u8; 32],
        peers: Vec<(crate::id::PeerId, Vec<crate::id::Address>)>,
        record: ControlRecord,
    ) -> Result<(), RpcError> {
        let number = self.facts.iter().filter(|fact| matches!(fact, Fact::Joined { .. })).count();
        if number >= MAX_CONVERSATIONS {
            return Err(invalid(format!(
                "a home has at most {MAX_CONVERSATIONS} conversations: make another with --home"
            )));
        }
        let fact = Fact::Joined { conversation: id, secret, peers };
        let batch = vec![
            store::Record { stream: StreamId::Local, bytes: facts::encode(&fact) },
            store::Record { stream: StreamId::Control(id), bytes: record.bytes().to_vec() },
        ];
        self.facts.push(fact);
        let mut conversation = Conversation::new(u32::try_from(number).unwrap_or(u32::MAX), secret);
        conversation.members.insert(record);
        self.conversations.insert(id, conversation);
        self.persist(batch, vec![Pending::Joined { call, id }]);
        Ok(())
    }

    fn say(
        &mut self,
        now: Timestamp,
        call: CallId,
        conversation: &str,
        text: String,
        view: &dyn View,
    ) -> Result<(), RpcError> {
        let id = self.find_conversation(conversation)?;
        let payload = self.payload(text)?;
        let record = Record::encode_text(payload.hash(), payload.body.len());
        self.write(now, call, id, Place::Messages, record, vec![payload], view)
    }

    fn edit(
        &mut self,
        now: Timestamp,
        call: CallId,
        message: &str,
        text: String,
        view: &dyn View,
    ) -> Result<(), RpcError> {
        let (id, target, _) = self.own_message(message, "edit", view)?;
        let payload = self.payload(text)?;
        let record = Record::encode_edit(target, payload.hash(), payload.body.len());
        self.write(now, call, id, Place::Annotations, record, vec![payload], view)
    }

    fn delete(&mut self, now: Timestamp, call: CallId, message: &str, view: &dyn View) -> Result<(), RpcError> {
        let (id, target, _) = self.own_message(message, "delete", view)?;
        let record = Record::encode_delete(target);
        self.write(now, call, id, Place::Annotations, record, vec![], view)
    }

    fn react(
        &mut self,
        now: Timestamp,
        call: CallId,
        message: &str,
        emoji: String,
        on: bool,
        view: &dyn View,
    ) -> Result<(), RpcError> {
        if emoji.trim().is_empty() || emoji.len() > MAX_EMOJI {
            return Err(invalid(format!("a reaction is one emoji of 1 to {MAX_EMOJI} bytes")));
        }
        let (id, message, row) = self.find_message(message, view)?;
        if row.deleted {
            return Err(invalid("this message was deleted".into()));
        }
        let target = Target { segment: row.segment, message };
        let record = Record::encode_reaction(target, emoji, on);
        self.write(now, call, id, Place::Annotations, record, vec![], view)
    }

    fn own_message(
        &self,
        message: &str,
        what: &str,
        view: &dyn View,
    ) -> Result<(ConversationId, Target, Row), RpcError> {
        let (id, message, row) = self.find_message(message, view)?;
        if row.device != self.key.device() {
            return Err(RpcError::new(ErrorCode::NotAllowed, format!("only its author can {what} a message")));
        }
        if row.deleted {
            return Err(invalid("this message was deleted".into()));
        }
        Ok((id, Target { segment: row.segment, message }, row))
    }

    fn payload(&mut self, body: String) -> Result<Payload, RpcError> {
        if body.is_empty() || body.len() > MAX_BODY {
            return Err(invalid(format!("a message has 1 to {MAX_BODY} bytes, this one has {}", body.len())));
        }
        Ok(Payload { salt: self.rng.bytes(), body })
    }

    /// Writes one entry into the newest segment, or opens the next if that one is full.
    #[allow(clippy::too_many_arguments, reason = "the sentence of the way out names all that goes into it")]
    fn write(
        &mut self,
        now: Timestamp,
        call: CallId,
        id: ConversationId,
        place: Place,
        record: Vec<u8>,
        payloads: Vec<Payload>,
        view: &dyn View,
    ) -> Result<(), RpcError> {
        let (id, opens) = self.writing_segment(id);
        let device = self.key.device();
        let nonce = self.nonce;
        let segment = self.shelf.get(id, view)?;
        let (actor, header) = own_chain(segment, device, nonce, opens);
        let chain = segment.chain(&actor);
        let floor = chain.map(|chain| chain.last()).unwrap_or_default();
        let at = self.clock.tick(now, floor).ok_or_else(|| super::machine("the clock is at the end of time"))?;
        let (_, change) = draft(segment.genesis(), chain, actor, at, &[(place, record)]);
        let header = chain.is_none().then_some(header);
        let gated = match segment.gate(vec![Sent { change, header, signature: Signature::NONE, payloads }]) {
            Ok(Outcome::Next(gated)) => gated,
            Ok(_) => return Err(super::machine("an own change did not continue its chain")),
            Err(refusal) => return Err(super::machine(format!("an own change was refused: {refusal}"))),
        };
        let run = Verified::sign(gated, &self.key).map_err(super::machine)?;
        segment.admit(&run);
        self.shelf.hold(id, 1);
        let tail = Tail::Run(run.gated().to_sent());
        let bytes = postcard::to_stdvec(&tail).expect("a record always encodes");
        let Tail::Run(sent) = tail else { return Ok(()) };
        let origin = Origin::Own(call, EntryId { at, actor, number: 0 });
        let batch = vec![store::Record { stream: stream(id), bytes }];
        self.persist(batch, vec![Pending::Run { id, run, sent, origin }]);
        Ok(())
    }

    /// Returns the segment to write into, and what of the one before it entitles us to.
    fn writing_segment(&self, conversation: ConversationId) -> (SegmentId, Vector) {
        let known = self.conversations.get(&conversation);
        let heads = |number: u32| known.and_then(|known| known.heads.get(&number));
        let newest = known.map_or(0, Conversation::newest_segment);
        let full = heads(newest).is_some_and(|heads| heads.changes() >= SEGMENT_CHANGES);
        let number = if full { newest + 1 } else { newest };
        let opens = number.checked_sub(1).and_then(heads).map(|heads| enough_of(&heads.vector)).unwrap_or_default();
        (SegmentId { conversation, number }, opens)
    }
}

/// Returns our chain in a segment: its name, and the header with which it begins.
fn own_chain(
    segment: &crate::conversation::Segment,
    device: crate::id::DeviceId,
    nonce: [u8; 16],
    opens: Vector,
) -> (ActorId, ChainHeader) {
    let (genesis, mut header) = (segment.genesis().hash(), ChainHeader::new(device, nonce, opens));
    // Whoever has our key forked this chain; we go on in another.
    while segment.forks().any(|fork| fork.actor() == header.actor(genesis)) {
        let [nonce @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            crypto::hash("bayou/1/nonce", &[&header.nonce]);
        header.nonce = nonce;
    }
    (header.actor(genesis), header)
}

/// Returns the longest chains of a vector, as many as make a full segment: one that names all of many short chains would
/// be too large for a header.
fn enough_of(vector: &Vector) -> Vector {
    let mut chains: Vec<(ActorId, u32)> = vector.iter().map(|(actor, seq)| (*actor, *seq)).collect();
    chains.sort_by_key(|(actor, seq)| (Reverse(*seq), *actor));
    let mut changes = 0;
    let needed = chains.into_iter().take_while(|(_, seq)| {
        let before = changes;
        changes += u64::from(*seq);
        before < SEGMENT_CHANGES
    });
    needed.collect()
}

fn invalid(message: String) -> RpcError {
    RpcError::new(ErrorCode::Invalid, message)
}
