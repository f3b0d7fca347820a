//! `cargo xtask …`: what the README's commands call. One file per task; each only starts what stands elsewhere.
//!
//! All tasks build the whole workspace at once (`--workspace`), because cargo unites features over what it builds: two
//! tasks that build different selections would compile the dependencies twice.

mod bench;
mod check;
mod lab;
mod namespaces;
mod node;
mod run;
mod sim;
mod step;
mod test;
mod types;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What can be done with this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Three real peers talk, part, write apart and meet again; then you chat with them.
    Run,
    /// Everything that CI does, cheapest first.
    Test,
    /// The fast part of `test`: format, the pure build, lints.
    Check,
    /// The simulations over more seeds, or over one.
    Sim(sim::Options),
    /// The stories in network namespaces; fails where `test` would skip them.
    Lab,
    /// Writes the types of the calls for the page, from the Rust types.
    Types,
    /// A public node on this machine: rendezvous, relay, autonat, mailbox.
    Node,
    /// Measures, in release build; one JSON object a line.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Run => run::run(),
        Task::Test => test::run(),
        Task::Check => check::run(),
        Task::Sim(options) => sim::run(&options),
        Task::Lab => lab::run(),
        Task::Types => types::run(),
        Task::Node => node::run(),
        Task::Bench(options) => bench::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
