//! The first run, by the page: a home is made, opened, or brought back, before there is a peer.

use bayou_tests::browser::{Browser, Page};
use bayou_tests::process::Peer;
use serde_json::{Value, json};

use super::Story;

fn opens(peer: &mut Peer) -> std::io::Result<(Browser, Page)> {
    let mut browser = Browser::at(&peer.serve_web(&[], &[])?)?;
    browser.log_in()?;
    let page = browser.page()?;
    Ok((browser, page))
}

fn code(answer: &Value) -> &Value {
    &answer["error"]["code"]
}

#[test]
fn a_home_is_made_locked_and_opened_again() -> Story {
    let mut alice = Peer::unborn("alice")?;
    let (_browser, mut page) = opens(&mut alice)?;
    assert_eq!(page.call("home", &json!({}))?["state"], "none");
    assert_eq!(code(&page.answer("conversations", &json!({}))?), -32004);
    assert_eq!(code(&page.answer("watch", &json!({}))?), -32004);
    assert_eq!(code(&page.answer("init", &json!({ "name": " ", "passphrase": "open sesame" }))?), -32602);
    let both = json!({ "name": "alice", "passphrase": "open sesame", "no_passphrase": true });
    assert_eq!(code(&page.answer("init", &both)?), -32602);
    let made = page.call("init", &json!({ "name": "alice", "passphrase": "open sesame" }))?;
    let phrase = made["phrase"].as_str().unwrap().to_owned();
    assert_eq!(phrase.split(' ').count(), 24);
    // The peer runs: over the page, and over its socket for everybody else.
    let home = page.call("home", &json!({}))?;
    assert_eq!((&home["state"], &home["name"]), (&"open".into(), &"alice".into()));
    assert_eq!(code(&page.answer("init", &json!({ "name": "eve", "no_passphrase": true }))?), -32602);
    page.call("watch", &json!({}))?;
    let boats = page.call("new", &json!({ "title": "Boats" }))?["conversation"].as_str().unwrap().to_owned();
    alice.hears("is ready", |event| event["event"] == "ready")?;
    let message = alice.says(&boats, "hello")?;
    page.hears("the list tells", |event, params| event == "conversation" && params["last_text"] == "hello")?;

    alice.stop()?;
    let (_browser, mut page) = opens(&mut alice)?;
    assert_eq!(page.call("home", &json!({}))?["state"], "locked");
    assert_eq!(code(&page.answer("unlock", &json!({ "passphrase": "open barley" }))?), -32004);
    page.call("unlock", &json!({ "passphrase": "open sesame" }))?;
    let log = page.call("log", &json!({ "conversation": "Boats", "limit": 1 }))?;
    assert_eq!(log["rows"][0]["id"], *message);

    // Who has the phrase is alice, on another machine.
    let mut elsewhere = Peer::unborn("alice")?;
    let (_browser, mut theirs) = opens(&mut elsewhere)?;
    let wrong = phrase.split(' ').rev().collect::<Vec<_>>().join(" ");
    let wrong = json!({ "name": "alice", "phrase": wrong, "no_passphrase": true });
    assert_eq!(code(&theirs.answer("restore", &wrong)?), -32602);
    theirs.call("restore", &json!({ "name": "alice", "phrase": phrase, "no_passphrase": true }))?;
    let user = |page: &mut Page| page.call("status", &json!({})).map(|status| status["user"].clone());
    assert_eq!(user(&mut theirs)?, user(&mut page)?);
    Ok(())
}

#[test]
fn a_machine_becomes_another_device_by_the_page_alone() -> Story {
    let mut alice = Peer::new("alice")?;
    let (_browser, mut old) = opens(&mut alice)?;
    alice.hears("is ready", |event| event["event"] == "ready")?;
    let boats = old.call("new", &json!({ "title": "Boats" }))?["conversation"].as_str().unwrap().to_owned();
    let mut phone = Peer::unborn("alice")?;
    let (_browser, mut new) = opens(&mut phone)?;
    assert_eq!(code(&new.answer("await_digits", &json!({}))?), -32602, "nothing was offered");
    let offer = new.call("offer_device", &json!({}))?["offer"].clone();
    let waits = new.asks("await_digits", &json!({}))?;
    let theirs = old.call("link_device", &json!({ "offer": offer }))?["digits"].clone();
    assert_eq!(new.answer_to(waits)?["result"]["digits"], theirs);
    let settles = new.asks("settle_in", &json!({ "yes": true, "no_passphrase": true }))?;
    old.call("confirm_device", &json!({ "yes": true }))?;
    assert_eq!(new.answer_to(settles)?["result"]["done"], true);
    assert_eq!(new.call("home", &json!({}))?["state"], "open");
    let user = |page: &mut Page| page.call("status", &json!({})).map(|status| status["user"].clone());
    assert_eq!(user(&mut new)?, user(&mut old)?);
    // It meets the other one as soon as it knows where that is, and takes part in what the user is in.
    new.call("watch", &json!({}))?;
    new.call("dial", &json!({ "address": alice.address()? }))?;
    new.hears("the conversation comes", |event, params| event == "conversation" && params["conversation"] == *boats)?;
    Ok(())
}
