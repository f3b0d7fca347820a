//! The web UI's door, and the calls that a page makes, with real processes and a browser of our own.

mod door;
mod home;
mod pages;

use std::io;

use bayou_tests::browser::{Browser, Page};
use bayou_tests::process::Peer;
use serde_json::{Value, json};

type Story = io::Result<()>;

/// A peer with a home and its page, logged in.
fn at_home(name: &str) -> io::Result<(Peer, Browser, Page)> {
    let mut peer = Peer::new(name)?;
    let (browser, page) = opens(&mut peer, &[])?;
    Ok((peer, browser, page))
}

/// Has a peer serve, and opens its page.
fn opens(peer: &mut Peer, others: &[&Peer]) -> io::Result<(Browser, Page)> {
    let mut browser = Browser::at(&peer.serve_web(others, &[])?)?;
    assert_eq!(browser.log_in()?.status, 204);
    peer.hears("is ready", |event| event["event"] == "ready")?;
    let page = browser.page()?;
    Ok((browser, page))
}

/// Reads a page of a timeline.
fn page_of(page: &mut Page, conversation: &str, from: Value, limit: u32) -> io::Result<Value> {
    page.call("page", &json!({ "conversation": conversation, "from": from, "limit": limit }))
}

fn items(answer: &Value) -> &[Value] {
    answer["items"].as_array().expect("items")
}

fn texts(answer: &Value) -> Vec<&str> {
    items(answer).iter().filter_map(|item| item["row"]["text"].as_str()).collect()
}

fn keys(answer: &Value) -> Vec<&str> {
    items(answer).iter().filter_map(|item| item["key"].as_str()).collect()
}
