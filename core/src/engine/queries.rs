//! What front ends read: rows, lists, and how this peer is.

use std::collections::BTreeSet;

use super::conversation::Conversation;
use super::epochs::Group;
use super::io::{Effect, View};
use super::keys::{self, Part};
use super::pages::stretch;
use super::{Engine, people, rows};
use crate::conversation::EntryId;
use crate::id::{Address, ConversationId, DeviceId, UserId};
use crate::rpc::{self, ErrorCode, Event, Reaction, Reply, Request, RpcError};
use crate::time::Timestamp;
use crate::timeline::{Row, Text};

/// The fewest characters of an abbreviation.
const MIN_ABBREVIATION: usize = 4;

/// The newest messages of each conversation among which an abbreviation is looked up.
const ABBREVIATED_AMONG: usize = 10_000;

/// The most rows of one answer.
const MAX_ROWS: u32 = 1000;

/// The most unread messages that are counted.
const MAX_UNREAD: usize = 1000;

impl Engine {
    pub(super) fn query(&mut self, now: Timestamp, request: Request, view: &dyn View) -> Result<Reply, RpcError> {
        match request {
            Request::Invites { conversation } => self.invites(now, &conversation),
            Request::Members { conversation } => self.members(&conversation),
            Request::Log { limit: 0, .. } | Request::Disputed { limit: 0, .. } => {
                Err(RpcError::new(ErrorCode::Invalid, "how many messages? at least 1"))
            }
            Request::Log { conversation, limit, before } => {
                self.log(now, &conversation, limit, before.as_deref(), view)
            }
            Request::Disputed { conversation, limit, before } => {
                let (id, found) = self.page(now, &conversation, Part::Disputed, limit, before.as_deref(), view)?;
                Ok(self.show_all(now, id, &found, view))
            }
            Request::Page { conversation, from, limit } => self.timeline_page(now, &conversation, &from, limit, view),
            Request::Read { conversation, up_to } => self.read(&conversation, &up_to),
            Request::History { message } => self.history(now, &message, view),
            Request::Notices { conversation, after, before, limit } => {
                self.notices(&conversation, after, before, limit, view)
            }
            Request::Follow { conversation, limit } => self.log(now, &conversation, limit, None, view),
            Request::Conversations => self.list(now, view),
            Request::Conversation { conversation } => self.listed(now, &conversation, view),
            Request::Contacts => Ok(self.contacts()),
            Request::Contact { user } => self.contact(&user),
            Request::Words { conversation } => self.words(&conversation),
            Request::Profile { .. } => Ok(self.profile()),
            Request::Avatar { user } => self.avatar(&user),
            Request::Requests => Ok(self.requests()),
            Request::Draft { conversation, .. } => self.draft(&conversation),
            Request::Settings { .. } => Ok(self.settings()),
            Request::Qr { text } => rpc::Qr::answer(&text),
            Request::Home => Ok(self.home()),
            Request::Devices => Ok(self.devices()),
            Request::Peers => Ok(self.peers()),
            Request::Status => Ok(self.status(now)),
            Request::ConversationStatus { conversation } => self.conversation_status(now, &conversation),
            Request::MessageStatus { message } => self.message_status(now, &message, view),
            Request::Init { .. }
            | Request::Restore { .. }
            | Request::Unlock { .. }
            | Request::OfferDevice
            | Request::AwaitDigits
            | Request::SettleIn { .. } => Err(RpcError::new(ErrorCode::Invalid, "this home is open already")),
            _ => Err(RpcError::new(ErrorCode::Invalid, "this peer cannot do that")),
        }
    }

    /// Finds a conversation by its id, an unambiguous beginning of it, or its exact title.
    pub(super) fn find_conversation(&self, text: &str) -> Result<ConversationId, RpcError> {
        if let Some(id) = text.parse().ok().filter(|id| self.conversations.contains_key(id)) {
            return Ok(id);
        }
        let begins = |id: &ConversationId| text.len() >= MIN_ABBREVIATION && id.to_string().starts_with(text);
        let fits = |(id, c): &(&ConversationId, &Conversation)| self.title_of(c) == text || begins(id);
        let mut found = self.conversations.iter().filter(fits).map(|(id, _)| *id);
        match (found.next(), found.next()) {
            (Some(id), None) => Ok(id),
            (Some(_), Some(_)) => {
                Err(not_found("several conversations fit: use more of the id, see `bayou conversations`"))
            }
            (None, _) => Err(not_found("no such conversation: `bayou conversations` lists them")),
        }
    }

    /// Finds a message by its id or an unambiguous beginning of it.
    pub(super) fn find_message(
        &self,
        now: Timestamp,
        text: &str,
        view: &dyn View,
    ) -> Result<(ConversationId, EntryId, Row), RpcError> {
        let mut found = Vec::new();
        match text.parse::<EntryId>() {
            Ok(message) => {
                for (id, conversation) in &self.conversations {
                    let bytes = view.get(&keys::row(conversation.number, &message))?;
                    found.extend(bytes.and_then(|bytes| rows::decode(&bytes)).map(|row| (*id, message, row)));
                }
            }
            Err(_) if text.len() < MIN_ABBREVIATION => {
                let why =
                    format!("not a message id: give at least {MIN_ABBREVIATION} characters of it, see `bayou log`");
                return Err(RpcError::new(ErrorCode::Invalid, why));
            }
            Err(_) => {
                for (id, conversation) in &self.conversations {
                    let (from, to) = keys::all(keys::Part::Rows, conversation.number);
                    let newest = view.scan(&from, &to, ABBREVIATED_AMONG, true)?;
                    let fits = newest.iter().filter_map(|(key, value)| Some((keys::id(key)?, value)));
                    let fits = fits.filter(|(message, _)| message.to_string().starts_with(text));
                    found.extend(fits.filter_map(|(message, row)| Some((*id, message, rows::decode(row)?))));
                }
            }
        }
        found.retain(|(_, _, row)| !row.is_over(now));
        let several = found.len() > 1;
        match found.pop() {
            Some(message) if !several => Ok(message),
            Some(_) => Err(not_found("several messages fit: use more characters of the id")),
            None => Err(not_found("no such message: `bayou log CONVERSATION` shows ids")),
        }
    }

    fn log(
        &mut self,
        now: Timestamp,
        text: &str,
        limit: u32,
        before: Option<&str>,
        view: &dyn View,
    ) -> Result<Reply, RpcError> {
        let (id, found) = self.page(now, text, Part::Rows, limit, before, view)?;
        let shown = self.show_all(now, id, &found, view);
        if let (None, Some((newest, _))) = (before, found.last()) {
            self.mark_read(id, *newest);
        }
        Ok(shown)
    }

    /// Reads the newest rows of a part of a conversation, oldest first.
    fn page(
        &self,
        now: Timestamp,
        text: &str,
        part: Part,
        limit: u32,
        before: Option<&str>,
        view: &dyn View,
    ) -> Result<(ConversationId, Vec<(EntryId, Row)>), RpcError> {
        let id = self.find_conversation(text)?;
        let Some(conversation) = self.conversations.get(&id) else { return Err(not_found("no such conversation")) };
        let (from, end) = keys::all(part, conversation.number);
        let to = match before {
            Some(before) => {
                let before = before.parse().map_err(|_| not_found("`before` takes the whole id of a message"))?;
                let key = if matches!(part, Part::Disputed) { keys::disputed } else { keys::row };
                key(conversation.number, &before)
            }
            None => end,
        };
        let mut found = stretch(now, &from, &to, limit.min(MAX_ROWS) as usize, true, view)?;
        found.reverse();
        Ok((id, found))
    }

    fn show_all(&self, now: Timestamp, id: ConversationId, rows: &[(EntryId, Row)], view: &dyn View) -> Reply {
        let known = self.conversations.get(&id);
        let rows = rows.iter().filter_map(|(message, row)| Some(self.show(now, known?, message, row, view)));
        Reply::Log { conversation: id.to_string(), rows: rows.collect() }
    }

    fn list(&self, now: Timestamp, view: &dyn View) -> Result<Reply, RpcError> {
        let known = self.conversations.iter();
        let list = known.map(|(id, conversation)| self.in_list(now, id, conversation, view));
        let mut list = list.collect::<Result<Vec<_>, _>>()?;
        list.sort_by_key(|c| std::cmp::Reverse(c.last_at));
        Ok(Reply::Conversations { conversations: list })
    }

    fn listed(&self, now: Timestamp, text: &str, view: &dyn View) -> Result<Reply, RpcError> {
        let id = self.find_conversation(text)?;
        let Some(conversation) = self.conversations.get(&id) else { return Err(not_found("no such conversation")) };
        Ok(Reply::Listed { listed: Box::new(self.in_list(now, &id, conversation, view)?) })
    }

    /// Tells of a conversation what the list does.
    fn in_list(
        &self,
        now: Timestamp,
        id: &ConversationId,
        conversation: &Conversation,
        view: &dyn View,
    ) -> Result<rpc::Conversation, RpcError> {
        let (from, to) = keys::all(keys::Part::Rows, conversation.number);
        let last = stretch(now, &from, &to, 1, true, view)?.pop();
        let after = keys::row(conversation.number, &conversation.read);
        let unread = view.scan(&after, &to, MAX_UNREAD, false)?;
        let counts = |key: &[u8], row: &Row| self.is_unread(now, row) && keys::id(key) != Some(conversation.read);
        let unread = unread.iter().filter(|(key, v)| rows::decode(v).is_some_and(|row| counts(key, &row))).count();
        Ok(rpc::Conversation {
            conversation: id.to_string(),
            title: self.title_of(conversation),
            with: self.other_of(conversation).map(|user| user.to_string()),
            members: conversation.users().map(|user| self.name_of(conversation, user)).collect(),
            role: conversation.role(&self.profile.user).map(|role| people::role_name(role).to_owned()),
            joining: conversation.joining.as_ref().map(|joining| joining.told.to_string()),
            disappear: conversation.authority.last_ruling().settings().disappear,
            mailboxes: conversation.mailboxes().iter().map(ToString::to_string).collect(),
            last_at: last.as_ref().map(|(message, _)| message.at.ms),
            last_text: last
                .filter(|(_, row)| !self.is_blocked(&row.author))
                .map(|(_, row)| preview(&row))
                .unwrap_or_default(),
            unread: u32::try_from(unread).unwrap_or(u32::MAX),
            topic: conversation.authority.last_ruling().settings().topic.clone(),
            history: people::history(conversation.authority.last_ruling().settings().history).to_owned(),
            epoch: self.groups.get(id).and_then(Group::current).map(|epoch| epoch.to_string()),
        })
    }

    fn home(&self) -> Reply {
        let (name, version) = (self.shown_as(&self.profile.user).name, env!("CARGO_PKG_VERSION").to_owned());
        Reply::Home { state: rpc::HomeState::Open, name: Some(name), version }
    }

    fn peers(&self) -> Reply {
        let name = |device: &DeviceId| {
            self.conversations.values().find_map(|c| c.devices.get(device).map(|user| c.name(user)))
        };
        let known = self.book.iter().map(|(peer, known)| {
            let link = self.links.get(peer);
            rpc::Peer {
                peer: peer.to_string(),
                name: link.and_then(|link| link.device).and_then(|device| name(&device)),
                linked: link.is_some(),
                address: link.map(|link| &link.address).or(known.addresses.first()).map(ToString::to_string),
                shared: link.map_or(0, |link| u32::try_from(link.shared.len()).unwrap_or(u32::MAX)),
            }
        });
        Reply::Peers { peers: known.collect() }
    }

    fn status(&self, now: Timestamp) -> Reply {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let status = rpc::Status {
            name: self.shown_as(&self.profile.user).name,
            user: self.profile.user.to_string(),
            device: self.key.device().to_string(),
            peer: self.peer.to_string(),
            online: !self.listening.is_empty(),
            addresses: self.listening.iter().map(|(_, dialable)| dialable.to_string()).collect(),
            links: count(self.links.len()),
            conversations: count(self.conversations.len()),
            behind: self.conversations.iter().flat_map(|(id, c)| self.behind(id, c)).collect(),
            erasing: count(self.conversations.values().map(|c| c.erasing.len() + usize::from(c.has_due(now))).sum()),
            problem: self.problem.clone(),
        };
        Reply::Status(Box::new(status))
    }

    /// Lists the members who were not heard to have all that we wrote; of a large conversation those who would tell.
    fn behind<'a>(&'a self, id: &'a ConversationId, c: &'a Conversation) -> impl Iterator<Item = rpc::Behind> + 'a {
        let linked = self.linked_devices(*id);
        let others = c.users().filter(|user| **user != self.profile.user);
        others.filter_map(move |user| {
            let devices: Vec<DeviceId> = c.devices.iter().filter(|(_, of)| *of == user).map(|(d, _)| *d).collect();
            if c.is_large() && !devices.iter().any(|device| linked.contains_key(device)) {
                return None;
            }
            let lacks: u64 = c
                .acks
                .iter()
                .map(|((segment, actor), acks)| {
                    let ours = c.heads.get(segment).and_then(|heads| heads.vector.get(actor)).copied().unwrap_or(0);
                    let has = devices.iter().filter_map(|device| acks.get(device)).max().copied().unwrap_or(0);
                    u64::from(ours.saturating_sub(has))
                })
                .sum();
            (lacks > 0).then(|| rpc::Behind { conversation: id.to_string(), name: c.name(user), lacks })
        })
    }

    pub(super) fn tell_row(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        message: &EntryId,
        row: &Row,
        view: &dyn View,
    ) {
        if let Some(conversation) = self.conversations.get(&id) {
            let row = self.show(now, conversation, message, row, view);
            self.effects.push(Effect::Emit(Event::Row { conversation: id.to_string(), key: message.to_place(), row }));
        }
    }

    pub(super) fn tell_gone(&mut self, id: ConversationId, message: &EntryId) {
        let (conversation, key, id) = (id.to_string(), message.to_place(), message.to_string());
        self.effects.push(Effect::Emit(Event::Gone { conversation, key, id }));
    }

    pub(super) fn show(
        &self,
        now: Timestamp,
        conversation: &Conversation,
        message: &EntryId,
        row: &Row,
        view: &dyn View,
    ) -> rpc::Row {
        let name = |user: &UserId| self.name_of(conversation, user);
        let hidden = conversation.hides(row.segment, message);
        let reaction = |(emoji, user): (&str, UserId)| Reaction {
            emoji: emoji.to_owned(),
            by: name(&user),
            user: user.to_string(),
        };
        let mut reactions: Vec<Reaction> = row.reactions().map(reaction).collect();
        reactions.sort_by(|a, b| (&a.emoji, &a.by).cmp(&(&b.emoji, &b.by)));
        rpc::Row {
            id: message.to_string(),
            author: name(&row.author),
            user: row.author.to_string(),
            device: row.device.to_string(),
            at: message.at.ms,
            expires: row.expires.map(|at| at.0),
            text: match &row.text {
                _ if hidden => String::new(),
                Text::Held(text) => text.clone(),
                Text::Unknown => "(written by a newer version of Bayou)".to_owned(),
                Text::Absent(_) | Text::Erased => String::new(),
            },
            body: Vec::new(),
            reply_to: self.quote(now, conversation, row, view),
            edited: !row.edits.is_empty(),
            deleted: row.deleted,
            hidden,
            blocked: self.is_blocked(&row.author),
            look_alike: self.is_look_alike(conversation, &row.author),
            reactions,
            state: self.state(conversation, message, row),
        }
    }

    /// Tells whether a message of ours is in a mailbox.
    pub(super) fn is_mailed(&self, conversation: &Conversation, message: &EntryId, row: &Row) -> bool {
        self.mail.holds(conversation.authority.conversation(), &(row.segment, message.actor)) >= row.seq
    }

    /// Says who has a message, as far as we heard.
    pub(super) fn state(&self, conversation: &Conversation, message: &EntryId, row: &Row) -> String {
        if row.disputed {
            return "disputed".to_owned();
        }
        if row.device != self.key.device() {
            return if matches!(row.text, Text::Absent(_)) { "waiting" } else { "received" }.to_owned();
        }
        let acks = conversation.acks.get(&(row.segment, message.actor)).into_iter().flatten();
        let having =
            acks.filter(|(_, seq)| **seq >= row.seq).filter_map(|(device, _)| conversation.devices.get(device));
        let having: BTreeSet<&UserId> = having.filter(|user| **user != row.author).collect();
        // Who came later and may not read it is not waited for.
        let ruling = conversation.authority.last_ruling();
        let may_read = |user: &UserId| ruling.reads_from(user).is_some_and(|since| since <= row.segment);
        let others = conversation.users().filter(|user| **user != row.author && may_read(user)).count();
        match (having.len(), others) {
            (0, _) if self.is_mailed(conversation, message, row) => "with a mailbox".to_owned(),
            (0, _) => "kept".to_owned(),
            (k, n) if k >= n => "with all".to_owned(),
            // Of a large conversation only those tell who are linked with us.
            (k, n) if conversation.is_large() => format!("with at least {k} of {n}"),
            (k, n) => format!("with {k} of {n}"),
        }
    }
}

/// From where an address leads to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// From everywhere.
    Public,
    /// From everywhere, over a node.
    Relayed,
    /// From the same network.
    Nearby,
    /// From the same machine.
    Here,
}

/// Orders addresses by how likely they lead anywhere from another machine, because a link holds only a few of them.
pub fn usefulness(address: &Address) -> (Place, bool) {
    let starts = |starts: &[&str]| starts.iter().any(|start| address.0.starts_with(start));
    let is_172 = || {
        let second = address.0.strip_prefix("/ip4/172.").and_then(|rest| rest.split('.').next()?.parse::<u8>().ok());
        second.is_some_and(|second| (16..32).contains(&second))
    };
    let place = if is_relayed(address) {
        Place::Relayed
    } else if starts(&["/ip4/127.", "/ip6/::1/", "/ip6/fe80"]) {
        Place::Here
    } else if starts(&["/ip4/10.", "/ip4/192.168.", "/ip4/169.254.", "/ip6/fc", "/ip6/fd"]) || is_172() {
        Place::Nearby
    } else {
        Place::Public
    };
    (place, !address.0.contains("/quic-v1"))
}

/// Tells whether a way leads over a node.
pub(super) fn is_relayed(address: &Address) -> bool {
    address.0.contains("/p2p-circuit")
}

fn preview(row: &Row) -> String {
    if let Text::Held(text) = &row.text { cut(text) } else { String::new() }
}

/// Cuts a text to one line.
pub(super) fn cut(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(100).collect()
}

pub(super) fn not_found(message: &str) -> RpcError {
    RpcError::new(ErrorCode::NotFound, message)
}
