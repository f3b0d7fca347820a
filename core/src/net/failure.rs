//! Why a dial came to nothing, in plain words.

use std::error::Error;
use std::io;

use libp2p::Multiaddr;
use libp2p::core::transport::TransportError;
use libp2p::swarm::DialError;

use super::address::bare;
use crate::id::Address;

/// Returns which addresses failed and why. Empty when the dial was only not needed.
pub(super) fn explain(error: &DialError) -> Vec<(Address, String)> {
    let one = |address: &Multiaddr, reason: &str| vec![(bare(address), reason.to_owned())];
    let nowhere = |reason: &str| vec![(Address(String::new()), reason.to_owned())];
    match error {
        DialError::DialPeerConditionFalse(_) | DialError::Aborted => Vec::new(),
        DialError::LocalPeerId { address } => one(address, "that is this peer itself"),
        DialError::WrongPeerId { address, .. } => one(address, "another peer answers there"),
        DialError::NoAddresses => nowhere("no address is known"),
        DialError::Denied { .. } => nowhere("there are too many connections already"),
        DialError::Transport(tried) => tried.iter().map(|(a, e)| (bare(a), transport(e))).collect(),
    }
}

fn transport(error: &TransportError<io::Error>) -> String {
    match error {
        TransportError::MultiaddrNotSupported(_) => "addresses of this kind cannot be dialled".to_owned(),
        TransportError::Other(error) => words(error),
    }
}

/// Looks for the system's word in the chain of causes; each transport wraps it differently, and QUIC has its own.
fn words(error: &io::Error) -> String {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    let mut last = String::new();
    while let Some(cause) = next {
        let io = cause.downcast_ref::<io::Error>();
        let known = io.and_then(|io| match io.kind() {
            io::ErrorKind::ConnectionRefused => Some("refused: nobody listens there"),
            io::ErrorKind::TimedOut => Some("timed out"),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some("there is no way there"),
            _ => None,
        });
        if let Some(known) = known {
            return known.to_owned();
        }
        last = cause.to_string();
        if last.to_lowercase().contains("timed out") {
            return "timed out".to_owned();
        }
        // An io::Error names as its source the cause of what it wraps and leaves out what it wraps.
        next = match io.and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    last
}
