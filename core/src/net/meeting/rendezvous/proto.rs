//! The bytes of rendezvous: Protocol Buffers, of which these messages are (libp2p/specs, `rendezvous/README.md`):
//!
//! ```text
//!  Message           1 type   2 Register   3 RegisterResponse   4 Unregister   5 Discover   6 DiscoverResponse
//!  Register          1 name   2 signed peer record   3 ttl, in seconds
//!  RegisterResponse  1 status   3 ttl
//!  Unregister        1 name
//!  Discover          1 name   2 limit   3 cookie
//!  DiscoverResponse  1 Register, repeated   2 cookie   3 status
//!
//!  field = (number << 3 | kind) varint, then for kind 0 a varint, for kind 2 a length and so many bytes
//! ```
//!
//! A cookie is the number of the last registration that was handed out (u64, big-endian), then the name.

/// What a peer asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::net::meeting) enum Request {
    Register { name: Vec<u8>, record: Vec<u8>, ttl: Option<u64> },
    Unregister { name: Vec<u8> },
    Discover { name: Option<Vec<u8>>, limit: Option<u64>, cookie: Option<Vec<u8>> },
}

/// Why not, as the protocol numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    InvalidName = 100,
    InvalidTtl = 102,
    InvalidCookie = 103,
    NotAuthorized = 200,
    Unavailable = 400,
}

/// What was found under a name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Records, and for how many seconds they hold.
    pub(super) records: Vec<(Vec<u8>, u64)>,
    /// The number of the last of them.
    pub(super) last: u64,
}

/// A field's value.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Reads a request; `None` when it is none.
pub(super) fn said(message: &[u8]) -> Option<Request> {
    let fields = fields(message)?;
    let number = |wanted| fields.iter().rev().find_map(|(field, value)| (*field == wanted).then(|| value.number())?);
    let inner = |wanted| fields.iter().rev().find_map(|(field, value)| (*field == wanted).then(|| value.bytes())?);
    match number(1)? {
        0 => {
            let register = self::fields(inner(2)?)?;
            let (name, record) = (bytes(&register, 1)?, bytes(&register, 2)?);
            Some(Request::Register { name, record, ttl: number_in(&register, 3) })
        }
        2 => Some(Request::Unregister { name: bytes(&self::fields(inner(4)?)?, 1)? }),
        3 => {
            let discover = self::fields(inner(5)?)?;
            let (name, cookie) = (bytes(&discover, 1), bytes(&discover, 3));
            Some(Request::Discover { name, limit: number_in(&discover, 2), cookie })
        }
        _ => None,
    }
}

/// Writes the answer to a registration: for how many seconds it holds.
pub(super) fn registered(done: Result<u64, Status>) -> Vec<u8> {
    let mut response = Vec::new();
    put_number(&mut response, 1, done.map_or_else(|status| status as u64, |_| 0));
    if let Ok(ttl) = done {
        put_number(&mut response, 3, ttl);
    }
    message(1, 3, &response)
}

/// Writes what was found under a name.
pub(super) fn discovered(name: &[u8], found: &Found) -> Vec<u8> {
    let mut response = Vec::new();
    for (record, ttl) in &found.records {
        let mut register = Vec::new();
        put_bytes(&mut register, 1, name);
        put_bytes(&mut register, 2, record);
        put_number(&mut register, 3, *ttl);
        put_bytes(&mut response, 1, &register);
    }
    put_bytes(&mut response, 2, &[found.last.to_be_bytes().as_slice(), name].concat());
    put_number(&mut response, 3, 0);
    message(4, 6, &response)
}

/// Writes that nothing is told.
pub(super) fn refused(status: Status) -> Vec<u8> {
    let mut response = Vec::new();
    put_number(&mut response, 3, status as u64);
    message(4, 6, &response)
}

fn message(kind: u64, field: u64, response: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    put_number(&mut message, 1, kind);
    put_bytes(&mut message, field, response);
    let mut framed = Vec::new();
    put_varint(&mut framed, message.len() as u64);
    framed.extend(message);
    framed
}

fn bytes(fields: &[(u64, Value<'_>)], wanted: u64) -> Option<Vec<u8>> {
    fields.iter().rev().find_map(|(field, value)| (*field == wanted).then(|| value.bytes())?).map(<[u8]>::to_vec)
}

fn number_in(fields: &[(u64, Value<'_>)], wanted: u64) -> Option<u64> {
    fields.iter().rev().find_map(|(field, value)| (*field == wanted).then(|| value.number())?)
}

/// Reads all fields of a message; `None` when it ends in the middle of one, or one is of a kind that is not in use.
fn fields(mut message: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = take_varint(&mut message)?;
        let value = match key & 7 {
            0 => Value::Number(take_varint(&mut message)?),
            2 => {
                let length = usize::try_from(take_varint(&mut message)?).ok()?;
                let (bytes, rest) = message.split_at_checked(length)?;
                message = rest;
                Value::Bytes(bytes)
            }
            _ => return None,
        };
        fields.push((key >> 3, value));
    }
    Some(fields)
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn put_number(bytes: &mut Vec<u8>, field: u64, number: u64) {
    put_varint(bytes, field << 3);
    put_varint(bytes, number);
}

fn put_bytes(bytes: &mut Vec<u8>, field: u64, value: &[u8]) {
    put_varint(bytes, field << 3 | 2);
    put_varint(bytes, value.len() as u64);
    bytes.extend(value);
}

impl<'a> Value<'a> {
    fn number(&self) -> Option<u64> {
        if let Value::Number(number) = self { Some(*number) } else { None }
    }

    fn bytes(&self) -> Option<&'a [u8]> {
        if let Value::Bytes(bytes) = self { Some(bytes) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A discover for "today" with limit 7, as libp2p's client writes it.
    const DISCOVER: &[u8] = b"\x08\x03\x2a\x09\x0a\x05today\x10\x07";

    #[test]
    fn what_clients_write_is_read() {
        let name = || b"today".to_vec();
        assert_eq!(said(DISCOVER), Some(Request::Discover { name: Some(name()), limit: Some(7), cookie: None }));
        assert_eq!(said(b"\x08\x03\x2a\x00"), Some(Request::Discover { name: None, limit: None, cookie: None }));
        assert_eq!(said(b"\x08\x02\x22\x07\x0a\x05today"), Some(Request::Unregister { name: name() }));
        let register = Request::Register { name: name(), record: vec![9], ttl: Some(300) };
        assert_eq!(said(b"\x08\x00\x12\x0d\x0a\x05today\x12\x01\x09\x18\xac\x02"), Some(register));
    }

    #[test]
    fn what_is_cut_or_nonsense_is_none_and_never_panics() {
        for end in 0..DISCOVER.len() {
            assert!(said(&DISCOVER[..end]).is_none(), "{end}");
        }
        // A small generator will do: each byte in each place.
        for at in 0..DISCOVER.len() {
            for byte in 0..=255 {
                let mut bytes = DISCOVER.to_vec();
                bytes[at] = byte;
                said(&bytes);
            }
        }
        assert_eq!(said(&[0xff; 64]), None);
    }
}
