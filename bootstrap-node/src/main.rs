//! `bayou-bootstrap`: a public node, where peers find each other, through which they reach each other, and which keeps
//! sealed envelopes for who is away. It can read nothing.
//!
//! ```text
//!   config    what the operator set            node      the running node, its signals
//!   lists     who may come in                  status    /metrics, /healthz, /readyz
//!   identity  by which key peers know it       mailbox   envelopes on disk
//!   doctor    looks at another node            log       one JSON object a line
//!   tls       the certificate for wss
//! ```

mod clock;
mod config;
mod doctor;
mod identity;
mod lists;
mod load;
mod log;
mod mailbox;
mod metrics;
mod node;
mod status;
mod tls;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bayou_core::id::Address;
use clap::{Parser, Subcommand};
use config::{Config, DEFAULTS, USUAL_PLACE};
use node::Failure;

/// A public node for Bayou peers. It can read nothing of what they say.
#[derive(Parser)]
#[command(name = "bayou-bootstrap", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The file with the settings; without it /etc/bayou-bootstrap/bayou-bootstrap.toml, if there is one
    #[arg(long, env = "BAYOU_BOOTSTRAP_CONFIG")]
    config: Option<PathBuf>,
    /// The folder that keeps identity and mailbox; created if missing
    #[arg(long, env = "BAYOU_BOOTSTRAP_HOME")]
    home: Option<PathBuf>,
    /// Where to listen, as a multiaddr; repeatable
    #[arg(long, env = "BAYOU_BOOTSTRAP_LISTEN", value_delimiter = ',')]
    listen: Vec<String>,
    /// At which address others reach it, where that is not where it listens; repeatable
    #[arg(long, env = "BAYOU_BOOTSTRAP_EXTERNAL", value_delimiter = ',')]
    external: Vec<String>,
    /// Any setting, as KEY=VALUE (limits.connections=1000); repeatable, in the variable one a line
    #[arg(long, env = "BAYOU_BOOTSTRAP_SET", value_delimiter = '\n')]
    set: Vec<String>,
    /// Print one JSON object a line: {"address": …}, {"status": …}
    #[arg(long, global = true)]
    json: bool,
    /// Only say whether the settings are understood
    #[arg(long)]
    check_config: bool,
    /// Print all settings with their explanations, as they are when nothing is set
    #[arg(long)]
    print_default_config: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Look at another node from here: is it reached, and does what it offers work?
    Doctor {
        /// Its address, with /p2p/… at the end
        address: String,
        /// A token to show, where it asks for one
        #[arg(long, env = "BAYOU_BOOTSTRAP_TOKEN")]
        token: Option<String>,
        /// Also believe who is vouched for by a certificate in this PEM file, where the address asks for TLS
        #[arg(long)]
        tls_roots: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.print_default_config {
        print!("{DEFAULTS}");
        return ExitCode::SUCCESS;
    }
    match start(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("bayou-bootstrap: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Does what was asked. Returns whether all was well.
fn start(arguments: Arguments) -> Result<bool, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Some(Command::Doctor { address, token, tls_roots }) = arguments.command {
        let secret = identity::draw()?;
        let (address, roots) =
            (Address(address), tls_roots.map(|path| tls::roots(&path)).transpose()?.unwrap_or_default());
        let told = (token.as_deref(), &roots);
        let examined = doctor::examine(&address, told, secret, arguments.json, clock::now());
        return Ok(runtime.block_on(examined));
    }
    let config = settings(&arguments)?;
    if arguments.check_config {
        lists::read(&config.admission)?;
        tls::Files::open(&config.tls)?;
        println!("The settings are understood.");
        return Ok(true);
    }
    log::begin(&config.log);
    runtime.block_on(node::run(config, arguments.json)).map(|()| true)
}

/// Returns the settings: those of the file, and over them what was said for this run.
fn settings(arguments: &Arguments) -> Result<Config, Failure> {
    let usual = Path::new(USUAL_PLACE);
    let file = arguments.config.as_deref().or_else(|| usual.exists().then_some(usual));
    let list = |key: &str, values: &[String]| (!values.is_empty()).then(|| format!("{key}={values:?}"));
    let home = arguments.home.as_ref().map(|home| format!("home={:?}", home.display().to_string()));
    let said = [home, list("listen", &arguments.listen), list("external", &arguments.external)];
    let said = said.into_iter().flatten().chain(arguments.set.iter().filter(|text| !text.trim().is_empty()).cloned());
    Ok(Config::read(file, &said.collect::<Vec<_>>())?)
}
