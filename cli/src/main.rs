//! `bayou`, the headless peer: each command asks the peer of a home and prints the answer.
//!
//! [`command`] holds one file per command, [`peer`] finds who answers, [`output`] prints. Exit codes are those of
//! [`bayou_core::rpc::ErrorCode`].

mod command;
mod duration;
mod failure;
mod follow;
mod harden;
mod home;
mod notice;
mod output;
mod peer;
mod phrase;
mod qr;
mod row;
mod unlock;
mod web;

use std::process::ExitCode;

use clap::Parser;

use command::Command;
use failure::Failure;
use output::Output;

/// Bayou, a messenger without a server: the headless peer.
#[derive(Parser)]
#[command(name = "bayou", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Arguments {
    /// The folder of the profile [default: $XDG_DATA_HOME/bayou or ~/.local/share/bayou]
    #[arg(long, global = true, env = "BAYOU_HOME", value_name = "DIR", hide_env_values = true)]
    home: Option<std::path::PathBuf>,

    /// Print one JSON object a line, and errors as {"error":{"code":…,"message":…}} on stderr
    #[arg(long, global = true)]
    json: bool,

    /// Read the passphrase of the home from this file, not from BAYOU_PASSPHRASE or the terminal
    #[arg(long, global = true, value_name = "FILE")]
    passphrase_file: Option<std::path::PathBuf>,

    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
CONV is a conversation's id or its exact title, MSG a message's id; ids can be abbreviated as long as they stay unique.
Commands ask the peer that runs in the home (`bayou serve`); without one they work on the home themselves, offline.

Exit codes:
  0  done
  2  the request makes no sense
  3  what was named does not exist, or the abbreviation fits several
  4  it is another's to do
  5  this machine failed: disk full, no permission, home in use
  6  the home is locked: no passphrase, or a wrong one
  7  somebody who reads there is to be confirmed first";

fn main() -> ExitCode {
    if let Err(error) = harden::keep_memory_private() {
        let failure = Failure::machine(format!("the memory of this process cannot be kept private: {error}"));
        Output::new(false).failure(&failure);
        return failure.exit_code();
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    let output = Output::new(arguments.json);
    match run(arguments, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}

/// Runs one command to its end.
fn run(arguments: Arguments, output: &Output) -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        // Where the log cannot be written, a complaint about that would end the peer.
        .log_internal_errors(false)
        .init();
    let home = unlock::Home { path: home::resolve(arguments.home)?, passphrase_file: arguments.passphrase_file };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(arguments.command.run(&home, output));
    // A read of stdin cannot be interrupted; without this the end would wait for one more line.
    runtime.shutdown_background();
    done
}

/// Prints help or version, or says what is wrong with the arguments.
fn refuse(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let failure = Failure::invalid(error.render().to_string().trim().trim_start_matches("error: "));
        Output::new(true).failure(&failure);
        return failure.exit_code();
    }
    // Nobody may be reading.
    error.print().ok();
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}
