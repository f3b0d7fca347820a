//! `cargo xtask bench [NAME]`: the benchmarks (`tests/src/bin/bench/`), in release build.

use std::process::Command;

use clap::Args;

use crate::step::{self, Profile};

/// Which benchmarks, and how long.
#[derive(Args)]
pub(crate) struct Options {
    /// apply, latency, lan, throughput, flood, node, catchup, open or disk; all when left out.
    name: Option<String>,
    /// Also the sizes that take minutes to fill (1,000,000 messages).
    #[arg(long)]
    big: bool,
}

/// Builds, then measures.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    step::build(Profile::Release)?;
    let mut bench = Command::new(step::binary(Profile::Release, "bench")?);
    bench.env("BAYOU_BIN", step::binary(Profile::Release, "bayou")?);
    bench.args(&options.name).args(options.big.then_some("--big"));
    step::hand_over("bench", &mut bench)
}
