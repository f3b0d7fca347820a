//! Benchmarks of real processes, as people would feel them. Called by `cargo xtask bench`.
//!
//! Each prints JSON lines: what was measured, and beside it a **floor** measured in the same run: what this machine
//! needs for the least that the task could cost (an echo, a write to disk, a process start). Their ratio compares
//! machines and busy hours; the value alone does not.

#![allow(clippy::disallowed_methods, reason = "measuring time is what this program is for")]

mod apply;
mod catchup;
mod disk;
mod flood;
mod floor;
mod lan;
mod latency;
mod node;
mod open;
mod report;
mod scene;
mod throughput;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// One benchmark.
type Bench = fn(&Options) -> io::Result<()>;

/// All of them, quickest first.
const BENCHES: &[(&str, Bench)] = &[
    ("apply", apply::run),
    ("latency", latency::run),
    ("lan", lan::run),
    ("throughput", throughput::run),
    ("flood", flood::run),
    ("node", node::run),
    ("catchup", catchup::run),
    ("open", open::run),
    ("disk", disk::run),
];

/// Which benchmarks, and how long.
#[derive(Parser)]
struct Options {
    /// apply, latency, lan, throughput, flood, node, catchup, open or disk; all when left out.
    name: Option<String>,
    /// Also the sizes that take minutes to fill.
    #[arg(long)]
    big: bool,
    /// Runs one command, prints its peak memory and its time. (How `open` measures one process.)
    #[arg(long, hide = true, num_args = 1.., allow_hyphen_values = true)]
    weigh: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.weigh.is_empty() {
        return end(open::weigh(&options.weigh));
    }
    let chosen: Vec<_> =
        BENCHES.iter().filter(|(name, _)| options.name.as_deref().is_none_or(|wanted| wanted == *name)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = BENCHES.iter().map(|(name, _)| *name).collect();
        return end(Err(io::Error::other(format!("no such benchmark; there are {}", names.join(", ")))));
    }
    end(chosen.iter().try_for_each(|(name, bench)| match bench(&options) {
        Err(reason) if reason.kind() == io::ErrorKind::Unsupported => {
            eprintln!("{name}: left out: {reason}");
            Ok(())
        }
        done => done.map_err(|e| io::Error::new(e.kind(), format!("{name}: {e}"))),
    }))
}

fn end(done: io::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
