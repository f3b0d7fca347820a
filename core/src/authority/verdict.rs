//! What is to be done with a change of a chain: admit it, let it wait, or refuse it.
//!
//! A chain counts as far as its grant and its device let it. A grant that was not removed and a device that was not
//! retired let it go on for ever. Else the cuts speak: of those of one removed grant, or of one retired device, the
//! farthest counts, so that others can add what the first had not received. But the grant and the device must both let
//! it: who removes someone does not know which of their devices was stolen.

use std::collections::{BTreeMap, BTreeSet};

use super::cut::{Cut, Mark};
use super::devices::{DeviceStatus, Devices};
use super::ruling::{Grant, Ruling, Standing, Void};
use super::said::Role;
use crate::id::{ActorId, CutHash, DeviceId, RecordHash};

/// Who writes a chain, and by what right, as the header of its first change says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainOf {
    /// The chain.
    pub actor: ActorId,
    /// The device that writes it.
    pub device: DeviceId,
    /// The grant under which it is written.
    pub grant: RecordHash,
}

/// How far a chain counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Without end.
    Open,
    /// To this change and not beyond. Of a forked chain the branch that leads here counts.
    Until(Mark),
    /// Not at all, as far as is known.
    Nowhere,
    /// More must be known first. What counted until now goes on to count.
    Unknown,
}

/// Why a change must wait: more must be known first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Wait {
    /// For the grant that the chain cites.
    Grant,
    /// For a certificate of the device.
    Certificate,
    /// For a cut that says what counts of a retired device here.
    DeviceCut,
}

/// Why a change does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The grant that the chain cites does not count.
    #[error("the grant that it cites does not count: {0}")]
    Void(Void),
    /// The grant lets its holder read only.
    #[error("its author may only read")]
    MayOnlyRead,
    /// The author was removed, and no cut reaches so far.
    #[error("its author was removed before it")]
    Removed,
    /// The device was retired, and no cut reaches so far.
    #[error("its device was retired before it")]
    Retired,
    /// A cut names another change in its place.
    #[error("another branch of its chain counts")]
    OtherBranch,
}

/// What is to be done with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Admit,
    /// More must be known first.
    Park(Wait),
    /// It does not count, as far as is known.
    Refuse(Refused),
}

/// How far one side lets a chain go.
struct Bound {
    last: Option<Mark>,
    why: Refused,
}

impl Bound {
    /// Takes the farthest of some cuts. One that is not held says nothing, for else whoever keeps it to themselves would leave
    /// each peer with what it happened to have; when it comes, what it lists comes back.
    fn new(cuts: impl Iterator<Item = CutHash>, held: &BTreeMap<CutHash, Cut>, actor: &ActorId, why: Refused) -> Self {
        Bound { last: cuts.filter_map(|cut| held.get(&cut)?.of(actor)).max(), why }
    }

    /// Lets further cuts add to it. They name what is beyond, and change nothing of what is before.
    fn extended(mut self, by: Bound) -> Self {
        let seq = |bound: &Bound| bound.last.map(|last| last.seq);
        if seq(&by) > seq(&self) {
            self.last = by.last;
        }
        self
    }

    fn judge(&self, change: Mark) -> Verdict {
        match self.last {
            Some(last) if change.seq < last.seq || change == last => Verdict::Admit,
            Some(last) if change.seq == last.seq => Verdict::Refuse(Refused::OtherBranch),
            _ => Verdict::Refuse(self.why),
        }
    }
}

/// Returns the bounds of a chain; none if it is open.
fn bounds(ruling: &Ruling, held: &BTreeMap<CutHash, Cut>, chain: &ChainOf) -> Result<Vec<Bound>, Verdict> {
    let grant = ruling.grants.get(&chain.grant).ok_or(Verdict::Park(Wait::Grant))?;
    let mut bounds = Vec::new();
    match &grant.standing {
        Standing::Void(Void::DeviceUnknown) => return Err(Verdict::Park(Wait::Grant)),
        Standing::Void(void) => return Err(Verdict::Refuse(Refused::Void(*void))),
        Standing::Removed(_) => {
            let bound =
                |cuts: &BTreeSet<CutHash>| Bound::new(cuts.iter().copied(), held, &chain.actor, Refused::Removed);
            bounds.push(bound(&grant.cuts).extended(bound(&grant.extended)));
        }
        Standing::Live => {}
    }
    if grant.role < Role::Member {
        return Err(Verdict::Refuse(Refused::MayOnlyRead));
    }
    match status(ruling, grant, &chain.device) {
        None => return Err(Verdict::Park(Wait::Certificate)),
        Some(DeviceStatus::Valid) => {}
        Some(_) => {
            let by = ruling.device_cuts.get(&chain.device).into_iter().flatten();
            let cuts = by.filter(|by| by.user == grant.user && by.rank <= grant.rank).map(|by| by.cut);
            let mut cuts = cuts.peekable();
            if cuts.peek().is_none() {
                return Err(Verdict::Park(Wait::DeviceCut));
            }
            bounds.push(Bound::new(cuts, held, &chain.actor, Refused::Retired));
        }
    }
    Ok(bounds)
}

/// Returns what the user's log says of the device, or the log of the root that the grant was given to.
fn status(ruling: &Ruling, grant: &Grant, device: &DeviceId) -> Option<DeviceStatus> {
    let log = |user| ruling.users.get(user).and_then(|devices: &Devices| devices.status(device));
    log(&grant.user).or_else(|| log(&grant.given_to))
}

pub(super) fn judge(ruling: &Ruling, held: &BTreeMap<CutHash, Cut>, chain: &ChainOf, change: Mark) -> Verdict {
    let bounds = match bounds(ruling, held, chain) {
        Ok(bounds) => bounds,
        Err(verdict) => return verdict,
    };
    let verdicts: Vec<Verdict> = bounds.iter().map(|bound| bound.judge(change)).collect();
    let refusal = verdicts.iter().find(|verdict| matches!(verdict, Verdict::Refuse(_)));
    let worst = refusal.or_else(|| verdicts.iter().find(|verdict| matches!(verdict, Verdict::Park(_))));
    worst.copied().unwrap_or(Verdict::Admit)
}

pub(super) fn reach(ruling: &Ruling, held: &BTreeMap<CutHash, Cut>, chain: &ChainOf) -> Reach {
    let bounds = match bounds(ruling, held, chain) {
        Ok(bounds) => bounds,
        Err(Verdict::Park(_)) => return Reach::Unknown,
        Err(_) => return Reach::Nowhere,
    };
    match bounds.iter().map(|bound| bound.last).min() {
        None => Reach::Open,
        Some(None) => Reach::Nowhere,
        Some(Some(last)) => Reach::Until(last),
    }
}
