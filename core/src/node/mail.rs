//! Between what the engine wants of a mailbox and what the network asks: who signs, for which node, and when.

use super::nodes::Nodes;
use crate::engine::{Errand, MailAnswer, MailTicket, Wanted};
use crate::id::PeerId;
use crate::net::mailbox::{Answer, GET, GetRequest, PUT, PutRequest, Request, id_of};
use crate::net::{Circle, Net, split_peer};
use crate::time::Timestamp;

/// Sends an errand on its way.
///
/// # Errors
/// In plain words why not.
pub(super) fn send(
    net: Option<&Net>,
    (nodes, circle): (&Nodes, Circle),
    (ticket, errand): (MailTicket, Errand),
    now: Timestamp,
) -> Result<(), &'static str> {
    let net = net.ok_or("no network runs")?;
    let node = split_peer(&errand.node).ok().and_then(|(_, node)| node).ok_or("its address leads nowhere")?;
    if circle == Circle::OwnNodes && !errand.named && !nodes.uses(node) {
        return Err("it leads farther than this peer is set to go");
    }
    net.mail(ticket.0, errand.node.clone(), request(errand, node, now));
    Ok(())
}

/// Signs what is wanted, for one node and for now.
fn request(errand: Errand, node: PeerId, now: Timestamp) -> Request {
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
