//! What a page asks for: pages of the timeline, events with places, and messages that are sent again.

use std::io;

use bayou_tests::browser::Page;
use bayou_tests::process::Peer;
use serde_json::{Value, json};

use super::{Story, at_home, items, keys, opens, page_of, texts};

/// Messages of the long conversation: enough for many pages, and for a second segment.
const MANY: usize = 2_500;

/// Pages forth and back are the whole, without a hole or a repetition; what comes late finds its place.
#[test]
fn a_long_conversation_is_read_in_pages_from_anywhere() -> Story {
    let (mut alice, _browser, mut page) = at_home("alice")?;
    let mut bob = Peer::new("bob")?;
    let boats = alice.begins("Boats")?;
    alice.invites(&bob, &boats)?;
    bob.serve(&[&alice])?;
    bob.enters(&boats)?;
    bob.stop()?;
    let late = bob.says(&boats, "written while you were elsewhere")?;
    let ids: Vec<u64> = (0..MANY)
        .map(|n| page.asks("send", &json!({ "conversation": boats, "text": format!("number {n}") })))
        .collect::<Result<_, _>>()?;
    for id in ids {
        assert!(page.answer_to(id)?["result"]["id"].is_string());
    }

    let all = from_the_end(&mut page, &boats)?;
    let numbers = |all: &[Value]| {
        let texts = all.iter().filter_map(|item| item["row"]["text"].as_str());
        texts.filter_map(|text| text.strip_prefix("number ")?.parse::<usize>().ok()).collect::<Vec<_>>()
    };
    assert!(numbers(&all).into_iter().eq(0..MANY), "each once, in the order of the calls");
    assert_eq!(all.iter().filter(|item| item.get("notice").is_some()).count(), 2, "it began, and bob came in");
    assert_eq!(all[0]["notice"]["kind"], "began");

    let forth = from_the_beginning(&mut page, &boats, &all[0])?;
    assert!(forth == all, "{} forth, {} back", forth.len(), all.len());

    // Around a message, and around a moment.
    let middle = &all[1_500];
    let around = page_of(&mut page, &boats, json!({ "around": middle["row"]["id"] }), 50)?;
    assert!(items(&around) == &all[1_475..1_525], "around");
    assert!(around["older"] == true && around["newer"] == true);
    let at = page_of(&mut page, &boats, json!({ "at": all[0]["notice"]["at"].as_u64().unwrap() - 1 }), 50)?;
    assert!(items(&at) == &all[..50], "at");
    for (from, limit) in [(json!("end"), 0), (json!("end"), 201), (json!({ "before": "nonsense" }), 5)] {
        assert!(page_of(&mut page, &boats, from, limit).is_err());
    }

    // Bob's words were written before all of ours, and come now.
    page.call("follow", &json!({ "conversation": boats, "limit": 0 }))?;
    bob.serve(&[&alice])?;
    let came = page.hears("bob's words", |event, params| event == "row" && params["row"]["id"] == *late)?;
    let key = came["key"].as_str().unwrap().to_owned();
    assert!(*key > *all[1]["key"].as_str().unwrap() && *key < *all[3]["key"].as_str().unwrap(), "among the first");
    assert_eq!(came["row"]["body"][0]["kind"], "paragraph");
    let unread = page_of(&mut page, &boats, json!("unread"), 10)?;
    assert_eq!(unread["unread"], *key);
    assert!(keys(&unread).contains(&&*key));
    alice.stop()
}

/// Reads a conversation page by page, backwards from its end.
fn from_the_end(page: &mut Page, boats: &str) -> io::Result<Vec<Value>> {
    let (mut all, mut from) = (Vec::new(), json!("end"));
    loop {
        let answer = page_of(page, boats, from, 200)?;
        assert!(keys(&answer).is_sorted());
        let first = keys(&answer)[0].to_owned();
        all.splice(0..0, items(&answer).to_vec());
        from = json!({ "before": first });
        if answer["older"] == false {
            return Ok(all);
        }
    }
}

/// Reads it forwards from its first item, in pages of another size.
fn from_the_beginning(page: &mut Page, boats: &str, first: &Value) -> io::Result<Vec<Value>> {
    let (mut forth, mut after) = (vec![first.clone()], first["key"].clone());
    loop {
        let answer = page_of(page, boats, json!({ "after": after }), 77)?;
        forth.extend_from_slice(items(&answer));
        after = forth.last().unwrap()["key"].clone();
        if answer["newer"] == false {
            return Ok(forth);
        }
    }
}

#[test]
fn what_is_unread_is_known_on_all_pages() -> Story {
    let (mut alice, browser, mut page) = at_home("alice")?;
    let mut bob = Peer::new("bob")?;
    let boats = alice.begins("Boats")?;
    alice.invites(&bob, &boats)?;
    bob.serve(&[&alice])?;
    bob.enters(&boats)?;
    let mut other = browser.page()?;
    page.call("watch", &json!({}))?;
    other.call("watch", &json!({}))?;
    let said: Vec<String> =
        ["one", "two", "three"].iter().map(|text| bob.says(&boats, text)).collect::<Result<_, _>>()?;
    let unread = |count: u64| move |event: &str, params: &Value| event == "conversation" && params["unread"] == count;
    page.hears("three are unread", unread(3))?;
    let answer = page_of(&mut page, &boats, json!("unread"), 20)?;
    let first = items(&answer).iter().find(|item| item["row"]["id"] == said[0]).unwrap();
    assert_eq!(answer["unread"], first["key"]);
    page.call("read", &json!({ "conversation": boats, "up_to": said[1] }))?;
    other.hears("it was read", |event, params| event == "read" && params["up_to"] == said[1])?;
    other.hears("one is unread", unread(1))?;
    assert_eq!(other.call("conversation", &json!({ "conversation": boats }))?["listed"]["unread"], 1);
    // Reading backwards unreads nothing.
    page.call("read", &json!({ "conversation": boats, "up_to": said[0] }))?;
    page.call("read", &json!({ "conversation": boats, "up_to": said[2] }))?;
    let answer = page_of(&mut other, &boats, json!("unread"), 20)?;
    assert!(answer["unread"].is_null() && texts(&answer).ends_with(&["one", "two", "three"]));
    alice.stop()
}

#[test]
fn a_message_that_is_sent_again_is_written_once() -> Story {
    let (mut alice, browser, mut page) = at_home("alice")?;
    let boats = alice.begins("Boats")?;
    let send = json!({ "conversation": boats, "text": "once", "id": "c1" });
    // The answer is lost with the connection.
    page.asks("send", &send)?;
    drop(page);
    let mut page = browser.page()?;
    let calls = [page.asks("send", &send)?, page.asks("send", &send)?];
    let first = page.answer_to(calls[0])?["result"]["id"].clone();
    assert!(first.is_string());
    assert_eq!(page.answer_to(calls[1])?["result"]["id"], first);
    alice.kill9()?;
    let (_browser, mut page) = opens(&mut alice, &[])?;
    assert_eq!(page.call("send", &send)?["id"], first, "also by a peer that was killed");
    let other = json!({ "conversation": boats, "text": "once", "id": "c2" });
    assert_ne!(page.call("send", &other)?["id"], first);
    for id in [String::new(), "x".repeat(65)] {
        let bad = json!({ "conversation": boats, "text": "once", "id": id });
        assert_eq!(page.answer("send", &bad)?["error"]["code"], -32602);
    }
    let answer = page_of(&mut page, &boats, json!("end"), 20)?;
    assert_eq!(texts(&answer), ["once", "once"]);
    alice.stop()
}

#[test]
fn an_answer_shows_what_it_answers_as_that_is_now() -> Story {
    let (mut alice, _browser, mut page) = at_home("alice")?;
    let mut bob = Peer::new("bob")?;
    let boats = alice.begins("Boats")?;
    alice.invites(&bob, &boats)?;
    bob.serve(&[&alice])?;
    bob.enters(&boats)?;
    let asked = bob.says(&boats, "Are you\ncoming?")?;
    page.call("follow", &json!({ "conversation": boats, "limit": 0 }))?;
    let _here = page
        .call("message_status", &json!({ "message": asked }))
        .or_else(|_| page.hears("the question", |event, params| event == "row" && params["row"]["id"] == *asked))?;
    let answer = json!({ "conversation": boats, "text": "Yes **indeed**", "reply_to": asked });
    let id = page.call("send", &answer)?["id"].as_str().unwrap().to_owned();
    let came = bob.sees_that(&boats, "the answer", |row| row["id"] == *id)?;
    let quote = &came["reply_to"];
    assert_eq!((&quote["id"], &quote["state"], &quote["author"]), (&(*asked).into(), &"here".into(), &"bob".into()));
    assert_eq!(quote["text"], "Are you coming?");
    let row = page.hears("the own answer", |event, params| event == "row" && params["row"]["id"] == *id)?;
    assert_eq!(row["row"]["body"][0]["inlines"][1]["kind"], "strong");
    bob.deletes(&asked)?;
    page.hears("it is deleted", |event, params| event == "row" && params["row"]["deleted"] == true)?;
    let now = page_of(&mut page, &boats, json!({ "around": id }), 1)?;
    let quote = &items(&now)[0]["row"]["reply_to"];
    assert_eq!((&quote["state"], &quote["text"]), (&"deleted".into(), &Value::Null));
    // What an own message said before.
    page.call("edit", &json!({ "message": id, "text": "No" }))?;
    let history = page.call("history", &json!({ "message": id }))?;
    let said: Vec<_> = history["versions"].as_array().unwrap().iter().map(|version| &version["text"]).collect();
    assert_eq!(said, ["Yes **indeed**", "No"]);
    let elsewhere = alice.begins("Ships")?;
    let astray = json!({ "conversation": elsewhere, "text": "what?", "reply_to": id });
    assert_eq!(page.answer("send", &astray)?["error"]["code"], -32602);
    let qr = page.call("qr", &json!({ "text": "bayou://j/#x" }))?;
    assert!(qr["size"].as_u64() > Some(20) && qr["path"].as_str().unwrap().starts_with('M'));
    let storage = page.call("storage", &json!({}))?["storage"].clone();
    assert!(storage["journal"].as_u64() > Some(0) && storage["other"].as_u64() > Some(0), "{storage}");
    alice.stop()
}
