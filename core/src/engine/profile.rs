//! Profiles: how users show themselves to all with whom they share a conversation: name, status, picture.
//!
//! A profile is a record of the user's log of which only the newest of each device is held, and the picture travels beside
//! the one that counts. So nobody keeps what somebody looked like last year, and it costs others no more to be shown
//! something new every day than once.

use data_encoding::BASE64;

use super::Engine;
use super::durable::Pending;
use super::io::{CallId, Effect};
use super::outbound::invalid;
use super::roles::retired;
use crate::authority::{Authority, Avatar, Devices, Item, MAX_AVATAR, MAX_NAME, MAX_STATUS, UserSaid};
use crate::id::{ConversationId, UserId};
use crate::rpc::{self, ErrorCode, Event, Reply, RpcError};
use crate::time::Timestamp;

impl Engine {
    /// Returns how our user shows themselves.
    pub(super) fn profile(&self) -> Reply {
        Reply::Profile { profile: self.shown_as(&self.profile.user) }
    }

    /// Returns how somebody shows themselves: by the newest profile that is known of them.
    pub(super) fn shown_as(&self, user: &UserId) -> rpc::Profile {
        let shown = self.newest(user).map(|(devices, _)| devices);
        rpc::Profile {
            user: user.to_string(),
            name: shown.and_then(Devices::name).map_or_else(|| self.unshown(user), ToOwned::to_owned),
            status: shown.map(Devices::status_text).unwrap_or_default().to_owned(),
            avatar: shown.and_then(Devices::avatar).map(|hash| crate::id::RecordHash(hash).to_string()),
        }
    }

    /// Returns what somebody is called of whom no profile is here: who asks to be a contact tells their name.
    fn unshown(&self, user: &UserId) -> String {
        let asked_as = || self.asker(user).map(|asker| asker.name);
        self.card(user).called.or_else(asked_as).unwrap_or_else(|| user.fmt_short())
    }

    fn newest(&self, user: &UserId) -> Option<(&Devices, &Authority)> {
        let known = self.conversations.values().map(|known| &known.authority).chain([&self.own]);
        let shown = known.filter_map(|authority| Some((authority.last_ruling().devices(user)?, authority)));
        shown.filter(|(devices, _)| devices.name().is_some()).max_by_key(|(devices, _)| devices.profile())
    }

    /// Changes how our user shows themselves.
    pub(super) fn show_as(
        &mut self,
        now: Timestamp,
        call: CallId,
        name: Option<String>,
        status: Option<String>,
        avatar: Option<&str>,
    ) -> Result<(), RpcError> {
        if self.is_retired() {
            return Err(retired());
        }
        let before = self.shown_as(&self.profile.user);
        let held = self.own.last_ruling().devices(&self.profile.user);
        let (latest, picture) = (held.and_then(Devices::profile), held.and_then(Devices::avatar));
        let name = plain(name.unwrap_or(before.name), MAX_NAME, "a name")?;
        if name.is_empty() {
            return Err(invalid(format!("a name has 1 to {MAX_NAME} bytes")));
        }
        let status = plain(status.unwrap_or(before.status), MAX_STATUS, "a status")?;
        let fresh = avatar.filter(|image| !image.is_empty()).map(read).transpose()?;
        let hash = match avatar {
            None => picture,
            Some(_) => fresh.as_ref().map(Avatar::hash),
        };
        // Of two profiles the later one counts: a clock that is behind still has its say.
        let at = latest.map_or(now, |(latest, _)| now.max(latest.plus(1)));
        let record = self.own_record(at, UserSaid::Profile { name, avatar: hash, status });
        self.own_learned(now, vec![record]);
        fresh.into_iter().for_each(|avatar| self.own_pictured(avatar));
        let reply = self.profile();
        self.persist(vec![], vec![Pending::Reply(call, Box::new(reply))]);
        Ok(())
    }

    /// Gives somebody's picture.
    pub(super) fn avatar(&self, text: &str) -> Result<Reply, RpcError> {
        let me = self.profile.user;
        let user = if text == me.to_string() { me } else { self.find_contact(text)?.0 };
        let named = self.newest(&user).and_then(|(devices, authority)| authority.avatar(&devices.avatar()?));
        let avatar =
            named.ok_or_else(|| RpcError::new(ErrorCode::NotFound, "they show no picture, or it is not here yet"))?;
        let (kind, image) = (avatar.kind().to_owned(), BASE64.encode(avatar.bytes()));
        Ok(Reply::Avatar { avatar: rpc::Avatar { kind, image } })
    }

    /// Tells front ends of profiles and pictures that are new in a conversation.
    pub(super) fn tell_profiles(&mut self, id: ConversationId, items: &[Vec<u8>]) {
        let Some(known) = self.conversations.get(&id) else { return };
        let ruling = known.authority.last_ruling();
        let shows = |item: &Item| match item {
            Item::User(record) => {
                let shown = ruling.devices(&record.user()).and_then(Devices::profile);
                shown.filter(|(_, hash)| *hash == record.hash()).map(|_| record.user())
            }
            Item::Avatar(avatar) => {
                let pictured = |user: &&UserId| ruling.devices(user).and_then(Devices::avatar) == Some(avatar.hash());
                known.users().find(pictured).copied()
            }
            Item::Record(_) | Item::Cut(_) => None,
        };
        let items = items.iter().filter(|bytes| matches!(bytes.first(), Some(1 | 3)));
        let users: Vec<UserId> = items.filter_map(|bytes| shows(&Item::open(bytes, id).ok()?)).collect();
        for user in users {
            let rpc::Profile { user, name, status, avatar } = self.shown_as(&user);
            self.effects.push(Effect::Emit(Event::Profile { user, name, status, avatar }));
        }
    }
}

fn plain(text: String, most: usize, what: &str) -> Result<String, RpcError> {
    let text = text.trim();
    if text.len() > most || text.chars().any(char::is_control) {
        return Err(invalid(format!("{what} has at most {most} bytes and no control characters")));
    }
    Ok(text.to_owned())
}

fn read(image: &str) -> Result<Avatar, RpcError> {
    let bytes = BASE64.decode(image.as_bytes()).map_err(|_| invalid("a picture is given in base64".to_owned()))?;
    Avatar::open(&bytes).map_err(|_| {
        invalid(format!("a picture is PNG, JPEG or WebP and has at most {} KiB: make it smaller", MAX_AVATAR / 1024))
    })
}
