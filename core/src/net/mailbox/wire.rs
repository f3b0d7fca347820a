//! The bytes between a member and a mailbox. One stream carries one request and one answer; each ends with its half of
//! the stream. Numbers are big-endian, and each thing has one form.
//!
//! ```text
//!  request   0         1      2        34       42           106
//!            +---------+------+--------+--------+------------+-----------
//!            | version |  0   |  key   |  time  | signature  | envelope …      put
//!            +---------+------+--------+--------+------------+-----------
//!            | version |  1   |  key   |  time  | signature  | after u64       get
//!            +---------+------+--------+--------+------------+-----------
//!
//!  answer    | version |  0   |                                              kept
//!            | version |  1   | begun u64 | cursor u64 | more u8 | (length u32 ‖ envelope) …    batch
//!            | version |  2   | why u8 | number u64 |                         refused
//! ```
//!
//! Reasons for a refusal: 0 malformed, 1 signature, 2 clock (number: the node's time), 3 too often (number: seconds to
//! wait), 4 topic full, 5 node full, 6 draining, 7 busy, 8 no token. Where a reason has no number, it is 0.

use super::{Answer, Batch, GetRequest, MAX_BATCH, MAX_ENVELOPE, MIN_ENVELOPE, PutRequest, Refusal, Request};
use crate::crypto::Signature;

const VERSION: u8 = 1;

/// Bytes before a put's envelope.
const PUT_HEAD: usize = 2 + 32 + 8 + 64;

/// The most bytes of a request.
pub(super) const MAX_REQUEST: usize = PUT_HEAD + MAX_ENVELOPE;

/// The most bytes of an answer: a batch of the smallest envelopes, each with its length.
pub(super) const MAX_ANSWER: usize = 2 + 8 + 8 + 1 + MAX_BATCH + 4 * (MAX_BATCH / MIN_ENVELOPE);

/// The bytes are no request or answer of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not what a member and a mailbox of version {VERSION} say to each other")]
pub struct BadWire;

/// Encodes a request.
pub fn encode_request(request: &Request) -> Vec<u8> {
    let (kind, key, time, signature, rest): (u8, _, _, _, &[u8]) = match request {
        Request::Put(put) => (0, &put.key, put.time, &put.signature, &put.envelope),
        Request::Get(get) => (1, &get.key, get.time, &get.signature, &get.after.to_be_bytes()),
    };
    [&[VERSION, kind], key.as_slice(), &time.to_be_bytes(), &signature.0, rest].concat()
}

/// Decodes a request.
///
/// # Errors
/// [`BadWire`] when the bytes are anything else.
pub fn decode_request(bytes: &[u8]) -> Result<Request, BadWire> {
    let (&[VERSION, kind], rest) = bytes.split_first_chunk::<2>().ok_or(BadWire)? else { return Err(BadWire) };
    let (key, rest) = rest.split_first_chunk().ok_or(BadWire)?;
    let (time, rest) = rest.split_first_chunk().ok_or(BadWire)?;
    let (signature, rest) = rest.split_first_chunk().ok_or(BadWire)?;
    let (key, time, signature) = (*key, u64::from_be_bytes(*time), Signature(*signature));
    match kind {
        0 if (MIN_ENVELOPE..=MAX_ENVELOPE).contains(&rest.len()) => {
            Ok(Request::Put(PutRequest { key, time, signature, envelope: rest.to_vec() }))
        }
        1 => {
            let after = u64::from_be_bytes(rest.try_into().map_err(|_| BadWire)?);
            Ok(Request::Get(GetRequest { key, time, signature, after }))
        }
        _ => Err(BadWire),
    }
}

/// Encodes an answer.
pub fn encode_answer(answer: &Answer) -> Vec<u8> {
    match answer {
        Answer::Kept => vec![VERSION, 0],
        Answer::Batch(batch) => {
            let mut bytes = vec![VERSION, 1];
            bytes.extend(batch.begun.to_be_bytes());
            bytes.extend(batch.cursor.to_be_bytes());
            bytes.push(u8::from(batch.more));
            for envelope in &batch.envelopes {
                let length = u32::try_from(envelope.len()).unwrap_or(u32::MAX);
                bytes.extend(length.to_be_bytes());
                bytes.extend(envelope);
            }
            bytes
        }
        Answer::Refused(refusal) => {
            let (why, number) = why(*refusal);
            [&[VERSION, 2, why], number.to_be_bytes().as_slice()].concat()
        }
    }
}

/// Decodes an answer.
///
/// # Errors
/// [`BadWire`] when the bytes are anything else.
pub fn decode_answer(bytes: &[u8]) -> Result<Answer, BadWire> {
    let (&[VERSION, kind], rest) = bytes.split_first_chunk::<2>().ok_or(BadWire)? else { return Err(BadWire) };
    match kind {
        0 if rest.is_empty() => Ok(Answer::Kept),
        1 => decode_batch(rest).map(Answer::Batch),
        2 => {
            let (why, number) = rest.split_first().ok_or(BadWire)?;
            refusal(*why, u64::from_be_bytes(number.try_into().map_err(|_| BadWire)?)).map(Answer::Refused)
        }
        _ => Err(BadWire),
    }
}

fn decode_batch(bytes: &[u8]) -> Result<Batch, BadWire> {
    let (begun, rest) = bytes.split_first_chunk().ok_or(BadWire)?;
    let (cursor, rest) = rest.split_first_chunk().ok_or(BadWire)?;
    let (more, mut rest) = rest.split_first().ok_or(BadWire)?;
    let more = match more {
        0 => false,
        1 => true,
        _ => return Err(BadWire),
    };
    let (mut envelopes, mut total) = (Vec::new(), 0);
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk().ok_or(BadWire)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| BadWire)?;
        let (envelope, after) = after.split_at_checked(length).ok_or(BadWire)?;
        total += length;
        if !(MIN_ENVELOPE..=MAX_ENVELOPE).contains(&length) || total > MAX_BATCH {
            return Err(BadWire);
        }
        envelopes.push(envelope.to_vec());
        rest = after;
    }
    Ok(Batch { envelopes, cursor: u64::from_be_bytes(*cursor), more, begun: u64::from_be_bytes(*begun) })
}

fn why(refusal: Refusal) -> (u8, u64) {
    match refusal {
        Refusal::Malformed => (0, 0),
        Refusal::Signature => (1, 0),
        Refusal::Clock(time) => (2, time),
        Refusal::TooOften(seconds) => (3, seconds.into()),
        Refusal::TopicFull => (4, 0),
        Refusal::NodeFull => (5, 0),
        Refusal::Draining => (6, 0),
        Refusal::Busy => (7, 0),
        Refusal::Token => (8, 0),
    }
}

fn refusal(why: u8, number: u64) -> Result<Refusal, BadWire> {
    match (why, number) {
        (0, 0) => Ok(Refusal::Malformed),
        (1, 0) => Ok(Refusal::Signature),
        (2, time) => Ok(Refusal::Clock(time)),
        (3, seconds) => Ok(Refusal::TooOften(seconds.try_into().map_err(|_| BadWire)?)),
        (4, 0) => Ok(Refusal::TopicFull),
        (5, 0) => Ok(Refusal::NodeFull),
        (6, 0) => Ok(Refusal::Draining),
        (7, 0) => Ok(Refusal::Busy),
        (8, 0) => Ok(Refusal::Token),
        _ => Err(BadWire),
    }
}
