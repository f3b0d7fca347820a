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
    ask_until("they have the same key", || {
        let (one, other) = (key(one)?, key(other)?);
        Ok(one.is_string() && one == other)
    })
}

/// Asks again and again until something is so: nobody is told of it.
fn ask_until(what: &str, mut is_so: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    for _ in 0..3000 {
        if is_so()? {
            return Ok(());
        }
    }
    Err(io::Error::other(format!("never: {what}")))
}

/// Bob is off. Alice writes, and is off for good as soon as the mailbox has it. Bob comes, and it is there; the node was
/// killed in between.
#[test]
fn who_comes_later_hears_by_a_mailbox_from_who_is_gone() -> io::Result<()> {
    let mut node = PublicNode::start(&[])?;
    let (mut alice, mut bob, conversation) = meet(&node)?;
    // In order: a key that has just come may not be durable yet, and would be asked for at the next link.
    bob.stop()?;
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

/// A conversation that was begun without a node. Alice comes to use one, Bob does not, and is off when she says that mail
/// waits there: he knows only that she can be reached over that node, and so he looks there, too.
#[test]
fn who_was_off_when_a_mailbox_was_named_gets_what_lies_there() -> io::Result<()> {
    let node = PublicNode::start(&[])?;
    let (mut alice, mut bob) = (Peer::spawn("alice")?, Peer::spawn("bob")?);
    let conversation = alice.begins("river")?;
    alice.uses(&node.address().0)?;
    alice.is_reachable()?;
    bob.restart(&[&alice])?;
    alice.links(&bob)?;
    alice.invites(&bob, &conversation)?;
    share_a_key(&alice, &bob)?;
    bob.stop()?;
    alice.command(&["set", &conversation, "mailbox", &node.address().0])?;
    alice.says(&conversation, "it rains")?;
    alice.sees_that(&conversation, "it is with a mailbox", |row| row["state"] == "with a mailbox")?;
    alice.stop()?;
    bob.serve(&[])?;
    bob.sees(&conversation, "it rains")?;
    let known = bob.command(&["conversations"])?;
    assert_eq!(known[0]["conversations"][0]["mailboxes"][0], node.address().0);
    bob.stop()
}

/// Who uses a node that keeps mail need not name it: conversations that they begin have it from the start.
#[test]
fn a_conversation_begins_with_the_mailboxes_of_who_begins_it() -> io::Result<()> {
    let node = PublicNode::start(&[])?;
    let without = PublicNode::start(&["roles.mailbox=false"])?;
    let mut alice = Peer::new("alice")?;
    alice.uses(&without.address().0)?;
    alice.uses(&node.address().0)?;
    alice.serve(&[])?;
    let ours = |peer: &Peer| -> io::Result<Value> { Ok(peer.command(&["conversations"])?[0]["conversations"].clone()) };
    for place in [&node, &without] {
        let name = place.address().0.rsplit_once('/').map(|(_, name)| name.to_owned()).unwrap_or_default();
        alice.address_on(&format!("{name}/p2p-circuit"))?;
    }
    ask_until("it is known what the nodes offer", || {
        let known = alice.command(&["node", "list"])?;
        Ok(known[0]["nodes"][1]["mail"] == true)
    })?;
    let conversation = alice.begins("river")?;
    assert_eq!(ours(&alice)?[0]["mailboxes"], serde_json::json!([node.address().0]));
    alice.says(&conversation, "to whom it may concern")?;
    alice.command(&["set", &conversation, "mailbox"])?;
    assert_eq!(ours(&alice)?[0]["mailboxes"], serde_json::json!([]));
    // It is remembered of the node, also while nobody serves.
    alice.stop()?;
    alice.begins("sea")?;
    assert!(ours(&alice)?.as_array().is_some_and(|all| all.iter().any(|one| one["mailboxes"][0] == node.address().0)));
    Ok(())
}

/// An operator lets in only who shows a token. Who has none is told so, and who has one is served: they are reached over
/// the node, and their mail waits there.
#[test]
fn a_node_with_tokens_serves_who_shows_one_and_tells_others_what_to_do() -> io::Result<()> {
    let tokens = tempfile::NamedTempFile::new()?;
    std::fs::write(tokens.path(), "a token of the harbour\n")?;
    let node = PublicNode::start(&[&format!("admission.tokens={}", tokens.path().display())])?;
    let address = node.address().0;
    let mut alice = Peer::new("alice")?;
    assert!(alice.command(&["node", "add", &address, "--token", "short"]).is_err_and(|e| e.to_string().contains("16")));
    alice.uses(&address)?;
    alice.serve(&[])?;
    let told = |peer: &Peer, what: &str| -> io::Result<bool> {
        let known = peer.command(&["node", "list"])?;
        Ok(known[0]["nodes"][0]["problem"].as_str().is_some_and(|problem| problem.contains(what)))
    };
    ask_until("she is told that she needs one", || told(&alice, "ask its operator for one"))?;
    alice.command(&["node", "add", &address, "--token", "a token of the desert"])?;
    ask_until("she is told that it is not known", || told(&alice, "does not know the token"))?;
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), "a token of the harbour\n")?;
    alice.command(&["node", "add", &address, "--token", &file.path().display().to_string()])?;
    alice.is_reachable()?;
    ask_until("nothing is wrong any more", || {
        Ok(alice.command(&["node", "list"])?[0]["nodes"][0]["problem"].is_null())
    })?;
    // It is kept, sealed, and shown at the next start.
    alice.stop()?;
    alice.serve(&[])?;
    alice.is_reachable()?;
    let kept = std::fs::read(alice.home().join("nodes"))?;
    assert!(!String::from_utf8_lossy(&kept).contains("harbour"));
    // Bob's mail for who is away is refused there, and he is told why.
    let mut bob = Peer::spawn("bob")?;
    let conversation = bob.begins("river")?;
    alice.restart(&[&bob])?;
    alice.links(&bob)?;
    bob.invites(&alice, &conversation)?;
    share_a_key(&bob, &alice)?;
    alice.stop()?;
    bob.command(&["set", &conversation, "mailbox", &address])?;
    bob.says(&conversation, "is anybody there?")?;
    ask_until("he is told why", || {
        let standing = bob.command(&["status", &conversation])?;
        let problem = &standing[0]["standing"]["mailboxes"][0]["problem"];
        Ok(problem.as_str().is_some_and(|why| why.contains("did not take an envelope") && why.contains("a token")))
    })?;
    bob.command(&["node", "add", &address, "--token", "a token of the harbour"])?;
    bob.sees_that(&conversation, "it is with a mailbox", |row| row["state"] == "with a mailbox")?;
    bob.stop()?;
    alice.serve(&[])?;
    alice.sees(&conversation, "is anybody there?").map(drop)
}
