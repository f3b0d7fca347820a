//! To whom new changes go at once, unasked. A pure function; [`crate::sync`] is the truth behind it.
//!
//! In a small group everyone is eager: whoever writes tells all linked members, and the frame says whom. A receiver
//! passes it on only to those of its links who are not named, so a full mesh carries one copy a member, and a chain
//! A–B–C still delivers at once. Lazy links and trees for large conversations will join this room.

use std::collections::BTreeSet;

use crate::envelope::Told;
use crate::id::PeerId;

/// The most peers that a frame names as told; beyond it, copies may be sent twice.
const MAX_TOLD: usize = 256;

/// Returns whom to tell, and whom the frames to them shall name as told.
///
/// `linked` are the linked peers that share the conversation, `told` whom the frame that brought the changes named, and
/// `from` who brought it, if anyone did.
pub fn spread(
    me: PeerId,
    linked: impl IntoIterator<Item = PeerId>,
    told: &[Told],
    from: Option<PeerId>,
) -> (Vec<PeerId>, Vec<Told>) {
    let mut named: BTreeSet<Told> = told.iter().take(MAX_TOLD).copied().collect();
    named.extend(from.map(Told::from));
    named.insert(Told::from(me));
    let peers: Vec<PeerId> = linked.into_iter().filter(|peer| !named.contains(&Told::from(*peer))).collect();
    named.extend(peers.iter().copied().map(Told::from));
    (peers, named.into_iter().take(MAX_TOLD).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8) -> PeerId {
        PeerId([n; 32])
    }

    #[test]
    fn in_a_full_mesh_nobody_is_told_twice() {
        let (to, told) = spread(peer(0), [1, 2, 3].map(peer), &[], None);
        assert_eq!(to, [1, 2, 3].map(peer));
        for n in 1..4 {
            let others = (0..4).filter(|m| *m != n).map(peer);
            assert_eq!(spread(peer(n), others, &told, Some(peer(0))).0, []);
        }
    }

    #[test]
    fn in_a_line_the_middle_passes_it_on() {
        let (to, told) = spread(peer(0), [peer(1)], &[], None);
        assert_eq!(to, [peer(1)]);
        assert_eq!(spread(peer(1), [peer(0), peer(2)], &told, Some(peer(0))).0, [peer(2)]);
    }
}
