//! `open`: from the start of `bayou log --limit 100` to its end, in a conversation of so many messages; and its memory.
//!
//! Floor: the same process doing nothing (`bayou --version`).

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use bayou_tests::process::{Peer, bayou};
use nix::sys::resource::{UsageWho, getrusage};

use crate::{Options, report, scene};

const ROUNDS: usize = 15;

pub(crate) fn run(options: &Options) -> io::Result<()> {
    measure(10_000)?;
    measure(100_000)?;
    if options.big { measure(1_000_000) } else { Ok(()) }
}

fn measure(messages: usize) -> io::Result<()> {
    let folder = scene::folder()?;
    let (mut alice, conversation) = scene::host(&folder)?;
    scene::fill(&alice, &conversation, &scene::texts(messages))?;
    alice.stop()?;
    let (mut times, mut floors, mut peak, mut floor_peak) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..ROUNDS {
        let (bytes, time) = weighed(&alice, &["log", &conversation, "--limit", "100", "--json"])?;
        times.push(time);
        peak = peak.max(bytes);
        let (bytes, time) = weighed(&alice, &["--version"])?;
        floors.push(time);
        floor_peak = floor_peak.max(bytes);
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    };
    report::print(&format!("open.{messages}"), (median(times), "ms"), (median(floors), "ms"));
    let megabytes = |kib: i64| kib as f64 * 1024.0 / 1e6;
    report::print(&format!("open.{messages}.rss"), (megabytes(peak), "MB"), (megabytes(floor_peak), "MB"));
    Ok(())
}

/// Runs `bayou` beneath a process of its own, because the system tells only the largest child's memory.
fn weighed(peer: &Peer, arguments: &[&str]) -> io::Result<(i64, f64)> {
    let mut scale = Command::new(std::env::current_exe()?);
    scale.env("BAYOU_HOME", peer.home()).arg("--weigh").arg(bayou()?).args(arguments);
    let printed = scale.stderr(Stdio::inherit()).output()?;
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    let (bytes, time) = printed.trim().split_once(' ').ok_or_else(|| io::Error::other("bayou could not be weighed"))?;
    Ok((bytes.parse().map_err(io::Error::other)?, time.parse().map_err(io::Error::other)?))
}

/// Runs a command to its end; prints its peak memory in KiB and its time in milliseconds.
pub(crate) fn weigh(command: &[PathBuf]) -> io::Result<()> {
    let (program, arguments) = command.split_first().ok_or_else(|| io::Error::other("nothing to weigh"))?;
    let start = Instant::now();
    let output = Command::new(program).args(arguments).stderr(Stdio::inherit()).output()?;
    let time = report::ms(start.elapsed());
    if !output.status.success() {
        return Err(io::Error::other(format!("{} ended with {}", program.display(), output.status)));
    }
    println!("{} {time}", getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss());
    Ok(())
}
