//! From what the pass found out to the ruling that others read.

use std::collections::{BTreeMap, BTreeSet};

use super::devices::{DeviceStatus, Devices};
use super::graph::{Graph, Node};
use super::pass::{Pass, resolve};
use super::ruling::{EpochRecord, Grant, Offer, Participant, Ruling, Settings, Standing};
use super::said::{Role, Said, Setting};
use crate::id::UserId;

impl Ruling {
    /// Sums up all but what is known of the users, which the caller adds.
    pub(super) fn sum(graph: &Graph, users: &BTreeMap<UserId, Devices>, pass: &Pass<'_>) -> Self {
        let mut ruling = Ruling { is_direct: graph.is_direct(), ..Ruling::default() };
        for (node, judged) in graph.nodes().iter().zip(&pass.judged) {
            ruling.void.extend(judged.err().map(|void| (node.record.hash(), void)));
        }
        ruling.sum_grants(graph, users, pass);
        ruling.sum_members(graph);
        ruling.sum_said(graph, users, pass);
        for (device, cuts) in &pass.device_cuts {
            let cuts: BTreeSet<_> = cuts.iter().map(|(_, by)| by.clone()).collect();
            if !cuts.is_empty() {
                ruling.device_cuts.insert(*device, cuts);
            }
        }
        ruling
    }

    fn sum_grants(&mut self, graph: &Graph, users: &BTreeMap<UserId, Devices>, pass: &Pass<'_>) {
        let grants = graph.grants().filter_map(|(rank, at)| {
            let node = graph.node(at)?;
            let (given_to, role) = node.given()?;
            let removals: Vec<&Node> =
                pass.ended.get(&at).into_iter().flatten().filter_map(|by| graph.node(*by)).collect();
            let (mut cuts, mut extended) = (BTreeSet::new(), BTreeSet::new());
            let standing = match pass.judged.get(at).copied() {
                Some(Err(void)) => Standing::Void(void),
                _ if removals.is_empty() => Standing::Live,
                _ => {
                    cuts.extend(removals.iter().filter_map(|node| node.record.said().cut()));
                    extended.extend(pass.extended.get(&at).into_iter().flatten());
                    Standing::Removed(removals.iter().map(|node| node.record.hash()).collect())
                }
            };
            let role = if pass.handed.contains_key(&at) { Role::Member } else { role };
            let since = match node.record.said() {
                Said::Grant { since, .. } => *since,
                _ => 0,
            };
            let grant = Grant { user: resolve(users, given_to), given_to, role, since, standing, cuts, extended, rank };
            Some((node.record.hash(), grant))
        });
        self.grants = grants.collect();
    }

    fn sum_members(&mut self, graph: &Graph) {
        for (_, at) in graph.grants() {
            let Some(hash) = graph.node(at).map(|node| node.record.hash()) else { continue };
            let Some(grant) = self.grants.get(&hash).filter(|grant| grant.standing == Standing::Live) else { continue };
            let fresh = Participant { role: grant.role, grant: hash, grants: BTreeSet::new() };
            let member = self.members.entry(grant.user).or_insert(fresh);
            member.grants.insert(hash);
            if grant.role > member.role {
                (member.role, member.grant) = (grant.role, hash);
            }
        }
    }

    /// Of settings and hidden messages the newest counts: the farthest from the genesis, then the largest hash.
    fn sum_said(&mut self, graph: &Graph, users: &BTreeMap<UserId, Devices>, pass: &Pass<'_>) {
        let (removals, mut epochs) = (self.effective_removals(graph, users, pass), Vec::new());
        for (at, node) in graph.ordered().filter(|(at, _)| pass.judged.get(*at) == Some(&Ok(()))) {
            let hash = node.record.hash();
            let mut renews = |commitment: &[u8; 32]| {
                let excludes_removed = graph.renewed_after(at, &removals);
                let epoch = EpochRecord { commitment: *commitment, generation: node.generation, excludes_removed };
                epochs.push((hash, epoch));
            };
            match node.record.said() {
                Said::Genesis { title, .. } => self.settings = Settings { title: title.clone(), ..Settings::default() },
                Said::Set(setting) => self.settings.set(setting),
                Said::Hide { message, hidden: true } => drop(self.hidden.insert(*message)),
                Said::Hide { message, hidden: false } => drop(self.hidden.remove(message)),
                Said::Erase { message } => drop(self.erased.insert(*message)),
                Said::Epoch { commitment } | Said::Remove { rekey: Some(commitment), .. } => renews(commitment),
                Said::Invite { role, uses, .. } => {
                    let used = pass.used.get(&at).map_or(0, BTreeSet::len);
                    let left = uses.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX));
                    let withdrawn = pass.withdrawn.contains_key(&at) || self.inviter_is_out(graph, node);
                    self.offers.insert(hash, Offer { role: *role, left, withdrawn });
                }
                _ => {}
            }
        }
        self.epochs = epochs.into_iter().collect();
    }

    /// Returns the removals that count of grants that had counted, by their places among all removals, rising.
    fn effective_removals(&self, graph: &Graph, users: &BTreeMap<UserId, Devices>, pass: &Pass<'_>) -> Vec<usize> {
        let by: BTreeSet<_> = self
            .grants
            .values()
            .filter_map(|grant| match &grant.standing {
                Standing::Removed(by) => Some(by),
                _ => None,
            })
            .flatten()
            .collect();
        let ended = by.into_iter().filter_map(|hash| graph.find(hash));
        let is_retired =
            |user, device| users.get(user).is_some_and(|all| all.status(device) != Some(DeviceStatus::Valid));
        let cuts = pass.device_cuts.iter().flat_map(|(device, cuts)| cuts.iter().map(move |cut| (device, cut)));
        let retired = cuts.filter(|(device, (_, by))| is_retired(&by.user, device)).map(|(_, (at, _))| *at);
        let mut places: Vec<usize> = ended.chain(retired).filter_map(|at| graph.removal_number(at)).collect();
        places.sort_unstable();
        places
    }

    /// A link is good only while the grant of who made it is.
    fn inviter_is_out(&self, graph: &Graph, invite: &Node) -> bool {
        let grant = invite.auth.and_then(|at| graph.node(at)).and_then(|node| self.grants.get(&node.record.hash()));
        grant.is_none_or(|grant| grant.standing != Standing::Live)
    }
}

impl Settings {
    fn set(&mut self, setting: &Setting) {
        match setting {
            Setting::Title(title) => self.title.clone_from(title),
            Setting::Topic(topic) => self.topic.clone_from(topic),
            Setting::History(history) => self.history = *history,
            Setting::Disappear(after) => self.disappear = *after,
            Setting::Mailboxes(nodes) => self.mailboxes.clone_from(nodes),
        }
    }
}
