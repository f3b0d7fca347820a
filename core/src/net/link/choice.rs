//! Which link to a peer is kept when there is more than one. Pure.
//!
//! Only the smaller of two peers chooses; the larger follows its word. Why one end alone: with a rule that both apply,
//! each applies it to the connections that it has seen so far, and they keep different ones.

use std::time::Duration;

/// A link this young may have crossed a dial of the other end that set out before it knew. An older one, dialled again,
/// must be dead in the other's eyes: who is linked does not dial.
const CROSSING: Duration = Duration::from_secs(3);

/// What a choice looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) struct Candidate {
    /// The other end's boot nonce.
    pub(in crate::net) boot: u64,
    /// Whether the connection goes over a relay.
    pub(in crate::net) relayed: bool,
    /// Whether we dialled it.
    pub(in crate::net) dialed: bool,
}

/// What is to happen with a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) enum Ruling {
    /// It becomes the link.
    Keep,
    /// It becomes the link as soon as the present one is down.
    Replace,
    /// The present link goes on over it, and loses nothing: it is the same meeting on a better way.
    Move,
    /// The present one stays.
    Spare,
}

/// Rules on a candidate, given the present link and its age. `chooser`: whether we are the smaller peer.
pub(in crate::net) fn rule(present: Option<(Candidate, Duration)>, new: Candidate, chooser: bool) -> Ruling {
    let Some((present, age)) = present else {
        return Ruling::Keep;
    };
    let restarted = new.boot != present.boot;
    let better = present.relayed && !new.relayed;
    let worse = new.relayed && !present.relayed;
    let dialed_again = !new.dialed && !worse && age > CROSSING;
    if better && !restarted {
        Ruling::Move
    } else if !chooser || restarted || dialed_again {
        Ruling::Replace
    } else {
        Ruling::Spare
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRESENT: Candidate = Candidate { boot: 1, relayed: false, dialed: false };
    const YOUNG: Duration = Duration::from_millis(100);
    const OLD: Duration = Duration::from_secs(60);

    #[test]
    fn the_first_is_kept() {
        assert_eq!(rule(None, PRESENT, true), Ruling::Keep);
        assert_eq!(rule(None, PRESENT, false), Ruling::Keep);
    }

    #[test]
    fn of_two_dials_that_crossed_the_second_is_spared() {
        assert_eq!(rule(Some((PRESENT, YOUNG)), PRESENT, true), Ruling::Spare);
        assert_eq!(rule(Some((PRESENT, YOUNG)), Candidate { dialed: true, ..PRESENT }, true), Ruling::Spare);
    }

    #[test]
    fn a_restarted_peer_replaces_its_dead_link_at_once() {
        assert_eq!(rule(Some((PRESENT, YOUNG)), Candidate { boot: 2, ..PRESENT }, true), Ruling::Replace);
    }

    #[test]
    fn a_peer_that_dials_again_has_lost_the_link_that_we_believe_in() {
        assert_eq!(rule(Some((PRESENT, OLD)), PRESENT, true), Ruling::Replace);
        assert_eq!(rule(Some((PRESENT, OLD)), Candidate { dialed: true, ..PRESENT }, true), Ruling::Spare);
    }

    #[test]
    fn direct_goes_before_relayed() {
        let relayed = Candidate { relayed: true, ..PRESENT };
        let direct = Candidate { dialed: true, ..PRESENT };
        assert_eq!(rule(Some((relayed, OLD)), direct, true), Ruling::Move);
        assert_eq!(rule(Some((relayed, OLD)), direct, false), Ruling::Move);
        assert_eq!(rule(Some((relayed, OLD)), Candidate { boot: 2, ..direct }, true), Ruling::Replace);
        assert_eq!(rule(Some((PRESENT, OLD)), relayed, true), Ruling::Spare);
    }

    #[test]
    fn the_larger_peer_follows() {
        assert_eq!(rule(Some((PRESENT, YOUNG)), PRESENT, false), Ruling::Replace);
    }
}
