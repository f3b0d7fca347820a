//! Mail by real processes, over a real mailbox on loopback.

use std::io;

use serde_json::Value;

use bayou_tests::process::Peer;
use bayou_tests::public_node::PublicNode;

/// Alice and Bob in one conversation that has a mailbox. Both serve, are linked, and share the group key.
fn meet(node: &PublicNode) -> io::Result<(Peer, Peer, String)> {
    let (alice, mut bob) = (Peer::spawn("alice")?, Peer::spawn("bob")?);
    let conversation = alice.begins("river")?;
    bob.restart(&[&alice])?;
    alice.links(&bob)?;
    alice.invites(&bob, &conversation)?;
    alice.command(&["set", &conversation, "mailbox", &node.address().0])?;
    share_a_key(&alice, &bob)?;
    Ok((alice, bob, conversation))
}

/// Asks both again and again until they have the same group key: nobody is told of it.
fn share_a_key(one: &Peer, other: &Peer) -> io::Result<()> {
    let key = |peer: &Peer| -> io::Result<Value> {
        Ok(peer.command(&["conversations"])?[0]["conversations"][0]["epoch"].clone())
    };
    for _ in 0..1000 {
        let (one, other) = (key(one)?, key(other)?);
        if one.is_string() && one == other {
            return Ok(());
        }
    }
    Err(io::Error::other("they never had the same key"))
}

/// Bob is off. Alice writes, and is off for good as soon as the mailbox has it. Bob comes, and it is there; the node was
/// killed in between.
#[test]
fn who_comes_later_hears_by_a_mailbox_from_who_is_gone() -> io::Result<()> {
    let mut node = PublicNode::start(&[])?;
    let (mut alice, mut bob, conversation) = meet(&node)?;
    bob.kill9()?;
    alice.says(&conversation, "good night")?;
    alice.sees_that(&conversation, "it is with a mailbox", |row| row["state"] == "with a mailbox")?;
    alice.kill9()?;
    let place = node.address().0.split("/p2p/").next().unwrap_or_default().to_owned();
    node.restart(&[&format!("listen=[\"{place}\"]")])?;
    bob.serve(&[])?;
    bob.sees(&conversation, "good night")?;
    bob.says(&conversation, "good morning")?;
    bob.sees_that(&conversation, "so is the answer", |row| {
        row["text"] == "good morning" && row["state"] == "with a mailbox"
    })?;
    bob.stop()?;
    alice.serve(&[])?;
    alice.sees(&conversation, "good morning")?;
    alice.stop()
}
