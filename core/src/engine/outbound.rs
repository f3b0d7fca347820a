//! The way out, as one sentence: draft on our own chain, gate, sign, keep. What follows is in `durable`.

use std::cmp::Reverse;

use super::conversation::Conversation;
use super::durable::{Origin, Pending};
use super::io::CallId;
use super::roles::{done, not_allowed, retired};
use super::{Engine, View, people, stream};
use crate::authority::{Item, MessageName, Role, Said};
use crate::conversation::{
    ChainHeader, EntryId, MAX_BODY, MAX_EMOJI, Outcome, Payload, Place, Record, SEGMENT_CHANGES, Segment, SegmentId,
    Sent, Tail, Target, Vector, Verified, draft,
};
use crate::crypto::{self, Signature};
use crate::id::{ActorId, ConversationId, RecordHash};
use crate::rpc::{ErrorCode, Request, RpcError};
use crate::store;
use crate::time::Timestamp;
use crate::timeline::Row;

impl Engine {
    /// Carries a request out. Queries are answered at once, commands when they are durable.
    pub(super) fn call(&mut self, now: Timestamp, call: CallId, request: Request, view: &dyn View) {
        let result = match request {
            Request::New { title } => self.begin(now, call, &title),
            Request::Join { link } => self.join(call, &link),
            Request::Invite { conversation, options } => self.invite(now, call, &conversation, &options),
            Request::RevokeInvite { conversation, invite } => self.revoke_invite(now, call, &conversation, &invite),
            Request::Admit { conversation, user, yes } => self.answer_guest(now, call, (&conversation, &user), yes),
            Request::Role { conversation, member, role } => {
                people::role(&role).and_then(|role| self.change_role(now, call, (&conversation, &member), role, view))
            }
            Request::Remove { conversation, member } => self.remove(now, call, (&conversation, &member), view),
            Request::Leave { conversation } => self.leave(now, call, &conversation, view),
            Request::Set { conversation, setting } => {
                people::setting(setting).and_then(|setting| self.set(now, call, &conversation, setting))
            }
            Request::NoteContact { user, petname, verified } => {
                self.note_contact(now, call, &user, petname.as_deref(), verified)
            }
            Request::VerifyContact { code } => self.verify_contact(now, call, &code),
            Request::Draft { conversation, text: Some(text) } => self.keep_draft(now, call, &conversation, text),
            Request::Settings { key: Some(key), value } => self.prefer(now, call, key, value),
            Request::Profile { name, status, avatar } if name.is_some() || status.is_some() || avatar.is_some() => {
                self.show_as(now, call, name, status, avatar.as_deref())
            }
            Request::ContactLink { host, replace } => self.contact_link(now, call, host.as_deref(), replace),
            Request::AddContact { link, message } => self.add_contact(now, call, &link, &message),
            Request::AnswerRequest { user, yes } => self.answer_request(now, call, &user, yes),
            Request::ConfirmContact { user } => self.confirm_contact(now, call, &user),
            Request::Block { user, off } => self.block(now, call, &user, off),
            Request::LinkDevice { offer } => self.link_device(now, call, &offer),
            Request::ConfirmDevice { yes } => self.confirm_device(now, call, yes),
            Request::RetireDevice { device, phrase } => {
                self.retire_device(now, call, &device, phrase.as_ref().map(|words| words.expose()), view)
            }
            Request::MoveRoot { phrase, to } => self.move_root(now, call, phrase.expose(), to.expose()),
            Request::Hide { message, off, erase } => self.hide(now, call, &message, (!off, erase), view),
            Request::Send { conversation, text, reply_to, id } => {
                self.say(now, call, &conversation, text, (reply_to.as_deref(), id.as_deref()), view)
            }
            Request::Edit { message, text } => self.edit(now, call, &message, text, view),
            Request::Delete { message } => self.delete(now, call, &message, view),
            Request::React { message, emoji, off } => self.react(now, call, &message, emoji, !off, view),
            Request::ExportBundle { conversation, member, all } => {
                self.export(now, call, &conversation, member.as_deref(), all)
            }
            Request::ContinueBundle { bundle } => self.export_on(now, call, bundle, view),
            Request::ImportBundle { head, number, last, piece } => {
                self.import(now, call, &head.0, (number, last, &piece.0), view)
            }
            query => {
                let reply = self.query(now, query, view);
                return self.reply(call, reply);
            }
        };
        if let Err(error) = result {
            self.reply(call, Err(error));
        }
    }

    fn say(
        &mut self,
        now: Timestamp,
        call: CallId,
        conversation: &str,
        text: String,
        (answers, name): (Option<&str>, Option<&str>),
        view: &dyn View,
    ) -> Result<(), RpcError> {
        let id = self.find_conversation(conversation)?;
        let salt = name.map(|name| self.salt_of(id, name)).transpose()?;
        if let Some(salt) = &salt
            && self.answer_again(call, id, salt, view)?
        {
            return Ok(());
        }
        self.check_readers(id)?;
        let answers = answers.map(|message| self.target_of_answer(now, id, message, view)).transpose()?;
        let mut payload = self.payload(text)?;
        payload.salt = salt.unwrap_or(payload.salt);
        let lifetime = self.conversations.get(&id).map_or(0, |c| c.authority.last_ruling().settings().disappear);
        let (hash, len) = (payload.hash(), payload.body.len());
        let record = match (answers, lifetime) {
            (Some(to), lifetime) => Record::encode_answer(to, hash, len, lifetime),
            (None, 0) => Record::encode_text(hash, len),
            (None, some) => Record::encode_passing(hash, len, some),
        };
        let message = self.write(now, call, id, Place::Messages, record, vec![payload], view)?;
        if let Some(salt) = salt {
            self.repeats.begun(id, salt, message);
        }
        Ok(())
    }

    /// Finds the message that another answers.
    fn target_of_answer(
        &self,
        now: Timestamp,
        id: ConversationId,
        message: &str,
        view: &dyn View,
    ) -> Result<Target, RpcError> {
        match self.find_message(now, message, view)? {
            (of, message, row) if of == id => Ok(Target { segment: row.segment, message }),
            _ => Err(invalid("the message that this one answers is in another conversation".into())),
        }
    }

    fn edit(
        &mut self,
        now: Timestamp,
        call: CallId,
        message: &str,
        text: String,
        view: &dyn View,
    ) -> Result<(), RpcError> {
        let (id, target, _) = self.own_message(now, message, "edit", view)?;
        self.check_readers(id)?;
        let payload = self.payload(text)?;
        let record = Record::encode_edit(target, payload.hash(), payload.body.len());
        self.write(now, call, id, Place::Annotations, record, vec![payload], view).map(drop)
    }

    fn delete(&mut self, now: Timestamp, call: CallId, message: &str, view: &dyn View) -> Result<(), RpcError> {
        let (id, target, _) = self.own_message(now, message, "delete", view)?;
        let record = Record::encode_delete(target);
        self.write(now, call, id, Place::Annotations, record, vec![], view).map(drop)
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
        let (id, message, row) = self.find_message(now, message, view)?;
        if row.is_erased() {
            return Err(invalid("this message was deleted".into()));
        }
        let target = Target { segment: row.segment, message };
        let record = Record::encode_reaction(target, emoji, on);
        self.write(now, call, id, Place::Annotations, record, vec![], view).map(drop)
    }

    fn own_message(
        &self,
        now: Timestamp,
        message: &str,
        what: &str,
        view: &dyn View,
    ) -> Result<(ConversationId, Target, Row), RpcError> {
        let (id, message, row) = self.find_message(now, message, view)?;
        if row.author != self.profile.user {
            return Err(RpcError::new(ErrorCode::NotAllowed, format!("only its author can {what} a message")));
        }
        if row.is_erased() {
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

    /// Writes one entry into the newest segment, or opens the next if that one is full. Returns its id: it is not kept yet.
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
    ) -> Result<EntryId, RpcError> {
        let grant = self.writes_under(id)?;
        let (id, opens) = self.writing_segment(id);
        if self.shelf.has_lost() {
            // What we wrote may be among it: from now on another writes.
            self.nonce = self.rng.bytes();
        }
        let header = ChainHeader::new(self.key.device(), grant, self.nonce, opens);
        let segment = self.shelf.get(id, view)?;
        let (actor, header) = own_chain(segment, header);
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
        let entry = EntryId { at, actor, number: 0 };
        let Tail::Run(sent) = tail else { return Ok(entry) };
        let batch = vec![store::Record { stream: stream(id), bytes }];
        self.persist(batch, vec![Pending::Run { id, run, sent, origin: Origin::Own(call, entry) }]);
        Ok(entry)
    }

    /// Returns the grant under which we write.
    fn writes_under(&self, id: ConversationId) -> Result<RecordHash, RpcError> {
        if self.is_retired() {
            return Err(retired());
        }
        let conversation = self.conversations.get(&id);
        match conversation.and_then(|conversation| conversation.member(&self.profile.user)) {
            Some(_) if conversation.is_some_and(|known| known.is_blocked) => {
                Err(not_allowed("you blocked them: `bayou contact unblock` first".to_owned()))
            }
            Some(member) if member.role >= Role::Member => Ok(member.grant),
            Some(_) => Err(not_allowed("you may only read in this conversation".to_owned())),
            None => Err(not_allowed(match conversation.and_then(|conversation| conversation.joining.as_ref()) {
                Some(joining) => format!("you are not let in yet: {}", joining.told),
                None => "you are not in this conversation any more".to_owned(),
            })),
        }
    }

    /// Hides a message from all, or shows it again, or has it erased.
    fn hide(
        &mut self,
        now: Timestamp,
        call: CallId,
        message: &str,
        (hidden, erase): (bool, bool),
        view: &dyn View,
    ) -> Result<(), RpcError> {
        if erase && !hidden {
            return Err(invalid("what is erased cannot be shown again: leave one of the two out".into()));
        }
        let (id, EntryId { at, actor, number }, row) = self.find_message(now, message, view)?;
        if row.removed {
            return Err(invalid("this message was erased".into()));
        }
        let message = MessageName { segment: row.segment, at, actor, number };
        let said = if erase { Said::Erase { message } } else { Said::Hide { message, hidden } };
        let record = self.control(now, id, said)?;
        self.take_items(id, vec![Item::Record(record)], vec![], None, done(call));
        Ok(())
    }

    /// Returns the segment to write into, and what of the one before it entitles us to.
    fn writing_segment(&self, conversation: ConversationId) -> (SegmentId, Vector) {
        let known = self.conversations.get(&conversation);
        let heads = |number: u32| known.and_then(|known| known.heads.get(&number));
        let newest = known.map_or(0, Conversation::newest_segment);
        let full = heads(newest).is_some_and(|heads| heads.changes() >= SEGMENT_CHANGES);
        let number = if full { newest + 1 } else { newest };
        let opened = known.is_some_and(|known| known.authority.last_ruling().opens(number));
        let before = number.checked_sub(1).filter(|_| !opened).and_then(heads);
        let opens = before.map(|heads| enough_of(&heads.vector)).unwrap_or_default();
        (SegmentId { conversation, number }, opens)
    }
}

/// Returns our chain in a segment: its name, and the header with which it begins.
fn own_chain(segment: &Segment, mut header: ChainHeader) -> (ActorId, ChainHeader) {
    let genesis = segment.genesis().hash();
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

pub(super) fn invalid(message: String) -> RpcError {
    RpcError::new(ErrorCode::Invalid, message)
}
