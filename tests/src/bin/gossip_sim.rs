//! `cargo xtask sim gossip`: runs the simulation of gossip, prints a line for each scenario, and fails where a bound is
//! broken.

use std::process::ExitCode;

use bayou_tests::sim::scenario::Scenario;
use bayou_tests::sim::tally::HEAD;
use clap::Parser;

/// Which seeds.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to try.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Only this one.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Only scenarios with this many peers.
    #[arg(long)]
    peers: Option<usize>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seeds = arguments.seed.map_or(0..arguments.seeds, |seed| seed..seed + 1);
    let mut complaints = Vec::new();
    for seed in seeds {
        println!("seed {seed}\n{HEAD}");
        for scenario in Scenario::all().iter().filter(|s| arguments.peers.is_none_or(|peers| s.peers == peers)) {
            let outcome = scenario.run(seed);
            println!("{outcome}");
            complaints.extend(scenario.complaint(&outcome).map(|complaint| format!("seed {seed}: {complaint}")));
        }
    }
    complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
