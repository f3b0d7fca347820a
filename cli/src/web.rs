//! The web UI: the page of the desktop app, served to a browser on this machine, or where its owner lets it be seen.
//!
//! ```text
//! GET  /, /assets/…   the page; no secret is in it
//! POST /login         the one-time token of the printed address becomes a cookie that no script can read
//! GET  /login         whether the cookie is good
//! GET  /ws            the calls of docs/api.md, a text message each
//! ```
//!
//! Whoever has the cookie is the owner: all that the peer can do can be done with it. So a request must name a host that was
//! allowed (else another site could lead its own name here), and what does anything must come from a page of that host.
//!
//! [`guard`] says who may ask what, [`login`] knows tokens and cookies, [`assets`] has the page, [`socket`] carries the calls,
//! [`tls`] the rest.

mod assets;
mod guard;
mod login;
mod server;
mod socket;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;

pub(crate) use server::Server;

/// How the web UI is served.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct WebArguments {
    /// Serve the web UI, too; prints the address to open. [default address: 127.0.0.1:4780, or any free port]
    #[arg(long, value_name = "ADDR:PORT", num_args = 0..=1, default_missing_value = "")]
    pub(crate) web: Option<String>,

    /// Let it be reached under this name, too, for example that of a proxy in front; can be repeated
    #[arg(long, value_name = "NAME", requires = "web")]
    web_host: Vec<String>,

    /// Encrypt with this certificate: a PEM file
    #[arg(long, value_name = "FILE", requires_all = ["web", "web_key"])]
    web_cert: Option<PathBuf>,

    /// The key of the certificate: a PEM file
    #[arg(long, value_name = "FILE", requires = "web_cert")]
    web_key: Option<PathBuf>,

    /// Serve it beyond this machine without TLS, because a proxy in front does that
    #[arg(long, requires = "web", conflicts_with = "web_cert")]
    web_without_tls: bool,
}

/// Where to listen if nothing else was said; if that is taken, at any port.
const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4780);
