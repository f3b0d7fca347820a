//! The evaluator: one pass over the grants, from the most senior down.
//!
//! When a grant is visited, all that could end it is known: removals come from more senior grants, which were visited,
//! or from its own holder. So each record is judged once, at the visit of the grant that it cites, and needs no second
//! look. **What a removal has seen stands, what it has not seen is void**; and as removals reach only downward, two can
//! never void each other.
//!
//! At one visit: the cuts of retired devices, the hand-over (owners only), leaving, then everything else.

use std::collections::{BTreeMap, BTreeSet};

use super::devices::{DeviceStatus, Devices};
use super::graph::{Graph, Node, Rank};
use super::ruling::{DeviceCutBy, Void};
use super::said::{Role, Said};
use crate::id::{CutHash, DeviceId, UserId};

/// The most users that may be in a conversation.
pub const MAX_MEMBERS: usize = 1000;

/// The most records of one device of a user that count in a conversation: those with the smallest (generation, hash).
///
/// Counted by device and not by user: a device can use up its own right only, as only it can sign. Anyone can write a
/// record in the name of a user, with a device that is not the user's.
pub const MAX_RECORDS: usize = 4096;

/// The most times that a user may have moved to another root.
const MAX_MOVES: usize = 8;

/// What is found out on the way.
pub(super) struct Pass<'a> {
    graph: &'a Graph,
    users: &'a BTreeMap<UserId, Devices>,
    /// Of each signer the user, after all moves, and what the user's log says of the device.
    signers: Vec<(UserId, Option<DeviceStatus>)>,
    /// For each record whether it counts.
    pub(super) judged: Vec<Result<(), Void>>,
    /// The removals of each grant that count.
    pub(super) ended: BTreeMap<usize, Vec<usize>>,
    /// Of the grant at hand: for each record under it how many of its removals have not seen it. Empty: none ended it.
    unseen: Vec<u32>,
    /// Owners who handed over, and the record by which they did.
    pub(super) handed: BTreeMap<usize, usize>,
    /// Further cuts of removed grants.
    pub(super) extended: BTreeMap<usize, BTreeSet<CutHash>>,
    pub(super) device_cuts: BTreeMap<DeviceId, Vec<(usize, DeviceCutBy)>>,
    /// Withdrawals of each invite that count.
    pub(super) withdrawn: BTreeMap<usize, Vec<usize>>,
    /// Who came in through each invite.
    pub(super) used: BTreeMap<usize, BTreeSet<UserId>>,
    /// For each user who is in, by how many grants.
    seated: BTreeMap<UserId, u32>,
    beyond: BTreeSet<usize>,
}

/// Follows a user through the roots that they moved to.
pub(super) fn resolve(users: &BTreeMap<UserId, Devices>, mut user: UserId) -> UserId {
    for _ in 0..MAX_MOVES {
        let Some(to) = users.get(&user).and_then(Devices::moved) else { break };
        user = to;
    }
    user
}

impl<'a> Pass<'a> {
    pub(super) fn run(graph: &'a Graph, users: &'a BTreeMap<UserId, Devices>) -> Self {
        let mut signers = vec![(UserId([0; 32]), None); graph.signers().count()];
        for (user, device, number) in graph.signers() {
            let status = users.get(&user).and_then(|devices| devices.status(&device));
            signers.get_mut(number).into_iter().for_each(|signer| *signer = (resolve(users, user), status));
        }
        let mut pass = Pass {
            graph,
            users,
            signers,
            // A record under no grant at all is never visited.
            judged: vec![Err(Void::NoGrant); graph.nodes().len()],
            ended: BTreeMap::new(),
            unseen: Vec::new(),
            handed: BTreeMap::new(),
            extended: BTreeMap::new(),
            device_cuts: BTreeMap::new(),
            withdrawn: BTreeMap::new(),
            used: BTreeMap::new(),
            seated: BTreeMap::new(),
            beyond: beyond_limit(graph),
        };
        for (rank, grant) in graph.grants() {
            pass.visit(rank, grant);
        }
        pass
    }

    fn visit(&mut self, rank: Rank, grant: usize) {
        let Some((node, (user, role))) = self.graph.node(grant).and_then(|node| Some((node, node.given()?))) else {
            return;
        };
        let user = resolve(self.users, user);
        let verdict = self.admit(grant, node, user);
        self.judge(grant, verdict);
        if verdict.is_err() {
            for record in self.graph.under(grant) {
                let flaw = self.graph.node(*record).and_then(|node| node.flaw);
                self.judge(*record, Err(flaw.unwrap_or(Void::GrantVoid)));
            }
            return;
        }
        self.look_at_removals(grant);
        let was_in = !self.ended.contains_key(&grant);
        if was_in {
            *self.seated.entry(user).or_default() += 1;
        }
        self.cut_devices(rank, grant, user, role);
        if role == Role::Owner {
            self.hand_over(grant, user);
        }
        self.leave(grant, user, role);
        self.look_at_removals(grant);
        if was_in && self.ended.contains_key(&grant) {
            self.unseat(user);
        }
        self.judge_rest(rank, grant, user);
    }

    /// Notes what the removals of the grant at hand have seen of what is said under it.
    fn look_at_removals(&mut self, grant: usize) {
        self.unseen = self.ended.get(&grant).map(|by| self.graph.unseen_under(grant, by)).unwrap_or_default();
    }

    fn unseat(&mut self, user: UserId) {
        if let Some(grants) = self.seated.get_mut(&user) {
            *grants = grants.saturating_sub(1);
            if *grants == 0 {
                self.seated.remove(&user);
            }
        }
    }

    fn judge(&mut self, record: usize, verdict: Result<(), Void>) {
        self.judged.get_mut(record).into_iter().for_each(|judged| *judged = verdict);
    }

    fn counts(&self, record: usize) -> Result<(), Void> {
        self.judged.get(record).copied().unwrap_or(Err(Void::NoGrant))
    }

    /// Tells whether a grant counts: what its own record is worth, the invite behind it, and whether there is room.
    fn admit(&mut self, grant: usize, node: &Node, user: UserId) -> Result<(), Void> {
        if matches!(node.record.said(), Said::Genesis { .. } | Said::Direct { .. }) {
            return Ok(());
        }
        self.counts(grant)?;
        let takes_seat = !self.ended.contains_key(&grant) && !self.seated.contains_key(&user);
        if takes_seat && self.seated.len() >= MAX_MEMBERS {
            return Err(Void::Full);
        }
        if let (Said::Grant { via: Some(_), .. }, Some(invite)) = (node.record.said(), node.about) {
            self.counts(invite).map_err(|_| Void::BadInvite)?;
            let withdrawals = self.withdrawn.get(&invite).into_iter().flatten();
            if withdrawals.copied().any(|by| !self.graph.has_seen(by, grant)) {
                return Err(Void::InviteRevoked);
            }
            // A link is good only while the grant of who made it is.
            let inviter = self.graph.node(invite).and_then(|invite| invite.auth);
            let mut ends = inviter.and_then(|inviter| self.ended.get(&inviter)).into_iter().flatten();
            if !ends.all(|by| self.graph.has_seen(*by, grant)) {
                return Err(Void::InviteRevoked);
            }
            let offered = match self.graph.node(invite).map(|node| node.record.said()) {
                Some(Said::Invite { uses, .. }) => *uses,
                _ => 0,
            };
            let used = self.used.entry(invite).or_default();
            if !used.contains(&user) && used.len() >= offered as usize {
                return Err(Void::InviteUsedUp);
            }
            used.insert(user);
        }
        Ok(())
    }

    /// What does not depend on the device: form, limits, whose grant it is, and removals that had not seen it.
    fn within(&self, record: usize, node: &Node, grant: usize, holder: UserId) -> Result<(), Void> {
        node.flaw.map_or(Ok(()), Err)?;
        if self.beyond.contains(&record) {
            return Err(Void::TooMany);
        }
        if self.user(node) != Some(holder) {
            return Err(Void::NotTheirs);
        }
        if let Some(by) = self.handed.get(&grant) {
            let seen = *by == record || self.graph.has_seen(*by, record);
            return if seen { Ok(()) } else { Err(Void::HandedOver) };
        }
        let place = self.graph.place_under_grant(node);
        match place.and_then(|place| self.unseen.get(place)).copied().unwrap_or(0) {
            0 => Ok(()),
            // Who leaves has not seen it, as it is the leaving.
            1 if self.ended.get(&grant).is_some_and(|by| by.contains(&record)) => Ok(()),
            _ => Err(Void::Removed),
        }
    }

    /// Tells whether a record counts.
    fn stands(&self, record: usize, node: &Node, grant: usize, holder: UserId) -> Result<(), Void> {
        self.within(record, node, grant, holder)?;
        self.device_stands(record, node)
    }

    /// Tells whether the device that signed it may, or might when it did.
    fn device_stands(&self, record: usize, node: &Node) -> Result<(), Void> {
        match self.status(node) {
            None => Err(Void::DeviceUnknown),
            Some(DeviceStatus::Valid) => Ok(()),
            // Until a cut is known here it counts, or one retired device would void a conversation.
            Some(_) if self.cuts_of(node).next().is_none() => Ok(()),
            Some(_) if self.cuts_of(node).any(|by| self.graph.has_seen(by, record)) => Ok(()),
            Some(_) => Err(Void::DeviceRetired),
        }
    }

    fn status(&self, node: &Node) -> Option<DeviceStatus> {
        self.signers.get(node.signer)?.1
    }

    /// Returns for whom it was signed, after all moves.
    fn user(&self, node: &Node) -> Option<UserId> {
        Some(self.signers.get(node.signer)?.0)
    }

    fn cuts_of(&self, node: &Node) -> impl Iterator<Item = usize> {
        let user = self.user(node);
        let cuts = self.device_cuts.get(&node.record.device()).into_iter().flatten();
        cuts.filter(move |(_, by)| Some(by.user) == user).map(|(at, _)| *at)
    }

    /// Cuts of retired devices, by other devices of the same user or by admins. One that was itself said by a retired
    /// device counts if a cut of that device has seen it; the set only grows, so the order does not matter.
    fn cut_devices(&mut self, rank: Rank, grant: usize, holder: UserId, role: Role) {
        let mut open: Vec<(usize, DeviceId, DeviceCutBy)> = Vec::new();
        for record in self.graph.under(grant) {
            let Some(node) = self.graph.node(*record) else { continue };
            let Said::DeviceCut { user, device, cut } = node.record.said() else { continue };
            let of = resolve(self.users, *user);
            let verdict = match self.within(*record, node, grant, holder) {
                Ok(()) if *device == node.record.device() || (of != holder && role < Role::Admin) => {
                    Err(Void::NotJunior)
                }
                Ok(()) if self.status(node).is_none() => Err(Void::DeviceUnknown),
                Ok(()) => Err(Void::DeviceRetired),
                refused => refused,
            };
            self.judge(*record, verdict);
            if verdict == Err(Void::DeviceRetired) {
                open.push((*record, *device, DeviceCutBy { rank, user: of, cut: *cut }));
            }
        }
        loop {
            let before = open.len();
            for (record, device, by) in std::mem::take(&mut open) {
                let Some(node) = self.graph.node(record) else { continue };
                let speaks = matches!(
                    self.status(node),
                    Some(DeviceStatus::Valid | DeviceStatus::Suspended | DeviceStatus::Surplus)
                );
                if speaks || self.cuts_of(node).any(|by| self.graph.has_seen(by, record)) {
                    self.judge(record, Ok(()));
                    self.device_cuts.entry(device).or_default().push((record, by));
                } else {
                    open.push((record, device, by));
                }
            }
            if open.len() == before {
                return;
            }
        }
    }

    /// Of several hand-overs of one owner the first in the order of generation and hash counts.
    fn hand_over(&mut self, grant: usize, holder: UserId) {
        let mut first: Option<(u32, _, usize)> = None;
        for record in self.graph.under(grant) {
            let Some(node) = self.graph.node(*record) else { continue };
            if matches!(node.record.said(), Said::HandOver { .. }) && self.stands(*record, node, grant, holder).is_ok()
            {
                let key = (node.generation, node.record.hash(), *record);
                first = Some(first.map_or(key, |held| held.min(key)));
            }
        }
        let Some((.., record)) = first else { return };
        self.handed.insert(grant, record);
        let graph = self.graph;
        let closed = |at: usize| graph.node(at).is_some_and(|n| n.auth == Some(grant)) && !graph.has_seen(record, at);
        for cuts in self.device_cuts.values_mut() {
            for (late, _) in cuts.extract_if(.., |(at, _)| closed(*at)) {
                self.judged.get_mut(late).into_iter().for_each(|judged| *judged = Err(Void::HandedOver));
            }
        }
    }

    fn leave(&mut self, grant: usize, holder: UserId, role: Role) {
        let mut left = Vec::new();
        for record in self.graph.under(grant) {
            let Some(node) = self.graph.node(*record) else { continue };
            if !matches!(node.record.said(), Said::Leave { .. }) {
                continue;
            }
            let verdict = match self.stands(*record, node, grant, holder) {
                Ok(()) if role == Role::Owner => Err(Void::OwnerStays),
                // Who handed over may leave, without voiding what they did as owner.
                Err(Void::HandedOver) => self.device_stands(*record, node),
                verdict => verdict,
            };
            self.judge(*record, verdict);
            if verdict.is_ok() {
                left.push(*record);
            }
        }
        if !left.is_empty() {
            self.ended.entry(grant).or_default().extend(left);
        }
    }

    fn judge_rest(&mut self, rank: Rank, grant: usize, holder: UserId) {
        for record in self.graph.under(grant) {
            let Some(node) = self.graph.node(*record) else { continue };
            if matches!(node.record.said(), Said::Leave { .. } | Said::DeviceCut { .. }) {
                continue;
            }
            let target = node.about.filter(|at| self.is_junior(*at, rank, grant));
            let verdict = self.stands(*record, node, grant, holder).and_then(|()| match (node.record.said(), target) {
                (Said::Remove { .. } | Said::CutExtend { .. } | Said::InviteRevoke { .. }, None) => {
                    Err(Void::NotJunior)
                }
                _ => Ok(()),
            });
            self.judge(*record, verdict);
            let (Ok(()), Some(target)) = (verdict, target) else { continue };
            match node.record.said() {
                Said::Remove { .. } => self.ended.entry(target).or_default().push(*record),
                Said::InviteRevoke { .. } => self.withdrawn.entry(target).or_default().push(*record),
                Said::CutExtend { cut, .. } => drop(self.extended.entry(target).or_default().insert(*cut)),
                _ => {}
            }
        }
    }

    /// Tells whether a grant, or the grant behind an invite, is below: for an invite one's own will do. An owner who
    /// handed over is below every later owner.
    fn is_junior(&self, target: usize, rank: Rank, grant: usize) -> bool {
        let Some(node) = self.graph.node(target) else { return false };
        if matches!(node.record.said(), Said::Invite { .. }) {
            return node.auth.and_then(|at| self.graph.grant(at)).is_some_and(|(inviter, _)| inviter >= rank);
        }
        let Some(of) = node.rank else { return false };
        let later_owner = self.graph.grant(grant).is_some_and(|(_, role)| role == Role::Owner);
        of > rank || (of < rank && later_owner && self.handed.contains_key(&target))
    }
}

/// Returns the records of devices that said too much, without those that come first.
fn beyond_limit(graph: &Graph) -> BTreeSet<usize> {
    let mut said = vec![0; graph.signers().count()];
    let mut beyond = BTreeSet::new();
    for (at, node) in graph.ordered() {
        let Some(said) = said.get_mut(node.signer) else { continue };
        *said += 1;
        if *said > MAX_RECORDS {
            beyond.insert(at);
        }
    }
    beyond
}
