//! Registers: what a user's devices agree on among themselves. Nobody else ever sees one.
//!
//! ```text
//! register = postcard { body: bytes, signature 64 }
//! body     = postcard { version u8 (1), user 32, device 32, at ms, key: bytes, value: bytes }
//! key      = postcard(RegisterKey)
//! signed bytes = "bayou/1/register" 0 ‖ body
//! ```
//!
//! Each is written whole, and of two with the same key the later one holds: by the writer's clock, then by device, then by
//! value, so that all devices choose alike in whatever order they hear of them. No device waits for another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::crypto::{DeviceKey, Signature, hash, verify};
use crate::id::{ConversationId, DeviceId, UserId};
use crate::time::Timestamp;

const CONTEXT: &str = "bayou/1/register";
const VERSION: u8 = 1;

/// The longest value, in bytes: a draft is as long as a message may be.
pub const MAX_REGISTER_VALUE: usize = 33 * 1024;

/// The longest name of a setting, in bytes.
pub const MAX_SETTING_NAME: usize = 100;

/// The most registers of a user: each conversation takes three.
pub const MAX_REGISTERS: usize = 50_000;

/// What a register is about. Kinds are only ever added at the end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RegisterKey {
    /// Whether the user is in a conversation, and its secret.
    Conversation(ConversationId),
    /// Up to where a conversation was read.
    Read(ConversationId),
    /// What was begun to be written in a conversation.
    Draft(ConversationId),
    /// What the user knows of another.
    Contact(UserId),
    /// A setting of the user's, by its name; at most [`MAX_SETTING_NAME`] bytes.
    Setting(String),
    /// The seed of the link by which others ask to be a contact.
    ContactLink,
    /// Somebody who asks to be a contact, in one of a few places.
    Asker(u8),
    /// Whom the user asks to be a contact.
    Asked(UserId),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Body {
    version: u8,
    user: UserId,
    device: DeviceId,
    at: Timestamp,
    #[serde(with = "serde_bytes")]
    key: Vec<u8>,
    #[serde(with = "serde_bytes")]
    value: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(with = "serde_bytes")]
    body: Vec<u8>,
    signature: Signature,
}

/// A register whose signature was checked. There is no other way to come by one. Private: prints without its value.
#[derive(Clone, PartialEq, Eq)]
pub struct Register {
    body: Body,
    key: RegisterKey,
    bytes: Vec<u8>,
}

/// The bytes are not a register of this user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a register of this user")]
pub struct BadRegister;

impl Register {
    /// Writes and signs one.
    ///
    /// # Errors
    /// When key or value are too long.
    pub fn write(
        user: UserId,
        key: RegisterKey,
        value: Vec<u8>,
        at: Timestamp,
        device: &DeviceKey,
    ) -> Result<Self, BadRegister> {
        let encoded = postcard::to_stdvec(&key).map_err(|_| BadRegister)?;
        let body = Body { version: VERSION, user, device: device.device(), at, key: encoded, value };
        let bytes = postcard::to_stdvec(&body).map_err(|_| BadRegister)?;
        let signature = device.sign(CONTEXT, &[&bytes]);
        let bytes = postcard::to_stdvec(&Wire { body: bytes, signature }).map_err(|_| BadRegister)?;
        if fits(&key, &body.value) { Ok(Register { body, key, bytes }) } else { Err(BadRegister) }
    }

    /// Reads and checks one. Whether the device is one of the user's is not known here.
    ///
    /// # Errors
    /// [`BadRegister`]. The answer depends on the bytes and the user alone.
    pub fn open(bytes: &[u8], user: &UserId) -> Result<Self, BadRegister> {
        if bytes.len() > MAX_REGISTER_VALUE + 1024 {
            return Err(BadRegister);
        }
        let wire: Wire = exactly(bytes)?;
        let body: Body = exactly(&wire.body)?;
        let key: RegisterKey = exactly(&body.key)?;
        if body.version != VERSION || body.user != *user || !fits(&key, &body.value) {
            return Err(BadRegister);
        }
        verify(&body.device, CONTEXT, &[&wire.body], &wire.signature).map_err(|_| BadRegister)?;
        Ok(Register { body, key, bytes: bytes.to_vec() })
    }

    /// Returns what it is about.
    pub fn key(&self) -> &RegisterKey {
        &self.key
    }

    /// Returns what it holds.
    pub fn value(&self) -> &[u8] {
        &self.body.value
    }

    /// Returns the device that wrote it.
    pub fn device(&self) -> DeviceId {
        self.body.device
    }

    /// Returns when it was written, by that device's clock.
    pub fn at(&self) -> Timestamp {
        self.body.at
    }

    /// Returns its bytes, for the store and for other devices.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns a short name for these very bytes.
    pub fn name(&self) -> [u8; 8] {
        Register::name_of(&self.bytes)
    }

    /// Names bytes as [`Register::name`] does.
    pub fn name_of(bytes: &[u8]) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = hash("bayou/1/register name", &[bytes]);
        [a, b, c, d, e, f, g, h]
    }

    fn rank(&self) -> (Timestamp, DeviceId, &[u8]) {
        (self.body.at, self.body.device, &self.body.value)
    }
}

/// The registers of a user: of each key the one that holds.
#[derive(Debug, Clone, Default)]
pub struct Registers(BTreeMap<RegisterKey, Register>);

impl Registers {
    /// Takes one in; returns whether it holds now and did not before.
    pub fn merge(&mut self, register: Register) -> bool {
        match self.0.get(register.key()) {
            Some(held) if held.rank() >= register.rank() => false,
            _ if !self.has_room(register.key()) => false,
            _ => {
                self.0.insert(register.key.clone(), register);
                true
            }
        }
    }

    /// Tells whether there is room for one with this key.
    pub fn has_room(&self, key: &RegisterKey) -> bool {
        self.0.contains_key(key) || self.0.len() < MAX_REGISTERS
    }

    /// Returns the one that holds.
    pub fn get(&self, key: &RegisterKey) -> Option<&Register> {
        self.0.get(key)
    }

    /// Returns all that hold, in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &Register> {
        self.0.values()
    }

    /// Returns when the next one is to be written that shall hold: now, or just after the one that holds.
    pub fn next_stamp(&self, key: &RegisterKey, now: Timestamp) -> Timestamp {
        self.0.get(key).map_or(now, |held| now.max(held.body.at.plus(1)))
    }
}

fn fits(key: &RegisterKey, value: &[u8]) -> bool {
    let named = match key {
        RegisterKey::Setting(name) => (1..=MAX_SETTING_NAME).contains(&name.len()),
        _ => true,
    };
    named && value.len() <= MAX_REGISTER_VALUE
}

/// Decodes bytes that are exactly what would be encoded.
fn exactly<T: for<'a> Deserialize<'a> + Serialize>(bytes: &[u8]) -> Result<T, BadRegister> {
    let value: T = postcard::from_bytes(bytes).map_err(|_| BadRegister)?;
    let again = postcard::to_stdvec(&value).map_err(|_| BadRegister)?;
    if again == bytes { Ok(value) } else { Err(BadRegister) }
}

impl std::fmt::Debug for Register {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Register(by {} at {}, redacted)", self.body.device.fmt_short(), self.body.at.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: UserId = UserId([7; 32]);

    fn register(seed: u8, name: &str, value: &str, at: u64) -> Register {
        let key = RegisterKey::Setting(name.into());
        Register::write(USER, key, value.into(), Timestamp(at), &DeviceKey::from_seed(&[seed; 32])).unwrap()
    }

    #[test]
    fn the_later_one_holds_in_whatever_order() {
        let written = [
            register(1, "theme", "light", 5),
            register(2, "theme", "dark", 9),
            register(1, "theme", "dim", 9),
            register(1, "theme", "bright", 9),
            register(2, "font", "large", 1),
        ];
        let mut orders = std::collections::BTreeSet::new();
        for first in 0..written.len() {
            let mut registers = Registers::default();
            for at in 0..written.len() {
                registers.merge(written[(first + at) % written.len()].clone());
            }
            let held: Vec<Vec<u8>> = registers.iter().map(|register| register.value().to_vec()).collect();
            orders.insert(held);
        }
        assert_eq!(orders.len(), 1, "all orders end alike");
        let mut registers = Registers::default();
        for register in &written {
            registers.merge(register.clone());
        }
        assert!(!registers.merge(written[0].clone()), "what was outdone does not come back");
        let next = registers.next_stamp(&RegisterKey::Setting("theme".into()), Timestamp(3));
        assert_eq!(next, Timestamp(10), "a clock that is behind still has its say");
    }

    #[test]
    fn what_was_changed_on_the_way_is_refused() {
        let register = register(1, "theme", "dark", 9);
        assert_eq!(Register::open(register.bytes(), &USER), Ok(register.clone()));
        assert_eq!(Register::open(register.bytes(), &UserId([8; 32])), Err(BadRegister));
        for at in 0..register.bytes().len() {
            let mut changed = register.bytes().to_vec();
            changed[at] ^= 1;
            assert_eq!(Register::open(&changed, &USER), Err(BadRegister), "byte {at}");
            assert_eq!(Register::open(&register.bytes()[..at], &USER), Err(BadRegister), "cut at {at}");
        }
        assert!(!format!("{register:?}").contains("dark"));
    }

    #[test]
    fn limits_hold() {
        let write = |name: usize, value: usize| {
            let key = RegisterKey::Setting("n".repeat(name));
            Register::write(USER, key, vec![0; value], Timestamp(1), &DeviceKey::from_seed(&[1; 32])).is_ok()
        };
        assert!(write(1, MAX_REGISTER_VALUE) && write(MAX_SETTING_NAME, 0));
        assert!(!write(1, MAX_REGISTER_VALUE + 1) && !write(MAX_SETTING_NAME + 1, 0) && !write(0, 0));
    }
}
