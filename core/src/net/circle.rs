//! How far a peer goes: who is dialled, and whose connection is taken.

use std::collections::BTreeSet;

use libp2p::Multiaddr;

use super::Circle;
use super::address::{is_nearby, is_relayed, relay_of};
use crate::id::PeerId;

/// Tells whether a way may be gone, given the nodes that a person chose.
pub(super) fn admits(circle: Circle, nodes: &BTreeSet<PeerId>, way: &Multiaddr) -> bool {
    match circle {
        Circle::Anywhere => true,
        Circle::OwnNodes => !is_relayed(way) || relay_of(way).is_some_and(|relay| nodes.contains(&relay)),
        Circle::Lan => is_nearby(way),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Address;
    use crate::net::{peer_of, through, with_peer};

    #[test]
    fn each_circle_ends_where_it_says() {
        let (own, foreign) = (peer_of(&[1; 32]), peer_of(&[2; 32]));
        let over = |node| through(&with_peer(&Address("/ip4/192.0.2.7/tcp/1".into()), node)).0.parse().unwrap();
        let (near, far) = ("/ip4/10.0.0.1/tcp/1".parse().unwrap(), "/ip4/192.0.2.7/tcp/1".parse().unwrap());
        let nodes = BTreeSet::from([own]);
        let of = |circle| [&near, &far, &over(own), &over(foreign)].map(|way| admits(circle, &nodes, way));
        assert_eq!(of(Circle::Anywhere), [true, true, true, true]);
        assert_eq!(of(Circle::OwnNodes), [true, true, true, false]);
        assert_eq!(of(Circle::Lan), [true, false, false, false]);
    }
}
