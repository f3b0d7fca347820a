//! The records of a conversation in their graph: who has seen whom, and which grants are senior to which.
//!
//! A record takes its place once all that it names have theirs; until then it waits. So every record comes after all
//! that it has seen, and what comes later was not seen by it. That makes "has this removal seen that record?" cheap:
//! when a removal takes its place, one walk back through the graph notes which of the records that it could void it
//! has seen. Nothing of it changes later. The walk ends at the first record that has seen **all** that took its place
//! before it, as most have: who writes names all ends that they know.
//!
//! **Rank** orders grants from the most senior down: role, then steps from the genesis, then generation, then hash. It
//! follows from a grant's own past alone, so no later record can move it, and whoever grants always ranks above whom
//! they grant to.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use serde::{Deserialize, Serialize};

use super::pass::MAX_RECORDS;
use super::past::{self, Bits, Row, Seen};
use super::ruling::Void;
use super::said::{Role, Said, Setting};
use super::signed::Record;
use crate::id::{DeviceId, RecordHash, UserId};

/// The most records that wait for what they have seen. A local bound: what is dropped can be asked for again.
pub const MAX_EARLY: usize = 4096;

/// The most records of devices that nobody certified to be the user's for whom they sign. Their certificates may come later; but
/// anyone can make devices without end.
pub const MAX_STRANGE: usize = 4096;

/// How senior a grant is; smaller is more senior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Rank {
    below_owner: u8,
    depth: u32,
    generation: u32,
    hash: RecordHash,
}

/// A record in its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) record: Record,
    /// The longest way to the genesis.
    pub(super) generation: u32,
    /// The grant under which it is said.
    pub(super) auth: Option<usize>,
    /// The record that it is about.
    pub(super) about: Option<usize>,
    /// Of a grant: how senior it is.
    pub(super) rank: Option<Rank>,
    /// Why it can never count.
    pub(super) flaw: Option<Void>,
    /// Its number in each row that it stands in.
    numbers: Vec<(Row, usize)>,
    /// What it has seen of the row that it could void, and of the removals.
    seen: Vec<Seen>,
    sees: Vec<usize>,
    /// Whether it has seen all that took its place before it.
    knows_all: bool,
    /// Who signed it: its place among the signers.
    pub(super) signer: usize,
}

impl Node {
    /// Returns whom a grant is given to, and as what.
    pub(super) fn given(&self) -> Option<(UserId, Role)> {
        match self.record.said() {
            Said::Genesis { .. } => Some((self.record.user(), Role::Owner)),
            Said::Direct { .. } => Some((self.record.user(), Role::Member)),
            Said::HandOver { to } => Some((*to, Role::Owner)),
            Said::Grant { to, role, .. } => Some((*to, *role)),
            _ => None,
        }
    }

    fn is_removal(&self) -> bool {
        matches!(self.record.said(), Said::Remove { .. } | Said::Leave { .. } | Said::DeviceCut { .. })
    }
}

/// The records of a conversation, each in its place.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    index: BTreeMap<RecordHash, usize>,
    rows: BTreeMap<Row, Vec<usize>>,
    ranked: BTreeMap<Rank, usize>,
    /// All records, from the genesis on.
    ordered: BTreeMap<(u32, RecordHash), usize>,
    /// The records that no other has seen.
    ends: BTreeSet<usize>,
    /// Every device that signed something, for a user: its number.
    signers: BTreeMap<(UserId, DeviceId), usize>,
    /// Of each signer the first records, in the order of generation and hash: those that may count.
    first: Vec<BTreeSet<(u32, RecordHash)>>,
    /// Whether a record may be here that is not needed any more.
    has_surplus: bool,
    /// The last that is held of the records of uncertified devices, if as many are held as may be.
    last_strange: Option<(u32, RecordHash)>,
    early: BTreeMap<RecordHash, Record>,
    /// For each record that is missing, those that wait for it.
    waiting: BTreeMap<RecordHash, BTreeSet<RecordHash>>,
}

impl Graph {
    /// Adds a record and those that waited for it. Returns how many took their place. Which devices are certified is as it
    /// was when it was judged last.
    pub(super) fn insert(&mut self, record: Record, is_certified: impl Fn(&UserId, &DeviceId) -> bool) -> usize {
        let (mut next, mut placed) = (vec![record], 0);
        while let Some(record) = next.pop() {
            let missing = record.sees().find(|hash| !self.index.contains_key(hash));
            if let Some(missing) = missing {
                if self.early.len() < MAX_EARLY {
                    self.waiting.entry(missing).or_default().insert(record.hash());
                    self.early.insert(record.hash(), record);
                }
                continue;
            }
            let hash = record.hash();
            let is_strange = !is_certified(&record.user(), &record.device());
            if self.is_beyond(&record, is_strange) && !self.waiting.contains_key(&hash) {
                continue;
            }
            self.place(record);
            placed += 1;
            let woken = self.waiting.remove(&hash).unwrap_or_default();
            next.extend(woken.iter().filter_map(|hash| self.early.remove(hash)));
        }
        placed
    }

    /// Tells whether the record is here, in its place or waiting for it.
    pub(super) fn contains(&self, hash: &RecordHash) -> bool {
        self.index.contains_key(hash) || self.early.contains_key(hash)
    }

    fn generation(&self, record: &Record) -> u32 {
        let seen = record.sees().filter_map(|hash| self.node(self.find(&hash)?));
        seen.map(|node| node.generation + 1).max().unwrap_or(0)
    }

    /// Tells whether a record that is not here comes after all that may count of its signer, or that is held of strangers.
    /// What comes later only moves it further back.
    fn is_beyond(&self, record: &Record, is_strange: bool) -> bool {
        let order = || (self.generation(record), record.hash());
        if is_strange && self.last_strange.is_some_and(|last| last < order()) {
            return true;
        }
        let signer = self.signers.get(&(record.user(), record.device())).and_then(|signer| self.first.get(*signer));
        let full = signer.filter(|first| first.len() >= MAX_RECORDS).and_then(BTreeSet::last);
        full.is_some_and(|last| *last < order())
    }

    /// Tells whether a record may count: its signer did not say too much before.
    pub(super) fn is_first(&self, node: &Node) -> bool {
        self.first.get(node.signer).is_some_and(|first| first.contains(&(node.generation, node.record.hash())))
    }

    fn note_first(&mut self, signer: usize, order: (u32, RecordHash)) {
        if self.first.len() <= signer {
            self.first.resize_with(signer + 1, BTreeSet::new);
        }
        let Some(first) = self.first.get_mut(signer) else { return };
        first.insert(order);
        if first.len() > MAX_RECORDS {
            first.pop_last();
            self.has_surplus = true;
        }
    }

    /// Forgets what is beyond the limit of its signer, unless a record that is not has seen it. So what is here does not
    /// depend on the order in which it came. Returns whether anything was forgotten.
    pub(super) fn shed(&mut self) -> bool {
        if !std::mem::take(&mut self.has_surplus) {
            return false;
        }
        let surplus: BTreeSet<usize> =
            self.nodes.iter().enumerate().filter(|(_, node)| !self.is_first(node)).map(|(at, _)| at).collect();
        self.forget(&surplus)
    }

    /// Forgets what devices that nobody certified said beyond [`MAX_STRANGE`] records, the latest first, unless a record that
    /// stays has seen it. Returns whether anything was forgotten.
    pub(super) fn shed_strange(&mut self, is_certified: impl Fn(&UserId, &DeviceId) -> bool) -> bool {
        let strange = self.signers().filter(|(user, device, _)| !is_certified(user, device));
        let strange: BTreeSet<usize> = strange.map(|(.., signer)| signer).collect();
        let said: usize = strange.iter().filter_map(|signer| self.first.get(*signer)).map(BTreeSet::len).sum();
        if said < MAX_STRANGE {
            self.last_strange = None;
        }
        if said <= MAX_STRANGE {
            return false;
        }
        let mut theirs = self.ordered().filter(|(_, node)| strange.contains(&node.signer));
        let last = theirs.nth(MAX_STRANGE - 1).map(|(_, node)| (node.generation, node.record.hash()));
        let beyond: BTreeSet<usize> = theirs.map(|(at, _)| at).collect();
        self.last_strange = last;
        self.forget(&beyond)
    }

    /// Forgets some records, unless one that stays has seen them.
    fn forget(&mut self, some: &BTreeSet<usize>) -> bool {
        let mut needed = Bits::default();
        for (at, node) in self.nodes.iter().enumerate().rev() {
            if needed.get(at) || !some.contains(&at) {
                needed.set(at);
                for seen in &node.sees {
                    needed.set(*seen);
                }
            }
        }
        if (0..self.nodes.len()).all(|at| needed.get(at)) {
            return false;
        }
        let (early, waiting) = (std::mem::take(&mut self.early), std::mem::take(&mut self.waiting));
        let last_strange = self.last_strange;
        let nodes = std::mem::take(self).nodes.into_iter().enumerate();
        nodes.filter(|(at, _)| needed.get(*at)).for_each(|(_, node)| self.place(node.record));
        (self.early, self.waiting, self.has_surplus) = (early, waiting, false);
        self.last_strange = last_strange;
        true
    }

    fn place(&mut self, record: Record) {
        let generation = self.generation(&record);
        let mut sees: Vec<usize> = record.sees().filter_map(|hash| self.index.get(&hash).copied()).collect();
        sees.sort_unstable();
        sees.dedup();
        let auth = record.auth().and_then(|hash| self.find(&hash));
        let about = record.said().names().and_then(|hash| self.find(&hash));
        let (at, hash) = (self.nodes.len(), record.hash());
        let knows_all = self.ends.iter().all(|end| sees.binary_search(end).is_ok());
        let number = self.signers.len();
        let signer = *self.signers.entry((record.user(), record.device())).or_insert(number);
        let mut node = Node {
            record,
            generation,
            auth,
            about,
            rank: None,
            flaw: None,
            numbers: Vec::new(),
            seen: Vec::new(),
            sees,
            knows_all,
            signer,
        };
        match self.rank(&node) {
            Ok(rank) => node.rank = rank,
            Err(flaw) => node.flaw = Some(flaw),
        }
        node.seen = self.look_back(&node);
        for row in self.rows_of(&node) {
            let row_nodes = self.rows.entry(row).or_default();
            node.numbers.push((row, row_nodes.len()));
            row_nodes.push(at);
        }
        for seen in &node.sees {
            self.ends.remove(seen);
        }
        self.ends.insert(at);
        if let Some(rank) = node.rank {
            self.ranked.insert(rank, at);
        }
        self.note_first(node.signer, (node.generation, hash));
        self.ordered.insert((node.generation, hash), at);
        self.index.insert(hash, at);
        self.nodes.push(node);
    }

    /// Returns the rank of a grant, `None` for other kinds.
    fn rank(&self, node: &Node) -> Result<Option<Rank>, Void> {
        let rank = |role: Role, depth| {
            let below_owner = Role::Owner as u8 - role as u8;
            Some(Rank { below_owner, depth, generation: node.generation, hash: node.record.hash() })
        };
        let said = node.record.said();
        if matches!(said, Said::Genesis { .. }) {
            return Ok(rank(Role::Owner, 0));
        }
        if matches!(said, Said::Direct { .. }) {
            return Ok(rank(Role::Member, u32::from(node.auth.is_some())));
        }
        if self.is_direct() {
            return match said {
                Said::Epoch { .. } | Said::DeviceCut { .. } | Said::Unknown => Ok(None),
                Said::Set(Setting::Topic(_) | Setting::Disappear(_) | Setting::Mailboxes(_)) => Ok(None),
                _ => Err(Void::OfTwo),
            };
        }
        let (from, own) = node.auth.and_then(|at| self.grant(at)).ok_or(Void::NoGrant)?;
        let may = |may: bool| if may { Ok(()) } else { Err(Void::BeyondRole) };
        match said {
            Said::Grant { to, role, via: Some(via), .. } => {
                let invite = node.about.and_then(|at| self.node(at)).ok_or(Void::BadInvite)?;
                let Said::Invite { key, role: offered, auto, .. } = invite.record.said() else {
                    return Err(Void::BadInvite);
                };
                let inviter = invite.auth.and_then(|at| self.grant(at)).ok_or(Void::BadInvite)?.0;
                let admits = own >= *role && own >= Role::Member && (*auto || (own >= Role::Admin && own > *role));
                let fits = invite.flaw.is_none() && role == offered;
                if !fits || !via.proves(key, node.record.conversation(), *to) {
                    return Err(Void::BadInvite);
                }
                may(admits).map(|()| rank(*role, from.depth.max(inviter.depth) + 1))
            }
            Said::Grant { role, .. } => may(own >= Role::Admin && own > *role).map(|()| rank(*role, from.depth + 1)),
            Said::HandOver { .. } => may(own == Role::Owner).map(|()| rank(Role::Owner, from.depth + 1)),
            Said::Invite { role, .. } => may(own >= Role::Admin && own > *role).map(|()| None),
            Said::Remove { .. }
            | Said::InviteRevoke { .. }
            | Said::Hide { .. }
            | Said::Erase { .. }
            | Said::Set(_)
            | Said::CutExtend { .. } => may(own >= Role::Admin).map(|()| None),
            Said::Epoch { .. } => may(own >= Role::Member).map(|()| None),
            Said::Genesis { .. }
            | Said::Direct { .. }
            | Said::Leave { .. }
            | Said::DeviceCut { .. }
            | Said::Unknown => Ok(None),
        }
    }

    /// Tells whether this is a conversation of two. Its genesis comes before all else.
    pub(super) fn is_direct(&self) -> bool {
        self.nodes.first().is_some_and(|genesis| matches!(genesis.record.said(), Said::Direct { .. }))
    }

    /// Walks back from a record that is about to take its place and notes what it has seen of the rows that matter.
    fn look_back(&self, node: &Node) -> Vec<Seen> {
        let of = |grant: Option<usize>| grant.into_iter().flat_map(|at| [Row::Under(at), Row::Offered(at)]);
        let mut rows: Vec<Row> = match node.record.said() {
            Said::Remove { .. } => of(node.about).chain([Row::Entered]).collect(),
            Said::Leave { .. } | Said::HandOver { .. } => of(node.auth).collect(),
            Said::InviteRevoke { .. } => node.about.map(Row::Through).into_iter().collect(),
            Said::DeviceCut { device, .. } => vec![Row::By(*device)],
            _ => Vec::new(),
        };
        if matches!(
            node.record.said(),
            Said::Epoch { .. }
                | Said::Remove { rekey: Some(_), .. }
                | Said::Invite { .. }
                | Said::Grant { via: Some(_), .. }
        ) {
            rows.push(Row::Removals);
        }
        let mut seen: Vec<Seen> = rows.into_iter().map(Seen::nothing_of).collect();
        if seen.is_empty() {
            return seen;
        }
        // From the last to the first, so that whatever is left is before the one at hand.
        let mut visited = Bits::default();
        let mut next: BinaryHeap<usize> = node.sees.iter().copied().filter(|at| visited.set(*at)).collect();
        while let Some((at, past)) = next.pop().and_then(|at| Some((at, self.node(at)?))) {
            for seen in &mut seen {
                if let Some(number) = past.number(seen.row) {
                    seen.more.set(number);
                }
            }
            if past.knows_all {
                for seen in &mut seen {
                    seen.first = self.rows.get(&seen.row).map_or(0, |row| row.partition_point(|other| *other < at));
                }
                break;
            }
            next.extend(past.sees.iter().filter(|at| visited.set(**at)));
        }
        seen
    }

    /// Returns the rows that a record stands in.
    fn rows_of(&self, node: &Node) -> Vec<Row> {
        let mut rows = vec![Row::By(node.record.device())];
        rows.extend(node.auth.map(Row::Under));
        if let (Said::Grant { via: Some(_), .. }, Some(invite)) = (node.record.said(), node.about) {
            rows.extend([Row::Through(invite), Row::Entered]);
            rows.extend(self.node(invite).and_then(|invite| invite.auth).map(Row::Offered));
        }
        if node.is_removal() {
            rows.push(Row::Removals);
        }
        rows
    }

    /// Tells whether a record that could void others has seen one of them.
    pub(super) fn has_seen(&self, by: usize, record: usize) -> bool {
        let (Some(by), Some(record)) = (self.node(by), self.node(record)) else { return false };
        let seen =
            |seen: &Seen| seen.row != Row::Removals && record.number(seen.row).is_some_and(|number| seen.has(number));
        by.seen.iter().any(seen)
    }

    /// Returns for each record under a grant, by its place, how many of these removals of the grant have not seen it.
    pub(super) fn unseen_under(&self, grant: usize, removals: &[usize]) -> Vec<u32> {
        let by = removals.iter().filter_map(|by| self.node(*by)).map(|by| by.seen.as_slice());
        past::unseen(Row::Under(grant), self.under(grant).len(), by)
    }

    /// Returns the place of a record among those under its grant.
    pub(super) fn place_under_grant(&self, node: &Node) -> Option<usize> {
        node.number(Row::Under(node.auth?))
    }

    /// Returns the place of a removal among all removals.
    pub(super) fn removal_number(&self, removal: usize) -> Option<usize> {
        self.node(removal)?.number(Row::Removals)
    }

    /// Tells whether someone may be let back in by an invite in spite of a removal: the invite was made by who knew of it,
    /// or who lets them in knew of it, and needs no invite to let anyone in.
    pub(super) fn lets_back(&self, grant: usize, invite: usize, removal: usize) -> bool {
        let Some(node) = self.node(grant) else { return false };
        let needs_none = || {
            let own = node.auth.and_then(|at| self.grant(at)).map(|(_, own)| own);
            own >= Some(Role::Admin) && own > node.given().map(|(_, role)| role)
        };
        self.knows_of(invite, removal) || (self.knows_of(grant, removal) && needs_none())
    }

    /// Tells whether an invite, or a grant through one, was made by someone who had seen a removal.
    pub(super) fn knows_of(&self, record: usize, removal: usize) -> bool {
        let (Some(node), Some(number)) = (self.node(record), self.removal_number(removal)) else { return false };
        node.seen.iter().any(|seen| seen.row == Row::Removals && seen.has(number))
    }

    /// Tells whether a new group key was made by someone who had seen the removals, or with the removal. They are given
    /// by their places among all removals, rising.
    pub(super) fn renewed_after(&self, epoch: usize, removals: &[usize]) -> bool {
        let Some(node) = self.node(epoch) else { return false };
        let own = node.number(Row::Removals);
        let seen = node.seen.iter().find(|seen| seen.row == Row::Removals);
        let first = seen.map_or(0, |seen| seen.first);
        let rest = removals.get(removals.partition_point(|number| *number < first)..).unwrap_or_default();
        rest.iter().all(|number| own == Some(*number) || seen.is_some_and(|seen| seen.has(*number)))
    }

    pub(super) fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn find(&self, hash: &RecordHash) -> Option<usize> {
        self.index.get(hash).copied()
    }

    /// Returns a grant's rank and the role that it gives.
    pub(super) fn grant(&self, at: usize) -> Option<(Rank, Role)> {
        let node = self.node(at)?;
        Some((node.rank?, node.given()?.1))
    }

    /// Returns all grants, the most senior first.
    pub(super) fn grants(&self) -> impl Iterator<Item = (Rank, usize)> + '_ {
        self.ranked.iter().map(|(rank, at)| (*rank, *at))
    }

    /// Returns what is said under a grant.
    pub(super) fn under(&self, grant: usize) -> &[usize] {
        self.rows.get(&Row::Under(grant)).map_or(&[], Vec::as_slice)
    }

    /// Returns all records, from the genesis on: by generation, then by hash.
    pub(super) fn ordered(&self) -> impl Iterator<Item = (usize, &Node)> + '_ {
        self.ordered.values().filter_map(|at| Some((*at, self.node(*at)?)))
    }

    /// Returns every device that signed something, the user for whom it signed, and its number.
    pub(super) fn signers(&self) -> impl Iterator<Item = (UserId, DeviceId, usize)> + '_ {
        self.signers.iter().map(|((user, device), number)| (*user, *device, *number))
    }

    /// Returns the names of the records in their place, in order.
    pub(super) fn placed(&self) -> impl Iterator<Item = &RecordHash> + '_ {
        self.index.keys()
    }

    /// Returns the records that nobody has seen yet.
    pub(super) fn ends(&self) -> impl Iterator<Item = usize> + '_ {
        self.ends.iter().copied()
    }

    /// Returns the records that others have seen and that are not here.
    pub(super) fn missing(&self) -> impl Iterator<Item = RecordHash> + '_ {
        self.waiting.keys().filter(|hash| !self.contains(hash)).copied()
    }
}

impl Node {
    fn number(&self, row: Row) -> Option<usize> {
        self.numbers.iter().find(|(of, _)| *of == row).map(|(_, number)| *number)
    }
}
