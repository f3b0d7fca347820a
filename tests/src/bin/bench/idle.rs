//! `idle`: what a peer with fifty conversations and twenty links costs while nobody says anything: of a core, and of the
//! network, all that crosses its interface both ways.
//!
//! Floor: the same peer with the same links before the first conversation. That is what transport needs to keep the links
//! alive (pings, acknowledgements), and the engine's ticks. It is printed as soon as it is known, and the difference in the
//! end: what the conversations cost. All of it takes about five minutes, most of them waiting.

use std::fs;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use bayou_tests::lan::Lan;
use bayou_tests::process::Peer;
use bayou_tests::socket::Client;
use serde_json::{Value, json};

use crate::{Options, report, scene};

const CONVERSATIONS: usize = 50;
const LINKS: usize = 20;

/// How long is measured, and what passes before: links settle, and heads are told for the last time.
const MEASURED: Duration = Duration::from_secs(60);
const SETTLING: Duration = Duration::from_secs(75);

/// How long until all are in everywhere.
const DEADLINE: Duration = Duration::from_secs(600);

/// What was used up to a moment.
struct Used {
    at: Instant,
    /// Nanoseconds on a core.
    core: u64,
    /// Bytes over the interface, both ways.
    bytes: u64,
}

pub(crate) fn run(_: &Options) -> io::Result<()> {
    let lan = Lan::new(2).map_err(|e| io::Error::new(io::ErrorKind::Unsupported, e))?;
    let folder = scene::folder()?;
    let mut alice = Peer::new_in(folder.path(), "alice")?.at(&lan.host(0));
    alice.serve_with(&["--no-mdns".into()])?;
    let at = alice.address_on(&Lan::address(0))?;
    let mut others = Vec::new();
    for number in 0..LINKS {
        let mut other = Peer::new_in(folder.path(), &format!("guest{number}"))?.at(&lan.host(1));
        other.serve_with(&["--no-mdns".into(), "--peer".into(), at.clone()])?;
        others.push(other);
    }
    let mut client = Client::connect(&alice.home())?;
    wait(|| Ok(client.call("status", &json!({}))?["links"] == LINKS))?;
    let (floor_core, floor_bytes) = measure(&alice)?;
    report::print("idle_links_core", (floor_core, "%"), (f64::NAN, ""));
    report::print("idle_links_network", (floor_bytes, "MB/h"), (f64::NAN, ""));
    let mut links = Vec::new();
    for number in 0..CONVERSATIONS {
        let made = client.call("new", &json!({ "title": format!("idle {number}") }))?;
        let invite = client.call("invite", &json!({ "conversation": made["conversation"], "uses": LINKS }))?;
        links.push(invite["link"].clone());
    }
    for other in &others {
        let mut guest = Client::connect(&other.home())?;
        links.iter().try_for_each(|link| guest.call("join", &json!({ "link": link })).map(drop))?;
    }
    wait(|| {
        let list = client.call("conversations", &json!({}))?;
        let is_full = |c: &Value| c["members"].as_array().is_some_and(|members| members.len() == LINKS + 1);
        Ok(list["conversations"].as_array().is_some_and(|all| all.iter().all(is_full)))
    })?;
    let (core, bytes) = measure(&alice)?;
    report::print("idle_core", (core, "%"), (floor_core, "%"));
    report::print("idle_network", (bytes, "MB/h"), (floor_bytes, "MB/h"));
    report::print("idle_conversations_network", ((bytes - floor_bytes).max(0.0), "MB/h"), (floor_bytes, "MB/h"));
    Ok(())
}

/// Returns how much of a core, in percent, and how many megabytes an hour a peer uses.
fn measure(peer: &Peer) -> io::Result<(f64, f64)> {
    eprintln!("idle: measuring, for {} s", (SETTLING + MEASURED).as_secs());
    sleep(SETTLING);
    let before = used(peer)?;
    sleep(MEASURED);
    let after = used(peer)?;
    let seconds = after.at.duration_since(before.at).as_secs_f64();
    let core = after.core.saturating_sub(before.core) as f64 / 1e9 / seconds * 100.0;
    let bytes = after.bytes.saturating_sub(before.bytes) as f64 / 1e6 / seconds * 3600.0;
    Ok((core, bytes))
}

fn used(peer: &Peer) -> io::Result<Used> {
    let pid = peer.pid().ok_or_else(|| io::Error::other("it does not serve"))?;
    let mut core = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let spent = fs::read_to_string(task?.path().join("schedstat"))?;
        core += number(&spent, 0);
    }
    let interfaces = fs::read_to_string(format!("/proc/{pid}/net/dev"))?;
    let eth0 = interfaces.lines().find_map(|line| line.trim().strip_prefix("eth0:"));
    let bytes = eth0.map_or(0, |counts| number(counts, 0) + number(counts, 8));
    Ok(Used { at: Instant::now(), core, bytes })
}

fn number(words: &str, at: usize) -> u64 {
    words.split_whitespace().nth(at).and_then(|word| word.parse().ok()).unwrap_or(0)
}

fn wait(mut done: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let until = Instant::now() + DEADLINE;
    while !done()? {
        if Instant::now() > until {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the peers did not get so far in ten minutes"));
        }
        sleep(Duration::from_millis(500));
    }
    Ok(())
}
