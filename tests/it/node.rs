//! The public node, as a real process: its settings, its door, its mailbox, and what an operator asks of it.

mod door;
mod mail;
mod operator;
mod wss;

use std::time::Duration;

use bayou_core::crypto::Secret;
use bayou_core::envelope::{Epoch, WriteKey};
use bayou_core::id::{Address, ConversationId, RecordHash};
use bayou_core::net::mailbox::{Answer, Batch, GET, GetRequest, PUT, PutRequest, Request, id_of};
use bayou_core::net::visit::Visit;
use tokio::time::timeout;

/// How long anything may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Visits a node, as the peer that this number makes.
async fn visit(who: u8, address: &Address) -> Visit {
    try_visit(who, address).await.expect("it lets us in")
}

async fn try_visit(who: u8, address: &Address) -> Result<Visit, String> {
    timeout(PATIENCE, Visit::begin(&[who; 32], address)).await.expect("an answer, whichever")
}

/// The key of a conversation for a day, as members derive it.
fn write_key(conversation: u8, day: u64) -> WriteKey {
    let epoch = Epoch::new(Secret::new([conversation; 32]), ConversationId([1; 32]), RecordHash([2; 32]));
    epoch.write_key(day)
}

#[expect(clippy::disallowed_methods, reason = "requests are signed for now")]
fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
}

/// An envelope that is no other.
fn envelope(number: u64, size: usize) -> Vec<u8> {
    number.to_be_bytes().into_iter().cycle().take(size).collect()
}

/// Puts an envelope as a member does: signed by the envelope room's key, not by the network's.
async fn put(visit: &mut Visit, key: &WriteKey, envelope: Vec<u8>) -> Answer {
    let time = now();
    let signature = key.sign(PUT, &[visit.node().as_bytes(), &time.to_be_bytes(), &id_of(&envelope).0]);
    let put = PutRequest { key: key.public(), time, signature, envelope };
    timeout(PATIENCE, visit.ask(Request::Put(put))).await.expect("in time").expect("an answer")
}

async fn get(visit: &mut Visit, key: &WriteKey, after: u64) -> Batch {
    let time = now();
    let signature = key.sign(GET, &[visit.node().as_bytes(), &time.to_be_bytes(), &after.to_be_bytes()]);
    let get = GetRequest { key: key.public(), time, signature, after };
    match timeout(PATIENCE, visit.ask(Request::Get(get))).await.expect("in time").expect("an answer") {
        Answer::Batch(batch) => batch,
        other => panic!("{other:?}"),
    }
}

/// Gets all that lies under a topic, batch by batch.
async fn get_all(visit: &mut Visit, key: &WriteKey) -> Vec<Vec<u8>> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let batch = get(visit, key, after).await;
        all.extend(batch.envelopes);
        if !batch.more {
            return all;
        }
        assert!(batch.cursor > after, "it goes on");
        after = batch.cursor;
    }
}

/// Waits until something is so. What a process counts cannot be awaited from outside, so it is asked again and again.
async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let asked = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("waited for: {what}"));
}
