//! `cargo xtask sim`: the simulations for longer than CI has time.

use clap::Args;

use crate::packages::selection;
use crate::step::{cargo, step};

/// Which seeds.
#[derive(Args)]
pub(crate) struct Options {
    /// How many seeds to try.
    #[arg(long, default_value_t = 5000)]
    seeds: u64,
    /// Only this one: what a failed run printed.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
}

/// Runs the simulations of convergence, authority and epochs; they print the seed of a failure.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let names = ["convergence", "authority::hostile", "epochs::no_removed", "--nocapture"];
    let mut command = cargo(&["test"]);
    command.args(selection()).args(["--test", "it", "--"]).args(names);
    match options.seed {
        Some(seed) => command.env("BAYOU_SEED", seed.to_string()),
        None => command.env("BAYOU_SEEDS", options.seeds.to_string()),
    };
    step("simulation", &mut command)
}
