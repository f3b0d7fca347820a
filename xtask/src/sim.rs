//! `cargo xtask sim`: the convergence simulation for longer than CI has time.

use clap::Args;

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

/// Runs the test `convergence`; it prints the seed of a failure.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let mut command = cargo(&["test", "--workspace", "--test", "it", "convergence", "--", "--nocapture"]);
    match options.seed {
        Some(seed) => command.env("BAYOU_SEED", seed.to_string()),
        None => command.env("BAYOU_SEEDS", options.seeds.to_string()),
    };
    step("simulation", &mut command)
}
