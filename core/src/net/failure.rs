//! Why a dial came to nothing, in plain words.

use std::error::Error;
use std::io;

use libp2p::Multiaddr;
use libp2p::core::transport::TransportError;
use libp2p::swarm::DialError;

use super::address::bare;
use crate::id::Address;

/// Why a peer does not dial itself.
pub(super) const OURSELVES: &str = "that is this peer itself";

/// Returns which addresses failed and why. Empty when the dial was only not needed.
pub(super) fn explain(error: &DialError) -> Vec<(Address, String)> {
    let one = |address: &Multiaddr, reason: &str| vec![(bare(address), reason.to_owned())];
    let nowhere = |reason: &str| vec![(Address(String::new()), reason.to_owned())];
    match error {
        DialError::DialPeerConditionFalse(_) | DialError::Aborted => Vec::new(),
        DialError::LocalPeerId { address } => one(address, OURSELVES),
        DialError::WrongPeerId { address, .. } => one(address, "another peer answers there"),
        DialError::NoAddresses => nowhere("no address to dial: none is known, or only this peer's own"),
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

/// Looks for the system's word in what the transports say. Each wraps it in types of its own, which keep the text and
/// lose the kind.
fn words(error: &io::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    let says = |word: &str| text.to_lowercase().contains(word);
    if says("connection refused") {
        "refused: nobody listens there".to_owned()
    } else if says("timed out") || says("timeout") {
        "timed out".to_owned()
    } else if says("unreachable") {
        "there is no way there".to_owned()
    } else {
        text
    }
}
