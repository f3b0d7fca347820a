//! Between our ids and addresses and libp2p's.
//!
//! libp2p's peer id of an Ed25519 key is the key itself in two wrappings, and prints as `12D3Koo…`:
//!
//! ```text
//! 00 24               08 01           12 20           …
//! identity multihash  key type        key             32 bytes of public key: our PeerId
//! of 36 bytes         Ed25519         of 32 bytes
//! ```

use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;

use super::NetError;
use crate::id::{Address, PeerId};

/// What stands before the key in libp2p's peer id.
const WRAPPING: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// Returns the peer that a transport secret makes.
pub fn peer_of(secret: &[u8; 32]) -> PeerId {
    ours(&keypair(secret).public().to_peer_id()).expect("the key is Ed25519")
}

/// Splits `…/p2p/12D3Koo…` into the address and the peer that it names, if it names one.
pub fn split_peer(address: &Address) -> Result<(Address, Option<PeerId>), NetError> {
    let bad = || NetError::BadAddress(address.0.clone());
    let mut parsed: Multiaddr = address.0.parse().map_err(|_| bad())?;
    let Some(Protocol::P2p(peer)) = parsed.iter().last() else {
        return Ok((Address(parsed.to_string()), None));
    };
    parsed.pop();
    let peer = ours(&peer).ok_or_else(bad)?;
    Ok((Address(parsed.to_string()), Some(peer)))
}

/// Returns the address with `/p2p/12D3Koo…` at its end.
pub fn with_peer(address: &Address, peer: PeerId) -> Address {
    Address(format!("{address}/p2p/{}", theirs(peer)))
}

/// Returns the libp2p key pair of a transport secret.
pub(super) fn keypair(secret: &[u8; 32]) -> Keypair {
    Keypair::ed25519_from_bytes(*secret).expect("any 32 bytes are an Ed25519 seed")
}

/// Returns our id of a libp2p peer, or `None` when its key is not Ed25519.
pub(super) fn ours(peer: &libp2p::PeerId) -> Option<PeerId> {
    let bytes = peer.to_bytes();
    bytes.strip_prefix(&WRAPPING)?.try_into().ok().map(PeerId)
}

/// Returns libp2p's id of a peer.
pub(super) fn theirs(peer: PeerId) -> libp2p::PeerId {
    let bytes = [WRAPPING.as_slice(), peer.as_bytes()].concat();
    libp2p::PeerId::from_bytes(&bytes).expect("an identity multihash of 36 bytes is a peer id")
}

/// Returns the address as ours, without the peer at its end. A relay that is named on the way stays.
pub(super) fn bare(address: &Multiaddr) -> Address {
    let mut address = address.clone();
    if let Some(Protocol::P2p(_)) = address.iter().last() {
        address.pop();
    }
    Address(address.to_string())
}

/// Returns where a node that relays for us makes us reachable: `node` names the node at its end.
pub fn through(node: &Address) -> Address {
    Address(format!("{node}/p2p-circuit"))
}

/// Returns the relay that an address leads over.
pub(super) fn relay_of(address: &Multiaddr) -> Option<PeerId> {
    let mut named = None;
    for part in address {
        match part {
            Protocol::P2p(peer) => named = ours(&peer),
            Protocol::P2pCircuit => return named,
            _ => {}
        }
    }
    None
}

/// Tells whether the way goes over a relay.
pub(super) fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| matches!(part, Protocol::P2pCircuit))
}

/// Tells whether the address means the machine itself.
pub(super) fn is_loopback(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    }
}

/// Tells whether the address means a machine on the local network.
pub(super) fn is_nearby(address: &Multiaddr) -> bool {
    match address.iter().next() {
        _ if is_relayed(address) => false,
        Some(Protocol::Ip4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_on_the_way_is_found_and_stays() {
        let (node, me) = (peer_of(&[8; 32]), peer_of(&[7; 32]));
        let node_at = with_peer(&Address("/ip4/192.0.2.7/udp/4001/quic-v1".into()), node);
        let way = through(&node_at);
        let whole: Multiaddr = with_peer(&way, me).0.parse().unwrap();
        assert_eq!((bare(&whole), relay_of(&whole)), (way.clone(), Some(node)));
        assert_eq!(split_peer(&way).unwrap(), (way, None));
        assert!(is_relayed(&whole) && !is_nearby(&whole));
        let direct: Multiaddr = node_at.0.parse().unwrap();
        assert_eq!(relay_of(&direct), None);
    }

    #[test]
    fn what_is_nearby_is_told_from_the_rest() {
        let nearby = |text: &str| is_nearby(&text.parse().unwrap());
        for text in ["/ip4/127.0.0.1/tcp/1", "/ip4/192.168.1.9/tcp/1", "/ip4/169.254.0.1/tcp/1", "/ip6/fd00::1/tcp/1"] {
            assert!(nearby(text), "{text}");
        }
        for text in ["/ip4/192.0.2.7/tcp/1", "/ip6/2001:db8::1/tcp/1", "/dns/example.org/tcp/1"] {
            assert!(!nearby(text), "{text}");
        }
    }

    #[test]
    fn a_peer_survives_the_way_into_an_address_and_back() {
        let peer = peer_of(&[7; 32]);
        let bare = Address("/ip4/192.0.2.7/udp/4001/quic-v1".into());
        let whole = with_peer(&bare, peer);
        assert!(whole.0.contains("/p2p/12D3Koo"), "{whole}");
        assert_eq!(split_peer(&whole).unwrap(), (bare.clone(), Some(peer)));
        assert_eq!(split_peer(&bare).unwrap(), (bare, None));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "hello", "/ip4/300.0.0.1/tcp/1", "/ip4/1.2.3.4/tcp/1/p2p/xyz"] {
            let refused = split_peer(&Address(text.into()));
            assert!(refused.is_err() || text.is_empty(), "{text}: {refused:?}");
        }
    }
}
