//! Drafts and settings: what our user began to write, and how they like their front ends; the same on all their devices.
//!
//! Both are registers: whoever wrote last, on whichever device, is right. A draft is as long as a message may be. Settings
//! are a table and not whatever a front end thinks of: so all of them mean the same by a name, and a value that none
//! understands is refused where it is said. What a later version knows travels along and is not shown.

use std::collections::BTreeMap;

use super::Engine;
use super::durable::Pending;
use super::io::{CallId, Effect};
use super::outbound::invalid;
use crate::conversation::MAX_BODY;
use crate::id::ConversationId;
use crate::identity::RegisterKey;
use crate::rpc::{ErrorCode, Event, Reply, RpcError};
use crate::time::Timestamp;

/// The longest tag of a language, in bytes (RFC 5646, 4.4.1).
const MAX_LANGUAGE: usize = 35;

/// A setting that this version knows.
struct Known {
    name: &'static str,
    /// What it is if nobody says anything.
    usual: &'static str,
    accepts: fn(&str) -> bool,
    /// What it may be, in words.
    may_be: &'static str,
}

const SETTINGS: [Known; 4] = [
    Known { name: "language", usual: "system", accepts: is_language, may_be: "system, or a tag such as en or pt-BR" },
    Known { name: "read_marks", usual: "on", accepts: is_switch, may_be: "on or off" },
    Known { name: "theme", usual: "system", accepts: is_theme, may_be: "system, light or dark" },
    Known { name: "typing", usual: "on", accepts: is_switch, may_be: "on or off" },
];

fn is_switch(value: &str) -> bool {
    matches!(value, "on" | "off")
}

fn is_theme(value: &str) -> bool {
    matches!(value, "system" | "light" | "dark")
}

fn is_language(value: &str) -> bool {
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    value.len() <= MAX_LANGUAGE && value.split('-').all(is_part)
}

impl Engine {
    /// Returns what was begun in a conversation.
    pub(super) fn draft(&self, conversation: &str) -> Result<Reply, RpcError> {
        let id = self.find_conversation(conversation)?;
        Ok(Reply::Draft { conversation: id.to_string(), text: self.begun(id) })
    }

    /// Notes what was begun in a conversation.
    pub(super) fn keep_draft(
        &mut self,
        now: Timestamp,
        call: CallId,
        conversation: &str,
        text: String,
    ) -> Result<(), RpcError> {
        let id = self.find_conversation(conversation)?;
        if text.len() > MAX_BODY {
            return Err(invalid(format!("a draft has at most {MAX_BODY} bytes, this one has {}", text.len())));
        }
        if text != self.begun(id) {
            self.set_register(now, RegisterKey::Draft(id), text.clone().into_bytes())?;
        }
        let reply = Reply::Draft { conversation: id.to_string(), text };
        self.persist(vec![], vec![Pending::Reply(call, Box::new(reply))]);
        Ok(())
    }

    fn begun(&self, id: ConversationId) -> String {
        let register = self.registers.get(&RegisterKey::Draft(id));
        register.and_then(|register| String::from_utf8(register.value().to_vec()).ok()).unwrap_or_default()
    }

    /// Returns all settings.
    pub(super) fn settings(&self) -> Reply {
        Reply::Settings { settings: self.preferred() }
    }

    /// Changes a setting; without a value to what it usually is.
    pub(super) fn prefer(
        &mut self,
        now: Timestamp,
        call: CallId,
        name: String,
        value: Option<String>,
    ) -> Result<(), RpcError> {
        let Some(known) = SETTINGS.iter().find(|known| known.name == name) else {
            let names: Vec<&str> = SETTINGS.iter().map(|known| known.name).collect();
            let why = format!("no such setting: there are {}", names.join(", "));
            return Err(RpcError::new(ErrorCode::NotFound, why));
        };
        if value.as_deref().is_some_and(|value| !(known.accepts)(value)) {
            return Err(invalid(format!("{name} is {}", known.may_be)));
        }
        let value = value.unwrap_or_default().into_bytes();
        if self.registers.get(&RegisterKey::Setting(name.clone())).is_none_or(|held| held.value() != value) {
            self.set_register(now, RegisterKey::Setting(name), value)?;
        }
        let reply = self.settings();
        self.persist(vec![], vec![Pending::Reply(call, Box::new(reply))]);
        Ok(())
    }

    fn preferred(&self) -> BTreeMap<String, String> {
        let value = |known: &Known| {
            let register = self.registers.get(&RegisterKey::Setting(known.name.to_owned()));
            let said = register.and_then(|register| std::str::from_utf8(register.value()).ok());
            said.filter(|said| (known.accepts)(said)).unwrap_or(known.usual).to_owned()
        };
        SETTINGS.iter().map(|known| (known.name.to_owned(), value(known))).collect()
    }

    /// Tells front ends what a register holds now.
    pub(super) fn tell_register(&mut self, now: Timestamp, key: &RegisterKey) {
        let event = match key {
            RegisterKey::Draft(id) => Event::Draft { conversation: id.to_string(), text: self.begun(*id) },
            RegisterKey::Setting(_) => Event::Settings { settings: self.preferred() },
            RegisterKey::Asker(place) => return self.tell_asker(*place),
            RegisterKey::Asked(user) => return self.tell_asked(now, user),
            RegisterKey::Conversation(_)
            | RegisterKey::Read(_)
            | RegisterKey::Contact(_)
            | RegisterKey::ContactLink => return,
        };
        self.effects.push(Effect::Emit(event));
    }
}
