//! `lan`: two hosts on a network without internet; from the second process's start until a message was exchanged, found
//! by mDNS alone.
//!
//! Floor: the same without finding: the second peer is told the first one's address.

use std::io;
use std::time::Instant;

use bayou_tests::lan::Lan;
use bayou_tests::process::Peer;

use crate::{Options, report, scene};

const ROUNDS: usize = 5;

pub(crate) fn run(_: &Options) -> io::Result<()> {
    let lan = Lan::new(2).map_err(|e| io::Error::new(io::ErrorKind::Unsupported, e))?;
    let folder = scene::folder()?;
    let mut alice = Peer::new_in(folder.path(), "alice")?.at(&lan.host(0));
    let mut bob = Peer::new_in(folder.path(), "bob")?.at(&lan.host(1));
    let conversation = alice.begins("lan")?;
    alice.invites(&bob, &conversation)?;
    alice.serve_with(&[])?;
    bob.serve_with(&[])?;
    bob.enters(&conversation)?;
    bob.stop()?;
    alice.stop()?;
    let (mut found, mut told) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        found.push(meet(&mut alice, &mut bob, &conversation, &format!("found {round}"), false)?);
        told.push(meet(&mut alice, &mut bob, &conversation, &format!("told {round}"), true)?);
    }
    let (value, floor) = (report::percentile(&mut found, 0.5), report::percentile(&mut told, 0.5));
    report::print("lan", (value, "ms"), (floor, "ms"));
    Ok(())
}

/// Returns the time from bob's start until alice saw what bob wrote before it and bob saw her answer.
fn meet(
    alice: &mut Peer,
    bob: &mut Peer,
    conversation: &str,
    words: &str,
    told: bool,
) -> io::Result<std::time::Duration> {
    let quiet = if told { vec!["--no-mdns".into()] } else { Vec::new() };
    alice.serve_with(&quiet)?;
    let at = alice.address_on(&Lan::address(0))?;
    bob.says(conversation, words)?;
    let start = Instant::now();
    bob.serve_with(&if told { [quiet, vec!["--peer".into(), at]].concat() } else { quiet })?;
    alice.sees(conversation, words)?;
    let answer = format!("{words}: heard");
    alice.says(conversation, &answer)?;
    bob.sees(conversation, &answer)?;
    let time = start.elapsed();
    bob.stop()?;
    alice.stop()?;
    Ok(time)
}
