//! Between what the engine wants of a mailbox and what the network asks: who signs, for which node, and when.

use crate::engine::{Errand, MailAnswer, Wanted};
use crate::id::PeerId;
use crate::net::mailbox::{Answer, GET, GetRequest, PUT, PutRequest, Request, id_of};
use crate::time::Timestamp;

/// Signs what is wanted, for one node and for now.
pub(super) fn request(errand: Errand, node: PeerId, now: Timestamp) -> Request {
    let (key, time) = (errand.key.public(), now.0);
    let sign = |context, last: &[u8]| errand.key.sign(context, &[node.as_bytes(), &time.to_be_bytes(), last]);
    match errand.wanted {
        Wanted::Put(envelope) => {
            let signature = sign(PUT, &id_of(&envelope).0);
            Request::Put(PutRequest { key, time, signature, envelope: envelope.to_vec() })
        }
        Wanted::Read { after } => {
            let signature = sign(GET, &after.to_be_bytes());
            Request::Get(GetRequest { key, time, signature, after })
        }
    }
}

/// Reads what came of it.
pub(super) fn answer(outcome: Result<Answer, String>) -> MailAnswer {
    match outcome {
        Ok(Answer::Kept) => MailAnswer::Kept,
        Ok(Answer::Batch(batch)) => MailAnswer::Envelopes {
            envelopes: batch.envelopes.into_iter().map(Into::into).collect(),
            next: batch.cursor,
            more: batch.more,
            begun: batch.begun,
        },
        Ok(Answer::Refused(why)) => {
            tracing::info!("no mail: {why}");
            MailAnswer::Refused(why.to_string())
        }
        Err(why) => {
            tracing::debug!("no mail: {why}");
            MailAnswer::Unreachable(why)
        }
    }
}
