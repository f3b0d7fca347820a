//! `cargo xtask sim`: the simulations for longer than CI has time; `cargo xtask sim gossip`: a thousand peers in one
//! conversation.

use std::process::Command;

use clap::{Args, ValueEnum};

use crate::step::{self, Profile, cargo, step};

/// How many seeds of whole worlds are tried when nobody says otherwise.
const SEEDS: u64 = 5000;

/// Which simulation, and which seeds.
#[derive(Args)]
pub(crate) struct Options {
    /// Only this one; those of convergence, authority and epochs when left out.
    name: Option<Name>,
    /// How many seeds to try: 5000 when left out, of gossip 1.
    #[arg(long)]
    seeds: Option<u64>,
    /// Only this one: what a failed run printed.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// Who is told what, in large conversations; prints a line for each scenario.
    Gossip,
}

/// Runs simulations; they print the seed of a failure.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    match options.name {
        Some(Name::Gossip) => gossip(options),
        None => worlds(options),
    }
}

fn worlds(options: &Options) -> Result<(), String> {
    let names = ["convergence", "authority::hostile", "epochs::no_removed", "--nocapture"];
    let mut command = cargo(&[&["test", "--workspace", "--test", "it", "--"], &names[..]].concat());
    match options.seed {
        Some(seed) => command.env("BAYOU_SEED", seed.to_string()),
        None => command.env("BAYOU_SEEDS", options.seeds.unwrap_or(SEEDS).to_string()),
    };
    step("simulation", &mut command)
}

fn gossip(options: &Options) -> Result<(), String> {
    step::build(Profile::Dev)?;
    let mut command = Command::new(step::binary(Profile::Dev, "gossip_sim")?);
    let number = |name: &str, number: Option<u64>| number.map(|n| format!("--{name}={n}"));
    command.args(number("seed", options.seed)).args(number("seeds", options.seeds));
    step("simulation of gossip", &mut command)
}
